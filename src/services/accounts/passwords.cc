#include "services/accounts/passwords.h"

#include <sodium.h>

#include <array>

#include "services/accounts/sodium_start.h"

namespace bluemarble::accounts {

Passwords::Passwords(const AccountSettings& settings)
    : memory_bytes_(static_cast<size_t>(settings.hash_memory_kib) * 1024),
      passes_(static_cast<unsigned long long>(settings.hash_passes)) {
  StartSodium();
  if (auto hash = Hash("nobody"); hash.ok()) nobody_ = std::move(*hash);
}

core::Result<std::string> Passwords::Hash(std::string_view password) const {
  std::array<char, crypto_pwhash_STRBYTES> text;
  if (crypto_pwhash_str_alg(text.data(), password.data(), password.size(), passes_, memory_bytes_,
                            crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return core::Status(core::Code::kUnavailable,
                        "no memory for a password hash (auth.hash_memory_kib)");
  }
  return std::string(text.data());
}

bool Passwords::Check(const std::string& hash, std::string_view password) const {
  return crypto_pwhash_str_verify(hash.c_str(), password.data(), password.size()) == 0;
}

void Passwords::CheckNobody(std::string_view password) const { (void)Check(nobody_, password); }

bool Passwords::Outdated(const std::string& hash) const {
  return crypto_pwhash_str_needs_rehash(hash.c_str(), passes_, memory_bytes_) != 0;
}

}  // namespace bluemarble::accounts
