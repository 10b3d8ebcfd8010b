#include "net/sealed_packets.h"

#include <algorithm>
#include <cstring>

#include "net/byte_order.h"

namespace bluemarble::net {
namespace {

constexpr std::array<std::byte, 4> kProtocol{std::byte{'B'}, std::byte{'M'}, std::byte{'S'},
                                             std::byte{'D'}};

// Request:   [type][version][ciphers][0][4 protocol][20 cookie][188 token][16 proof][zeros to 1200]
// Challenge: [type][16 token tag][20 cookie]
// Cookie:    [u32 period][16 mac]
// Accept:    [type][cipher][u64 session] sealed([16 reset token][u32 timeout_ms]) [16 tag]
// Reset:     [type][u64 session][16 reset token]
// Refused:   [type][reason][16 token tag]
constexpr size_t kVersionAt = 1, kCiphersAt = 2, kProtocolAt = 4, kCookieAt = 8, kTokenAt = 28;
static_assert(kTokenAt + kSealedTokenBytes == kProofAt);
constexpr size_t kAcceptHeadBytes = 10, kAcceptTextBytes = 20;
static_assert(kAcceptHeadBytes + kAcceptTextBytes + kTagBytes == kAcceptBytes);

std::byte Tag(PacketType type) { return static_cast<std::byte>(type); }

Key AcceptKey(const Key& to_client, std::span<const std::byte> head) {
  return DeriveKey(to_client, "bm1 accept", head.subspan(1));
}

}  // namespace

std::optional<PacketType> TypeOf(std::span<const std::byte> datagram) {
  if (datagram.empty()) return std::nullopt;
  const auto first = std::to_integer<uint8_t>(datagram[0]);
  const auto type = static_cast<uint8_t>(first & ~kPhaseBit);
  const bool sealed = type == static_cast<uint8_t>(PacketType::kData) ||
                      type == static_cast<uint8_t>(PacketType::kControl);
  if (type < 1 || type > 7 || (!sealed && first != type)) return std::nullopt;
  return static_cast<PacketType>(type);
}

std::optional<RequestView> ReadRequest(std::span<const std::byte> datagram) {
  if (datagram.size() != kRequestBytes || datagram[0] != Tag(PacketType::kRequest) ||
      datagram[kVersionAt] != std::byte{kSealVersion} ||
      !std::equal(kProtocol.begin(), kProtocol.end(), datagram.begin() + kProtocolAt)) {
    return std::nullopt;
  }
  return RequestView{std::to_integer<uint8_t>(datagram[kCiphersAt]),
                     datagram.subspan<kCookieAt, kCookieBytes>(),
                     datagram.subspan<kTokenAt, kSealedTokenBytes>(),
                     datagram.subspan<kProofAt, 16>(), datagram.first<kProofAt>()};
}

Mac16 ProofOf(const Key& to_server, std::span<const std::byte, kProofAt> proven) {
  Mac mac(DeriveKey(to_server, "bm1 request"));
  return mac.Of(proven);
}

void WriteRequest(const ConnectToken& token, uint8_t ciphers, const Cookie& cookie,
                  std::span<std::byte, kRequestBytes> out) {
  std::fill(out.begin(), out.end(), std::byte{0});
  out[0] = Tag(PacketType::kRequest);
  out[kVersionAt] = std::byte{kSealVersion};
  out[kCiphersAt] = static_cast<std::byte>(ciphers);
  std::copy(kProtocol.begin(), kProtocol.end(), out.begin() + kProtocolAt);
  std::copy(cookie.begin(), cookie.end(), out.begin() + kCookieAt);
  std::copy(token.sealed.begin(), token.sealed.end(), out.begin() + kTokenAt);
  const Mac16 proof = ProofOf(token.to_server, out.first<kProofAt>());
  std::copy(proof.begin(), proof.end(), out.begin() + kProofAt);
}

std::optional<ChallengeView> ReadChallenge(std::span<const std::byte> datagram) {
  if (datagram.size() != kChallengeBytes || datagram[0] != Tag(PacketType::kChallenge))
    return std::nullopt;
  return ChallengeView{datagram.subspan<1, kTagBytes>(),
                       datagram.subspan<1 + kTagBytes, kCookieBytes>()};
}

void WriteChallenge(std::span<const std::byte, kTagBytes> token_tag, const Cookie& cookie,
                    std::span<std::byte, kChallengeBytes> out) {
  out[0] = Tag(PacketType::kChallenge);
  std::copy(token_tag.begin(), token_tag.end(), out.begin() + 1);
  std::copy(cookie.begin(), cookie.end(), out.begin() + 1 + kTagBytes);
}

Cookie MakeCookie(Mac& mac, const Address& from, std::span<const std::byte, kTagBytes> token_tag,
                  uint32_t period) {
  std::array<std::byte, 10 + kTagBytes> text;
  WriteLe(std::span<std::byte>(text), 0, from.v4);
  WriteLe(std::span<std::byte>(text), 4, from.port);
  WriteLe(std::span<std::byte>(text), 6, period);
  std::copy(token_tag.begin(), token_tag.end(), text.begin() + 10);
  const Mac16 proof = mac.Of(text);
  Cookie cookie;
  WriteLe(std::span<std::byte>(cookie), 0, period);
  std::copy(proof.begin(), proof.end(), cookie.begin() + 4);
  return cookie;
}

void WriteAccept(Aead& aead, const Key& to_client, const Accept& accept,
                 std::span<std::byte, kAcceptBytes> out) {
  out[0] = Tag(PacketType::kAccept);
  out[1] = static_cast<std::byte>(accept.cipher);
  WriteLe(std::span<std::byte>(out), 2, accept.session);
  const auto text = out.subspan<kAcceptHeadBytes, kAcceptTextBytes>();
  std::copy(accept.reset_token.begin(), accept.reset_token.end(), text.begin());
  WriteLe(std::span<std::byte>(text), 16, accept.timeout_ms);
  const auto head = out.first<kAcceptHeadBytes>();
  aead.Seal(accept.cipher, AcceptKey(to_client, head), 0, head, text,
            out.data() + kAcceptHeadBytes + kAcceptTextBytes);
}

std::optional<Accept> ReadAccept(Aead& aead, const Key& to_client,
                                 std::span<const std::byte> datagram) {
  if (datagram.size() != kAcceptBytes || datagram[0] != Tag(PacketType::kAccept))
    return std::nullopt;
  Accept accept;
  accept.cipher = static_cast<Cipher>(datagram[1]);
  if (accept.cipher != Cipher::kAes256Gcm && accept.cipher != Cipher::kChaCha20Poly1305)
    return std::nullopt;
  accept.session = ReadLe<uint64_t>(datagram, 2);
  const auto head = datagram.first<kAcceptHeadBytes>();
  std::array<std::byte, kAcceptTextBytes> text;
  std::memcpy(text.data(), datagram.data() + kAcceptHeadBytes, text.size());
  if (!aead.Open(accept.cipher, AcceptKey(to_client, head), 0, head, text,
                 datagram.last<kTagBytes>())) {
    return std::nullopt;
  }
  std::memcpy(accept.reset_token.data(), text.data(), accept.reset_token.size());
  accept.timeout_ms = ReadLe<uint32_t>(text, 16);
  return accept;
}

void WriteReset(uint64_t session, const Mac16& reset_token, std::span<std::byte, kResetBytes> out) {
  out[0] = Tag(PacketType::kReset);
  WriteLe(std::span<std::byte>(out), 1, session);
  std::copy(reset_token.begin(), reset_token.end(), out.begin() + 9);
}

Mac16 ResetTokenOf(Mac& mac, uint16_t port, uint64_t session) {
  std::array<std::byte, 10> text;
  WriteLe(std::span<std::byte>(text), 0, port);
  WriteLe(std::span<std::byte>(text), 2, session);
  return mac.Of(text);
}

void WriteRefused(RefusedReason reason, std::span<const std::byte, kTagBytes> token_tag,
                  std::span<std::byte, kRefusedBytes> out) {
  out[0] = Tag(PacketType::kRefused);
  out[1] = static_cast<std::byte>(reason);
  std::copy(token_tag.begin(), token_tag.end(), out.begin() + 2);
}

}  // namespace bluemarble::net
