/// What the network counts. Each HostStats is written by its net thread, except where a field says
/// otherwise; any thread reads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/counters.h"
#include "net/precheck.h"
#include "net/seal_events.h"

namespace bluemarble::net {

/// Why a received datagram did not reach ENet.
enum class DropReason : uint8_t {
  kOversized,      ///< Above net.datagram_bytes.
  kSourcePort,     ///< From port 0: no answer could be sent (PITFALLS E-2).
  kSourceAddress,  ///< From an address that is no unicast one.
  kSeal,           ///< The seam refused it; `seal` says why.
  kMalformed,      ///< The pre-check refused it; `malformed` says why.
  kQueueFull,      ///< net.datagram_queue datagrams were waiting.
  kCount
};
inline constexpr int kDropReasons = static_cast<int>(DropReason::kCount);

constexpr std::string_view DropReasonName(DropReason reason) {
  constexpr std::array<std::string_view, kDropReasons> kNames{
      "oversized", "source_port", "source_address", "seal", "malformed", "queue_full"};
  return kNames[static_cast<size_t>(reason)];
}

/// A reliable message is known by the protobuf field that its first byte begins: of each byte the
/// upper five bits, those from kMessageFields on together with 0.
inline constexpr size_t kMessageFields = 10;
constexpr size_t MessageField(std::byte first) {
  const auto field = std::to_integer<size_t>(first) >> 3;
  return field < kMessageFields ? field : 0;
}

struct HostStats {
  core::Counter datagrams_in, bytes_in, datagrams_out, bytes_out;  ///< UDP payload.
  // What bytes_out is made of: these add up to it.
  core::Counter sent_unreliable_bytes;                            ///< Messages.
  std::array<core::Counter, kMessageFields> sent_reliable_bytes;  ///< Likewise, every resend too.
  core::Counter sent_enet_bytes;          ///< ENet's headers, and what it says of its own.
  core::Counter sent_seal_bytes;          ///< What sealing adds to ENet's datagrams.
  core::Counter sent_own_bytes;           ///< The seam's own datagrams.
  core::Counter unsent_unreliable_bytes;  ///< Messages that left the zone and never the machine.
  std::array<core::Counter, kDropReasons> drops;
  std::array<core::Counter, kVerdicts> malformed;
  std::array<core::Counter, kSealEvents> seal;  ///< Sealed mode, by SealEvent.
  core::Counter seal_sessions;                  ///< A level: sealed sessions, half-open ones too.
  core::Counter seal_opened;                    ///< Datagrams of sessions that were opened.
  core::Counter seal_sequences;  ///< What sessions sent, up to the newest opened: lost or opened.
  core::Counter receive_errors;  ///< recvmmsg failed with something else than "nothing there".
  core::Counter send_errors;     ///< The kernel refused one datagram; ENet was told "sent".
  core::Counter send_refused;    ///< The seam refused to seal.
  core::Counter send_oversized;  ///< Larger than net.datagram_bytes, not sent: our own mistake.
  core::Counter
      kernel_drops;  ///< SO_MEMINFO: the receive buffer was full, or the flood filter; a level.
  core::Counter flood_filter;          ///< 1 while the kernel drops by the seam's filter.
  core::Counter receive_buffer_bytes;  ///< What the kernel granted; a level.
  core::Counter service_failures;      ///< enet_host_service returned < 0.
  core::Counter service_passes;        ///< Walks over all peers.
  core::Counter peers_connected;       ///< A level.
  core::Counter connects, disconnects, timeouts;
  core::Counter inbound_dropped;  ///< Unreliable messages dropped: net.inbound_queue_bytes.
  core::Counter inbound_blocked;  ///< Passes that waited for room in net.inbound_queue_bytes.
  core::Counter
      outbound_refused;          ///< Send answered kFull: net.outbound_queue_bytes. Zone thread's.
  core::Counter outbound_stale;  ///< Messages whose peer had gone meanwhile.
  core::Counter peer_queue_ended;  ///< Peers ended: net.peer_queue_bytes.
  core::Counter peer_deaf_ended;   ///< Peers ended: ENet's waiting data stayed high (PITFALLS E-7).
  core::Histogram round_trip_ms;   ///< Of every connected peer once a second, as ENet smooths it.
};

/// Over all hosts; written by the zone thread in Flush.
struct TickStats {
  core::Histogram
      tick_to_wire_us;  ///< Scheduled start of a tick to its last datagram, over all hosts.
  core::Counter ticks_flushed;
  core::Counter ticks_missed;      ///< On the wire after the next tick's scheduled start.
  core::Counter ticks_unmeasured;  ///< A host was more than 64 ticks behind.
};

}  // namespace bluemarble::net
