#include "client/session_core.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "core/hash.h"
#include "geo/planet.h"

namespace bluemarble::client {
namespace {

constexpr int kHz = 30;
constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kTickNs = kSecond / kHz;
constexpr core::Tick kFirstTick = 70'000;

struct Sent {
  net::Channel channel;
  std::vector<std::byte> bytes;
};

class RecordingLink final : public Link {
 public:
  void Send(net::Channel channel, std::span<const std::byte> bytes) override {
    sent.push_back({channel, {bytes.begin(), bytes.end()}});
  }
  void Close(uint32_t reason) override { closed = reason; }

  std::vector<protocol::InputMessage> Inputs() const {
    std::vector<protocol::InputMessage> inputs;
    for (const Sent& message : sent)
      if (message.channel == net::Channel::kUnreliable)
        inputs.push_back(protocol::DecodeInput(message.bytes).value());
    return inputs;
  }
  std::vector<Sent> sent;
  std::optional<uint32_t> closed;
};

protocol::Welcome MakeWelcome() {
  protocol::Welcome welcome;
  welcome.entity_id = 77;
  welcome.tick = kFirstTick;
  welcome.tick_hz = kHz;
  welcome.position = geo::ToEcef({13.4, 52.5, 0});
  welcome.max_speed_mps = 7;
  welcome.acceleration_mps2 = 20;
  welcome.class_radius_m = {50, 300, 1000};
  welcome.class_period_ticks = {1, 3, 15};
  welcome.shard_id = "test";
  return welcome;
}

std::vector<std::byte> Snapshot(const protocol::PrivateBlock& own, bool bad_part = false) {
  std::vector<std::byte> bytes(1200);
  protocol::SnapshotWriter writer;
  EXPECT_TRUE(writer.Begin(own, {}, bytes).ok());
  if (bad_part) {
    protocol::PartHeader header;
    header.leaf = geo::NodeKey::At(geo::ToGrid(MakeWelcome().position), 16);
    header.base_age = 3;  // a base that nobody was ever sent
    const std::array<std::byte, 8> payload{};
    EXPECT_TRUE(writer.AddPart(header, payload));
  }
  bytes.resize(writer.size_bytes());
  return bytes;
}

class ClientCoreTest : public ::testing::Test {
 protected:
  void Login(const ClientOptions& options = {}) {
    core_.emplace(options, link_);
    core_->Start("ada", now_);
    core_->OnConnected(now_);
    core_->OnMessage(net::Channel::kReliable,
                     protocol::Encode(protocol::ServerControl(MakeWelcome())), now_);
    ASSERT_EQ(core_->state(), ClientState::kPlaying);
    link_.sent.clear();
  }
  protocol::PrivateBlock Own(core::Tick tick) {
    protocol::PrivateBlock own;
    own.sequence = sequence_ = protocol::NextSequence(sequence_);
    own.tick = static_cast<uint32_t>(tick);
    own.health = 100;
    own.input_depth = 2;
    return own;
  }
  void Give(const std::vector<std::byte>& snapshot) {
    core_->OnMessage(net::Channel::kUnreliable, snapshot, now_);
  }
  // Server ticks pass, each with a snapshot that says nothing.
  void Pass(int ticks) {
    for (int i = 0; i < ticks; ++i) {
      now_ += kTickNs;
      Give(Snapshot(Own(++tick_)));
      core_->Tick(now_);
    }
  }

  RecordingLink link_;
  std::optional<ClientCore> core_;
  int64_t now_ = 100 * kSecond;
  uint16_t sequence_ = 0;
  core::Tick tick_ = kFirstTick;
};

TEST_F(ClientCoreTest, SendsTheTokenAndTheWantedPlaceOnceConnected) {
  ClientOptions options;
  options.spawn = GeoPosition{13.4, 52.5, 30};
  core_.emplace(options, link_);
  core_->Start("ada", now_);
  core_->Tick(now_);
  EXPECT_TRUE(link_.sent.empty());
  core_->OnConnected(now_);
  ASSERT_EQ(link_.sent.size(), 1u);
  const auto control = protocol::DecodeClientControl(link_.sent[0].bytes);
  ASSERT_TRUE(control.ok());
  const auto& login = std::get<protocol::Login>(*control);
  EXPECT_EQ(login.token, "ada");
  EXPECT_EQ(login.protocol_version, kProtocolVersion);
  ASSERT_TRUE(login.spawn.has_value());
  EXPECT_EQ(login.spawn->lat_deg, 52.5);
}

TEST_F(ClientCoreTest, EndsWithReasonTextAndRedirectWhenRefused) {
  core_.emplace(ClientOptions{}, link_);
  core_->Start("ada", now_);
  core_->OnConnected(now_);
  const protocol::Refused refused{DisconnectReason::kWrongShard, "not here",
                                  "http://127.0.0.1:8081", 0, 0};
  core_->OnMessage(net::Channel::kReliable, protocol::Encode(protocol::ServerControl(refused)),
                   now_);
  core_->OnDisconnected(static_cast<uint32_t>(DisconnectReason::kWrongShard), now_);
  EXPECT_EQ(core_->state(), ClientState::kEnded);
  EXPECT_EQ(core_->end_reason(), DisconnectReason::kWrongShard);
  EXPECT_EQ(core_->error(), "not here");
  EXPECT_EQ(core_->redirect(), "http://127.0.0.1:8081");
  EXPECT_TRUE(link_.closed.has_value());
}

TEST_F(ClientCoreTest, EndsOnAControlMessageThatIsNoMessage) {
  Login();
  const std::array<std::byte, 3> garbage = {std::byte{0xff}, std::byte{0xff}, std::byte{0xff}};
  core_->OnMessage(net::Channel::kReliable, garbage, now_);
  EXPECT_EQ(core_->state(), ClientState::kEnded);
  EXPECT_EQ(core_->end_reason(), DisconnectReason::kMalformed);
}

TEST_F(ClientCoreTest, GivesUpConnectingAfterFiveSeconds) {
  core_.emplace(ClientOptions{}, link_);
  core_->Start("ada", now_);
  core_->Tick(now_ + 49 * kSecond / 10);
  EXPECT_EQ(core_->state(), ClientState::kConnecting);
  core_->Tick(now_ + 51 * kSecond / 10);
  EXPECT_EQ(core_->state(), ClientState::kEnded);
  EXPECT_EQ(core_->end_reason(), DisconnectReason::kTimeout);
}

TEST_F(ClientCoreTest, WaitsHalfAMinuteForItsTurnInAStormOfLogins) {
  core_.emplace(ClientOptions{}, link_);
  core_->Start("ada", now_);
  core_->OnConnected(now_);
  core_->Tick(now_ + 299 * kSecond / 10);
  EXPECT_EQ(core_->state(), ClientState::kLoggingIn);
  core_->Tick(now_ + 301 * kSecond / 10);
  EXPECT_EQ(core_->end_reason(), DisconnectReason::kTimeout);
}

TEST_F(ClientCoreTest, GivesUpAfterFiveSecondsOfSilence) {
  Login();
  Pass(10);
  core_->Tick(now_ + 49 * kSecond / 10);
  EXPECT_EQ(core_->state(), ClientState::kPlaying);
  core_->Tick(now_ + 51 * kSecond / 10);
  EXPECT_EQ(core_->end_reason(), DisconnectReason::kTimeout);
}

TEST_F(ClientCoreTest, SaysGoodbyeWhenItQuits) {
  Login();
  core_->Quit();
  ASSERT_EQ(link_.sent.size(), 1u);
  const auto control = protocol::DecodeClientControl(link_.sent[0].bytes);
  EXPECT_TRUE(std::holds_alternative<protocol::ClientGoodbye>(*control));
  EXPECT_EQ(core_->end_reason(), DisconnectReason::kClientQuit);
}

TEST_F(ClientCoreTest, SendsAnUnchangedCommandTenTimesASecond) {
  Login();
  Pass(30);
  link_.sent.clear();
  Pass(300);
  EXPECT_NEAR(static_cast<double>(link_.Inputs().size()), 100, 3);
}

TEST_F(ClientCoreTest, SendsAChangedCommandOnThreeConsecutiveTicks) {
  Login();
  Pass(60);
  core_->SetInput({.move_east = 1});
  link_.sent.clear();
  Pass(3);
  const auto inputs = link_.Inputs();
  ASSERT_EQ(inputs.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(inputs[i].newest_tick, inputs[0].newest_tick + i);
    EXPECT_EQ(inputs[i].commands[i].move_east, 127);
    EXPECT_EQ(inputs[i].commands[i + 1].move_east, 0);
    EXPECT_GE(inputs[i].count, kMinInputCommands);
  }
  link_.sent.clear();
  Pass(2);
  EXPECT_TRUE(link_.Inputs().empty());
}

TEST_F(ClientCoreTest, StampsCommandsAheadOfTheServersTick) {
  Login();
  Pass(90);
  const auto inputs = link_.Inputs();
  EXPECT_GT(inputs.back().newest_tick, static_cast<uint32_t>(tick_));
}

TEST_F(ClientCoreTest, PutsTheDigestOfItsPredictionIntoEachInput) {
  Login();
  Pass(5);
  core_->SetInput({.move_east = 0.5, .move_north = -0.25, .yaw_turns = 0.5});
  Pass(60);
  // The same by hand, from the commands as they were sent.
  std::map<uint32_t, protocol::Command> commands;
  for (const auto& input : link_.Inputs())
    for (int i = 0; i < input.count; ++i)
      commands[input.newest_tick - static_cast<uint32_t>(i)] =
          input.commands[static_cast<size_t>(i)];
  const protocol::Welcome welcome = MakeWelcome();
  motion::MotionState state{welcome.position, {}, 0, 0};
  const auto newest = link_.Inputs().back();
  for (auto t = static_cast<uint32_t>(kFirstTick + 1); t <= newest.newest_tick; ++t) {
    const protocol::Command c = commands[t];
    state = motion::Step(state, {c.move_east, c.move_north, c.yaw, c.buttons}, {7, 20}, 1.0 / kHz);
  }
  EXPECT_EQ(newest.digest, motion::PositionDigest(state.position));
  EXPECT_GT(Length(state.position - welcome.position), 3);
}

TEST_F(ClientCoreTest, CountsACorrectionAndReplaysIt) {
  Login();
  core_->SetInput({.move_east = 1});
  Pass(60);
  const core::Tick at = tick_;
  const Vector3 mine = *core_->OwnPositionAt(at);
  protocol::PrivateBlock own = Own(++tick_ - 1);
  own.exact = true;
  own.position = {mine.x, mine.y, mine.z + 0.3};
  own.velocity = core_->player().StateAt(at)->velocity;
  Give(Snapshot(own));
  EXPECT_EQ(core_->stats().corrections, 1u);
  EXPECT_NEAR(core_->stats().last_correction_m, 0.3, 1e-6);
  EXPECT_NEAR(core_->own().predicted.z - core_->own().position.z, 0.3, 0.3);  // blended, not jumped
  EXPECT_NEAR(core_->OwnPositionAt(at)->z, mine.z + 0.3, 1e-9);
}

TEST_F(ClientCoreTest, TakesAConfirmedTickAsTheServersPosition) {
  Login();
  core_->SetInput({.move_east = 1});
  Pass(60);
  protocol::PrivateBlock own = Own(++tick_);
  own.confirmed = true;
  own.confirmed_age = 4;
  Give(Snapshot(own));
  EXPECT_EQ(core_->own().confirmed_tick, tick_ - 4);
  EXPECT_EQ(core_->own().confirmed.x, core_->OwnPositionAt(tick_ - 4)->x);
  EXPECT_EQ(core_->stats().corrections, 0u);
}

TEST_F(ClientCoreTest, DoesNotAckASnapshotThatItCannotDecode) {
  Login();
  Give(Snapshot(Own(tick_ + 1)));
  Give(Snapshot(Own(tick_ + 2), /*bad_part=*/true));
  EXPECT_EQ(core_->acks().newest(), 1);
  EXPECT_EQ(core_->stats().missing_base, 1u);
  Give(Snapshot(Own(tick_ + 3)));
  EXPECT_EQ(core_->acks().newest(), 3);
  EXPECT_EQ(core_->acks().bits(), 0b10u);
}

TEST_F(ClientCoreTest, AcksEverythingWhenItDoesNotDecode) {
  ClientOptions options;
  options.decode = false;
  Login(options);
  Give(Snapshot(Own(tick_ + 1)));
  Give(Snapshot(Own(tick_ + 2), /*bad_part=*/true));
  EXPECT_EQ(core_->acks().newest(), 2);
  EXPECT_EQ(core_->acks().bits(), 0b1u);
  EXPECT_EQ(core_->replica(), nullptr);
}

TEST_F(ClientCoreTest, CountsMalformedSnapshotsAndGoesOn) {
  Login();
  auto bytes = Snapshot(Own(tick_ + 1));
  for (size_t size = 0; size < bytes.size(); ++size)
    Give({bytes.begin(), bytes.begin() + static_cast<long>(size)});
  EXPECT_EQ(core_->stats().malformed, bytes.size());
  EXPECT_EQ(core_->state(), ClientState::kPlaying);
}

TEST_F(ClientCoreTest, IgnoresSnapshotsThatWereOvertakenForTooLong) {
  Login();
  const core::Tick first = tick_;
  protocol::PrivateBlock late = Own(first + 36), too_late = Own(first + 35);
  Give(Snapshot(Own(first + 100)));
  EXPECT_EQ(core_->stats().snapshots, 1u);
  Give(Snapshot(late));
  EXPECT_EQ(core_->stats().snapshots, 2u);
  Give(Snapshot(too_late));
  EXPECT_EQ(core_->stats().snapshots, 2u);
  EXPECT_EQ(core_->stats().overtaken, 1u);
  EXPECT_FALSE(core_->acks().Contains(too_late.sequence));
}

TEST_F(ClientCoreTest, DropsSnapshotsThatOvertakeTheWelcome) {
  core_.emplace(ClientOptions{}, link_);
  core_->Start("ada", now_);
  core_->OnConnected(now_);
  Give(Snapshot(Own(5)));
  EXPECT_EQ(core_->stats().snapshots, 0u);
  EXPECT_EQ(core_->acks().newest(), 0);
}

TEST_F(ClientCoreTest, IsDueAgainAtTheNextKeepAlive) {
  Login();
  Pass(60);
  while (core_->NextDueNs() - now_ < 90'000'000) Pass(1);
  EXPECT_LE(core_->NextDueNs() - now_, 140'000'000);
  core_->SetInput({.move_east = 1});
  EXPECT_LE(core_->NextDueNs() - now_, 2 * kTickNs);
}

// A path with delay and jitter to a server that buffers commands, over which the lead must settle.
struct PathCase {
  int one_way_ms, jitter_ms;
};
class LeadSteering : public ClientCoreTest, public ::testing::WithParamInterface<PathCase> {};

TEST_P(LeadSteering, GetsCommandsThereInTimeButNotTooEarly) {
  const auto [one_way_ms, jitter_ms] = GetParam();
  constexpr uint64_t kSeed = 5;
  core::Random random(kSeed);
  std::multimap<int64_t, std::vector<std::byte>> up, down;
  auto delay = [&] {
    return (one_way_ms + static_cast<int64_t>(random.Below(static_cast<uint64_t>(jitter_ms + 1)))) *
           1'000'000;
  };
  Login();
  const int64_t start = now_;
  uint32_t newest = 0;
  int late = 0, judged = 0;
  double depth_sum = 0;
  for (int64_t ms = 1; ms < 20'000; ++ms) {
    now_ = start + ms * 1'000'000;
    while (!up.empty() && up.begin()->first <= now_) {
      const auto input = protocol::DecodeInput(up.begin()->second).value();
      up.erase(up.begin());
      newest = std::max(newest, input.newest_tick);
      if (ms < 5'000) continue;
      ++judged;
      if (input.newest_tick <= static_cast<uint32_t>(tick_)) ++late;
      depth_sum += static_cast<double>(input.newest_tick) - static_cast<double>(tick_);
    }
    if (now_ >= start + static_cast<int64_t>(tick_ + 1 - kFirstTick) * kTickNs) {
      protocol::PrivateBlock own = Own(++tick_);
      own.input_depth = static_cast<int8_t>(
          std::clamp(static_cast<int>(newest - static_cast<uint32_t>(tick_)), -127, 127));
      if (newest == 0) own.input_depth = -127;
      down.emplace(now_ + delay(), Snapshot(own));
    }
    while (!down.empty() && down.begin()->first <= now_) {
      Give(down.begin()->second);
      down.erase(down.begin());
    }
    if (ms % 11 == 0) core_->Tick(now_);
    for (const Sent& sent : link_.sent) up.emplace(now_ + delay(), sent.bytes);
    link_.sent.clear();
  }
  ASSERT_GT(judged, 100);
  EXPECT_LE(late, judged / 100);
  EXPECT_GT(depth_sum / judged, 1.0);
  EXPECT_LT(depth_sum / judged, 4.5);
}
INSTANTIATE_TEST_SUITE_P(Paths, LeadSteering,
                         ::testing::Values(PathCase{0, 0}, PathCase{20, 10}, PathCase{60, 40},
                                           PathCase{200, 20}));

}  // namespace
}  // namespace bluemarble::client
