/// Players who come over streams of messages instead of datagrams (proto/SESSION.md "Over
/// WebSocket"): one more host of the zone's transport. Whoever owns the streams calls Enter, Take
/// and Leave from any thread; the zone thread uses the Transport half, which neither allocates nor
/// waits; a thread of its own hands what the zone sends to the links. Tokens are of an own mint:
/// none opens both a stream and a sealed session.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bluemarble/wire.h"
#include "core/byte_ring.h"
#include "core/clock.h"
#include "core/result.h"
#include "core/thread_owner.h"
#include "net/connect_token.h"
#include "net/known_peers.h"
#include "net/net_records.h"
#include "net/net_stats.h"
#include "net/number_window.h"
#include "net/settings.h"
#include "net/stream_link.h"
#include "net/transport.h"

namespace bluemarble::net {

/// Close codes: a session's end, and a token that is refused (sealed_packets.h RefusedReason).
inline constexpr uint16_t kStreamEnded = 4000, kStreamRefused = 4100;

struct StreamStats {
  core::Counter waiting;    ///< A level: streams whose token has not come.
  core::Counter connected;  ///< A level: those that the zone knows.
  core::Counter connects, disconnects;
  core::Counter refused_full;       ///< Not let in: no slot, or net.max_peers_per_address.
  core::Counter refused_bad_token;  ///< 4101
  core::Counter refused_expired;    ///< 4102
  core::Counter refused_used;       ///< 4103
  core::Counter no_token;           ///< Closed: net.half_open_ms without one, or to make room.
  core::Counter malformed;          ///< Closed: a message without channel.
  core::Counter messages_in, bytes_in, messages_out, bytes_out;
  // What bytes_out is made of: these and a byte for each message add up to it.
  core::Counter sent_unreliable_bytes;
  std::array<core::Counter, kMessageFields> sent_reliable_bytes;
  core::Counter late_snapshots;    ///< Left out: net.stream_late_bytes.
  core::Counter late_bytes;        ///< Of them, and of snapshots whose stream had gone meanwhile.
  core::Counter queue_ended;       ///< Ended: net.peer_queue_bytes.
  core::Counter inbound_dropped;   ///< Unreliable messages dropped: net.stream_queue_bytes.
  core::Counter inbound_blocked;   ///< Times that a stream had to wait for the same.
  core::Counter outbound_stale;    ///< Messages whose stream had gone meanwhile.
  core::Counter outbound_refused;  ///< Send answered kFull. The zone thread's.
  core::Histogram round_trip_ms;   ///< Of every connected stream once a second.
};

class StreamTransport final : public Transport {
 public:
  struct Shape {
    uint32_t host = 0;                ///< Of its peers' ids: one that no other transport has.
    size_t slots = 0;                 ///< Streams at a time, 1..65535.
    size_t max_unreliable_bytes = 0;  ///< As the zone's other transport has it.
  };
  StreamTransport(const NetSettings& settings, const Shape& shape, const core::Clock& clock);
  ~StreamTransport() override;

  /// Once. kUnavailable: no descriptor for its bell.
  core::Status Start();
  /// Closes every stream with `reason` and lets no more in; joins the thread. After the zone.
  void Stop(uint32_t reason);

  /// Any thread: a one-time token. In plain mode there are none: kUnavailable.
  core::Result<std::string> Mint(int64_t account_id, std::string_view name) const;
  void RotateTokenKey();
  bool sealed() const { return mint_ != nullptr; }

  /// Any thread: a stream that has just been opened and is to show its token. One that has not, for
  /// longest, may be closed for it. kFull: no slot, or net.max_peers_per_address; kUnavailable:
  /// stopping.
  core::Result<core::PeerId> Enter(std::shared_ptr<StreamLink> link, uint32_t address_v4);
  /// Any thread, one at a time for each stream: a message of its client, the token first. What is
  /// wrong closes the link. False: no room now, to be offered again.
  bool Take(core::PeerId peer, std::span<const std::byte> message);
  /// Any thread: the stream is over, by whomever. `reason`: a DisconnectReason.
  void Leave(core::PeerId peer, uint32_t reason);

  bool Receive(Inbound& out) override;
  size_t max_unreliable_bytes() const override { return shape_.max_unreliable_bytes; }
  core::Status Send(core::PeerId peer, Channel channel, std::span<const std::byte> bytes) override;
  void Disconnect(core::PeerId peer, uint32_t reason) override;
  void Flush(core::Tick tick, int64_t scheduled_ns) override;
  int unsent() const override;

  /// Any thread.
  size_t inbound_bytes() const { return inbound_.used_bytes(); }
  size_t outbound_bytes() const { return outbound_.used_bytes(); }
  size_t slots() const { return shape_.slots; }
  uint32_t RoundTripMs(core::PeerId peer);  ///< To the client and back. 0: not known, or gone.
  const StreamStats& stats() const { return stats_; }

 private:
  enum class State : uint8_t {
    kFree,
    kWaiting,    // for its token
    kConnected,  // the zone knows it
    kGone,       // the zone is still to be told
  };
  struct Slot {
    State state = State::kFree;
    uint32_t generation = 0;
    uint32_t address_v4 = 0;
    uint32_t reason = 0;  // kGone
    int64_t entered_ns = 0;
    std::shared_ptr<StreamLink> link;
  };

  // Under mutex_.
  Slot* Find(core::PeerId peer);
  core::PeerId IdOf(const Slot& slot) const;
  void Free(Slot& slot);
  bool TakeToken(Slot& slot, std::span<const std::byte> message);
  void RefuseToken(Slot& slot, core::Counter& counter, uint16_t reason, std::string_view text);
  void CloseWaiting(Slot& slot);
  void Gone(Slot& slot, uint32_t reason);
  bool Tell(InboundKind kind, const Slot& slot, std::span<const std::byte> bytes = {});

  // Of the own thread.
  void Run();
  void Hand(std::span<const std::byte> record);
  void HandMessage(core::PeerId peer, Channel channel, std::span<const std::byte> bytes);
  void CountStale(Channel channel, size_t bytes);
  void Maintain();
  void CountRoundTrips();

  // Of the zone thread.
  bool Push(const OutboundHead& head, std::span<const std::byte> bytes = {});

  const Shape shape_;
  const size_t max_per_address_, max_waiting_, late_bytes_, queue_bytes_;
  const int64_t half_open_ns_;
  const core::Clock& clock_;
  std::unique_ptr<TokenMint> mint_;  // null in plain mode
  StreamStats stats_;
  core::ByteRing inbound_;  // pushed to under mutex_
  core::ByteRing outbound_;

  std::mutex mutex_;
  bool stopping_ = false;
  std::vector<Slot> slots_;
  std::vector<uint16_t> free_;
  size_t gone_ = 0;
  Aead aead_;
  std::unique_ptr<NumberWindow<1024>> used_tokens_;  // of the last 65,000 minted

  int bell_fd_ = -1;
  std::thread thread_;
  std::atomic<bool> ending_{false};
  std::atomic<uint64_t> rung_{0}, flushed_{0};
  int maintained_ = 0;  // times
  std::array<std::byte, 1 + kMaxMessageBytes> out_{};

  core::ThreadOwner owner_;
  KnownPeers known_;
  std::vector<OutboundHead> owed_ends_;
  bool front_held_ = false;
  bool pushed_ = false;
  uint64_t sequence_ = 0;
};

}  // namespace bluemarble::net
