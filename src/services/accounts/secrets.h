/// The few primitives that accounts need, on libsodium: random bytes, a hash, Ed25519, base64url.
/// Any thread. The first call of anything here initialises the library; a machine where that fails
/// has no random numbers, and the process ends.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bluemarble::accounts {

void RandomBytes(std::span<std::byte> out);
/// BLAKE2b-256.
std::array<std::byte, 32> Hash(std::span<const std::byte> bytes);

/// RFC 4648 §5 without padding.
std::string Base64Url(std::span<const std::byte> bytes);
/// Strict: nothing but the alphabet, no padding, no line ends, unused bits zero. Nothing when it is
/// anything else, or more than `max_bytes`.
std::optional<std::vector<std::byte>> FromBase64Url(std::string_view text, size_t max_bytes);

/// RFC 8032.
struct Ed25519Key {
  std::array<std::byte, 32> seed{};  ///< Secret.
  std::array<std::byte, 32> public_key{};

  static Ed25519Key FromSeed(std::span<const std::byte, 32> seed);
  static Ed25519Key Random();
};
using Ed25519Signature = std::array<std::byte, 64>;
Ed25519Signature SignEd25519(const Ed25519Key& key, std::string_view message);
/// Refuses keys and signatures that are not canonical, and keys of small order.
bool VerifyEd25519(std::span<const std::byte, 32> public_key, std::string_view message,
                   std::span<const std::byte> signature);

inline std::span<const std::byte> BytesOf(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace bluemarble::accounts
