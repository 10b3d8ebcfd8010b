// Cheating clients against a whole zone in one process (TESTS T-43): what they gain, whether they
// are noticed, and whether honest players on bad networks are left alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "protocol/snapshot.h"
#include "support/sim_world.h"
#include "tools/cheats/styles.h"
#include "tools/cheats/way_bound.h"

namespace bluemarble::support {
namespace {

using cheats::CheatStyle;
using session::Violation;

constexpr double kMaxSpeedMps = 7;
constexpr GeoPosition kPlace{2.35, 48.85, 0};

/// A client that knows no rules: sends what its style makes up.
class SimCheater final : public SimNetwork::Listener {
 public:
  SimCheater(SimWorld& world, std::string name, CheatStyle style, uint32_t address_v4 = 0x7f000001)
      : world_(world),
        name_(std::move(name)),
        cheat_(style, core::HashBytes(std::as_bytes(std::span(name_)))),
        link_(world.network().Connect(*this, address_v4)) {}

  void OnConnected(int64_t) override {
    protocol::Login login;
    login.token = name_;
    link_.Send(net::Channel::kReliable, protocol::Encode(protocol::ClientControl(login)));
  }
  void OnMessage(net::Channel channel, std::span<const std::byte> bytes, int64_t) override {
    if (channel == net::Channel::kReliable) {
      const auto message = protocol::DecodeServerControl(bytes);
      if (!message.ok()) return;
      if (const auto* welcome = std::get_if<protocol::Welcome>(&*message)) {
        entity_ = core::EntityId{welcome->entity_id};
        since_ = world_.tick();
      }
      return;
    }
    protocol::SnapshotReader reader;
    if (entity_ && reader.Begin(bytes).ok()) scene_.ack = reader.own().sequence;
  }
  void OnDisconnected(uint32_t reason, int64_t) override {
    reason_ = static_cast<DisconnectReason>(reason);
    gone_ = true;
  }

  /// Before the world's step: what goes out for its next tick.
  void Act(core::Tick lead) {
    if (!entity_ || gone_) return;
    scene_.tick = world_.tick() + lead;
    scene_.seconds = static_cast<double>(world_.tick() - since_) / world_.hz();
    scene_.own_entity = entity_.bits;
    for (const cheats::RawMessage& message : cheat_.Next(scene_))
      link_.Send(message.channel, message.bytes);
  }
  /// After the world's step: the truth.
  void Look() {
    const world::World& world = world_.zone().world();
    if (entity_ && world.Alive(entity_))
      way_.Add(world_.tick(), world.bodies()[world.RowOf(entity_)].position);
  }

  const std::string& name() const { return name_; }
  bool was_in() const { return static_cast<bool>(entity_); }
  bool gone() const { return gone_; }
  DisconnectReason reason() const { return reason_; }
  const cheats::WayBound& way() const { return way_; }
  core::EntityId entity() const { return entity_; }
  client::Link& link() { return link_; }

 private:
  SimWorld& world_;
  std::string name_;
  cheats::Cheat cheat_;
  client::Link& link_;
  cheats::CheatScene scene_;
  cheats::WayBound way_{kMaxSpeedMps, 30};
  core::EntityId entity_;
  core::Tick since_ = 0;
  DisconnectReason reason_ = DisconnectReason::kNone;
  bool gone_ = false;
};

constexpr SimFaults kBadNetwork{.loss = 0.05, .latency_ns = 40'000'000, .jitter_ns = 200'000'000};
constexpr core::Tick kLead = 10;  // what that network costs

SimWorldOptions Options(uint64_t seed, const SimFaults& faults = {}) {
  SimWorldOptions options{.seed = seed, .zone = SmallZone(), .faults = faults};
  options.zone.game.player_limits.max_speed_mps = kMaxSpeedMps;
  return options;
}

/// By name, as the board says.
std::map<std::string, session::ConductView> Board(SimWorld& world) {
  std::map<std::string, session::ConductView> out;
  for (const session::ConductView& view : world.zone().conduct_board().Read())
    out[std::string(view.name.view())] = view;
  return out;
}

uint64_t Violations(SimWorld& world) {
  uint64_t sum = 0;
  for (const core::Counter& kind : world.zone().session_stats().violations) sum += kind.Get();
  return sum;
}

class Styles : public testing::TestWithParam<size_t> {};
INSTANTIATE_TEST_SUITE_P(Conduct, Styles, testing::Range<size_t>(0, cheats::kCheatStyles),
                         [](const auto& style) {
                           return std::string(
                               cheats::CheatName(static_cast<CheatStyle>(style.param)));
                         });

TEST_P(Styles, ACheaterGainsNoGroundAndIsNoticedWhileTheHonestAreNot) {
  const auto style = static_cast<CheatStyle>(GetParam());
  SimWorld world(Options(GetParam() + 1, kBadNetwork));
  std::vector<std::unique_ptr<SimCheater>> cheaters;
  for (int i = 0; i < 3; ++i)
    cheaters.push_back(std::make_unique<SimCheater>(world, "cheater " + std::to_string(i), style));
  for (int i = 0; i < 8; ++i) world.Join("honest " + std::to_string(i), kPlace);
  for (int tick = 0; tick < 20 * world.hz(); ++tick) {
    for (auto& cheater : cheaters) cheater->Act(kLead);
    world.Step();
    for (auto& cheater : cheaters) cheater->Look();
  }
  const auto board = Board(world);
  for (auto& cheater : cheaters) {
    ASSERT_TRUE(cheater->was_in());
    EXPECT_GT(cheater->way().states(), 5u);
    EXPECT_LE(cheater->way().excess_m(), 1.0);
    const auto found = board.find(cheater->name());
    // Silence and a burst are what an outage looks like; nothing comes of it.
    if (style == CheatStyle::kBurst) continue;
    ASSERT_NE(found, board.end());
    EXPECT_GE(found->second.flags + found->second.kicks, 1u) << found->second.score;
  }
  EXPECT_EQ(world.playing(), 8u);
  for (const auto& [name, view] : board)
    EXPECT_TRUE(name.starts_with("cheater")) << name << " has " << view.score;
  EXPECT_EQ(world.zone().session_stats().put_back.Get(), 0u);
}

struct Path {
  const char* name;
  int latency_ms, jitter_ms;
  double loss;
};
class Paths : public testing::TestWithParam<Path> {};
INSTANTIATE_TEST_SUITE_P(Conduct, Paths,
                         testing::Values(Path{"Perfect", 0, 0, 0}, Path{"Near", 20, 10, 0.01},
                                         Path{"Far", 150, 30, 0.05}, Path{"Mobile", 60, 200, 0.1},
                                         Path{"Satellite", 300, 60, 0.1}),
                         [](const auto& path) { return std::string(path.param.name); });

TEST_P(Paths, HonestPlayersDoNothingThatIsBooked) {
  const Path& path = GetParam();
  SimWorld world(Options(3, {.loss = path.loss,
                             .duplicate = path.loss / 2,
                             .latency_ns = int64_t{path.latency_ms} * 1'000'000,
                             .jitter_ns = int64_t{path.jitter_ms} * 1'000'000}));
  for (int i = 0; i < 20; ++i) world.Join("p" + std::to_string(i), kPlace);
  world.Run(30 * world.hz());
  EXPECT_EQ(world.playing(), 20u);
  EXPECT_EQ(Violations(world), 0u);
  EXPECT_EQ(world.zone().session_stats().put_back.Get(), 0u);
}

TEST(Conduct, ABodyThatIsSomewhereElseAllAtOnceIsPutBackAndThePlayerFlagged) {
  SimWorld world(Options(4));
  SimPlayer& player = world.Join("ann", kPlace);
  player.Walk(1, 0);
  world.Run(60);
  const core::EntityId entity{player.core().welcome()->entity_id};
  // What no message can do: a bug somewhere in the zone.
  auto& broken = const_cast<world::World&>(world.zone().world());
  const geo::Vec3 before = broken.bodies()[broken.RowOf(entity)].position;
  broken.bodies()[broken.RowOf(entity)].position.z += 300;
  world.Step();
  EXPECT_LT(Length(broken.bodies()[broken.RowOf(entity)].position - before), 1);
  EXPECT_EQ(world.zone().session_stats().put_back.Get(), 1u);
  world.Run(world.hz());
  EXPECT_EQ(Board(world).at("ann").flags, 1u);
  EXPECT_EQ(Board(world).at("ann").counts[static_cast<size_t>(Violation::kTeleport)], 1u);
  world.Run(30);
  EXPECT_EQ(world.zone().session_stats().put_back.Get(), 1u) << "and walks on from where it was";
}

TEST(Conduct, AKickEndsTheSessionWithItsReasonAndTheScoreOutlivesIt) {
  SimWorldOptions options = Options(5);
  options.zone.session.conduct.flag_score = 5;
  options.zone.session.conduct.kick_score = 20;
  SimWorld world(options);
  SimCheater first(world, "mallory", CheatStyle::kHops);
  const auto run = [&](SimCheater& cheater) {
    int ticks = 0;
    for (; ticks < 200 && !cheater.gone(); ++ticks) {
      cheater.Act(3);
      world.Step();
    }
    return ticks;
  };
  const int one = run(first);
  ASSERT_TRUE(first.gone());
  EXPECT_EQ(first.reason(), DisconnectReason::kKicked);
  world.Run(10);
  SimCheater second(world, "mallory", CheatStyle::kHops);
  const int two = run(second);
  EXPECT_EQ(second.reason(), DisconnectReason::kKicked);
  EXPECT_LT(two, one) << "who comes back begins with the old score";
  EXPECT_EQ(world.zone().session_stats().kicked.Get(), 2u);
  EXPECT_EQ(world.zone().session_stats().notes_refused.Get(), 0u);
}

TEST(Conduct, WithoutThresholdsViolationsAreOnlyCorrected) {
  SimWorldOptions options = Options(6);
  options.zone.session.conduct.flag_score = options.zone.session.conduct.kick_score = 0;
  SimWorld world(options);
  SimCheater cheater(world, "mallory", CheatStyle::kHops);
  for (int tick = 0; tick < 300; ++tick) {
    cheater.Act(3);
    world.Step();
    cheater.Look();
  }
  EXPECT_FALSE(cheater.gone());
  EXPECT_LE(cheater.way().excess_m(), 1.0);
  EXPECT_GT(Board(world).at("mallory").score, 100);
  EXPECT_EQ(world.zone().session_stats().flagged.Get(), 0u);
}

TEST(Conduct, TheSameSeedGivesTheSameScoresAtEveryTick) {
  const auto hashes = [](int workers) {
    SimWorldOptions options = Options(7, kBadNetwork);
    options.workers = workers;
    SimWorld world(options);
    std::vector<std::unique_ptr<SimCheater>> cheaters;
    for (size_t i = 0; i < cheats::kCheatStyles; ++i)
      cheaters.push_back(
          std::make_unique<SimCheater>(world, "c" + std::to_string(i), static_cast<CheatStyle>(i)));
    std::vector<uint64_t> out;
    for (int tick = 0; tick < 240; ++tick) {
      for (auto& cheater : cheaters) cheater->Act(kLead);
      world.Step();
      out.push_back(world.zone().Hash());
    }
    EXPECT_GT(Violations(world), 100u);
    return out;
  };
  const auto one = hashes(1);
  EXPECT_EQ(one, hashes(1));
  EXPECT_EQ(one, hashes(2));
}

TEST(Gate, WhoFloodsIsEndedAndTheOthersOfItsAddressPlayOn) {
  SimWorldOptions options = Options(8);
  options.zone.session.address_players = 4;
  SimWorld world(options);
  constexpr uint32_t kHome = 0x0a000001;
  std::vector<std::unique_ptr<SimCheater>> floods;
  // Honest neighbours: the style that only acts has honest inputs; nobody's address is this
  // machine's.
  SimCheater neighbour(world, "neighbour", CheatStyle::kActions, kHome);
  for (int i = 0; i < 6; ++i)
    floods.push_back(std::make_unique<SimCheater>(world, "flood " + std::to_string(i),
                                                  CheatStyle::kSpam, kHome));
  for (int tick = 0; tick < 90; ++tick) {
    neighbour.Act(3);
    for (auto& flood : floods) flood->Act(3);
    world.Step();
  }
  for (auto& flood : floods) {
    EXPECT_TRUE(flood->gone());
    EXPECT_EQ(flood->reason(), DisconnectReason::kRateLimited);
  }
  EXPECT_FALSE(neighbour.gone());
  EXPECT_GT(world.zone().session_stats().ignored_messages.Get(), 0u);
}

}  // namespace
}  // namespace bluemarble::support
