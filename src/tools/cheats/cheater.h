/// One cheating bot: its own small way to the server, below the client library, which does not help
/// with this. Logs in, acknowledges what it gets, and sends what its style makes up. Polled by one
/// thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "bluemarble/client.h"
#include "net/client_endpoint.h"
#include "protocol/control.h"
#include "tools/cheats/styles.h"
#include "tools/cheats/way_bound.h"

namespace bluemarble::cheats {

struct CheaterOptions {
  CheatStyle style = CheatStyle::kSpeed;
  std::optional<GeoPosition> spawn;
  double loss = 0;
  int latency_ms = 0, jitter_ms = 0;
  uint64_t seed = 1;
};

class Cheater {
 public:
  explicit Cheater(const CheaterOptions& options);

  /// Sealed or plain, as the ticket says. False: `ended()` says why.
  bool Connect(const JoinTicket& ticket);
  /// Call at least every 10 ms.
  void Poll(int64_t now_ns);
  void Quit();

  bool was_in() const { return welcome_.has_value(); }
  /// Nothing while connected or before.
  const std::optional<DisconnectReason>& ended() const { return ended_; }
  CheatStyle style() const { return cheat_.style(); }
  const WayBound& way() const { return way_; }
  uint64_t sent() const { return sent_; }

 private:
  void OnControl(std::span<const std::byte> bytes, int64_t now_ns);
  void OnSnapshot(std::span<const std::byte> bytes, int64_t now_ns);
  void Act(int64_t now_ns);

  const CheaterOptions options_;
  net::ClientEndpoint endpoint_;
  Cheat cheat_;
  WayBound way_;
  std::string token_;
  std::optional<protocol::Welcome> welcome_;
  std::optional<DisconnectReason> ended_;
  DisconnectReason told_ = DisconnectReason::kNone;
  int64_t entered_ns_ = 0, acted_ns_ = 0;
  double clock_offset_ticks_ = 0;  // server tick minus own time in ticks, the largest seen
  core::Tick newest_tick_ = 0;
  uint16_t ack_ = 0;
  uint64_t ack_bits_ = 0;
  uint64_t sent_ = 0;
  bool open_ = false;
};

}  // namespace bluemarble::cheats
