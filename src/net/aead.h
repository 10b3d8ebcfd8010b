/// The primitives of the sealed transport: authenticated encryption, key derivation, MACs and
/// random bytes, OpenSSL's but for short texts by AES in hardware, which are libsodium's (decision
/// 0018). Values may be used on any thread; an Aead or a Mac by one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace bluemarble::net {

/// The bits of a mask of ciphers, and the number on the wire.
enum class Cipher : uint8_t { kAes256Gcm = 1, kChaCha20Poly1305 = 2 };
inline constexpr uint8_t kAllCiphers = 3;

inline constexpr size_t kKeyBytes = 32;
inline constexpr size_t kTagBytes = 16;
using Key = std::array<std::byte, kKeyBytes>;
using Mac16 = std::array<std::byte, 16>;

/// Does this processor encrypt AES in hardware? Elsewhere ChaCha20-Poly1305 is faster.
bool HasAesHardware();

/// Bytes nobody can guess. Ends the process when the system has none: nothing here may go on then.
void FillRandom(std::span<std::byte> out);
Key RandomKey();

/// Overwrites a secret in a way that the compiler keeps.
void Wipe(std::span<std::byte> secret);

/// Equal, in a time that does not tell where they differ.
bool EqualSecret(std::span<const std::byte> a, std::span<const std::byte> b);

/// HKDF-Expand with SHA-256 (RFC 5869) of one block: `key` is the pseudorandom key, `label` and
/// `context` together are the info. About 2 µs.
Key DeriveKey(const Key& key, std::string_view label, std::span<const std::byte> context = {});

/// HMAC-SHA256 cut to 16 bytes, under one key. Allocates once.
class Mac {
 public:
  explicit Mac(const Key& key);
  ~Mac();
  Mac(Mac&& other) noexcept;
  Mac& operator=(Mac&& other) noexcept;
  Mac16 Of(std::span<const std::byte> bytes);

 private:
  void* context_;  // EVP_MAC_CTX
};

enum class AesBy : uint8_t {
  kFastest,  ///< libsodium for small texts where this processor has what it needs, else OpenSSL.
  kOpenssl,
};

/// Seals and opens with a nonce of four zero bytes and the sequence, little-endian. Whoever calls
/// Seal never gives one key the same sequence twice with another text (PITFALLS C-2).
class Aead {
 public:
  explicit Aead(AesBy aes_by = AesBy::kFastest);
  ~Aead();
  Aead(const Aead&) = delete;
  Aead& operator=(const Aead&) = delete;

  /// Encrypts `text` in place and writes the tag behind it, where there must be room for it.
  void Seal(Cipher cipher, const Key& key, uint64_t sequence, std::span<const std::byte> head,
            std::span<std::byte> text, std::byte* tag);
  /// Decrypts `text` in place if the tag is right for it and `head`; false otherwise, and `text` is
  /// garbage then.
  bool Open(Cipher cipher, const Key& key, uint64_t sequence, std::span<const std::byte> head,
            std::span<std::byte> text, std::span<const std::byte, kTagBytes> tag);

 private:
  bool SodiumTakes(std::span<const std::byte> text) const;

  const bool sodium_aes_;
  alignas(16) std::array<std::byte, 512> aes_{};  // crypto_aead_aes256gcm_state of the last key
  void* contexts_[2][2];                          // EVP_CIPHER_CTX: cipher, direction
};

}  // namespace bluemarble::net
