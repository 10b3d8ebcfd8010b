/// The clear bytes of the sealed transport's datagrams (proto/SESSION.md "Datagrams"). Pure
/// functions over bytes, any thread, no allocation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "bluemarble/wire.h"
#include "net/address.h"
#include "net/aead.h"
#include "net/connect_token.h"

namespace bluemarble::net {

/// The low seven bits of a datagram's first byte; the eighth is the key phase of what is sealed.
enum class PacketType : uint8_t {
  kRequest = 1,
  kChallenge = 2,
  kAccept = 3,
  kData = 4,
  kControl = 5,
  kReset = 6,
  kRefused = 7,
};
inline constexpr uint8_t kPhaseBit = 0x80;

inline constexpr uint8_t kSealVersion = 1;

/// type and phase 1, session 8, sequence 8.
inline constexpr size_t kSealHeadBytes = 17;
inline constexpr size_t kSealBytes = kSealHeadBytes + kTagBytes;
static_assert(kEnetMtu + kSealBytes == kDatagramBytes);

inline constexpr size_t kCookieBytes = 20;
using Cookie = std::array<std::byte, kCookieBytes>;  ///< All zero: none.

inline constexpr size_t kRequestBytes = kDatagramBytes;
inline constexpr size_t kProofAt = 216;
inline constexpr size_t kChallengeBytes = 37;
inline constexpr size_t kAcceptBytes = 46;
inline constexpr size_t kResetBytes = 25;
inline constexpr size_t kRefusedBytes = 18;

enum class ControlKind : uint8_t { kPathChallenge = 1, kPathResponse = 2, kGoodbye = 3 };

/// What a Refused says. Never renumbered.
enum class RefusedReason : uint8_t {
  kBadToken = 1,  ///< Unknown key, forged, or for another host.
  kExpired = 2,
  kUsed = 3,
  kNoCipher = 4,
  kFull = 5,
};

std::optional<PacketType> TypeOf(std::span<const std::byte> datagram);

struct RequestView {
  uint8_t ciphers = 0;
  std::span<const std::byte, kCookieBytes> cookie;
  std::span<const std::byte, kSealedTokenBytes> token;
  std::span<const std::byte, 16> proof;
  std::span<const std::byte, kProofAt> proven;  ///< What the proof is over.

  std::span<const std::byte, kTagBytes> token_tag() const { return token.last<kTagBytes>(); }
};
/// nullopt: not of this version, or not exactly kRequestBytes.
std::optional<RequestView> ReadRequest(std::span<const std::byte> datagram);
/// Proves knowledge of the token's keys, so that who copies a token from the wire cannot use it.
Mac16 ProofOf(const Key& to_server, std::span<const std::byte, kProofAt> proven);
void WriteRequest(const ConnectToken& token, uint8_t ciphers, const Cookie& cookie,
                  std::span<std::byte, kRequestBytes> out);

struct ChallengeView {
  std::span<const std::byte, kTagBytes> token_tag;
  std::span<const std::byte, kCookieBytes> cookie;
};
std::optional<ChallengeView> ReadChallenge(std::span<const std::byte> datagram);
void WriteChallenge(std::span<const std::byte, kTagBytes> token_tag, const Cookie& cookie,
                    std::span<std::byte, kChallengeBytes> out);

/// Address, token and period under the host's own key.
Cookie MakeCookie(Mac& mac, const Address& from, std::span<const std::byte, kTagBytes> token_tag,
                  uint32_t period);

struct Accept {
  Cipher cipher = Cipher::kChaCha20Poly1305;
  uint64_t session = 0;
  Mac16 reset_token{};
  uint32_t timeout_ms = 0;  ///< Silence after which the server forgets the session.
};
/// The same `accept` and key give the same bytes. A key is used for one session only.
void WriteAccept(Aead& aead, const Key& to_client, const Accept& accept,
                 std::span<std::byte, kAcceptBytes> out);
/// nullopt: malformed, or not sealed with this key.
std::optional<Accept> ReadAccept(Aead& aead, const Key& to_client,
                                 std::span<const std::byte> datagram);

void WriteReset(uint64_t session, const Mac16& reset_token, std::span<std::byte, kResetBytes> out);
/// `port` keeps the hosts of a process from telling a stranger each other's reset tokens.
Mac16 ResetTokenOf(Mac& mac, uint16_t port, uint64_t session);

void WriteRefused(RefusedReason reason, std::span<const std::byte, kTagBytes> token_tag,
                  std::span<std::byte, kRefusedBytes> out);

}  // namespace bluemarble::net
