// A warm tick of the zone allocates nothing, whatever the players do. A program of its own: it
// replaces operator new.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <semaphore>

#include "app/zone.h"
#include "app/zone_loop.h"
#include "app/zone_orders.h"
#include "core/alloc_counter.h"
#include "ops/log_sinks.h"
#include "protocol/control.h"
#include "protocol/input.h"
#include "protocol/snapshot.h"
#include "support/sim_world.h"

namespace bluemarble::support {
namespace {

/// A transport whose own bookkeeping allocates nothing once it is warm: scripted peers that log in,
/// then acknowledge every snapshot and walk.
class ScriptedPeers final : public net::Transport {
 public:
  explicit ScriptedPeers(uint32_t count) : peers_(count) {}

  void BeginTick(core::Tick tick) {
    tick_ = tick;
    next_ = 0;
    stage_ = 0;
  }
  bool Receive(net::Inbound& out) override {
    for (; next_ < peers_.size(); ++next_, stage_ = 0) {
      Peer& peer = peers_[next_];
      out = {};
      out.peer = core::PeerId::Make(0, next_, 1);
      out.address_v4 = 0x7f000001;
      if (!peer.connected) {
        peer.connected = true;
        out.kind = net::InboundKind::kConnected;
        return true;
      }
      if (!peer.login_sent) {
        peer.login_sent = true;
        protocol::Login login;
        login.token = "player " + std::to_string(next_);
        const double offset = static_cast<double>(next_) * 0.0001;
        login.spawn = geo::Geodetic{2.35 + offset, 48.85, 0};
        control_ = protocol::Encode(protocol::ClientControl(login));
        out.bytes = control_;
        return true;
      }
      if (peer.snapshot == 0 || stage_ != 0) continue;
      stage_ = 1;
      protocol::InputMessage input;
      input.ack = peer.snapshot;
      input.ack_bits = ~uint64_t{0};
      input.newest_tick = static_cast<uint32_t>(tick_ + 2);
      input.count = kMinInputCommands;
      for (int i = 0; i < input.count; ++i) {
        const auto heading = static_cast<int8_t>(((tick_ / 60 + next_) % 3 - 1) * 100);
        input.commands[static_cast<size_t>(i)] = {heading, static_cast<int8_t>(100), 0, 0};
      }
      out.channel = net::Channel::kUnreliable;
      out.bytes = std::span(bytes_).first(*protocol::EncodeInput(input, bytes_));
      return true;
    }
    return false;
  }
  size_t max_unreliable_bytes() const override { return 1115; }
  core::Status Send(core::PeerId peer, net::Channel channel,
                    std::span<const std::byte> bytes) override {
    if (channel != net::Channel::kUnreliable) return {};
    protocol::SnapshotReader reader;
    if (reader.Begin(bytes).ok()) peers_[peer.slot()].snapshot = reader.own().sequence;
    ++snapshots_;
    return {};
  }
  void Disconnect(core::PeerId, uint32_t) override { ++disconnects_; }
  void Flush(core::Tick, int64_t) override {}
  uint64_t snapshots() const { return snapshots_; }
  uint64_t disconnects() const { return disconnects_; }

 private:
  struct Peer {
    bool connected = false, login_sent = false;
    uint16_t snapshot = 0;
  };
  std::vector<Peer> peers_;
  std::vector<std::byte> control_;
  std::array<std::byte, protocol::kMaxInputBytes> bytes_{};
  core::Tick tick_ = 0;
  uint32_t next_ = 0;
  int stage_ = 0;
  uint64_t snapshots_ = 0, disconnects_ = 0;
};

/// A durable queue that says yes to everything and allocates nothing.
class InstantQueue final : public persistence::DurableQueue {
 public:
  core::Status RequestLogin(const persistence::LoginRequest& request) override {
    persistence::Completion& done = Push(request.request_id, persistence::CompletionKind::kLogin);
    done.row.player_id = ++players_;
    done.row.version = done.row.epoch = 1;
    done.row.state = request.initial;
    return {};
  }
  core::Status AppendEvent(const persistence::PlayerEventRequest& request) override {
    Push(request.request_id, persistence::CompletionKind::kSample).row.version =
        request.expected_version + 1;
    ++events_;
    return {};
  }
  core::Status RequestAction(const persistence::ActionRequest& request) override {
    persistence::Completion& done = Push(request.request_id, persistence::CompletionKind::kAction);
    done.item.item_id = ++items_;
    done.item.version = 1;
    return {};
  }
  core::Status RequestWorldItems(uint64_t request_id) override {
    Push(request_id, persistence::CompletionKind::kWorldItemsEnd);
    return {};
  }
  core::Status ReserveTicks(core::Tick up_to) override {
    Push(0, persistence::CompletionKind::kTicksReserved).reserved_tick = up_to;
    return {};
  }
  core::Status SavePositions(std::span<const persistence::PositionSave> saves) override {
    saves_ += saves.size();
    return {};
  }
  core::Status AppendNote(const persistence::NoteRequest&) override { return {}; }
  bool NextCompletion(persistence::Completion& out) override {
    if (taken_ == pushed_) return false;
    out = ring_[taken_++ % ring_.size()];
    return true;
  }
  bool ready() const override { return true; }
  uint64_t saves() const { return saves_; }
  uint64_t events() const { return events_; }

 private:
  persistence::Completion& Push(uint64_t request_id, persistence::CompletionKind kind) {
    persistence::Completion& done = ring_[pushed_++ % ring_.size()];
    done = {};
    done.request_id = request_id;
    done.kind = kind;
    return done;
  }
  std::array<persistence::Completion, 512> ring_;
  uint64_t pushed_ = 0, taken_ = 0, saves_ = 0, events_ = 0;
  int64_t players_ = 0, items_ = 0;
};

TEST(Allocation, AWarmTickWithTwoHundredWalkingPlayersAllocatesNothing) {
  if (!core::CountsAllocations()) GTEST_SKIP() << "sanitizers bring their own operator new";
  constexpr uint32_t kPlayers = 200;
  app::ZoneSettings settings = SmallZone();
  settings.session.max_players = settings.replication.max_viewers = kPlayers;
  settings.persistence.sample_interval_s = 10;
  SimClock clock;
  InstantQueue queue;
  core::WorkerPool workers(1);  // so that the calling thread does everything that workers would
  ScriptedPeers peers(kPlayers);
  app::Zone zone(settings, {.first = 1, .last = 1'000'000}, {peers, queue, workers, clock});
  ASSERT_TRUE(zone.Populate().ok());

  constexpr core::Tick kWarmTicks = 600, kCountedTicks = 600;
  uint64_t allocations = 0;
  for (core::Tick tick = 1; tick <= kWarmTicks + kCountedTicks; ++tick) {
    clock.now_ns += 33'333'333;
    peers.BeginTick(tick);
    const uint64_t before = core::ThreadAllocations();
    zone.RunTick({.tick = tick, .scheduled_ns = clock.now_ns});
    if (tick > kWarmTicks) allocations += core::ThreadAllocations() - before;
  }
  EXPECT_EQ(zone.session_stats().players.Get(), kPlayers);
  EXPECT_EQ(peers.disconnects(), 0u);
  EXPECT_GT(peers.snapshots(), kPlayers * kCountedTicks / 4);
  EXPECT_GT(queue.saves(), kPlayers);
  EXPECT_GT(queue.events(), kPlayers);
  EXPECT_EQ(allocations, 0u);
}

/// Makes the loop's ticks calm, then hard, then calm again, by moving the clock on after each; and
/// counts what the zone's thread allocated from the first hard one on. The loop looks at the clock,
/// takes its steps and logs them after this.
class Weather final : public app::ZoneWatcher {
 public:
  static constexpr core::Tick kHardFrom = 600, kHardUntil = 720, kEnd = 1500;

  Weather(SimClock& clock, ScriptedPeers& peers) : clock_(clock), peers_(peers) {
    peers_.BeginTick(1);
  }
  void Watch(const app::LoopStats& stats) { stats_ = &stats; }

  void AfterTick(app::Zone& zone, core::Tick now) noexcept override {
    peers_.BeginTick(now + 1);
    clock_.now_ns += TookNs(now);
    highest_step_ = std::max(highest_step_, stats_->relief_step.Get());
    longest_pct_ = std::max(longest_pct_, stats_->dilation_pct.Get());
    if (now == kHardFrom) allocations_ = core::ThreadAllocations();
    if (now != kEnd) return;
    allocations_ = core::ThreadAllocations() - allocations_;
    players_ = zone.session_stats().players.Get();
    last_step_ = stats_->relief_step.Get();
    ended_.release();
  }

  void WaitForEnd() { ended_.acquire(); }
  uint64_t allocations() const { return allocations_; }
  uint64_t players() const { return players_; }
  uint64_t highest_step() const { return highest_step_; }
  uint64_t longest_pct() const { return longest_pct_; }
  uint64_t last_step() const { return last_step_; }

 private:
  // At 30 Hz: half of each period, then one and a half; then the schedule is caught up with.
  static int64_t TookNs(core::Tick now) {
    if (now >= kHardFrom) return now < kHardUntil ? 50'000'000 : 15'000'000;
    return now == 1 ? 16'000'000 : 33'333'333;
  }

  SimClock& clock_;
  ScriptedPeers& peers_;
  const app::LoopStats* stats_ = nullptr;
  uint64_t allocations_ = 0, players_ = 0, highest_step_ = 0, longest_pct_ = 0, last_step_ = 0;
  std::binary_semaphore ended_{0};
};

TEST(Allocation, TakingAndLeavingReliefAllocatesNothingLogLinesIncluded) {
  if (!core::CountsAllocations()) GTEST_SKIP() << "sanitizers bring their own operator new";
  constexpr uint32_t kPlayers = 100;
  app::ZoneSettings settings = SmallZone();
  settings.session.max_players = settings.replication.max_viewers = kPlayers;
  settings.tick.relief.max_dilation_pct = 110;
  SimClock clock;
  InstantQueue queue;
  core::WorkerPool workers(1);
  ScriptedPeers peers(kPlayers);
  app::Zone zone(settings, {.first = 1, .last = 1'000'000}, {peers, queue, workers, clock});
  ASSERT_TRUE(zone.Populate().ok());
  const int nowhere = ::open("/dev/null", O_WRONLY);
  ASSERT_GE(nowhere, 0);
  const uint64_t lines_before = ops::GetLogStats().written;
  ASSERT_TRUE(ops::StartLog({}, nowhere).ok());

  app::ZoneOrders orders;
  ops::HealthComponent health("zone", clock, 0);
  Weather weather(clock, peers);
  app::ZoneLoop loop(zone, orders, settings.tick, 1, clock, health, nullptr, nullptr, &weather);
  weather.Watch(loop.stats());
  loop.Start();
  weather.WaitForEnd();
  loop.Stop();
  ops::StopLog();
  ::close(nowhere);

  EXPECT_EQ(weather.players(), kPlayers);
  EXPECT_EQ(weather.highest_step(), 4u);
  EXPECT_EQ(weather.longest_pct(), 110u);
  EXPECT_EQ(weather.last_step(), 0u);
  EXPECT_GE(ops::GetLogStats().written - lines_before,
            11u);  // 4 steps and a tenth, and back by halves of it
  EXPECT_EQ(weather.allocations(), 0u);
}

}  // namespace
}  // namespace bluemarble::support
