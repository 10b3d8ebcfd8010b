// The rules on a real embedded database; cheap hashes, time by hand.
#include "services/accounts/accounts.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "account_fixture.h"

namespace bluemarble::accounts {
namespace {

using Kind = Refusal::Kind;
using core::Code;

class AccountsTest : public testing::Test, public AccountFixture {};

TEST_F(AccountsTest, WhoRegistersIsLoggedInAndMayComeAgain) {
  Open();
  const Tokens first = Ok(accounts().Register("Ann", kPassword, "a"));
  EXPECT_EQ(first.identity.name, "Ann");
  const Identity identity = std::get<Identity>(accounts().Authenticate(first.access_token));
  EXPECT_EQ(identity.account_id, first.identity.account_id);
  EXPECT_EQ(identity.name, "Ann");
  const Tokens second = Ok(accounts().LogIn("Ann", kPassword, "a"));
  EXPECT_EQ(second.identity.account_id, first.identity.account_id);
  EXPECT_NE(second.refresh_token, first.refresh_token);
}

TEST_F(AccountsTest, NamesAreTakenWhateverTheirCase) {
  Open();
  Ok(accounts().Register("Ann", kPassword, "a"));
  for (const char* name : {"Ann", "ann", "ANN"})
    EXPECT_EQ(KindOf(accounts().Register(name, kPassword, "a")), Kind::kTaken) << name;
  EXPECT_EQ(Ok(accounts().LogIn("aNN", kPassword, "a")).identity.name, "Ann");
}

TEST_F(AccountsTest, BadNamesAndPasswordsAreRefusedByName) {
  Open();
  const std::pair<std::string, std::string> cases[] = {
      {"", kPassword},          {"a\nb", kPassword},   {" a", kPassword},
      {"admin", kPassword},     {"Server", kPassword}, {std::string(33, 'x'), kPassword},
      {"\xff", kPassword},      {"Ann", "x9$kq"},      {"Ann", std::string(129, 'x')},
      {"password", "PASSWORD"},
  };
  for (const auto& [name, password] : cases) {
    const Answer<Tokens> answer = accounts().Register(name, password, "a");
    ASSERT_TRUE(std::holds_alternative<Refusal>(answer)) << name;
    const Refusal& refusal = std::get<Refusal>(answer);
    EXPECT_EQ(refusal.kind, Kind::kInvalid) << name;
    const bool of_name = password == kPassword;
    EXPECT_TRUE(refusal.message.starts_with(of_name ? "name: " : "password: ")) << refusal.message;
    EXPECT_EQ(refusal.message.find(password), std::string::npos);
  }
}

TEST_F(AccountsTest, UnknownAccountAndWrongPasswordGetTheSameAnswer) {
  Open();
  Ok(accounts().Register("Ann", kPassword, "a"));
  const auto wrong = std::get<Refusal>(accounts().LogIn("Ann", "wrong password", "a"));
  const auto unknown = std::get<Refusal>(accounts().LogIn("Bob", "wrong password", "a"));
  EXPECT_EQ(wrong.kind, Kind::kWrong);
  EXPECT_EQ(unknown.kind, Kind::kWrong);
  EXPECT_EQ(wrong.message, unknown.message);
}

TEST_F(AccountsTest, UnknownAccountAndWrongPasswordTakeTheSameTime) {
  settings_.hash_memory_kib = 4096;  // so long that nothing else matters
  Open();
  Ok(accounts().Register("Ann", kPassword, "a"));
  const auto time_us = [&](const char* name, int i) {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(
        KindOf(accounts().LogIn(name, "wrong password", std::string(name) + std::to_string(i))),
        Kind::kWrong);
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
        .count();
  };
  // By turns and the best of each: other programs may run beside.
  double wrong = 1e9, unknown = 1e9;
  for (int i = 0; i < 15; ++i) {
    wrong = std::min(wrong, time_us("Ann", i));
    unknown = std::min(unknown, time_us("Bob", i));
  }
  // Without the hash for nobody one is ten times the other.
  EXPECT_LT(std::max(wrong, unknown), 2 * std::min(wrong, unknown))
      << "wrong " << wrong << " us, unknown " << unknown << " us";
}

TEST_F(AccountsTest, TooManyFailuresOfAnAddressWaitAndTheOwnerDoesNot) {
  Open();
  Ok(accounts().Register("Ann", kPassword, "home"));
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(KindOf(accounts().LogIn("Ann", "guess", "stranger")), Kind::kWrong);
  const auto limited = std::get<Refusal>(accounts().LogIn("Ann", "guess", "stranger"));
  EXPECT_EQ(limited.kind, Kind::kLimited);
  EXPECT_GE(limited.retry_after_s, 1);
  EXPECT_EQ(KindOf(accounts().LogIn("ANN", kPassword, "stranger")), Kind::kLimited)
      << "the right password too, or guessing would go on";
  Ok(accounts().LogIn("Ann", kPassword, "home"));
  clock_.now_ns += limited.retry_after_s * 1'000'000'000ll;
  Ok(accounts().LogIn("Ann", kPassword, "stranger"));
}

TEST_F(AccountsTest, ARefreshTokenIsGoodForOneUse) {
  Open();
  Tokens tokens = Ok(accounts().Register("Ann", kPassword, "a"));
  for (int i = 0; i < 5; ++i) {
    const Tokens next = Ok(accounts().Refresh(tokens.refresh_token, "a"));
    EXPECT_NE(next.refresh_token, tokens.refresh_token);
    EXPECT_TRUE(std::holds_alternative<Identity>(accounts().Authenticate(next.access_token)));
    tokens = next;
  }
}

TEST_F(AccountsTest, AReusedRefreshTokenEndsTheWholeLoginAndNoOther) {
  Open();
  const Tokens stolen = Ok(accounts().Register("Ann", kPassword, "a"));
  const Tokens other = Ok(accounts().LogIn("Ann", kPassword, "b"));
  const Tokens next = Ok(accounts().Refresh(stolen.refresh_token, "a"));
  EXPECT_EQ(KindOf(accounts().Refresh(stolen.refresh_token, "thief")), Kind::kWrong);
  EXPECT_EQ(KindOf(accounts().Refresh(next.refresh_token, "a")), Kind::kWrong);
  Ok(accounts().Refresh(other.refresh_token, "b"));
  EXPECT_EQ(accounts().stats().reused_tokens.Get(), 1u);
  EXPECT_EQ(EventsOf("Ann").front().kind, persistence::LoginEventKind::kTokenReused);
  EXPECT_EQ(EventsOf("Ann").front().address, "thief");
}

TEST_F(AccountsTest, AForgedRefreshTokenEndsNothing) {
  Open();
  const Tokens tokens = Ok(accounts().Register("Ann", kPassword, "a"));
  for (const std::string& forged :
       {std::string(), std::string("x"), std::string(64, 'A'), std::string(1 << 20, 'A'),
        tokens.refresh_token + "A", tokens.refresh_token.substr(1), tokens.access_token})
    EXPECT_EQ(KindOf(accounts().Refresh(forged, "a")), Kind::kWrong);
  Ok(accounts().Refresh(tokens.refresh_token, "a"));
}

TEST_F(AccountsTest, OfTwoThatRefreshAtOnceOneWins) {
  Open();
  for (int round = 0; round < 20; ++round) {
    const Tokens tokens =
        Ok(accounts().Register("Ann" + std::to_string(round), kPassword, std::to_string(round)));
    std::array<bool, 2> won{};
    {
      std::jthread other([&] {
        won[0] = std::holds_alternative<Tokens>(accounts().Refresh(tokens.refresh_token, "b"));
      });
      won[1] = std::holds_alternative<Tokens>(accounts().Refresh(tokens.refresh_token, "c"));
    }
    EXPECT_NE(won[0], won[1]);
  }
}

TEST_F(AccountsTest, ALoginThatIsNotRefreshedExpires) {
  Open();
  Tokens tokens = Ok(accounts().Register("Ann", kPassword, "a"));
  const int64_t lifetime_ns = settings_.refresh_lifetime_s * 1'000'000'000ll;
  clock_.now_ns += lifetime_ns - 1'000'000'000;
  tokens = Ok(accounts().Refresh(tokens.refresh_token, "a"));
  clock_.now_ns += lifetime_ns;
  EXPECT_EQ(KindOf(accounts().Refresh(tokens.refresh_token, "a")), Kind::kWrong);
  EXPECT_EQ(accounts().stats().reused_tokens.Get(), 0u);
}

TEST_F(AccountsTest, AnAccessTokenExpires) {
  Open();
  const Tokens tokens = Ok(accounts().Register("Ann", kPassword, "a"));
  clock_.now_ns += 929 * 1'000'000'000ll;
  EXPECT_TRUE(std::holds_alternative<Identity>(accounts().Authenticate(tokens.access_token)));
  clock_.now_ns += 2 * 1'000'000'000ll;
  EXPECT_EQ(KindOf(accounts().Authenticate(tokens.access_token)), Kind::kExpired);
}

TEST_F(AccountsTest, LoggingOutEndsTheLoginAndIsNeverRefused) {
  Open();
  const Tokens tokens = Ok(accounts().Register("Ann", kPassword, "a"));
  EXPECT_TRUE(std::holds_alternative<Done>(accounts().LogOut(tokens.refresh_token, "a")));
  EXPECT_EQ(KindOf(accounts().Refresh(tokens.refresh_token, "a")), Kind::kWrong);
  EXPECT_TRUE(std::holds_alternative<Done>(accounts().LogOut(tokens.refresh_token, "a")));
  EXPECT_TRUE(std::holds_alternative<Done>(accounts().LogOut("nonsense", "a")));
}

TEST_F(AccountsTest, TheOldestLoginGivesWayToOneTooMany) {
  settings_.max_sessions = 3;
  Open();
  std::vector<Tokens> all = {Ok(accounts().Register("Ann", kPassword, "a"))};
  for (int i = 0; i < 3; ++i) {
    clock_.now_ns += 1'000'000;
    all.push_back(Ok(accounts().LogIn("Ann", kPassword, "a")));
  }
  EXPECT_EQ(KindOf(accounts().Refresh(all[0].refresh_token, "a")), Kind::kWrong);
  for (size_t i = 1; i < all.size(); ++i) Ok(accounts().Refresh(all[i].refresh_token, "a"));
}

TEST_F(AccountsTest, ABannedAccountIsTurnedAwayEverywhereUntilTheBanEnds) {
  Open();
  const Tokens tokens = Ok(accounts().Register("Ann", kPassword, "a"));
  const int64_t until_us = clock_.WallUs() + 600'000'000;
  ASSERT_TRUE(accounts().SetBan("ann", until_us, "spam", "operator").ok());
  EXPECT_EQ(KindOf(accounts().Authenticate(tokens.access_token)), Kind::kBanned);
  EXPECT_EQ(KindOf(accounts().Refresh(tokens.refresh_token, "a")), Kind::kWrong);
  const auto refusal = std::get<Refusal>(accounts().LogIn("Ann", kPassword, "a"));
  EXPECT_EQ(refusal.kind, Kind::kBanned);
  EXPECT_EQ(refusal.banned_until_us, until_us);
  EXPECT_EQ(refusal.ban_reason, "spam");
  EXPECT_EQ(KindOf(accounts().LogIn("Ann", "wrong password", "a")), Kind::kWrong)
      << "only who knows the password hears of the ban";
  clock_.now_ns += 600 * 1'000'000'000ll;
  Ok(accounts().LogIn("Ann", kPassword, "a"));
  EXPECT_TRUE(std::holds_alternative<Identity>(accounts().Authenticate(tokens.access_token)));
}

TEST_F(AccountsTest, ABanOutlivesTheDaemonAndCanBeLifted) {
  Open();
  const Tokens tokens = Ok(accounts().Register("Ann", kPassword, "a"));
  ASSERT_TRUE(accounts().SetBan("Ann", persistence::kBannedForEver, "", "operator").ok());
  Open();
  EXPECT_EQ(KindOf(accounts().Authenticate(tokens.access_token)), Kind::kBanned);
  ASSERT_TRUE(accounts().SetBan("Ann", 0, "", "operator").ok());
  EXPECT_TRUE(std::holds_alternative<Identity>(accounts().Authenticate(tokens.access_token)));
  Ok(accounts().LogIn("Ann", kPassword, "a"));
}

TEST_F(AccountsTest, ABanOfNobodyOrOfThePastIsRefused) {
  Open();
  EXPECT_EQ(accounts().SetBan("Ann", persistence::kBannedForEver, "", "x").status().code(),
            Code::kNotFound);
  Ok(accounts().Register("Ann", kPassword, "a"));
  EXPECT_EQ(accounts().SetBan("Ann", clock_.WallUs(), "", "x").status().code(), Code::kInvalid);
  EXPECT_EQ(accounts().SetBan("Ann", persistence::kBannedForEver, "a\nb", "x").status().code(),
            Code::kInvalid);
}

TEST_F(AccountsTest, WhatHappenedIsKept) {
  Open();
  const Tokens tokens = Ok(accounts().Register("Ann", kPassword, "a"));
  (void)accounts().LogIn("Ann", "wrong password", "b");
  Ok(accounts().LogIn("Ann", kPassword, "a"));
  (void)accounts().LogOut(tokens.refresh_token, "a");
  ASSERT_TRUE(accounts().SetBan("Ann", persistence::kBannedForEver, "spam", "me").ok());
  (void)accounts().LogIn("Ann", kPassword, "a");
  std::vector<std::string> kinds;
  for (const auto& event : EventsOf("Ann")) {
    kinds.insert(kinds.begin(), std::string(LoginEventName(event.kind)));
    for (const std::string& secret : {std::string(kPassword), std::string("wrong password"),
                                      tokens.refresh_token, tokens.access_token})
      EXPECT_EQ((event.name + event.address + event.detail).find(secret), std::string::npos);
  }
  EXPECT_EQ(kinds, (std::vector<std::string>{"registered", "logged_in", "login_failed", "logged_in",
                                             "logged_out", "banned", "login_refused"}));
}

TEST_F(AccountsTest, NoSecretIsInTheDatabase) {
  Open();
  const Tokens tokens = Ok(accounts().Register("Ann", kPassword, "a"));
  const Tokens next = Ok(accounts().Refresh(tokens.refresh_token, "a"));
  const std::string all = Dump();
  EXPECT_NE(all.find("$argon2id$"), std::string::npos) << "the dump shows the tables";
  for (const std::string& secret :
       {std::string(kPassword), tokens.refresh_token, next.refresh_token, next.access_token})
    EXPECT_EQ(all.find(secret), std::string::npos);
  const auto bytes = FromBase64Url(next.refresh_token, 48);
  ASSERT_TRUE(bytes);
  std::string hex;
  for (const std::byte byte : *bytes) {
    constexpr char kDigits[] = "0123456789ABCDEF";
    hex += kDigits[static_cast<size_t>(byte) >> 4];
    hex += kDigits[static_cast<size_t>(byte) & 15];
  }
  EXPECT_EQ(all.find(hex.substr(0, 32)), std::string::npos);
  EXPECT_EQ(all.find(hex.substr(32)), std::string::npos);
}

TEST_F(AccountsTest, APasswordIsHashedAnewWhenTheParametersHaveChanged) {
  Open();
  Ok(accounts().Register("Ann", kPassword, "a"));
  settings_.hash_passes = 2;
  Open();
  Ok(accounts().LogIn("Ann", kPassword, "a"));
  EXPECT_NE(Dump().find("t=2,p=1"), std::string::npos);
  Ok(accounts().LogIn("Ann", kPassword, "a"));
}

TEST_F(AccountsTest, InDevelopmentTheFirstLoginMakesTheAccount) {
  settings_.mode = "development";
  settings_.min_password_bytes = 1;
  Open();
  const Tokens tokens = Ok(accounts().LogIn("bot 1", "x", "a"));
  EXPECT_EQ(Ok(accounts().LogIn("bot 1", "x", "a")).identity.account_id,
            tokens.identity.account_id);
  EXPECT_EQ(KindOf(accounts().LogIn("bot 1", "y", "a")), Kind::kWrong);
  EXPECT_EQ(KindOf(accounts().LogIn("admin", "x", "a")), Kind::kInvalid);
}

TEST_F(AccountsTest, AnAddressIsHeldToItsRateAndOthersAreNot) {
  settings_.mode = "accounts";
  settings_.address_requests_per_s = 2;
  Open();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(accounts().GateWaitS("a"), 0) << i;
  const int wait_s = accounts().GateWaitS("a");
  EXPECT_GE(wait_s, 1);
  EXPECT_EQ(accounts().GateWaitS("b"), 0);
  clock_.now_ns += wait_s * 1'000'000'000ll;
  EXPECT_EQ(accounts().GateWaitS("a"), 0);
}

TEST_F(AccountsTest, AnAddressRegistersSoManyAndNoMore) {
  settings_.address_registrations_per_hour = 3;
  Open();
  for (int i = 0; i < 3; ++i) Ok(accounts().Register("n" + std::to_string(i), kPassword, "a"));
  const auto refusal = std::get<Refusal>(accounts().Register("n3", kPassword, "a"));
  EXPECT_EQ(refusal.kind, Kind::kLimited);
  Ok(accounts().Register("n3", kPassword, "b"));
  clock_.now_ns += refusal.retry_after_s * 1'000'000'000ll;
  Ok(accounts().Register("n4", kPassword, "a"));
}

TEST_F(AccountsTest, KeysAreRotatedWhileTokensOfBothAreInUse) {
  Open();
  const Tokens before = Ok(accounts().Register("Ann", kPassword, "a"));
  KeyRing both = keys_;
  both.Add(Ed25519Key::Random(), 5);
  accounts().SetKeys(both);
  const Tokens after = Ok(accounts().Refresh(before.refresh_token, "a"));
  EXPECT_TRUE(std::holds_alternative<Identity>(accounts().Authenticate(before.access_token)));
  EXPECT_TRUE(std::holds_alternative<Identity>(accounts().Authenticate(after.access_token)));
  both.Retire(1'000'000, 1);
  accounts().SetKeys(both);
  EXPECT_EQ(KindOf(accounts().Authenticate(before.access_token)), Kind::kWrong);
  EXPECT_TRUE(std::holds_alternative<Identity>(accounts().Authenticate(after.access_token)));
}

TEST_F(AccountsTest, ADatabaseThatIsAwayIsSaidAndNothingElse) {
  Open();
  const Tokens tokens = Ok(accounts().Register("Ann", kPassword, "a"));
  Sql("DROP TABLE login_event");
  const auto refusal = std::get<Refusal>(accounts().LogIn("Ann", kPassword, "a"));
  EXPECT_EQ(refusal.kind, Kind::kAway);
  EXPECT_GE(refusal.retry_after_s, 1);
  EXPECT_EQ(KindOf(accounts().LogIn("Ann", "wrong password", "a")), Kind::kAway);
  EXPECT_TRUE(std::holds_alternative<Identity>(accounts().Authenticate(tokens.access_token)))
      << "that asks no database";
}

TEST_F(AccountsTest, TheKeeperDeletesWhatIsOld) {
  Open();
  Ok(accounts().Register("Ann", kPassword, "a"));
  clock_.now_ns += (settings_.events_keep_days + 1) * 86'400'000'000'000;
  Open();
  Ok(accounts().Register("Bob", kPassword, "a"));
  accounts().Start();
  accounts().Stop();
  EXPECT_TRUE(EventsOf("Ann").empty());
  EXPECT_EQ(EventsOf("Bob").size(), 2u);
  EXPECT_EQ(Rows("SELECT count(*) FROM login_session"), "1\n");
}

TEST_F(AccountsTest, TheKeeperFindsBansThatAnotherDaemonSet) {
  Open();
  const Tokens tokens = Ok(accounts().Register("Ann", kPassword, "a"));
  auto store = persistence::OpenSqliteAccounts(folder_.path(), /*sync=*/true);
  ASSERT_TRUE(store.ok());
  ASSERT_TRUE((*store)->SetBan("ann", persistence::kBannedForEver, "", 1, "another").ok());
  EXPECT_TRUE(std::holds_alternative<Identity>(accounts().Authenticate(tokens.access_token)));
  accounts().Start();
  accounts().Stop();
  EXPECT_EQ(KindOf(accounts().Authenticate(tokens.access_token)), Kind::kBanned);
}

TEST_F(AccountsTest, WhoHasThemInPlayHearsOfBansOnceAndAgainWhenThereWasNoRoom) {
  Open();
  Ok(accounts().Register("Ann", kPassword, "a"));
  Ok(accounts().Register("Bob", kPassword, "a"));
  ASSERT_TRUE(accounts().SetBan("Ann", persistence::kBannedForEver, "", "before").ok());
  std::vector<std::pair<int64_t, int64_t>> heard;
  bool room = true;
  const auto listen = [&](int64_t account_id, int64_t until_us) {
    if (room) heard.emplace_back(account_id, until_us);
    return room;
  };
  accounts().Start(listen);
  accounts().Stop();
  EXPECT_TRUE(heard.empty()) << "of a ban that was there";
  const int64_t bob = EventsOf("Bob").front().account_id;
  ASSERT_TRUE(accounts().SetBan("Bob", persistence::kBannedForEver, "", "me").ok());
  ASSERT_TRUE(accounts().SetBan("Bob", 0, "", "me").ok());
  using Heard = std::vector<std::pair<int64_t, int64_t>>;
  EXPECT_EQ(heard, (Heard{{bob, persistence::kBannedForEver}, {bob, 0}}));

  heard.clear();
  room = false;
  ASSERT_TRUE(accounts().SetBan("Bob", persistence::kBannedForEver, "", "me").ok());
  EXPECT_TRUE(heard.empty());
  room = true;
  accounts().Start(listen);
  accounts().Stop();
  EXPECT_EQ(heard, (Heard{{bob, persistence::kBannedForEver}}));
}

TEST_F(AccountsTest, WhoHasThemInPlayHearsOfBansThatAnotherDaemonSetOrLifted) {
  Open();
  Ok(accounts().Register("Ann", kPassword, "a"));
  const int64_t ann = EventsOf("Ann").front().account_id;
  auto store = persistence::OpenSqliteAccounts(folder_.path(), /*sync=*/true);
  ASSERT_TRUE(store.ok());
  std::vector<std::pair<int64_t, int64_t>> heard;
  for (const int64_t until_us : {persistence::kBannedForEver, int64_t{0}}) {
    ASSERT_TRUE((*store)->SetBan("ann", until_us, "", 1, "another").ok());
    accounts().Start([&](int64_t account_id, int64_t until) {
      heard.emplace_back(account_id, until);
      return true;
    });
    accounts().Stop();
    ASSERT_FALSE(heard.empty());
    EXPECT_EQ(heard.back(), std::pair(ann, until_us));
  }
}

TEST_F(AccountsTest, EachOutcomeIsCounted) {
  Open();
  Ok(accounts().Register("Ann", kPassword, "a"));
  (void)accounts().LogIn("Ann", "wrong password", "a");
  const AccountStats& stats = accounts().stats();
  EXPECT_EQ(stats.ok[static_cast<size_t>(Operation::kRegister)].Get(), 1u);
  EXPECT_EQ(stats.refused[static_cast<size_t>(Operation::kLogIn)][static_cast<size_t>(Kind::kWrong)]
                .Get(),
            1u);
  EXPECT_EQ(stats.hash_us.count(), 2u);
}

}  // namespace
}  // namespace bluemarble::accounts
