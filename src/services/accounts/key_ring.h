/// The keys of access tokens: the newest signs, all verify. Immutable after construction, any
/// thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "services/accounts/secrets.h"

namespace bluemarble::accounts {

struct TokenKey {
  std::string kid;  ///< 16 hexadecimal digits of the public key's hash.
  int64_t made_s = 0;
  Ed25519Key key;
};

class KeyRing {
 public:
  /// Lines "ed25519 <made, unix seconds> <seed, base64url>"; empty ones and "#..." are left out.
  /// kInvalid: the detail says which line, never what is in it.
  static core::Result<KeyRing> Parse(std::string_view text);
  /// Parse(ring.Text()) is the ring.
  std::string Text() const;

  void Add(const Ed25519Key& key, int64_t made_s);
  /// Takes away each key whose successor is older than `max_age_s`: no token of it is valid any
  /// more. How many went.
  size_t Retire(int64_t now_s, int64_t max_age_s);

  const TokenKey& newest() const { return keys_.back(); }
  const TokenKey* Find(std::string_view kid) const;
  const std::vector<TokenKey>& keys() const { return keys_; }  ///< The newest last; never empty.

 private:
  std::vector<TokenKey> keys_;
};

/// The file of a ring, readable by its owner only; made with one new key when it is not there.
/// kDenied: cannot be read or made, or others can read it (the detail says how to mend that).
core::Result<KeyRing> ReadOrMakeKeys(const std::string& path, int64_t now_s);
/// kNotFound, kDenied, kInvalid.
core::Result<KeyRing> ReadKeys(const std::string& path);
/// Replaces the file at once and for good.
core::Status WriteKeys(const std::string& path, const KeyRing& ring);

}  // namespace bluemarble::accounts
