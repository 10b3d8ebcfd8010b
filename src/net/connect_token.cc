#include "net/connect_token.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "net/byte_order.h"

namespace bluemarble::net {
namespace {

// Public token, little-endian:
//   [4 "BMT1"][u8 ciphers][u8 0][u16 port][u32 v4][u32 life_s][32 to_server][32 to_client][188
//   sealed]
constexpr std::string_view kMagic = "BMT1";
constexpr size_t kCiphersAt = 4, kReservedAt = 5, kPortAt = 6, kV4At = 8, kLifeAt = 12,
                 kToServerAt = 16, kToClientAt = 48, kSealedAt = 80;

// Sealed token: [u32 key id][u64 number] sealed([i64 account][i64 issued_ms][i64 expires_ms][u32
// v4][u16 port][u8 name length][u8 0][64 name][32 to_server][32 to_client]) [16 tag]. The number is
// the nonce.
constexpr size_t kNumberAt = 4, kHeadBytes = 12;
constexpr size_t kContentBytes = kSealedTokenBytes - kHeadBytes - kTagBytes;
constexpr size_t kIssuedAt = 8, kExpiresAt = 16, kHostV4At = 24, kHostPortAt = 28,
                 kNameLengthAt = 30, kNameAt = 32, kContentToServerAt = 96,
                 kContentToClientAt = 128;
static_assert(kContentToClientAt + kKeyBytes == kContentBytes);
static_assert(kSealedAt + kSealedTokenBytes == kPublicTokenBytes);

// Tokens never leave the shard's own processes unread, so there is nothing to negotiate; this one
// is fast and constant in time everywhere.
constexpr Cipher kTokenCipher = Cipher::kChaCha20Poly1305;

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string ToBase64Url(std::span<const std::byte> bytes) {
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const std::byte byte : bytes) {
    bits = bits << 8 | std::to_integer<uint32_t>(byte);
    for (count += 8; count >= 6; count -= 6) out += kAlphabet[(bits >> (count - 6)) & 63];
  }
  if (count > 0) out += kAlphabet[(bits << (6 - count)) & 63];
  return out;
}

// False for a letter that does not belong, or a length that is not `out`'s.
bool FromBase64Url(std::string_view text, std::span<std::byte> out) {
  if (text.size() != (out.size() * 8 + 5) / 6) return false;
  uint32_t bits = 0;
  int count = 0;
  size_t used = 0;
  for (const char letter : text) {
    const size_t value = kAlphabet.find(letter);
    if (value == std::string_view::npos) return false;
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count >= 8 && used < out.size()) {
      count -= 8;
      out[used++] = static_cast<std::byte>(bits >> count);
    }
  }
  return used == out.size() && (bits & ((1u << count) - 1)) == 0;
}

template <size_t N>
void CopyOut(std::span<const std::byte> bytes, size_t at, std::array<std::byte, N>& out) {
  std::memcpy(out.data(), bytes.data() + at, N);
}

void CopyIn(std::span<std::byte> bytes, size_t at, std::span<const std::byte> in) {
  std::memcpy(bytes.data() + at, in.data(), in.size());
}

}  // namespace

std::string EncodeConnectToken(const ConnectToken& token) {
  std::array<std::byte, kPublicTokenBytes> bytes{};
  CopyIn(bytes, 0, std::as_bytes(std::span(kMagic)));
  bytes[kCiphersAt] = static_cast<std::byte>(token.ciphers);
  WriteLe(bytes, kPortAt, token.address.port);
  WriteLe(bytes, kV4At, token.address.v4);
  WriteLe(bytes, kLifeAt, token.life_s);
  CopyIn(bytes, kToServerAt, token.to_server);
  CopyIn(bytes, kToClientAt, token.to_client);
  CopyIn(bytes, kSealedAt, token.sealed);
  std::string text = ToBase64Url(bytes);
  Wipe(bytes);
  return text;
}

core::Result<ConnectToken> DecodeConnectToken(std::string_view text) {
  std::array<std::byte, kPublicTokenBytes> bytes;
  if (!FromBase64Url(text, bytes) || std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0 ||
      bytes[kReservedAt] != std::byte{0}) {
    return {core::Code::kInvalid, "not a connect token of this version"};
  }
  ConnectToken token;
  token.ciphers = std::to_integer<uint8_t>(bytes[kCiphersAt]);
  token.address = {ReadLe<uint32_t>(bytes, kV4At), ReadLe<uint16_t>(bytes, kPortAt)};
  token.life_s = ReadLe<uint32_t>(bytes, kLifeAt);
  CopyOut(bytes, kToServerAt, token.to_server);
  CopyOut(bytes, kToClientAt, token.to_client);
  CopyOut(bytes, kSealedAt, token.sealed);
  Wipe(bytes);
  if ((token.ciphers & kAllCiphers) == 0 || token.address.port == 0)
    return {core::Code::kInvalid, "a connect token without cipher or port"};
  return token;
}

uint64_t TokenNumber(std::span<const std::byte, kSealedTokenBytes> sealed) {
  return ReadLe<uint64_t>(sealed, kNumberAt);
}

TokenMint::TokenMint(const core::Clock& clock, uint32_t address_v4, int life_s, uint8_t ciphers)
    : clock_(clock), address_v4_(address_v4), life_s_(life_s), ciphers_(ciphers) {
  RotateKey();
}

TokenMint::~TokenMint() {
  for (SealingKey& key : keys_) Wipe(key.key);
}

void TokenMint::RotateKey() {
  const std::lock_guard lock(mutex_);
  // Its last token was made at the latest now.
  if (!keys_.empty()) keys_.back().forget_ms = NowMs() + int64_t{life_s_} * 1000;
  std::array<std::byte, 4> id;
  const auto taken = [&](const SealingKey& key) { return key.id == ReadLe<uint32_t>(id, 0); };
  do FillRandom(id);
  while (std::any_of(keys_.begin(), keys_.end(), taken));
  if (keys_.size() == kMaxKeys) {
    Wipe(keys_.front().key);
    keys_.erase(keys_.begin());
  }
  keys_.push_back({ReadLe<uint32_t>(id, 0), RandomKey(), std::numeric_limits<int64_t>::max()});
}

core::Result<std::string> TokenMint::Mint(uint16_t port, int64_t account_id,
                                          std::string_view name) {
  if (name.empty() || name.size() > kMaxIdentityName)
    return {core::Code::kInvalid, "a connect token needs a name of 1 to 64 bytes"};
  ConnectToken token;
  token.address = {address_v4_, port};
  token.life_s = static_cast<uint32_t>(life_s_);
  token.ciphers = ciphers_;
  token.to_server = RandomKey();
  token.to_client = RandomKey();

  const std::span<std::byte> sealed(token.sealed);
  const auto head = sealed.first(kHeadBytes);
  const auto content = sealed.subspan(kHeadBytes, kContentBytes);
  const int64_t now_ms = NowMs();
  WriteLe(content, 0, static_cast<uint64_t>(account_id));
  WriteLe(content, kIssuedAt, static_cast<uint64_t>(now_ms));
  WriteLe(content, kExpiresAt, static_cast<uint64_t>(now_ms + int64_t{life_s_} * 1000));
  WriteLe(content, kHostV4At, address_v4_);
  WriteLe(content, kHostPortAt, port);
  content[kNameLengthAt] = static_cast<std::byte>(name.size());
  CopyIn(content, kNameAt, std::as_bytes(std::span(name)));
  CopyIn(content, kContentToServerAt, token.to_server);
  CopyIn(content, kContentToClientAt, token.to_client);

  {
    const std::lock_guard lock(mutex_);
    WriteLe(head, 0, keys_.back().id);
    const uint64_t number = next_counter_++;
    WriteLe(head, kNumberAt, number);
    aead_.Seal(kTokenCipher, keys_.back().key, number, head, content,
               sealed.data() + kHeadBytes + kContentBytes);
  }
  std::string text = EncodeConnectToken(token);
  Wipe(token.to_server);
  Wipe(token.to_client);
  return text;
}

TokenVerdict TokenMint::Open(std::span<const std::byte, kSealedTokenBytes> sealed, uint16_t port,
                             Aead& aead, TokenContent& content) const {
  const int64_t now_ms = NowMs();
  Key key;
  {
    const std::lock_guard lock(mutex_);
    const auto id = ReadLe<uint32_t>(sealed, 0);
    const auto found = std::find_if(keys_.begin(), keys_.end(), [&](const SealingKey& candidate) {
      return candidate.id == id && now_ms <= candidate.forget_ms;
    });
    if (found == keys_.end()) return TokenVerdict::kUnknownKey;
    key = found->key;
  }
  std::array<std::byte, kContentBytes> text;
  std::memcpy(text.data(), sealed.data() + kHeadBytes, text.size());
  const bool genuine = aead.Open(kTokenCipher, key, TokenNumber(sealed), sealed.first<kHeadBytes>(),
                                 text, sealed.last<kTagBytes>());
  Wipe(key);
  if (!genuine) return TokenVerdict::kForged;

  TokenContent read;
  read.account_id = static_cast<int64_t>(ReadLe<uint64_t>(text, 0));
  read.issued_ms = static_cast<int64_t>(ReadLe<uint64_t>(text, kIssuedAt));
  read.expires_ms = static_cast<int64_t>(ReadLe<uint64_t>(text, kExpiresAt));
  read.address = {ReadLe<uint32_t>(text, kHostV4At), ReadLe<uint16_t>(text, kHostPortAt)};
  read.name_length = std::to_integer<uint8_t>(text[kNameLengthAt]);
  std::memcpy(read.name_bytes.data(), text.data() + kNameAt, read.name_bytes.size());
  CopyOut(text, kContentToServerAt, read.to_server);
  CopyOut(text, kContentToClientAt, read.to_client);
  Wipe(text);
  if (read.expires_ms <= now_ms) return TokenVerdict::kExpired;
  if (read.issued_ms > now_ms) return TokenVerdict::kEarly;
  if (read.address != Address{address_v4_, port}) return TokenVerdict::kWrongHost;
  content = read;
  return TokenVerdict::kOk;
}

}  // namespace bluemarble::net
