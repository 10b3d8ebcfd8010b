/// A whole zone with its players, network and disk in one process on one simulated clock, all from
/// one seed (DESIGN §1). Every tick: the clock moves, clients act and send, the zone runs, the
/// invariants can be checked. One thread, but for the zone's own tick workers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/zone.h"
#include "client/session_core.h"
#include "core/clock.h"
#include "core/hash.h"
#include "core/worker_pool.h"
#include "support/sim_durable_queue.h"
#include "support/sim_network.h"
#include "support/sim_store.h"

namespace bluemarble::support {

class SimClock final : public core::Clock {
 public:
  int64_t NowNs() const override { return now_ns; }
  int64_t WallUs() const override { return 1'700'000'000'000'000 + now_ns / 1000; }
  int64_t now_ns = 1'000'000'000;
};

/// One simulated player: the real client logic on the simulated network, walking at random.
class SimPlayer final : public SimNetwork::Listener {
 public:
  SimPlayer(SimNetwork& network, std::string name, std::optional<GeoPosition> spawn, uint64_t seed,
            int64_t now_ns);

  void OnConnected(int64_t now_ns) override { core_.OnConnected(now_ns); }
  void OnMessage(net::Channel channel, std::span<const std::byte> bytes, int64_t now_ns) override {
    core_.OnMessage(channel, bytes, now_ns);
  }
  void OnDisconnected(uint32_t reason, int64_t now_ns) override {
    core_.OnDisconnected(reason, now_ns);
  }

  /// Changes its mind now and then, then lets the client logic send what is due.
  void Act(int64_t now_ns);
  /// Stands still from now on, facing `yaw_turns`.
  void Stand() { walks_ = false; }
  /// Walks that way from now on; -1..1 of the maximum speed.
  void Walk(double east, double north);

  client::ClientCore& core() { return core_; }
  const client::ClientCore& core() const { return core_; }
  client::Link& link() { return link_; }
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  core::Random random_;
  client::Link& link_;
  client::ClientCore core_;
  bool walks_ = true;
  bool steered_ = false;
};

struct SimWorldOptions {
  uint64_t seed = 1;
  app::ZoneSettings zone;
  SimFaults faults;
  int workers = 1;
};

/// Zone settings that make a small, quick zone: 64 players, few animals around (2.35, 48.85).
app::ZoneSettings SmallZone();

class SimWorld {
 public:
  explicit SimWorld(const SimWorldOptions& options);

  /// A player that connects now.
  SimPlayer& Join(const std::string& name, std::optional<GeoPosition> spawn = std::nullopt);
  /// One tick of everything.
  void Step(bool stopping = false);
  void Run(int ticks) {
    for (int i = 0; i < ticks; ++i) Step();
  }
  /// The zone's process dies (what the disk had not synced is lost) and starts again from the
  /// store.
  void CrashAndRestart();
  /// Stops in order and starts again.
  void StopAndRestart();

  /// The zone hears of it in the next tick.
  void Order(const session::BanOrder& ban) { bans_.push_back(ban); }

  /// What the loop would decide; ticks take as long as it says.
  void Relieve(const app::Relief& relief) { relief_ = relief; }

  app::Zone& zone() { return *zone_; }
  SimNetwork& network() { return network_; }
  SimStore& store() { return store_; }
  SimClock& clock() { return clock_; }
  std::vector<std::unique_ptr<SimPlayer>>& players() { return players_; }
  core::Tick tick() const { return tick_; }
  int hz() const { return options_.zone.tick.hz; }
  size_t playing() const;

 private:
  void StartZone();

  SimWorldOptions options_;
  SimClock clock_;
  SimNetwork network_;
  SimStore store_;
  core::WorkerPool workers_;
  std::unique_ptr<SimDurableQueue> queue_;
  std::unique_ptr<app::Zone> zone_;
  std::vector<std::unique_ptr<SimPlayer>> players_;
  std::vector<session::BanOrder> bans_;
  app::Relief relief_;
  core::Tick tick_ = 0;
  uint64_t joined_ = 0;
};

}  // namespace bluemarble::support
