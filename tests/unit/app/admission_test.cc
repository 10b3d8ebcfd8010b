#include "app/admission.h"
#include "app/play_sockets.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace bluemarble::app {
namespace {

/// A store of which only the readiness is asked.
class StoreFake final : public persistence::DurableQueue {
 public:
  core::Status RequestLogin(const persistence::LoginRequest&) override { return {}; }
  core::Status AppendEvent(const persistence::PlayerEventRequest&) override { return {}; }
  core::Status RequestAction(const persistence::ActionRequest&) override { return {}; }
  core::Status RequestWorldItems(uint64_t) override { return {}; }
  core::Status ReserveTicks(core::Tick) override { return {}; }
  core::Status SavePositions(std::span<const persistence::PositionSave>) override { return {}; }
  core::Status AppendNote(const persistence::NoteRequest&) override { return {}; }
  bool NextCompletion(persistence::Completion&) override { return false; }
  bool ready() const override { return is_ready; }
  bool is_ready = true;
};

struct AdmissionTest : testing::Test {
  AdmissionTest() {
    net::NetSettings settings;
    settings.security = "plain";
    settings.port = 0;
    settings.hosts = 1;
    settings.max_peers_per_host = 8;
    auto opened = net::EnetTransport::Open(settings, clock);
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    transport = std::move(*opened);
  }
  Admission Make() {
    return {*transport,
            sessions,
            presence,
            store,
            overloaded,
            clock,
            "127.0.0.1",
            {.max_players = 2,
             .max_pending = 16,
             .max_peers_per_host = 8,
             .entries_per_s = 0.01,
             .token_life_s = 60}};
  }
  static core::Code Ask(Admission& admission) {
    return admission.Join({.name = "ann", .remote_address = "::1"}).status().code();
  }

  core::SystemClock clock;
  std::unique_ptr<net::EnetTransport> transport;
  session::SessionStats sessions;
  session::Presence presence{4};
  StoreFake store;
  core::Counter overloaded;
};

TEST_F(AdmissionTest, AnswersWithThePortOfAHost) {
  Admission admission = Make();
  const auto answer = admission.Join({.name = "ann", .remote_address = "::1"});
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.value().port, transport->port(0));
  EXPECT_EQ(answer.value().token, "ann");
  EXPECT_EQ(answer.value().security, "plain");
}

TEST_F(AdmissionTest, WhoWantsAWebSocketGetsItsPathWhereThereAreSome) {
  Admission admission = Make();
  const api::JoinRequest wanted{.name = "ann", .remote_address = "::1", .websocket = true};
  EXPECT_EQ(admission.Join(wanted).status().code(), core::Code::kInvalid);
  net::StreamTransport streams(
      net::NetSettings{},
      net::StreamTransport::Shape{.host = 1, .slots = 4, .max_unreliable_bytes = 1000}, clock);
  admission.Offer(streams);
  const auto answer = admission.Join(wanted);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->path, "/v1/play");
  EXPECT_EQ(answer->port, 0);
}

TEST(PlaySockets, AddressesOfClientsAreTold) {
  EXPECT_EQ(AddressOf("192.0.2.1"), 0xc0000201u);
  EXPECT_EQ(AddressOf("::ffff:192.0.2.1"), 0xc0000201u);
  EXPECT_EQ(AddressOf("2001:db8:1:2:3:4:5:6"), AddressOf("2001:db8:1:2::1"));
  EXPECT_NE(AddressOf("2001:db8:1:2::1"), AddressOf("2001:db8:1:3::1"));
  EXPECT_EQ(AddressOf("2001:db8::1") >> 28, 0xfu);
  EXPECT_EQ(AddressOf("somebody"), 0u);
}

TEST_F(AdmissionTest, LetsNobodyElseIntoAZoneWithoutReliefLeft) {
  Admission admission = Make();
  presence.Set(1, 77, persistence::PlayerName::From("ann"));
  overloaded.Set(1);
  const auto refused = admission.Join({.name = "bob", .remote_address = "::1"});
  EXPECT_EQ(refused.status().code(), core::Code::kFull);
  EXPECT_NE(refused.status().ToString().find("tick.max_dilation_pct"), std::string::npos);
  EXPECT_EQ(admission.overload_refused().Get(), 1u);
  EXPECT_EQ(Ask(admission), core::Code::kOk) << "who is in play comes back";
}

TEST_F(AdmissionTest, CountsWhatSeveralApiThreadsRefuse) {
  constexpr int kThreads = 4;
  constexpr int kJoins = 50'000;
  Admission admission = Make();
  overloaded.Set(1);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&admission] {
      for (int join = 0; join < kJoins; ++join) Ask(admission);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(admission.overload_refused().Get(), uint64_t{kThreads} * kJoins);
}

TEST_F(AdmissionTest, TellsACrowdToComeBackLaterOneAfterAnother) {
  Admission admission = Make();
  const auto ask = [&] {
    return admission.Join({.name = "ann", .remote_address = "::1"})->wait_ms;
  };
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(), 0) << i;
  EXPECT_GT(ask(), 0);
  EXPECT_GT(ask(), 0);
  EXPECT_EQ(admission.paced().Get(), 2u);
}

TEST_F(AdmissionTest, SendsNobodyToAZoneWhoseStoreIsNotReady) {
  Admission admission = Make();
  store.is_ready = false;
  EXPECT_EQ(Ask(admission), core::Code::kUnavailable);
  store.is_ready = true;
  EXPECT_EQ(Ask(admission), core::Code::kOk);
}

TEST_F(AdmissionTest, WhoIsInPlayMayComeAgainToAFullZone) {
  Admission admission = Make();
  sessions.players.Set(2);
  presence.Set(1, 77, persistence::PlayerName::From("bob"));
  EXPECT_EQ(Ask(admission), core::Code::kFull);
  presence.Set(2, 78, persistence::PlayerName::From("ann"));
  EXPECT_EQ(Ask(admission), core::Code::kOk);
  presence.Set(2, 0);
  EXPECT_EQ(Ask(admission), core::Code::kFull);
}

TEST_F(AdmissionTest, AFullZoneIsFullAndAStoppingOneUnavailable) {
  Admission admission = Make();
  sessions.players.Set(2);
  EXPECT_EQ(Ask(admission), core::Code::kFull);
  admission.Stop();
  EXPECT_EQ(Ask(admission), core::Code::kUnavailable);
}

}  // namespace
}  // namespace bluemarble::app
