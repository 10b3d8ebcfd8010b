#include "net/precheck.h"

#include <array>
#include <bit>
#include <cstring>

#include "bluemarble/wire.h"

namespace bluemarble::net {
namespace {

// ENet 1.3 datagram, big-endian:
//   [u16 compressed:1? sent-time:1? ... peer id] [u16 sent time, if flagged] command*
//   bits of the first word: 15 sent time follows, 14 compressed, 13..12 session, 11..0 peer id
// command: [u8 ack:1 unsequenced:1 0 0 type:4][u8 channel][u16 sequence] then per type, sizes
// below.
constexpr uint16_t kSentTimeFlag = 0x8000, kCompressedFlag = 0x4000, kPeerMask = 0x0fff;
constexpr uint16_t kNoPeer = 0x0fff;
constexpr uint8_t kAckFlag = 0x80, kUnsequencedFlag = 0x40, kTypeMask = 0x0f;
constexpr uint8_t kControlChannel = 0xff;

enum Type : uint8_t {
  kAcknowledge = 1,
  kConnect,
  kVerifyConnect,
  kDisconnect,
  kPing,
  kSendReliable,
  kSendUnreliable,
  kSendFragment,
  kSendUnsequenced,
  kBandwidthLimit,
  kThrottleConfigure,
  kSendUnreliableFragment,
  kTypes
};
constexpr std::array<uint8_t, kTypes> kSizes{0, 8, 48, 44, 8, 4, 6, 8, 24, 8, 12, 16, 24};

uint16_t Read16(std::span<const std::byte> bytes, size_t at) {
  return static_cast<uint16_t>(std::to_integer<uint16_t>(bytes[at]) << 8 |
                               std::to_integer<uint16_t>(bytes[at + 1]));
}

uint32_t Read32(std::span<const std::byte> bytes, size_t at) {
  return uint32_t{Read16(bytes, at)} << 16 | Read16(bytes, at + 2);
}

void Write32(std::span<std::byte> bytes, size_t at, uint32_t value) {
  for (size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<std::byte>(value >> (24 - 8 * i));
}

Verdict CheckFragment(std::span<const std::byte> command, size_t data_length) {
  const uint32_t count = Read32(command, 8), number = Read32(command, 12);
  const uint32_t total = Read32(command, 16), offset = Read32(command, 20);
  // 512 is below the least payload of a fragment at ENet's smallest mtu; a lying count is a bitmap
  // bomb.
  const bool count_fits = count > 0 && count <= (total + 511) / 512 + 1;
  const bool total_fits = total > 0 && total <= kMaxMessageBytes;
  if (data_length == 0 || !total_fits || !count_fits || number >= count || offset >= total ||
      data_length > total - offset) {
    return Verdict::kBadFragment;
  }
  return Verdict::kOk;
}

// What each type may be, besides its length. `flags` are the two upper bits of the command byte.
Verdict CheckCommand(std::span<const std::byte> command, uint8_t type, uint8_t flags,
                     uint8_t channel, size_t data_length, Direction direction) {
  const bool to_server = direction == Direction::kToServer;
  switch (type) {
    case kAcknowledge: return flags == 0 ? Verdict::kOk : Verdict::kWrongFlags;
    case kConnect: {
      if (!to_server) return Verdict::kUnknownCommand;
      if (flags != kAckFlag) return Verdict::kWrongFlags;
      const uint32_t channels = Read32(command, 16);
      if (channels < 1 || channels > 255) return Verdict::kBadConnect;
      // With a smaller mtu ENet would cut our snapshots into fragments, which it sends reliably.
      if (Read32(command, 8) < kEnetMtu) return Verdict::kBadConnect;
      break;
    }
    case kVerifyConnect:
      if (to_server) return Verdict::kUnknownCommand;
      if (flags != kAckFlag) return Verdict::kWrongFlags;
      break;
    case kDisconnect:  // asked for: acknowledged; told in passing (enet_peer_disconnect_now):
                       // unsequenced
      if (flags != kAckFlag && flags != kUnsequencedFlag) return Verdict::kWrongFlags;
      break;
    case kPing:
    case kBandwidthLimit:
    case kThrottleConfigure:
      if (flags != kAckFlag) return Verdict::kWrongFlags;
      break;
    case kSendReliable:
    case kSendFragment:
      if (channel != 0) return Verdict::kWrongChannel;
      if (flags != kAckFlag) return Verdict::kWrongFlags;
      if (type == kSendReliable) return Verdict::kOk;
      return to_server ? Verdict::kBadFragment : CheckFragment(command, data_length);
    case kSendUnsequenced:
      if (channel != 1) return Verdict::kWrongChannel;
      return flags == kUnsequencedFlag ? Verdict::kOk : Verdict::kWrongFlags;
    default:
      // Sequenced unreliable data leaks ENet's waiting count (E-7) and turns reliable every 65,536
      // messages (E-24); unreliable fragments need reassembly of what may never come.
      return Verdict::kUnknownCommand;
  }
  return channel == kControlChannel ? Verdict::kOk : Verdict::kWrongChannel;
}

bool CarriesData(uint8_t type) {
  return type == kSendReliable || type == kSendFragment || type == kSendUnsequenced;
}

size_t DataLength(std::span<const std::byte> command, uint8_t type) {
  if (type == kSendReliable) return Read16(command, 4);
  if (type == kSendFragment || type == kSendUnsequenced) return Read16(command, 6);
  return 0;
}

}  // namespace

std::string_view VerdictName(Verdict verdict) {
  constexpr std::array<std::string_view, kVerdicts> kNames{"ok",
                                                           "too_short",
                                                           "compressed",
                                                           "bad_peer",
                                                           "no_sent_time",
                                                           "too_many_commands",
                                                           "unknown_command",
                                                           "truncated",
                                                           "wrong_channel",
                                                           "wrong_flags",
                                                           "bad_connect",
                                                           "bad_fragment"};
  const auto index = static_cast<size_t>(verdict);
  return index < kNames.size() ? kNames[index] : "unknown";
}

Verdict Precheck(std::span<const std::byte> datagram, Direction direction) {
  if (datagram.size() < 2) return Verdict::kTooShort;
  const uint16_t head = Read16(datagram, 0);
  if ((head & kCompressedFlag) != 0) return Verdict::kCompressed;
  const bool has_time = (head & kSentTimeFlag) != 0;
  const bool has_peer = (head & kPeerMask) != kNoPeer;
  size_t at = has_time ? 4 : 2;
  if (datagram.size() < at + 4) return Verdict::kTooShort;

  for (int commands = 0; at < datagram.size(); ++commands) {
    if (commands == kMaxCommands) return Verdict::kTooManyCommands;
    const auto rest = datagram.subspan(at);
    if (rest.size() < 4) return Verdict::kTruncated;
    const auto first = std::to_integer<uint8_t>(rest[0]);
    const uint8_t type = first & kTypeMask;
    const auto flags = static_cast<uint8_t>(first & ~kTypeMask);
    if (type == 0 || type >= kTypes) return Verdict::kUnknownCommand;
    if (rest.size() < kSizes[type]) return Verdict::kTruncated;
    const size_t data_length = DataLength(rest, type);
    if (rest.size() - kSizes[type] < data_length) return Verdict::kTruncated;
    // ENet lets a nameless datagram carry CONNECT only; then it acts for the new peer, which may
    // say nothing yet.
    const bool lone_connect = type == kConnect && commands == 0 && rest.size() == kSizes[kConnect];
    if (has_peer ? type == kConnect : !lone_connect) return Verdict::kBadPeer;
    if ((flags & kAckFlag) != 0 && !has_time) return Verdict::kNoSentTime;
    const auto channel = std::to_integer<uint8_t>(rest[1]);
    if (const Verdict verdict = CheckCommand(rest, type, flags, channel, data_length, direction);
        verdict != Verdict::kOk) {
      return verdict;
    }
    at += kSizes[type] + data_length;
  }
  return Verdict::kOk;
}

void ClampNegotiation(std::span<std::byte> datagram, uint32_t mtu) {
  size_t at = (Read16(datagram, 0) & kSentTimeFlag) != 0 ? 4 : 2;
  while (at < datagram.size()) {
    const auto command = datagram.subspan(at);
    const auto type = static_cast<uint8_t>(std::to_integer<uint8_t>(command[0]) & kTypeMask);
    if (type == kConnect) {
      if (Read32(command, 8) > mtu) Write32(command, 8, mtu);
      Write32(command, 20, 0);
      Write32(command, 24, 0);
    } else if (type == kBandwidthLimit) {
      Write32(command, 4, 0);
      Write32(command, 8, 0);
    } else if (type == kThrottleConfigure) {
      Write32(command, 4, kThrottleIntervalMs);
      Write32(command, 8, kThrottleAcceleration);
      Write32(command, 12, kThrottleDeceleration);
    }
    at += kSizes[type] + (CarriesData(type) ? DataLength(command, type) : 0);
  }
}

}  // namespace bluemarble::net
