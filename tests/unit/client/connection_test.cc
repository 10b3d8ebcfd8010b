// Without a server: what a connection does while it cannot get in.
#include "bluemarble/connection.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "client/backoff.h"
#include "client/resend.h"

namespace bluemarble {
namespace {

constexpr int64_t kMs = 1'000'000;

JoinResult Failing(RequestFailure failure, int retry_after_ms = 0) {
  JoinResult result;
  result.failure = failure;
  result.retry_after_ms = retry_after_ms;
  result.error = "no";
  return result;
}

/// Polls at `now_ns` until the join under way has been answered.
void PollUntilJoined(Connection& connection, int64_t now_ns) {
  connection.Poll(now_ns);
  while (connection.state() == ConnectionState::kJoining) {
    std::this_thread::yield();
    connection.Poll(now_ns);
  }
}

TEST(Backoff, IsARandomPartOfASpanThatDoublesUpToItsEnd) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    client::Backoff backoff(2000, 10'000, seed);
    for (const int64_t span : {2000, 4000, 8000, 10'000, 10'000}) {
      const int64_t wait = backoff.NextMs(0);
      EXPECT_GE(wait, 0);
      EXPECT_LT(wait, span);
    }
    backoff.Reset();
    EXPECT_LT(backoff.NextMs(0), 2000);
  }
}

TEST(Backoff, SpreadsACrowdOverTheWholeSpan) {
  int early = 0, late = 0;
  for (uint64_t seed = 1; seed <= 1000; ++seed) {
    const int64_t wait = client::Backoff(2000, 10'000, seed).NextMs(0);
    early += wait < 500 ? 1 : 0;
    late += wait >= 1500 ? 1 : 0;
  }
  EXPECT_NEAR(early, 250, 60);
  EXPECT_NEAR(late, 250, 60);
}

TEST(Backoff, KeepsToWhatTheServerSaid) {
  client::Backoff backoff(2000, 10'000, 1);
  for (int i = 0; i < 5; ++i) {
    const int64_t wait = backoff.NextMs(3000);
    EXPECT_GE(wait, 3000);
    EXPECT_LE(wait, 3250);
  }
}

TEST(Connection, TriesAgainWhenTheServerDoesNotAnswerOrSaysLater) {
  RequestPool pool(1);
  std::atomic<int> joins{0};
  Connection connection(
      [&joins] {
        return ++joins == 1 ? Failing(RequestFailure::kUnreachable)
                            : Failing(RequestFailure::kBusy, 3000);
      },
      pool, {.first_wait_ms = 100, .most_wait_ms = 100});
  connection.Start(0);
  EXPECT_EQ(connection.state(), ConnectionState::kJoining);
  PollUntilJoined(connection, 1000 * kMs);
  ASSERT_EQ(connection.state(), ConnectionState::kWaiting);
  EXPECT_EQ(connection.join_failure(), RequestFailure::kUnreachable);
  EXPECT_FALSE(connection.reconnecting());  // was never in
  EXPECT_LE(connection.next_try_ns(), 1100 * kMs);
  EXPECT_EQ(connection.NextDueNs(), connection.next_try_ns());
  PollUntilJoined(connection, 1200 * kMs);
  EXPECT_EQ(joins, 2);
  ASSERT_EQ(connection.state(), ConnectionState::kWaiting);
  EXPECT_GE(connection.next_try_ns(), 4200 * kMs);
  connection.Poll(4199 * kMs);
  EXPECT_EQ(connection.state(), ConnectionState::kWaiting);
  EXPECT_EQ(joins, 2);
}

TEST(Connection, StopsWhereTryingAgainIsHopeless) {
  for (const RequestFailure failure : {RequestFailure::kDenied, RequestFailure::kRefused}) {
    RequestPool pool(1);
    Connection connection([failure] { return Failing(failure); }, pool);
    connection.Start(0);
    PollUntilJoined(connection, kMs);
    EXPECT_EQ(connection.state(), ConnectionState::kStopped);
    EXPECT_EQ(connection.join_failure(), failure);
    EXPECT_EQ(connection.error(), "no");
    EXPECT_EQ(connection.NextDueNs(), INT64_MAX);
  }
}

TEST(Connection, WithoutReconnectingWaitsOnlyWhenItIsAskedTo) {
  RequestPool pool(1);
  Connection away([] { return Failing(RequestFailure::kUnreachable); }, pool, {.reconnect = false});
  Connection full([] { return Failing(RequestFailure::kBusy); }, pool, {.reconnect = false});
  Connection busy([] { return Failing(RequestFailure::kBusy, 500); }, pool, {.reconnect = false});
  for (Connection* connection : {&away, &full, &busy}) {
    connection->Start(0);
    PollUntilJoined(*connection, kMs);
  }
  EXPECT_EQ(away.state(), ConnectionState::kStopped);
  EXPECT_EQ(full.state(), ConnectionState::kStopped);
  EXPECT_EQ(busy.state(), ConnectionState::kWaiting);
}

TEST(Connection, TriesAgainWhenNobodyAnswersAtTheAddressOfTheTicket) {
  RequestPool pool(1);
  Connection connection(
      [] {
        JoinResult result;
        result.ok = true;
        result.ticket.address = "not an address";
        return result;
      },
      pool);
  connection.Start(0);
  PollUntilJoined(connection, kMs);
  EXPECT_EQ(connection.state(), ConnectionState::kWaiting);
  EXPECT_EQ(connection.reason(), DisconnectReason::kInternal);
}

TEST(Connection, MayGoWhileAJoinIsUnderWay) {
  std::atomic<bool> go{false}, asked{false};
  RequestPool pool(1);
  {
    Connection connection(
        [&] {
          asked = true;
          while (!go) std::this_thread::yield();
          return Failing(RequestFailure::kUnreachable);
        },
        pool);
    connection.Start(0);
    while (!asked) std::this_thread::yield();
    connection.Disconnect();
    EXPECT_EQ(connection.state(), ConnectionState::kStopped);
  }
  go = true;
}

TEST(Resend, NamesNoEntityOfAnEarlierLifeOfTheServer) {
  Action give;
  give.kind = ActionKind::kGive;
  give.key[0] = 1;
  give.entity_id = 77;
  give.gold = 5;
  for (const bool resumed : {true, false}) {
    client::Resend resend;
    resend.Keep({give});
    resend.Keep({give});  // known already
    resend.Begin(resumed, 0);
    ASSERT_EQ(resend.kept().size(), 1u);
    EXPECT_EQ(resend.kept()[0].entity_id, resumed ? 77u : 0u);
    EXPECT_EQ(resend.kept()[0].gold, 5);
    EXPECT_EQ(resend.kept()[0].key, give.key);
  }
}

}  // namespace
}  // namespace bluemarble
