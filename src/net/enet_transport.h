/// Transport over real ENet: several hosts, host i on port net.port + i with its own net thread,
/// and one bounded ring each way between it and the zone thread. All Transport calls: zone thread,
/// which neither allocates nor waits in them. Open and Stop: the owner, before and after the zone
/// runs.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "net/aead.h"
#include "net/connect_token.h"
#include "net/datagram_seam.h"
#include "net/known_peers.h"
#include "net/net_records.h"
#include "net/net_stats.h"
#include "net/net_thread.h"
#include "net/settings.h"
#include "net/transport.h"

namespace bluemarble::net {

/// What sealed mode needs besides the settings; plain mode ignores it.
struct TransportSecurity {
  /// Must survive a restart, or clients of the process before cannot be told that it is gone.
  /// Secret. Unset: random.
  std::optional<Key> reset_key;
  /// IPv4 address that clients are told in their tokens. Empty: net.bind.
  std::string public_address;
};

class EnetTransport final : public Transport {
 public:
  /// Validates, runs VerifyHooks, binds every port and starts the net threads; all or nothing.
  /// `clock` must outlive the transport. kInvalid lists every problem; kConflict names who holds a
  /// port; kDenied: plain mode off loopback, or the system refuses the port.
  static core::Result<std::unique_ptr<EnetTransport>> Open(const NetSettings& settings,
                                                           const core::Clock& clock,
                                                           const TransportSecurity& security = {});
  ~EnetTransport() override;

  bool Receive(Inbound& out) override;
  core::PeerId Upcoming() override;
  size_t max_unreliable_bytes() const override { return kMaxUnreliableBytes; }
  core::Status Send(core::PeerId peer, Channel channel, std::span<const std::byte> bytes) override;
  void Disconnect(core::PeerId peer, uint32_t reason) override;
  void Flush(core::Tick tick, int64_t scheduled_ns) override;
  int unsent() const override;

  /// Tells every peer `reason`, waits for their acknowledgement at most `patience_ms`, joins the
  /// threads. The other calls are harmless afterwards. Twice is once.
  void Stop(uint32_t reason, int patience_ms = 1000);

  bool sealed() const { return mint_ != nullptr; }
  /// Any thread: a public connect token (base64url) for `host`, which lives net.token_life_s.
  /// kInvalid: the name is empty or longer than kMaxIdentityName, or no such host; kUnavailable:
  /// plain mode.
  core::Result<std::string> Mint(int host, int64_t account_id, std::string_view name) const;
  /// Any thread: new tokens get a new sealing key; what is out stays good until it expires.
  void RotateTokenKey();

  /// Any thread: to the peer and back; of whoever has its slot. 0: not known.
  uint32_t round_trip_ms(core::PeerId peer) const;

  /// Any thread: what the zone has not received yet, and what the net threads have not taken.
  size_t inbound_bytes() const;
  size_t outbound_bytes() const;

  int hosts() const { return static_cast<int>(threads_.size()); }
  uint16_t port(int host) const { return threads_[static_cast<size_t>(host)]->port(); }
  const HostStats& host_stats(int host) const {
    return threads_[static_cast<size_t>(host)]->stats();
  }
  const TickStats& tick_stats() const { return tick_stats_; }

  /// ENet cuts what exceeds mtu - 28 into fragments, which it sends *reliably* (DESIGN §5). Three
  /// acknowledgements more than fit anyway share the datagram, so that a tick stays at one per
  /// player.
  static constexpr size_t kAckReserveBytes = 24;
  static constexpr size_t kMaxUnreliableBytes = kEnetMtu - 28 - kAckReserveBytes;

 private:
  EnetTransport(const NetSettings& settings, const core::Clock& clock,
                const TransportSecurity& security);

  bool PushEnd(const OutboundHead& end);
  void RetryEnds();
  void MeasureFlushes();

  std::unique_ptr<TokenMint> mint_;                   // null in plain mode
  std::vector<std::unique_ptr<DatagramSeam>> seams_;  // one per host
  std::vector<std::unique_ptr<NetThread>> threads_;
  core::ThreadOwner owner_;
  KnownPeers known_;
  size_t current_host_ = 0;
  // Ends that found their ring full: the zone has forgotten the peer, so nobody else would say it
  // again. Retried by Flush, before the bell; room for every peer slot.
  std::vector<OutboundHead> owed_ends_;
  bool front_held_ = false;  // the record behind the last Inbound is still in its ring
  uint64_t sequence_ = 0, measured_ = 0;
  std::array<int64_t, NetThread::kFlushHistory> scheduled_ns_{};
  TickStats tick_stats_;
};

}  // namespace bluemarble::net
