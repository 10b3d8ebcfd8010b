// A player with an account on a real, sealed zoned: address changes, outages, restarts, second
// logins.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bluemarble/account.h"
#include "bluemarble/connection.h"
#include "core/clock.h"
#include "zoned_process.h"

namespace bluemarble::support {
namespace {

constexpr int64_t kMs = 1'000'000;

int64_t NowNs() { return core::SystemClock().NowNs(); }

const std::vector<std::string> kSealed = {
    "--set", "net.security=sealed",     "--set", "auth.mode=development",
    "--set", "auth.hash_memory_kib=64", "--set", "auth.hash_passes=1"};

struct Online {
  Online(const ZonedProcess& zoned, const std::string& name)
      : account(std::make_shared<Account>(zoned.http())),
        connection([this, held = account] { return reachable ? held->Join() : Unreachable(); },
                   pool, {.first_wait_ms = 200, .most_wait_ms = 500}) {
    const AccountResult in = account->LogIn(name, "a good password");
    EXPECT_TRUE(in.ok) << in.error;
    connection.Start(NowNs());
  }
  static JoinResult Unreachable() {
    JoinResult result;
    result.failure = RequestFailure::kUnreachable;
    return result;
  }
  /// Polls until `done`; false when the time is up.
  template <typename Done>
  bool Until(const Done& done, int timeout_ms = 10'000) {
    const int64_t end_ns = NowNs() + timeout_ms * kMs;
    while (!done()) {
      if (NowNs() > end_ns) return false;
      connection.Poll(NowNs());
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }
  bool UntilPlaying(int timeout_ms = 10'000) {
    return Until(
        [this] {
          return connection.state() == ConnectionState::kPlaying &&
                 connection.client().inventory_known();
        },
        timeout_ms);
  }
  Client& client() { return connection.client(); }

  std::atomic<bool> reachable{true};
  std::shared_ptr<Account> account;
  RequestPool pool{1};
  Connection connection;
};

TEST(ReconnectionOfSealed, ASessionSurvivesAnotherAddress) {
  ZonedProcess zoned;
  ASSERT_TRUE(zoned.StartReady(kSealed)) << zoned.output();
  Online ann(zoned, "ann");
  ASSERT_TRUE(ann.UntilPlaying()) << ann.connection.error();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(ann.client().Rebind());
    const uint64_t snapshots = ann.client().stats().snapshots;
    ASSERT_TRUE(ann.Until([&] { return ann.client().stats().snapshots > snapshots + 20; })) << i;
  }
  EXPECT_EQ(ann.connection.times_lost(), 0u);
  EXPECT_EQ(ann.connection.connects(), 1u);
  double moved = 0;
  for (const std::string host : {"0", "1"}) {
    const double here =
        zoned.Metric("net_seal_events_total{host=\"" + host + "\",reason=\"path_moved\"}");
    moved += std::max(0.0, here);
  }
  EXPECT_EQ(moved, 3);
}

TEST(ReconnectionOfSealed, AnOutageOfTwentySecondsIsResumedAndAnActionAnsweredOnce) {
  ZonedProcess zoned;
  ASSERT_TRUE(zoned.StartReady(kSealed)) << zoned.output();
  Online ann(zoned, "ann");
  ASSERT_TRUE(ann.UntilPlaying()) << ann.connection.error();
  const uint32_t entity = ann.client().own().id;
  ASSERT_FALSE(ann.client().inventory().empty());
  const size_t items = ann.client().inventory().size();

  Action drop;
  drop.kind = ActionKind::kDrop;
  drop.items = {ann.client().inventory()[0].item_id};
  const ActionKey key = ann.client().Act(drop);
  ASSERT_NE(key, ActionKey{});
  ann.connection.Poll(NowNs());  // it leaves; its answer finds nobody
  ann.client().GoDark(INT64_MAX);
  ann.reachable = false;
  const int64_t dark_ns = NowNs();
  ASSERT_TRUE(ann.Until([&] { return ann.connection.reconnecting(); }));
  EXPECT_EQ(ann.connection.reason(), DisconnectReason::kTimeout);
  ASSERT_FALSE(ann.Until([&] { return ann.connection.state() == ConnectionState::kPlaying; },
                         static_cast<int>(20'000 - (NowNs() - dark_ns) / kMs)));
  EXPECT_EQ(ann.connection.unanswered().size(), 1u);
  ann.reachable = true;
  const int64_t back_ns = NowNs();
  ASSERT_TRUE(ann.UntilPlaying()) << ann.connection.error();
  EXPECT_LT(NowNs() - back_ns, 2000 * kMs);
  EXPECT_TRUE(ann.client().resumed());
  EXPECT_EQ(ann.client().own().id, entity);
  EXPECT_EQ(ann.client().inventory().size(), items - 1);

  ActionAnswer answer;
  ASSERT_TRUE(ann.Until([&] { return ann.connection.NextAnswer(answer); }));
  EXPECT_EQ(answer.key, key);
  EXPECT_EQ(answer.outcome, ActionOutcome::kOk);
  EXPECT_TRUE(answer.repeated);
  ASSERT_FALSE(ann.Until([&] { return ann.connection.NextAnswer(answer); }, 500));
  EXPECT_TRUE(ann.connection.unanswered().empty());
}

TEST(ReconnectionOfSealed, AfterACrashTheClientLearnsInThreeSecondsAndComesBack) {
  ZonedProcess zoned;
  ASSERT_TRUE(zoned.StartReady(kSealed)) << zoned.output();
  Online ann(zoned, "ann");
  ASSERT_TRUE(ann.UntilPlaying()) << ann.connection.error();
  const int64_t player_id = ann.client().player_id();
  zoned.Signal(SIGKILL);
  zoned.WaitForEnd();
  ASSERT_TRUE(zoned.StartReady(kSealed)) << zoned.output();
  const int64_t up_ns = NowNs();
  ASSERT_TRUE(ann.Until([&] { return ann.connection.times_lost() == 1; }));
  EXPECT_LT(NowNs() - up_ns, 3000 * kMs);
  EXPECT_EQ(ann.connection.reason(), DisconnectReason::kSessionUnknown)
      << DisconnectReasonName(ann.connection.reason());
  ASSERT_TRUE(ann.UntilPlaying()) << ann.connection.error();
  EXPECT_FALSE(ann.client().resumed());
  EXPECT_EQ(ann.client().player_id(), player_id);
}

TEST(ReconnectionOfSealed, WhoIsToldThatTheServerStopsComesBackToTheNext) {
  ZonedProcess zoned;
  ASSERT_TRUE(zoned.StartReady(kSealed)) << zoned.output();
  Online ann(zoned, "ann");
  ASSERT_TRUE(ann.UntilPlaying()) << ann.connection.error();
  zoned.Signal(SIGTERM);
  ASSERT_TRUE(ann.Until([&] { return ann.connection.times_lost() == 1; }, 3000));
  EXPECT_EQ(ann.connection.reason(), DisconnectReason::kServerStopping);
  zoned.WaitForEnd();
  ASSERT_TRUE(zoned.StartReady(kSealed)) << zoned.output();
  EXPECT_TRUE(ann.UntilPlaying()) << ann.connection.error();
}

TEST(ReconnectionOfSealed, ASecondLoginTakesOverAndTheFirstStays) {
  ZonedProcess zoned;
  ASSERT_TRUE(zoned.StartReady(kSealed)) << zoned.output();
  Online first(zoned, "ann");
  ASSERT_TRUE(first.UntilPlaying()) << first.connection.error();
  const uint32_t entity = first.client().own().id;
  Online second(zoned, "ann");
  ASSERT_TRUE(second.UntilPlaying()) << second.connection.error();
  EXPECT_EQ(second.client().own().id, entity);
  ASSERT_TRUE(first.Until([&] { return first.connection.state() == ConnectionState::kStopped; }));
  EXPECT_EQ(first.connection.reason(), DisconnectReason::kReplaced);
  EXPECT_EQ(second.connection.state(), ConnectionState::kPlaying);
}

TEST(ReconnectionOfSealed, NobodyJoinsASealedZoneByNameAlone) {
  ZonedProcess zoned;
  ASSERT_TRUE(zoned.StartReady(kSealed)) << zoned.output();
  const JoinResult join = Join(zoned.http(), "ann");
  EXPECT_FALSE(join.ok);
  EXPECT_EQ(join.failure, RequestFailure::kDenied);
  Account nobody(zoned.http());
  EXPECT_EQ(nobody.Join().failure, RequestFailure::kDenied);
}

TEST(ReconnectionOfSealed, AnAccountGoesOnWithItsRefreshTokenUntilItIsLoggedOut) {
  ZonedProcess zoned;
  ASSERT_TRUE(zoned.StartReady(kSealed)) << zoned.output();
  Account first(zoned.http());
  ASSERT_TRUE(first.LogIn("ann", "a good password").ok);
  EXPECT_EQ(first.name(), "ann");
  EXPECT_EQ(Account(zoned.http()).LogIn("ann", "another one!").failure, RequestFailure::kDenied);
  const std::string kept = first.refresh_token();
  Account later(zoned.http());
  ASSERT_TRUE(later.Resume(kept).ok);
  EXPECT_NE(later.refresh_token(), kept);
  EXPECT_EQ(later.name(), "ann");
  EXPECT_TRUE(later.Join().ok);
  EXPECT_TRUE(later.LogOut().ok);
  EXPECT_FALSE(later.logged_in());
  EXPECT_EQ(later.Join().failure, RequestFailure::kDenied);
}

}  // namespace
}  // namespace bluemarble::support
