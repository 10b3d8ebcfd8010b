/// Connect tokens (proto/SESSION.md "Connect token"): the public one that a client is given by the
/// HTTP interface, and in it the sealed one that only the shard which made it can read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "net/address.h"
#include "net/aead.h"
#include "net/identity.h"

namespace bluemarble::net {

/// key id 4, counter 8, sealed 160, tag 16.
inline constexpr size_t kSealedTokenBytes = 188;
using SealedToken = std::array<std::byte, kSealedTokenBytes>;
inline constexpr size_t kPublicTokenBytes = 80 + kSealedTokenBytes;

/// What a client decodes from the public token. Its keys are secret: never logged.
struct ConnectToken {
  Address address;      ///< Where to connect.
  uint32_t life_s = 0;  ///< Seconds that it is good for, from when it was given.
  uint8_t ciphers = 0;  ///< Mask of what the server accepts.
  Key to_server{};
  Key to_client{};
  SealedToken sealed{};
};

/// Base64url without padding, as it travels in JSON. kInvalid: not a token of this version.
core::Result<ConnectToken> DecodeConnectToken(std::string_view text);
std::string EncodeConnectToken(const ConnectToken& token);

/// What the shard reads from a sealed token.
struct TokenContent {
  int64_t account_id = 0;
  int64_t issued_ms = 0, expires_ms = 0;  ///< On the minting process's monotonic clock.
  Address address;                        ///< The host that it is for.
  std::array<char, kMaxIdentityName> name_bytes{};
  uint8_t name_length = 0;
  Key to_server{};
  Key to_client{};

  std::string_view name() const { return {name_bytes.data(), name_length}; }
};

enum class TokenVerdict : uint8_t {
  kOk,
  kUnknownKey,  ///< Another shard's, another process's, or of a key that was rotated away.
  kForged,      ///< The tag is wrong.
  kExpired,
  kEarly,  ///< Issued in the future.
  kWrongHost,
};

/// Makes and reads the tokens of one process. The sealing key is new with each object; every method
/// may be called from any thread.
class TokenMint {
 public:
  /// Keys that are accepted at a time; rotating more often than tokens expire drops the oldest.
  static constexpr size_t kMaxKeys = 4;

  /// `address_v4`: what clients are told; `life_s` of a token.
  TokenMint(const core::Clock& clock, uint32_t address_v4, int life_s, uint8_t ciphers);
  ~TokenMint();

  /// A public token, base64url, for the host at `port`. kInvalid: the name is empty or longer than
  /// kMaxIdentityName.
  core::Result<std::string> Mint(uint16_t port, int64_t account_id, std::string_view name);

  /// From now on tokens are sealed with a new key; those of the previous one are accepted until
  /// they expire.
  void RotateKey();

  /// Reads a sealed token that was shown to the host at `port`. `content` is filled only on kOk.
  TokenVerdict Open(std::span<const std::byte, kSealedTokenBytes> sealed, uint16_t port, Aead& aead,
                    TokenContent& content) const;

 private:
  struct SealingKey {
    uint32_t id;
    Key key;
    int64_t forget_ms;  // INT64_MAX for the newest
  };
  int64_t NowMs() const { return clock_.NowNs() / 1'000'000; }

  const core::Clock& clock_;
  const uint32_t address_v4_;
  const int life_s_;
  const uint8_t ciphers_;
  mutable std::mutex mutex_;
  Aead aead_;                     // under mutex_
  std::vector<SealingKey> keys_;  // newest last
  uint64_t next_counter_ = 0;     // over all keys: also the token's number, for "once"
};

/// The token's number: unique in its process, rising. Meaningful only after TokenMint::Open said
/// kOk.
uint64_t TokenNumber(std::span<const std::byte, kSealedTokenBytes> sealed);

}  // namespace bluemarble::net
