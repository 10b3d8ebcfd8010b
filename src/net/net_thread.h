/// One ENet host, its UDP port and its thread. The thread drains the socket all the time, hands
/// what came in to ENet without walking the peers, and walks them once a tick, when Flush rings:
/// that walk sends, resends and times out. docs/decisions/0003-hooks-below-enet.md has the
/// measurements.
#pragma once

#include <array>
#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "core/byte_ring.h"
#include "core/clock.h"
#include "core/look_ahead.h"
#include "core/result.h"
#include "core/thread_owner.h"
#include "net/datagram_socket.h"
#include "net/identity.h"
#include "net/net_records.h"
#include "net/net_stats.h"
#include "net/settings.h"

struct _ENetHost;
struct _ENetPeer;
struct _ENetEvent;
struct _ENetPacket;

namespace bluemarble::net {

class NetThread final : private HookedSocket {
 public:
  /// Sequences of flushes whose completion is remembered.
  static constexpr uint64_t kFlushHistory = 64;

  NetThread(const NetSettings& settings, int index, const core::Clock& clock, DatagramSeam& seam);
  ~NetThread() override;

  /// Binds and starts. kConflict names who holds the port.
  core::Status Start();
  /// Ends every peer with `reason`, waits for their acknowledgement at most `patience_ms`, joins.
  void Stop(uint32_t reason, int patience_ms);

  /// Zone thread: what was pushed so far goes out now. `sequence` counts flushes from 1.
  void Ring(uint64_t sequence);
  /// Zone thread: the last sequence that is on the wire, and when it was (within kFlushHistory).
  uint64_t flushed() const { return flushed_.load(std::memory_order_acquire); }
  int64_t flushed_ns(uint64_t sequence) const {
    return flushed_ns_[sequence % kFlushHistory].load(std::memory_order_relaxed);
  }

  core::ByteRing& inbound() { return inbound_; }    ///< Zone thread consumes.
  core::ByteRing& outbound() { return outbound_; }  ///< Zone thread produces.
  HostStats& stats() { return stats_; }
  /// Any thread: to the peer in that slot and back, as ENet smooths it; of the last quarter of a
  /// second. 0: not known.
  uint32_t round_trip_ms(size_t slot) const {
    return round_trips_ms_[slot].load(std::memory_order_relaxed);
  }
  uint16_t port() const { return port_; }

 private:
  /// Our half of a peer slot; ENet's own `data` pointer is not used (PITFALLS E-17).
  struct Peer {
    uint32_t generation = 0;
    bool connected = false;   // the zone knows it
    bool closing = false;     // we end it; what it still says is not passed on
    bool overflowed = false;  // net.peer_queue_bytes; the zone could not be told yet
    size_t queued_bytes = 0;  // inside ENet, through the packets' free callback (E-9)
    uint32_t closing_reason = 0;
    int64_t closing_since_ns = 0;
    int64_t deaf_since_ns = 0;
  };

  int Send(const Address& to, std::span<const iovec> parts) noexcept override;
  int Receive(Address& from, std::span<std::byte> out) noexcept override;

  bool TakeUnsequenced(const Address& from, std::span<const std::byte> datagram);

  void Run();
  void WaitForWork(int64_t now_ns);
  void ReceivePass();
  void SendPass();
  void DispatchEvents();
  void CompleteFlush(uint64_t sequence);
  void Maintain(int64_t now_ns);
  void EndWithSession(size_t slot);
  void SayGoodbye();
  void ForgetWaiting();

  void Handle(_ENetEvent& event);
  void OnConnect(_ENetPeer& peer);
  void OnDisconnect(_ENetPeer& peer, uint32_t reason);
  void CountEnd(uint32_t reason);
  void OnMessage(_ENetPeer& peer, uint8_t channel, _ENetPacket* packet);
  bool Deliver(const InboundHead& head, std::span<const std::byte> bytes);

  void ApplyOutbound();
  void FetchOutbound();
  void FetchComing() const;
  void FetchPeer(size_t slot) const;
  void SendTo(size_t slot, Channel channel, std::span<const std::byte> bytes);
  void SendUnsequenced(size_t slot, std::span<const std::byte> bytes);
  void QueueReliable(size_t slot, std::span<const std::byte> bytes);
  void EndOverflowed(size_t slot);
  /// Ends a peer, its queue sent or dropped before; the zone is not told.
  enum class AfterQueue : uint8_t { kSent, kDropped };
  void Close(size_t slot, uint32_t reason, AfterQueue after);
  /// Ends a peer on our own decision: the zone is told.
  void Drop(size_t slot, uint32_t reason);
  void ResetPeer(size_t slot);
  static void OnPacketFreed(_ENetPacket* packet);

  core::PeerId IdOf(size_t slot) const;

  const NetSettings settings_;
  const int index_;
  const core::Clock& clock_;
  DatagramSeam& seam_;
  HostStats stats_;
  DatagramSocket socket_;
  core::ByteRing inbound_;
  core::ByteRing outbound_;
  core::ThreadOwner owner_;
  _ENetHost* host_ = nullptr;
  uint16_t port_ = 0;
  int bell_fd_ = -1;
  std::thread thread_;

  std::vector<Peer> peers_;
  std::vector<std::atomic<uint32_t>> round_trips_ms_;
  std::vector<uint16_t> closing_slots_;
  // Peers that ENet may walk: one above the highest slot in use, so that an empty host costs
  // nothing.
  size_t walk_peers_ = 1;
  bool walking_ = false;     // a send pass is in its first half
  int receive_budget_ = 0;   // datagrams left in this pass
  int receive_in_call_ = 0;  // datagrams given to the current enet_host_service
  // An event that found net.inbound_queue_bytes full; ENet waits until it fits.
  struct Waiting {
    InboundHead head;
    _ENetPacket* packet = nullptr;
    std::array<std::byte, kMaxIdentityBytes> identity{};
    size_t identity_bytes = 0;
  };
  std::optional<Waiting> waiting_;
  bool drained_ = true;
  using Upcoming = core::LookAhead<size_t>;
  Upcoming upcoming_;  // the slots of the records of `outbound_`
  int64_t next_drain_ns_ = 0, last_send_ns_ = 0, next_maintain_ns_ = 0;
  size_t maintained_ = 0;  // times

  std::atomic<uint64_t> rung_{0};
  std::atomic<uint64_t> flushed_{0};
  std::array<std::atomic<int64_t>, kFlushHistory> flushed_ns_{};
  std::atomic<bool> stopping_{false};
  uint32_t stop_reason_ = 0;
  int stop_patience_ms_ = 0;
};

}  // namespace bluemarble::net
