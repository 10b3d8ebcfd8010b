/// Password hashes: Argon2id by libsodium, with parameters and salt in their text. Slow by intent:
/// call it on a thread that nobody waits for. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"
#include "services/accounts/settings.h"

namespace bluemarble::accounts {

class Passwords {
 public:
  /// Hashes once, for CheckNobody.
  explicit Passwords(const AccountSettings& settings);

  /// kUnavailable: not enough memory.
  core::Result<std::string> Hash(std::string_view password) const;
  bool Check(const std::string& hash, std::string_view password) const;
  /// As long as Check, for an account that does not exist.
  void CheckNobody(std::string_view password) const;
  /// `hash` was made with other parameters than today's.
  bool Outdated(const std::string& hash) const;

 private:
  const size_t memory_bytes_;
  const unsigned long long passes_;
  std::string nobody_;
};

}  // namespace bluemarble::accounts
