/// What an account store promises, for every database. A backend T has store() and Number(sql), and
/// begins with empty tables.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include "persistence/account_store.h"

namespace bluemarble::persistence {

inline SecretHash SecretOf(int number) {
  SecretHash hash{};
  for (size_t i = 0; i < hash.size(); ++i)
    hash[i] = static_cast<std::byte>(number + static_cast<int>(i));
  hash[0] = static_cast<std::byte>(number >> 8);
  return hash;
}

template <typename T>
class AccountStoreContract : public testing::Test {
 protected:
  AccountStore& store() { return backend_.store(); }
  LoginAccount Made(const std::string& name = "Ann", int64_t now_us = 1000) {
    auto account = store().Create(name, name, "hash of " + name, now_us, "192.0.2.1");
    EXPECT_TRUE(account.ok()) << account.status().ToString();
    return account.ok() ? *account : LoginAccount{};
  }
  void OpenSession(int64_t account_id, int session, int secret, int64_t now_us = 1000,
                   int max_sessions = 10) {
    const core::Status status = store().OpenSession({.session = SecretOf(session),
                                                     .secret = SecretOf(secret),
                                                     .account_id = account_id,
                                                     .created_us = now_us,
                                                     .expires_us = now_us + 1000},
                                                    max_sessions,
                                                    {.at_us = now_us,
                                                     .kind = LoginEventKind::kLoggedIn,
                                                     .account_id = account_id,
                                                     .name = "Ann",
                                                     .address = "192.0.2.1"});
    EXPECT_TRUE(status.ok()) << status.ToString();
  }
  Rotation Rotate(int session, int from, int to, int64_t now_us = 1100) {
    const auto rotated = store().Rotate(SecretOf(session), SecretOf(from), SecretOf(to), now_us,
                                        now_us + 1000, "192.0.2.2");
    EXPECT_TRUE(rotated.ok()) << rotated.status().ToString();
    return rotated.ok() ? rotated->rotation : Rotation::kUnknown;
  }
  std::vector<LoginEventKind> Kinds(int64_t account_id) {
    auto events = store().Events(account_id, 100);
    EXPECT_TRUE(events.ok()) << events.status().ToString();
    std::vector<LoginEventKind> kinds;
    if (events.ok()) {
      for (const LoginEvent& event : *events) kinds.insert(kinds.begin(), event.kind);
    }
    return kinds;
  }

  T backend_;
};
TYPED_TEST_SUITE_P(AccountStoreContract);

TYPED_TEST_P(AccountStoreContract, AnAccountIsFoundByItsKeyAsItWasMade) {
  const auto made = this->store().Create("\u00c4nn", "key", "hash", 1234, "192.0.2.1");
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  EXPECT_GT(made->account_id, 0);
  const auto found = this->store().Find("key");
  ASSERT_TRUE(found.ok()) << found.status().ToString();
  EXPECT_EQ(found->account_id, made->account_id);
  EXPECT_EQ(found->name, "\u00c4nn");
  EXPECT_EQ(found->password_hash, "hash");
  EXPECT_EQ(found->created_us, 1234);
  EXPECT_FALSE(found->banned(1234));
  EXPECT_EQ(this->store().Find("other").status().code(), core::Code::kNotFound);
}

TYPED_TEST_P(AccountStoreContract, AKeyIsGivenOnceAndTheRefusedLeavesNothing) {
  const LoginAccount ann = this->Made();
  EXPECT_EQ(this->store().Create("ANN", "Ann", "other", 2000, "x").status().code(),
            core::Code::kConflict);
  EXPECT_EQ(this->store().Find("Ann")->password_hash, "hash of Ann");
  EXPECT_EQ(this->backend_.Number("SELECT count(*) FROM login_event"), 1);
  EXPECT_NE(this->Made("Bob").account_id, ann.account_id);
}

TYPED_TEST_P(AccountStoreContract, APasswordIsChangedOnlyFromTheOneThatIsThere) {
  const LoginAccount ann = this->Made();
  ASSERT_TRUE(this->store().ChangePassword(ann.account_id, "hash of Ann", "new").ok());
  ASSERT_TRUE(this->store().ChangePassword(ann.account_id, "hash of Ann", "late").ok());
  EXPECT_EQ(this->store().Find("Ann")->password_hash, "new");
}

TYPED_TEST_P(AccountStoreContract, ASessionGoesFromSecretToSecret) {
  const LoginAccount ann = this->Made();
  this->OpenSession(ann.account_id, 1, 100);
  EXPECT_EQ(this->Rotate(1, 100, 101), Rotation::kRotated);
  EXPECT_EQ(this->Rotate(1, 101, 102, 2050), Rotation::kRotated) << "each use lengthens it";
  const auto rotated =
      this->store().Rotate(SecretOf(1), SecretOf(102), SecretOf(103), 2060, 9000, "192.0.2.2");
  ASSERT_TRUE(rotated.ok());
  EXPECT_EQ(rotated->account.account_id, ann.account_id);
  EXPECT_EQ(rotated->account.name, "Ann");
}

TYPED_TEST_P(AccountStoreContract, AnOldSecretEndsItsSessionAndIsWrittenDown) {
  const LoginAccount ann = this->Made();
  this->OpenSession(ann.account_id, 1, 100);
  this->OpenSession(ann.account_id, 2, 200);
  EXPECT_EQ(this->Rotate(1, 100, 101), Rotation::kRotated);
  EXPECT_EQ(this->Rotate(1, 100, 102), Rotation::kReused);
  EXPECT_EQ(this->Rotate(1, 101, 103), Rotation::kUnknown);
  EXPECT_EQ(this->Rotate(2, 200, 201), Rotation::kRotated);
  EXPECT_EQ(this->Kinds(ann.account_id).back(), LoginEventKind::kTokenReused);
  EXPECT_EQ(this->store().Events(ann.account_id, 1)->front().address, "192.0.2.2");
}

TYPED_TEST_P(AccountStoreContract, AnUnknownOrExpiredSessionIsNoReuse) {
  const LoginAccount ann = this->Made();
  EXPECT_EQ(this->Rotate(1, 100, 101), Rotation::kUnknown);
  this->OpenSession(ann.account_id, 1, 100);
  EXPECT_EQ(this->Rotate(1, 100, 101, 2000), Rotation::kUnknown) << "expired at 2000";
  EXPECT_EQ(this->Kinds(ann.account_id).back(), LoginEventKind::kLoggedIn);
}

TYPED_TEST_P(AccountStoreContract, ASessionIsEndedOnceAndIsWrittenDown) {
  const LoginAccount ann = this->Made();
  this->OpenSession(ann.account_id, 1, 100);
  this->OpenSession(ann.account_id, 2, 200);
  const auto ended = this->store().EndSession(SecretOf(1), SecretOf(100), 1100, "x");
  ASSERT_TRUE(ended.ok());
  EXPECT_EQ(ended->how, SessionEnd::kLoggedOut);
  EXPECT_EQ(ended->account_id, ann.account_id);
  EXPECT_EQ(this->store().EndSession(SecretOf(1), SecretOf(100), 1100, "x")->how,
            SessionEnd::kUnknown);
  EXPECT_EQ(this->Rotate(2, 200, 201), Rotation::kRotated);
  EXPECT_EQ(this->Kinds(ann.account_id).back(), LoginEventKind::kLoggedOut);
}

TYPED_TEST_P(AccountStoreContract, AnOldSecretEndsItsSessionAsAReuse) {
  const LoginAccount ann = this->Made();
  this->OpenSession(ann.account_id, 1, 100);
  this->OpenSession(ann.account_id, 2, 200);
  EXPECT_EQ(this->Rotate(1, 100, 101), Rotation::kRotated);
  EXPECT_EQ(this->store().EndSession(SecretOf(1), SecretOf(100), 1200, "x")->how,
            SessionEnd::kReused);
  EXPECT_EQ(this->Rotate(1, 101, 102), Rotation::kUnknown);
  EXPECT_EQ(this->Rotate(2, 200, 201), Rotation::kRotated);
  EXPECT_EQ(this->Kinds(ann.account_id).back(), LoginEventKind::kTokenReused);
  EXPECT_EQ(this->store().EndSession(SecretOf(2), SecretOf(200), 9999, "x")->how,
            SessionEnd::kUnknown)
      << "expired at 2100";
}

TYPED_TEST_P(AccountStoreContract, TheOldestSessionsGiveWay) {
  const LoginAccount ann = this->Made(), bob = this->Made("Bob");
  this->OpenSession(bob.account_id, 50, 500, 900);
  for (int i = 0; i < 5; ++i) this->OpenSession(ann.account_id, i, 100 + i, 1000 + i, 3);
  EXPECT_EQ(this->backend_.Number("SELECT count(*) FROM login_session"), 4);
  EXPECT_EQ(this->Rotate(0, 100, 1), Rotation::kUnknown);
  EXPECT_EQ(this->Rotate(1, 101, 1), Rotation::kUnknown);
  EXPECT_EQ(this->Rotate(2, 102, 1), Rotation::kRotated);
  EXPECT_EQ(this->Rotate(50, 500, 1), Rotation::kRotated);
}

TYPED_TEST_P(AccountStoreContract, ABanEndsSessionsIsListedAndCanBeLifted) {
  const LoginAccount ann = this->Made(), bob = this->Made("Bob");
  this->OpenSession(ann.account_id, 1, 100);
  this->OpenSession(bob.account_id, 2, 200);
  const auto banned = this->store().SetBan("Ann", 5000, "spam", 1100, "operator");
  ASSERT_TRUE(banned.ok()) << banned.status().ToString();
  EXPECT_TRUE(banned->banned(4999));
  EXPECT_FALSE(banned->banned(5000));
  EXPECT_EQ(banned->ban_reason, "spam");
  EXPECT_EQ(this->Rotate(1, 100, 101), Rotation::kUnknown);
  EXPECT_EQ(this->Rotate(2, 200, 201), Rotation::kRotated);
  ASSERT_EQ(this->store().Bans(4999)->size(), 1u);
  EXPECT_EQ(this->store().Bans(4999)->front().account_id, ann.account_id);
  EXPECT_EQ(this->store().Bans(4999)->front().until_us, 5000);
  EXPECT_TRUE(this->store().Bans(5000)->empty());
  ASSERT_TRUE(this->store().SetBan("Ann", 0, "", 1200, "operator").ok());
  EXPECT_TRUE(this->store().Bans(1200)->empty());
  ASSERT_TRUE(this->store().SetBan("Ann", kBannedForEver, "", 1300, "operator").ok());
  EXPECT_EQ(this->store().Bans(INT64_MAX - 1)->size(), 1u);
  EXPECT_EQ(this->store().SetBan("Eve", 5000, "", 1100, "x").status().code(),
            core::Code::kNotFound);
  EXPECT_EQ(
      this->Kinds(ann.account_id),
      (std::vector{LoginEventKind::kRegistered, LoginEventKind::kLoggedIn, LoginEventKind::kBanned,
                   LoginEventKind::kUnbanned, LoginEventKind::kBanned}));
}

TYPED_TEST_P(AccountStoreContract, ABannedAccountsSessionIsEndedAtItsNextUse) {
  const LoginAccount ann = this->Made();
  ASSERT_TRUE(this->store().SetBan("Ann", 5000, "spam", 1000, "operator").ok());
  this->OpenSession(ann.account_id, 1, 100);  // a login that was under way
  EXPECT_EQ(this->Rotate(1, 100, 101), Rotation::kBanned);
  EXPECT_EQ(this->Rotate(1, 101, 102), Rotation::kUnknown);
}

TYPED_TEST_P(AccountStoreContract, ARoleIsKeptAndOneThatGetsLessIsLoggedOut) {
  const LoginAccount ann = this->Made();
  EXPECT_EQ(ann.role, LoginRole::kPlayer);
  const auto given = this->store().SetRole("Ann", LoginRole::kOperator, 1100, "operator");
  ASSERT_TRUE(given.ok()) << given.status().ToString();
  EXPECT_EQ(given->role, LoginRole::kOperator);
  EXPECT_EQ(this->store().Find("Ann")->role, LoginRole::kOperator);
  this->OpenSession(ann.account_id, 1, 100);
  const auto rotated =
      this->store().Rotate(SecretOf(1), SecretOf(100), SecretOf(101), 1100, 9000, "192.0.2.2");
  ASSERT_TRUE(rotated.ok());
  EXPECT_EQ(rotated->account.role, LoginRole::kOperator);
  ASSERT_TRUE(this->store().SetRole("Ann", LoginRole::kPlayer, 1200, "operator").ok());
  EXPECT_EQ(this->Rotate(1, 101, 102), Rotation::kUnknown);
  EXPECT_EQ(this->store().Find("Ann")->role, LoginRole::kPlayer);
  EXPECT_EQ(this->store().SetRole("Eve", LoginRole::kOperator, 1100, "x").status().code(),
            core::Code::kNotFound);
}

TYPED_TEST_P(AccountStoreContract, ActionsAreWhatOperatorsDidTheNewestFirst) {
  const LoginAccount ann = this->Made();
  this->OpenSession(ann.account_id, 1, 100);
  ASSERT_TRUE(this->store().SetBan("Ann", 5000, "spam", 1100, "operator Eve").ok());
  ASSERT_TRUE(this->store().SetRole("Ann", LoginRole::kOperator, 1200, "operator Eve").ok());
  ASSERT_TRUE(this->store()
                  .Record({.at_us = 1300, .kind = LoginEventKind::kAnnounced, .detail = "hello"})
                  .ok());
  const auto actions = this->store().Actions(10);
  ASSERT_TRUE(actions.ok()) << actions.status().ToString();
  ASSERT_EQ(actions->size(), 3u);
  EXPECT_EQ((*actions)[0].kind, LoginEventKind::kAnnounced);
  EXPECT_EQ((*actions)[0].detail, "hello");
  EXPECT_EQ((*actions)[1].kind, LoginEventKind::kRoleGiven);
  EXPECT_EQ((*actions)[1].detail, "operator");
  EXPECT_EQ((*actions)[2].address, "operator Eve");
  EXPECT_EQ(this->store().Actions(1)->size(), 1u);
}

TYPED_TEST_P(AccountStoreContract, EventsComeBackTheNewestFirst) {
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(this->store()
                    .Record({.at_us = i,
                             .kind = LoginEventKind::kLoginFailed,
                             .account_id = 7,
                             .name = "J\u00fcrgen",
                             .address = "2001:db8::/64",
                             .detail = "d" + std::to_string(i)})
                    .ok());
  }
  const auto events = this->store().Events(7, 3);
  ASSERT_TRUE(events.ok());
  ASSERT_EQ(events->size(), 3u);
  for (int i = 0; i < 3; ++i) {
    const LoginEvent& event = (*events)[static_cast<size_t>(i)];
    EXPECT_EQ(event.at_us, 4 - i);
    EXPECT_EQ(event.detail, "d" + std::to_string(4 - i));
    EXPECT_EQ(event.name, "J\u00fcrgen");
    EXPECT_EQ(event.address, "2001:db8::/64");
  }
  EXPECT_TRUE(this->store().Events(8, 3)->empty());
}

TYPED_TEST_P(AccountStoreContract, WhatIsOldIsPurgedInSlices) {
  const LoginAccount ann = this->Made("Ann", 5000);
  this->OpenSession(ann.account_id, 1, 100, 5000);
  this->OpenSession(ann.account_id, 2, 200, 1000);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(this->store()
                    .Record({.at_us = i, .kind = LoginEventKind::kLoginFailed, .account_id = 7})
                    .ok());
  }
  // 23 events, and one session that has expired.
  EXPECT_EQ(*this->store().Purge(2500, 5, 1000, 3), 4u);
  EXPECT_EQ(*this->store().Purge(2500, 5, 1000, 3), 2u);
  EXPECT_EQ(*this->store().Purge(2500, 5, 1000, 3), 0u);
  EXPECT_EQ(this->store().Events(7, 100)->size(), 15u);
  EXPECT_EQ(*this->store().Purge(2500, 5, 10, 100), 8u) << "all but ten";
  EXPECT_EQ(this->backend_.Number("SELECT count(*) FROM login_event"), 10);
  EXPECT_EQ(this->Rotate(1, 100, 101, 5500), Rotation::kRotated);
}

TYPED_TEST_P(AccountStoreContract, ANameWithQuotesIsOnlyText) {
  const std::string name = "'; DROP TABLE login_account; --";
  ASSERT_TRUE(this->store().Create(name, name, "h", 1, "a'b").ok());
  EXPECT_EQ(this->store().Find(name)->name, name);
  EXPECT_EQ(this->backend_.Number("SELECT count(*) FROM login_account"), 1);
}

REGISTER_TYPED_TEST_SUITE_P(
    AccountStoreContract, AnAccountIsFoundByItsKeyAsItWasMade,
    AKeyIsGivenOnceAndTheRefusedLeavesNothing, APasswordIsChangedOnlyFromTheOneThatIsThere,
    ASessionGoesFromSecretToSecret, AnOldSecretEndsItsSessionAndIsWrittenDown,
    AnUnknownOrExpiredSessionIsNoReuse, ASessionIsEndedOnceAndIsWrittenDown,
    AnOldSecretEndsItsSessionAsAReuse, TheOldestSessionsGiveWay,
    ABanEndsSessionsIsListedAndCanBeLifted, ABannedAccountsSessionIsEndedAtItsNextUse,
    ARoleIsKeptAndOneThatGetsLessIsLoggedOut, ActionsAreWhatOperatorsDidTheNewestFirst,
    EventsComeBackTheNewestFirst, WhatIsOldIsPurgedInSlices, ANameWithQuotesIsOnlyText);

}  // namespace bluemarble::persistence
