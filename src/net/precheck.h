/// Reads the ENet commands of a datagram before ENet does (PITFALLS E-6, E-7, E-14, E-15, E-16):
/// ENet trusts lengths and counts that this refuses. Pure functions over bytes, any thread, no
/// allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace bluemarble::net {

enum class Verdict : uint8_t {
  kOk = 0,
  kTooShort,         ///< Not even a header and one command.
  kCompressed,       ///< We use no compressor.
  kBadPeer,          ///< No peer named, yet not a CONNECT.
  kNoSentTime,       ///< A command asks for an acknowledgement, but the header has no time.
  kTooManyCommands,  ///< Above kMaxCommands: 1,000 pings in a datagram is an amplifier.
  kUnknownCommand,   ///< A type that ENet 1.3 does not have, or that this direction does not use.
  kTruncated,        ///< A declared length reaches beyond the datagram.
  kWrongChannel,     ///< Reliable data not on channel 0, unsequenced not on 1, control on neither.
  kWrongFlags,       ///< Acknowledge and unsequenced bits that do not belong to the command.
  kBadConnect,       ///< Channel count other than 1..255, or an mtu below kEnetMtu.
  kBadFragment,      ///< To the server any: no message to it needs one, and an open one is memory
                     ///< held. To a client: zero length, number, count, total out of range.
  kCount
};
inline constexpr int kVerdicts = static_cast<int>(Verdict::kCount);
std::string_view VerdictName(Verdict verdict);

enum class Direction : uint8_t { kToServer, kToClient };

/// Most commands that one datagram may carry; our own hosts send at most 32 (ENet's buffer).
inline constexpr int kMaxCommands = 64;
/// Largest reassembled message, also ENet's maximumPacketSize (PITFALLS E-8).
inline constexpr size_t kMaxMessageBytes = 64 * 1024;

/// Would ENet be safe with it? O(commands).
Verdict Precheck(std::span<const std::byte> datagram, Direction direction);

/// Rewrites what a peer may negotiate, in a datagram that passed Precheck: CONNECT's mtu to at most
/// `mtu`, every bandwidth to 0 (unlimited; ENet would ration other peers by it) and the throttle
/// settings of THROTTLE_CONFIGURE to ours. CONNECT's throttle settings stay, since ENet compares
/// the echo.
void ClampNegotiation(std::span<std::byte> datagram, uint32_t mtu);

/// ENet's dice for unreliable packets at the sender, switched off: it never slows down (E-16).
inline constexpr uint32_t kThrottleIntervalMs = 5000;
inline constexpr uint32_t kThrottleAcceleration = 32;
inline constexpr uint32_t kThrottleDeceleration = 0;
/// ENet pings however much a peer says, and each ping is a datagram and its answer another.
inline constexpr uint32_t kPingIntervalMs = 2500;

}  // namespace bluemarble::net
