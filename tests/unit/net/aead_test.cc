#include "net/aead.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bluemarble::net {
namespace {

constexpr uint64_t kSequence = 0x0123456789abcdef;

struct Sealed {
  std::vector<std::byte> head, text;
  std::array<std::byte, kTagBytes> tag{};
};

Sealed Seal(Aead& aead, Cipher cipher, const Key& key, const std::vector<std::byte>& text) {
  Sealed out{.head = std::vector<std::byte>(17, std::byte{4}), .text = text};
  out.text.resize(text.size() + kTagBytes);
  aead.Seal(cipher, key, kSequence, out.head, std::span(out.text).first(text.size()),
            out.text.data() + text.size());
  std::copy_n(out.text.end() - kTagBytes, kTagBytes, out.tag.begin());
  out.text.resize(text.size());
  return out;
}

// By value: opening works in place.
bool Open(Aead& aead, Cipher cipher, const Key& key, Sealed sealed, std::vector<std::byte>& text) {
  const bool good = aead.Open(cipher, key, kSequence, sealed.head, sealed.text, sealed.tag);
  text = sealed.text;
  return good;
}

TEST(Aead, SealsWithEitherLibraryWhatTheOtherOpens) {
  Aead fastest, openssl(AesBy::kOpenssl);
  for (const size_t size : {0, 1, 15, 16, 17, 127, 128, 129, 257, 512, 513, 1183}) {
    SCOPED_TRACE(size);
    const Key key = RandomKey();
    std::vector<std::byte> text(size), opened;
    FillRandom(text);
    const Sealed one = Seal(fastest, Cipher::kAes256Gcm, key, text);
    const Sealed other = Seal(openssl, Cipher::kAes256Gcm, key, text);
    EXPECT_EQ(one.text, other.text);
    EXPECT_EQ(one.tag, other.tag);
    for (Aead* aead : {&fastest, &openssl}) {
      ASSERT_TRUE(Open(*aead, Cipher::kAes256Gcm, key, one, opened));
      EXPECT_EQ(opened, text);
    }
  }
}

TEST(Aead, OpensNothingOfWhichABitWasChanged) {
  Aead fastest, openssl(AesBy::kOpenssl);
  std::vector<std::byte> text(100), opened;
  FillRandom(text);
  for (const Cipher cipher : {Cipher::kAes256Gcm, Cipher::kChaCha20Poly1305}) {
    for (Aead* aead : {&fastest, &openssl}) {
      const Key key = RandomKey();
      const Sealed sealed = Seal(*aead, cipher, key, text);
      const auto changed = [&](auto part) {
        for (size_t bit = 0; bit < (sealed.*part).size() * 8; ++bit) {
          Sealed copy = sealed;
          (copy.*part)[bit / 8] ^= std::byte{1} << (bit % 8);
          ASSERT_FALSE(Open(*aead, cipher, key, copy, opened)) << bit;
        }
      };
      changed(&Sealed::head);
      changed(&Sealed::text);
      changed(&Sealed::tag);
      EXPECT_FALSE(Open(*aead, cipher, RandomKey(), sealed, opened));
      EXPECT_TRUE(Open(*aead, cipher, key, sealed, opened));
    }
  }
}

}  // namespace
}  // namespace bluemarble::net
