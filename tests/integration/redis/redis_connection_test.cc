#include "persistence/redis_connection.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "core/clock.h"
#include "redis_fixture.h"

namespace bluemarble::persistence {
namespace {

using core::Code;

int64_t InMs(int ms) { return core::SystemClock().NowNs() + int64_t{ms} * 1'000'000; }

TEST(RedisUrl, IsTakenApart) {
  const auto url = ParseRedisUrl("redis://ann:p%40ss%2Fw%3a%25@cache.example:7000/3");
  ASSERT_TRUE(url.ok()) << url.status().ToString();
  EXPECT_EQ(url->host, "cache.example");
  EXPECT_EQ(url->port, 7000);
  EXPECT_EQ(url->user, "ann");
  EXPECT_EQ(url->password, "p@ss/w:%");
  EXPECT_EQ(url->database, 3);
  EXPECT_EQ(url->ForPeople(), "redis://cache.example:7000/3");
}

TEST(RedisUrl, HasDefaults) {
  const auto plain = ParseRedisUrl("redis://localhost");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->port, 6379);
  EXPECT_EQ(plain->database, 0);
  EXPECT_TRUE(plain->password.empty());
  const auto v6 = ParseRedisUrl("redis://:secret@[::1]:6380/");
  ASSERT_TRUE(v6.ok());
  EXPECT_EQ(v6->host, "::1");
  EXPECT_EQ(v6->port, 6380);
  EXPECT_EQ(v6->password, "secret");
  EXPECT_EQ(v6->ForPeople(), "redis://[::1]:6380/0");
}

TEST(RedisUrl, ErrorsNameTheSettingAndQuoteNothing) {
  for (const std::string bad : {"",
                                "hunter2",
                                "http://hunter2",
                                "rediss://:hunter2@host",
                                "redis://",
                                "redis://:hunter2@",
                                "redis://host:hunter2",
                                "redis://host:0",
                                "redis://host:65536",
                                "redis://host:80x",
                                "redis://host/hunter2",
                                "redis://host/-1",
                                "redis://:hunter2%@host",
                                "redis://:hunter2%zz@host",
                                "redis://:hunter2%00@host",
                                "redis://:hun/ter2@host",
                                "redis://:hunter2@host?db=1",
                                "redis://:hunter2@host#1",
                                "redis://hunter2@host",
                                "redis://[::1",
                                "redis://[::1]x",
                                "redis://:hunter2@:6379"}) {
    const auto url = ParseRedisUrl(bad);
    ASSERT_FALSE(url.ok()) << bad;
    EXPECT_EQ(url.status().code(), Code::kInvalid);
    const std::string text = url.status().ToString();
    EXPECT_NE(text.find("redis.url"), std::string::npos) << text;
    EXPECT_EQ(text.find("hunter2"), std::string::npos) << text;
    EXPECT_EQ(text.find("ter2"), std::string::npos) << text;
  }
}

TEST(RedisError, IsClassifiedByItsFirstWord) {
  const std::pair<const char*, RedisFailure> cases[] = {
      {"OOM command not allowed when used memory > 'maxmemory'.", RedisFailure::kDown},
      {"MISCONF Redis is configured to save RDB snapshots", RedisFailure::kDown},
      {"LOADING Redis is loading the dataset in memory", RedisFailure::kDown},
      {"READONLY You can't write against a read only replica.", RedisFailure::kDown},
      {"ERR max number of clients reached", RedisFailure::kDown},
      {"ERR Error running script (call to f_1): @user_script:11: -OOM command not allowed",
       RedisFailure::kDown},
      {"WRONGTYPE Operation against a key", RedisFailure::kWrongType},
      {"NOSCRIPT No matching script.", RedisFailure::kNoScript},
      {"NOAUTH Authentication required.", RedisFailure::kDenied},
      {"WRONGPASS invalid username-password pair", RedisFailure::kDenied},
      {"NOPERM this user has no permissions", RedisFailure::kDenied},
      {"ERR unknown command", RedisFailure::kOther},
      {"OOMPH", RedisFailure::kOther},
      {"", RedisFailure::kOther},
  };
  for (const auto& [text, failure] : cases) EXPECT_EQ(ClassifyRedisError(text), failure) << text;
}

class RedisConnectionTest : public RedisTest {
 protected:
  core::Result<std::unique_ptr<RedisConnection>> Open(const std::string& url, int ms = 2000) {
    const auto parsed = ParseRedisUrl(url);
    EXPECT_TRUE(parsed.ok()) << parsed.status().ToString();
    return RedisConnection::Open(*parsed, InMs(ms), failure_);
  }
  std::string UrlWith(const std::string& who, const std::string& database = "0") const {
    return "redis://" + who + "127.0.0.1:" + std::to_string(server_->port()) + "/" + database;
  }
  RedisFailure failure_ = RedisFailure::kNone;
};

TEST_F(RedisConnectionTest, TellsNilEmptyTextNumberAndErrorApart) {
  StartServer();
  auto connection = Open(server_->url());
  ASSERT_TRUE(connection.ok()) << connection.status().ToString();
  EXPECT_EQ((*connection)->run_id().size(), 40u);
  const std::string_view set[] = {"SET", "empty", ""}, get_nil[] = {"GET", "absent"},
                         get_empty[] = {"GET", "empty"}, number[] = {"DEL", "absent"},
                         error[] = {"HGET", "empty", "x"};
  for (const auto& command : {std::span<const std::string_view>(set), {get_nil}, {get_empty}}) {
    (*connection)->Append(command);
  }
  (*connection)->Append(number);
  (*connection)->Append(error);
  std::vector<RedisReply> replies;
  ASSERT_EQ((*connection)->Exchange(InMs(2000), replies), RedisFailure::kNone);
  ASSERT_EQ(replies.size(), 5u);
  EXPECT_EQ(replies[0].text, "OK");
  EXPECT_EQ(replies[1].type, RedisReply::Type::kNil);
  EXPECT_EQ(replies[2].type, RedisReply::Type::kText);
  EXPECT_EQ(replies[3].type, RedisReply::Type::kInteger);
  EXPECT_EQ(replies[4].type, RedisReply::Type::kError);
  EXPECT_TRUE((*connection)->usable());
}

TEST_F(RedisConnectionTest, CarriesAnyBytesBothWays) {
  StartServer();
  auto connection = Open(server_->url());
  ASSERT_TRUE(connection.ok());
  std::string value;
  for (int i = 0; i < 3'000'000; ++i) value.push_back(static_cast<char>(i * 7));
  const std::string_view set[] = {"SET", std::string_view("a\0b\r\n", 5), value};
  const std::string_view get[] = {"GET", set[1]};
  (*connection)->Append(set);
  for (int i = 0; i < 3; ++i) (*connection)->Append(get);
  std::vector<RedisReply> replies;
  ASSERT_EQ((*connection)->Exchange(InMs(5000), replies), RedisFailure::kNone)
      << (*connection)->error();
  EXPECT_EQ(replies[3].text, value);
}

TEST_F(RedisConnectionTest, WrongOrMissingPasswordsAreToldWithoutThem) {
  StartServer({.password = "right horse", .arguments = {}});
  EXPECT_TRUE(Open(UrlWith(":right%20horse@")).ok());
  const std::pair<std::string, std::string> cases[] = {
      {"", "the server wants a password"},
      {":wronghorse@", "refuses this user and password"},
      {"mallory:wronghorse@", "refuses this user and password"}};
  for (const auto& [who, expected] : cases) {
    const auto refused = Open(UrlWith(who));
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.status().code(), Code::kDenied);
    EXPECT_EQ(failure_, RedisFailure::kDenied);
    const std::string text = refused.status().ToString();
    EXPECT_NE(text.find("redis.url"), std::string::npos) << text;
    EXPECT_NE(text.find(expected), std::string::npos) << text;
    EXPECT_EQ(text.find("horse"), std::string::npos) << text;
    EXPECT_EQ(text.find("mallory"), std::string::npos) << text;
  }
}

TEST_F(RedisConnectionTest, APasswordThatTheServerDoesNotWantIsToldToo) {
  StartServer();
  const auto refused = Open(UrlWith(":needless@"));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::kDenied);
  EXPECT_EQ(refused.status().ToString().find("needless"), std::string::npos);
}

TEST_F(RedisConnectionTest, AUserOfTheServersListCanLogInAndSelectADatabase) {
  StartServer();
  ASSERT_EQ(server_->Command({"ACL", "SETUSER", "zone", "on", ">pw", "~*", "+@all"}), "OK");
  auto connection = Open(UrlWith("zone:pw@", "5"));
  ASSERT_TRUE(connection.ok()) << connection.status().ToString();
  RedisReply reply;
  const std::string_view set[] = {"SET", "here", "1"};
  ASSERT_EQ((*connection)->Call(set, InMs(2000), reply), RedisFailure::kNone);
  EXPECT_EQ(server_->Command({"EXISTS", "here"}), "0") << "it went to database 0";
  const auto no_such = Open(UrlWith("", "99999"));
  ASSERT_FALSE(no_such.ok());
  EXPECT_NE(no_such.status().ToString().find("no such database"), std::string::npos);
}

TEST_F(RedisConnectionTest, AFrozenServerCostsNoMoreThanTheDeadline) {
  StartServer();
  auto connection = Open(server_->url());
  ASSERT_TRUE(connection.ok());
  server_->Pause();
  const int64_t start_ns = InMs(0);
  RedisReply reply;
  const std::string_view ping[] = {"PING"};
  EXPECT_EQ((*connection)->Call(ping, InMs(60), reply), RedisFailure::kTimeout);
  EXPECT_FALSE(Open(server_->url(), 60).ok()) << "the kernel accepts, the server does not answer";
  EXPECT_EQ(failure_, RedisFailure::kTimeout);
  EXPECT_LT(InMs(0) - start_ns, 500'000'000);
  server_->Resume();
  EXPECT_TRUE(Open(server_->url()).ok());
}

TEST_F(RedisConnectionTest, IsNeverUsedAgainAfterATimeout) {
  StartServer();
  auto connection = Open(server_->url());
  ASSERT_TRUE(connection.ok());
  ASSERT_EQ(server_->Command({"MSET", "a", "A", "b", "B"}), "OK");
  const std::string_view get_a[] = {"GET", "a"}, get_b[] = {"GET", "b"};
  RedisReply reply;
  server_->Pause();
  ASSERT_EQ((*connection)->Call(get_a, InMs(30), reply), RedisFailure::kTimeout);
  server_->Resume();
  EXPECT_FALSE((*connection)->usable());
  EXPECT_NE((*connection)->Call(get_b, InMs(2000), reply), RedisFailure::kNone);
  EXPECT_NE(reply.text, "A");
}

TEST_F(RedisConnectionTest, SeesBeforeItIsUsedThatTheServerWentAway) {
  StartServer();
  auto connection = Open(server_->url());
  ASSERT_TRUE(connection.ok());
  EXPECT_TRUE((*connection)->usable());
  server_->Kill();
  EXPECT_FALSE((*connection)->usable());
  const auto refused = Open(server_->url());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::kUnavailable);
  EXPECT_EQ(failure_, RedisFailure::kConnection);
}

TEST_F(RedisConnectionTest, WritingToADeadServerDoesNotEndTheProcess) {
  StartServer();
  ASSERT_TRUE(Open(server_->url()).ok());
  struct sigaction action {};
  ASSERT_EQ(::sigaction(SIGPIPE, nullptr, &action), 0);
  EXPECT_NE(action.sa_handler, SIG_DFL);
  std::vector<std::unique_ptr<RedisConnection>> connections;
  for (int i = 0; i < 20; ++i) connections.push_back(std::move(*Open(server_->url())));
  server_->Kill();
  const std::string big(1 << 20, 'x');
  const std::string_view set[] = {"SET", "k", big};
  for (auto& connection : connections) {
    RedisReply reply;
    EXPECT_EQ(connection->Call(set, InMs(1000), reply), RedisFailure::kConnection);
  }
}

}  // namespace
}  // namespace bluemarble::persistence
