/// The zone's side of the network: what the zone thread needs of peers and nothing of ENet. The
/// real one is net/enet_transport.h; tests put a simulated network here, the flight recorder
/// replays through it (DESIGN §1). Used by the zone thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/ids.h"
#include "core/result.h"

namespace bluemarble::net {

/// Channel 0 carries reliable messages in order, channel 1 unsequenced datagrams, never both on
/// one.
enum class Channel : uint8_t { kReliable = 0, kUnreliable = 1 };

enum class InboundKind : uint8_t { kConnected = 1, kDisconnected = 2, kMessage = 3 };

/// One event of one peer. `bytes` is valid until the next call of Transport::Receive; of a
/// kConnected of a sealed transport it is the peer's net::Identity (net/identity.h).
struct Inbound {
  InboundKind kind = InboundKind::kMessage;
  Channel channel = Channel::kReliable;
  core::PeerId peer;
  uint32_t reason =
      0;  ///< kDisconnected: the number the other side gave, 0 for a timeout. kConnected: unused.
  uint32_t address_v4 =
      0;  ///< kConnected: the peer's IPv4 address, host byte order (limits, logs).
  std::span<const std::byte> bytes;
};

class Transport {
 public:
  virtual ~Transport() = default;

  /// The next inbound event in arrival order per peer; false when there is none now.
  virtual bool Receive(Inbound& out) = 0;

  /// The peer of one of the next events, each event once, at most core::LookAhead's kFar after the
  /// one that Receive gave last; none: not known. For having ready what its message will need.
  virtual core::PeerId Upcoming() { return {}; }

  /// Largest unreliable message that leaves as one datagram of at most the configured size.
  virtual size_t max_unreliable_bytes() const = 0;

  /// Hands bytes (copied) to the peer's net thread. kFull: the queue to that thread is full
  /// (setting net.outbound_queue_bytes); kStale: the peer is gone; kNoSpace: larger than one
  /// datagram on kUnreliable.
  virtual core::Status Send(core::PeerId peer, Channel channel,
                            std::span<const std::byte> bytes) = 0;

  /// Ends the peer after what was queued for it on the reliable channel has been sent; `reason`
  /// reaches the client. No kDisconnected follows for a peer that we ended.
  virtual void Disconnect(core::PeerId peer, uint32_t reason) = 0;

  /// End of a tick: everything handed over so far goes on the wire now. `scheduled_ns` is the
  /// tick's scheduled start, for the tick_to_wire measurement.
  virtual void Flush(core::Tick tick, int64_t scheduled_ns) = 0;
  /// Flushes that are not wholly on the wire yet.
  virtual int unsent() const { return 0; }
};

}  // namespace bluemarble::net
