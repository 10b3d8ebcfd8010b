#include "net/aead.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <sodium.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/log.h"

namespace bluemarble::net {
namespace {

constexpr size_t kNonceBytes = 12;

unsigned char* Raw(std::byte* bytes) { return reinterpret_cast<unsigned char*>(bytes); }
const unsigned char* Raw(const std::byte* bytes) {
  return reinterpret_cast<const unsigned char*>(bytes);
}

[[noreturn]] void Give(const char* what) {
  core::Log(core::LogLevel::kError, "crypto_failed", "what={}", what);
  std::abort();
}

// Fetched once: a fetch by name costs more than sealing a datagram.
const EVP_CIPHER* Algorithm(Cipher cipher) {
  static const EVP_CIPHER* const aes = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  static const EVP_CIPHER* const chacha = EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr);
  return cipher == Cipher::kAes256Gcm ? aes : chacha;
}

EVP_MAC* HmacAlgorithm() {
  static EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  return hmac;
}

std::array<std::byte, kNonceBytes> NonceOf(uint64_t sequence) {
  std::array<std::byte, kNonceBytes> nonce{};
  for (size_t i = 0; i < 8; ++i) nonce[4 + i] = static_cast<std::byte>(sequence >> (8 * i));
  return nonce;
}

EVP_MAC_CTX* NewHmac(const Key& key) {
  EVP_MAC_CTX* context = EVP_MAC_CTX_new(HmacAlgorithm());
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_END};
  if (context == nullptr || EVP_MAC_init(context, Raw(key.data()), key.size(), params) != 1)
    Give("hmac");
  return context;
}

EVP_CIPHER_CTX* NewContext(Cipher cipher, bool sealing) {
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  const Key none{};
  if (context == nullptr || Algorithm(cipher) == nullptr ||
      EVP_CipherInit_ex2(context, Algorithm(cipher), Raw(none.data()), Raw(none.data()),
                         sealing ? 1 : 0, nullptr) != 1) {
    Give("cipher");
  }
  return context;
}

// The initialization is idempotent, of any thread, and needs no more than random numbers.
bool HasSodiumAes() {
  static const bool has = sodium_init() >= 0 && crypto_aead_aes256gcm_is_available() != 0;
  return has;
}

// Larger ones OpenSSL does in less time (docs/decisions/0018).
constexpr size_t kSodiumAesBytes = 512;

using SodiumAes = crypto_aead_aes256gcm_state;
static_assert(crypto_aead_aes256gcm_KEYBYTES == kKeyBytes);
static_assert(crypto_aead_aes256gcm_NPUBBYTES == kNonceBytes);
static_assert(crypto_aead_aes256gcm_ABYTES == kTagBytes);

size_t IndexOf(Cipher cipher) { return cipher == Cipher::kAes256Gcm ? 0 : 1; }
EVP_CIPHER_CTX* Context(void* context) { return static_cast<EVP_CIPHER_CTX*>(context); }

}  // namespace

bool HasAesHardware() {
#if defined(__x86_64__)
  static const bool has = __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
  return has;
#else
  return false;
#endif
}

void FillRandom(std::span<std::byte> out) {
  if (RAND_bytes(Raw(out.data()), static_cast<int>(out.size())) != 1) Give("random");
}

Key RandomKey() {
  Key key;
  FillRandom(key);
  return key;
}

void Wipe(std::span<std::byte> secret) { OPENSSL_cleanse(secret.data(), secret.size()); }

bool EqualSecret(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Key DeriveKey(const Key& key, std::string_view label, std::span<const std::byte> context) {
  // One block of HKDF-Expand: HMAC(key, label || context || 0x01).
  EVP_MAC_CTX* hmac = NewHmac(key);
  const unsigned char counter = 1;
  Key out;
  size_t length = 0;
  if (EVP_MAC_update(hmac, reinterpret_cast<const unsigned char*>(label.data()), label.size()) !=
          1 ||
      EVP_MAC_update(hmac, Raw(context.data()), context.size()) != 1 ||
      EVP_MAC_update(hmac, &counter, 1) != 1 ||
      EVP_MAC_final(hmac, Raw(out.data()), &length, out.size()) != 1) {
    Give("hkdf");
  }
  EVP_MAC_CTX_free(hmac);
  return out;
}

Mac::Mac(const Key& key) : context_(NewHmac(key)) {}
Mac::~Mac() { EVP_MAC_CTX_free(static_cast<EVP_MAC_CTX*>(context_)); }
Mac::Mac(Mac&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}
Mac& Mac::operator=(Mac&& other) noexcept {
  std::swap(context_, other.context_);
  return *this;
}

Mac16 Mac::Of(std::span<const std::byte> bytes) {
  auto* hmac = static_cast<EVP_MAC_CTX*>(context_);
  std::array<std::byte, 32> whole;
  size_t length = 0;
  // Without a key EVP_MAC_init starts over with the one it has.
  if (EVP_MAC_init(hmac, nullptr, 0, nullptr) != 1 ||
      EVP_MAC_update(hmac, Raw(bytes.data()), bytes.size()) != 1 ||
      EVP_MAC_final(hmac, Raw(whole.data()), &length, whole.size()) != 1) {
    Give("hmac");
  }
  Mac16 out;
  std::memcpy(out.data(), whole.data(), out.size());
  return out;
}

// Contexts of a thread, keyed anew for each datagram: one per session and direction would be 2.3 KB
// a session and save 0.2 µs with AES, nothing with ChaCha20 (docs/decisions/0011).
Aead::Aead(AesBy aes_by) : sodium_aes_(aes_by == AesBy::kFastest && HasSodiumAes()) {
  static_assert(sizeof aes_ == sizeof(SodiumAes) && alignof(SodiumAes) <= 16);
  for (const Cipher cipher : {Cipher::kAes256Gcm, Cipher::kChaCha20Poly1305}) {
    for (const int sealing : {0, 1})
      contexts_[IndexOf(cipher)][sealing] = NewContext(cipher, sealing == 1);
  }
}

Aead::~Aead() {
  Wipe(aes_);
  for (auto& directions : contexts_) {
    for (void* context : directions) EVP_CIPHER_CTX_free(Context(context));
  }
}

// None at all is for OpenSSL: libsodium wants a pointer even then.
bool Aead::SodiumTakes(std::span<const std::byte> text) const {
  return sodium_aes_ && !text.empty() && text.size() <= kSodiumAesBytes;
}

void Aead::Seal(Cipher cipher, const Key& key, uint64_t sequence, std::span<const std::byte> head,
                std::span<std::byte> text, std::byte* tag) {
  const auto nonce = NonceOf(sequence);
  if (cipher == Cipher::kAes256Gcm && SodiumTakes(text)) {
    auto* aes = reinterpret_cast<SodiumAes*>(aes_.data());
    if (crypto_aead_aes256gcm_beforenm(aes, Raw(key.data())) != 0 ||
        crypto_aead_aes256gcm_encrypt_detached_afternm(
            Raw(text.data()), Raw(tag), nullptr, Raw(text.data()), text.size(), Raw(head.data()),
            head.size(), nullptr, Raw(nonce.data()), aes) != 0) {
      Give("seal");
    }
    return;
  }
  EVP_CIPHER_CTX* context = Context(contexts_[IndexOf(cipher)][1]);
  int length = 0;
  if (EVP_EncryptInit_ex2(context, nullptr, Raw(key.data()), Raw(nonce.data()), nullptr) != 1 ||
      EVP_EncryptUpdate(context, nullptr, &length, Raw(head.data()),
                        static_cast<int>(head.size())) != 1 ||
      EVP_EncryptUpdate(context, Raw(text.data()), &length, Raw(text.data()),
                        static_cast<int>(text.size())) != 1 ||
      EVP_EncryptFinal_ex(context, Raw(tag), &length) != 1 ||
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag) != 1) {
    Give("seal");
  }
}

bool Aead::Open(Cipher cipher, const Key& key, uint64_t sequence, std::span<const std::byte> head,
                std::span<std::byte> text, std::span<const std::byte, kTagBytes> tag) {
  const auto nonce = NonceOf(sequence);
  if (cipher == Cipher::kAes256Gcm && SodiumTakes(text)) {
    auto* aes = reinterpret_cast<SodiumAes*>(aes_.data());
    return crypto_aead_aes256gcm_beforenm(aes, Raw(key.data())) == 0 &&
           crypto_aead_aes256gcm_decrypt_detached_afternm(
               Raw(text.data()), nullptr, Raw(text.data()), text.size(), Raw(tag.data()),
               Raw(head.data()), head.size(), Raw(nonce.data()), aes) == 0;
  }
  EVP_CIPHER_CTX* context = Context(contexts_[IndexOf(cipher)][0]);
  int length = 0;
  std::byte none;
  return EVP_DecryptInit_ex2(context, nullptr, Raw(key.data()), Raw(nonce.data()), nullptr) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagBytes,
                             const_cast<std::byte*>(tag.data())) == 1 &&
         EVP_DecryptUpdate(context, nullptr, &length, Raw(head.data()),
                           static_cast<int>(head.size())) == 1 &&
         EVP_DecryptUpdate(context, Raw(text.data()), &length, Raw(text.data()),
                           static_cast<int>(text.size())) == 1 &&
         EVP_DecryptFinal_ex(context, Raw(&none), &length) == 1;
}

}  // namespace bluemarble::net
