#include "services/accounts/secrets.h"

#include <sodium.h>

#include <algorithm>
#include <cstdlib>

#include "services/accounts/sodium_start.h"

namespace bluemarble::accounts {
namespace {

unsigned char* Raw(std::byte* bytes) { return reinterpret_cast<unsigned char*>(bytes); }
const unsigned char* Raw(const std::byte* bytes) {
  return reinterpret_cast<const unsigned char*>(bytes);
}
const unsigned char* Raw(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

void StartSodium() {
  static const int started = sodium_init();
  if (started < 0) std::abort();
}

void RandomBytes(std::span<std::byte> out) {
  StartSodium();
  if (out.empty()) return;  // its pointer may be null, which libsodium does not take
  randombytes_buf(out.data(), out.size());
}

std::array<std::byte, 32> Hash(std::span<const std::byte> bytes) {
  StartSodium();
  std::array<std::byte, 32> hash;
  crypto_generichash(Raw(hash.data()), hash.size(), Raw(bytes.data()), bytes.size(), nullptr, 0);
  return hash;
}

std::string Base64Url(std::span<const std::byte> bytes) {
  StartSodium();
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string text(sodium_base64_encoded_len(bytes.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), Raw(bytes.data()), bytes.size(), kVariant);
  text.pop_back();  // its NUL
  return text;
}

std::optional<std::vector<std::byte>> FromBase64Url(std::string_view text, size_t max_bytes) {
  StartSodium();
  if (text.size() > (max_bytes * 4 + 2) / 3) return std::nullopt;
  // libsodium 1.0.18 takes every byte above 127 for "_".
  if (std::any_of(text.begin(), text.end(), [](char c) { return (c & 0x80) != 0; }))
    return std::nullopt;
  std::vector<std::byte> bytes(std::max<size_t>(max_bytes, 1));  // never a null pointer
  size_t size = 0;
  if (sodium_base642bin(Raw(bytes.data()), max_bytes, text.data(), text.size(), nullptr, &size,
                        nullptr, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0) {
    return std::nullopt;
  }
  bytes.resize(size);
  return bytes;
}

Ed25519Key Ed25519Key::FromSeed(std::span<const std::byte, 32> seed) {
  StartSodium();
  Ed25519Key key;
  std::copy(seed.begin(), seed.end(), key.seed.begin());
  std::array<unsigned char, crypto_sign_SECRETKEYBYTES> secret;
  crypto_sign_seed_keypair(Raw(key.public_key.data()), secret.data(), Raw(key.seed.data()));
  sodium_memzero(secret.data(), secret.size());
  return key;
}

Ed25519Key Ed25519Key::Random() {
  std::array<std::byte, 32> seed;
  RandomBytes(seed);
  Ed25519Key key = FromSeed(seed);
  sodium_memzero(seed.data(), seed.size());
  return key;
}

Ed25519Signature SignEd25519(const Ed25519Key& key, std::string_view message) {
  StartSodium();
  std::array<unsigned char, crypto_sign_PUBLICKEYBYTES> unused;
  std::array<unsigned char, crypto_sign_SECRETKEYBYTES> secret;
  crypto_sign_seed_keypair(unused.data(), secret.data(), Raw(key.seed.data()));
  Ed25519Signature signature;
  crypto_sign_detached(Raw(signature.data()), nullptr, Raw(message), message.size(), secret.data());
  sodium_memzero(secret.data(), secret.size());
  return signature;
}

bool VerifyEd25519(std::span<const std::byte, 32> public_key, std::string_view message,
                   std::span<const std::byte> signature) {
  StartSodium();
  return signature.size() == crypto_sign_BYTES &&
         crypto_sign_verify_detached(Raw(signature.data()), Raw(message), message.size(),
                                     Raw(public_key.data())) == 0;
}

}  // namespace bluemarble::accounts
