#include "api/console_endpoints.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/static_files.h"

namespace bluemarble::api {
namespace {

using nlohmann::json;

constexpr const char* kConsoleSecret = "0123456789abcdef0123456789abcdef";

class StillClock final : public core::Clock {
 public:
  int64_t NowNs() const override { return 1; }
  int64_t WallUs() const override { return 50'000'000; }
};

class ConsoleEndpoints : public testing::Test {
 protected:
  ConsoleEndpoints() {
    guard_.AcceptTokens(
        [](const HttpRequest& request) -> std::variant<accounts::Identity, HttpResponse> {
          if (request.authorization == "Bearer its.an.operator")
            return accounts::Identity{7, "Ada", persistence::LoginRole::kOperator, 100};
          if (request.authorization == "Bearer its.a.player")
            return accounts::Identity{8, "Bob", persistence::LoginRole::kPlayer, 100};
          return HttpResponse{.status = 401, .body = R"({"error":{"code":"expired"}})"};
        });
    for (int i = 0; i < 3; ++i) {
      players_.players.push_back({.player_id = 10 + i,
                                  .account_id = 20 + i,
                                  .name = std::string("Zoe") + static_cast<char>('c' - i),
                                  .entity = static_cast<uint32_t>(30 + i),
                                  .lingering = false,
                                  .place = {11.5, 48.1, 500},
                                  .session_s = 60.0 * i,
                                  .ack_age_ms = {},
                                  .ping_ms = i == 0 ? std::nullopt : std::optional(50.0 + i),
                                  .bytes_per_s = 100.0 * i,
                                  .address = "192.0.2.7"});
    }
    AddConsoleEndpoints(
        router_,
        {.version = [] { return std::string("1"); },
         .shard = [] { return std::string("west"); },
         .uptime_s = [] { return 5.0; },
         .sample = [] { return std::string("{}"); },
         .health = [] { return std::string(R"({"status":"ready","components":[]})"); },
         .config = [] { return std::string("[]"); },
         .dependencies =
             [] {
               return std::vector<ConsoleDependency>{{"redis", "off", ""}};
             },
         .shards =
             [] {
               return std::vector<ConsoleShard>{{"west", -180, 0, "", true}};
             },
         .owns = [](double lon_deg) { return lon_deg < 20; },
         .players = [this]() -> core::Result<ConsolePlayers> { return players_; },
         .entity = [this](const ConsoleWho& who) -> core::Result<ConsoleEntity> {
           for (const ConsolePlayer& player : players_.players) {
             if (player.player_id != who.player_id && player.name != who.name) continue;
             ConsoleEntity entity;
             entity.id = player.entity;
             entity.kind = "player";
             entity.player = player;
             return entity;
           }
           return core::Status(core::Code::kNotFound, "none");
         },
         .interest = [](const ConsoleWho&) -> core::Result<ConsoleInterest> {
           return core::Status(core::Code::kUnavailable, "the zone is silent");
         },
         .leaves = [](const ConsoleBall&, size_t) -> core::Result<ConsoleLeaves> {
           ConsoleLeaves leaves;
           leaves.leaves.push_back(
               {geo::NodeKey::At(geo::ToGrid(geo::ToEcef({11.5, 48.1, 0})), 19), 3});
           return leaves;
         },
         .act =
             [this](const ConsoleAction& action) {
               acted_.push_back(action);
               return core::Status::Ok();
             },
         .note =
             [this](persistence::LoginEventKind, int64_t account, const std::string& name,
                    const std::string& by, const std::string& detail) {
               if (database_away_) return core::Status(core::Code::kUnavailable, "away");
               noted_.push_back(std::to_string(account) + " " + name + " " + by + " " + detail);
               return core::Status::Ok();
             },
         .actions = [](size_t) -> core::Result<std::vector<persistence::LoginEvent>> {
           return std::vector<persistence::LoginEvent>{
               {.kind = persistence::LoginEventKind::kKicked, .name = "Zoe"}};
         }},
        guard_, clock_);
  }
  struct Reply {
    int status = 0;
    json body;
  };
  Reply Ask(const std::string& method, const std::string& target, const std::string& body = {},
            const std::string& bearer = "its.an.operator") {
    HttpRequest request;
    request.method = method;
    const size_t question = std::min(target.find('?'), target.size());
    request.path = target.substr(0, question);
    for (size_t at = question; at < target.size();) {
      const size_t end = std::min(target.find('&', at + 1), target.size());
      const std::string pair = target.substr(at + 1, end - at - 1);
      request.query.emplace_back(pair.substr(0, pair.find('=')), pair.substr(pair.find('=') + 1));
      at = end;
    }
    request.body = body;
    request.remote_address = "192.0.2.1";
    if (!bearer.empty()) request.authorization = "Bearer " + bearer;
    std::string allow;
    const HttpResponse response = router_.Route(request, &allow);
    return {response.status, json::parse(response.body, nullptr, false)};
  }

  StillClock clock_;
  AdminGuard guard_{kConsoleSecret, clock_};
  Router router_;
  ConsolePlayers players_;
  bool database_away_ = false;
  std::vector<ConsoleAction> acted_;
  std::vector<std::string> noted_;
};

TEST_F(ConsoleEndpoints, AreForOperatorsOnly) {
  for (const std::string& endpoint : router_.Endpoints()) {
    const size_t blank = endpoint.find(' ');
    const std::string method = endpoint.substr(0, blank), path = endpoint.substr(blank + 1);
    EXPECT_EQ(Ask(method, path, "{}", "its.a.player").status, 403) << endpoint;
    const Reply expired = Ask(method, path, "{}", "its.some.other");
    EXPECT_EQ(expired.status, 401) << endpoint;
    EXPECT_EQ(expired.body["error"]["code"], "expired");
  }
  EXPECT_EQ(Ask("GET", "/v1/console/session", "", "").status, 401);
  // Many strangers' tokens lock nobody out.
  EXPECT_EQ(Ask("GET", "/v1/console/session").body["expires_in"], 50);
  EXPECT_EQ(Ask("GET", "/v1/console/session", "", "its.an.operator").status, 200);
}

TEST_F(ConsoleEndpoints, PlayersAreFoundSortedAndPaged) {
  const auto names = [this](const std::string& query) {
    std::string all;
    const Reply reply = Ask("GET", "/v1/console/players" + query);
    EXPECT_EQ(reply.status, 200) << reply.body;
    for (const json& player : reply.body["players"]) all += player["name"].get<std::string>() + " ";
    return all;
  };
  EXPECT_EQ(names(""), "Zoea Zoeb Zoec ");
  EXPECT_EQ(names("?sort=-name"), "Zoec Zoeb Zoea ");
  EXPECT_EQ(names("?sort=bytes"), "Zoec Zoeb Zoea ");
  EXPECT_EQ(names("?sort=ping"), "Zoeb Zoea Zoec ") << "who has none comes last";
  EXPECT_EQ(names("?sort=age&limit=1&offset=1"), "Zoeb ");
  EXPECT_EQ(names("?search=OEB"), "Zoeb ");
  EXPECT_EQ(names("?search=31"), "Zoeb ");
  EXPECT_EQ(names("?offset=9"), "");
  const Reply hidden = Ask("GET", "/v1/console/players?limit=1");
  EXPECT_EQ(hidden.body["matched"], 3);
  EXPECT_TRUE(hidden.body["players"][0]["address"].is_null());
  EXPECT_EQ(Ask("GET", "/v1/console/players?addresses=true").body["players"][0]["address"],
            "192.0.2.7");
  for (const char* wrong : {"?limit=0", "?limit=501", "?limit=x", "?sort=x", "?addresses=1"})
    EXPECT_EQ(Ask("GET", std::string("/v1/console/players") + wrong).status, 400) << wrong;
}

TEST_F(ConsoleEndpoints, ActionsAreWrittenDownFirst) {
  EXPECT_EQ(Ask("POST", "/v1/console/kick", R"({"name": "Zoea", "reason": "bye"})").status, 200);
  ASSERT_EQ(acted_.size(), 1u);
  EXPECT_EQ(acted_[0].player_id, 12);
  EXPECT_EQ(acted_[0].text, "bye");
  ASSERT_EQ(noted_.size(), 1u);
  EXPECT_EQ(noted_[0], "22 Zoea operator Ada at 192.0.2.1 bye");
  EXPECT_EQ(Ask("POST", "/v1/console/teleport", R"({"player": "10", "lat": 48, "lon": 11})").status,
            200);
  EXPECT_TRUE(std::isnan(acted_[1].place.alt_m));
  EXPECT_EQ(Ask("POST", "/v1/console/announce", R"({"text": "hello"})").body["players"], 3);
  EXPECT_EQ(acted_.size(), 3u);
  database_away_ = true;
  EXPECT_EQ(Ask("POST", "/v1/console/kick", R"({"name": "Zoea"})").status, 503);
  EXPECT_EQ(Ask("POST", "/v1/console/announce", R"({"text": "hello"})").status, 503);
  EXPECT_EQ(acted_.size(), 3u);
}

TEST_F(ConsoleEndpoints, RefuseWhatIsNotExpected) {
  const struct {
    const char* path;
    const char* body;
    int status;
  } cases[] = {
      {"kick", "", 400},
      {"kick", "[]", 400},
      {"kick", "{}", 400},
      {"kick", R"({"name": "Zoea", "player": "12"})", 400},
      {"kick", R"({"name": 5})", 400},
      {"kick", R"({"player": "x"})", 400},
      {"kick", R"({"player": "-1"})", 400},
      {"kick", R"({"name": "Zoea", "why": "x"})", 400},
      {"kick", "{\"name\": \"Zoea\", \"reason\": \"a\\u0007b\"}", 400},
      {"kick", R"({"name": "Nobody"})", 404},
      {"teleport", R"({"name": "Zoea", "lat": 48})", 400},
      {"teleport", R"({"name": "Zoea", "lat": 91, "lon": 11})", 400},
      {"teleport", R"({"name": "Zoea", "lat": "48", "lon": 11})", 400},
      {"teleport", R"({"name": "Zoea", "lat": 48, "lon": 11, "height": 1e9})", 400},
      {"teleport", R"({"name": "Zoea", "lat": 48, "lon": 21})", 409},
      {"announce", "{}", 400},
      {"announce", R"({"text": ""})", 400},
      {"announce", R"({"text": "a\nb"})", 400},
  };
  for (const auto& wrong : cases) {
    const Reply reply = Ask("POST", std::string("/v1/console/") + wrong.path, wrong.body);
    EXPECT_EQ(reply.status, wrong.status) << wrong.path << wrong.body << reply.body;
    EXPECT_TRUE(reply.body["error"].is_object()) << wrong.body;
  }
  EXPECT_TRUE(acted_.empty());
  EXPECT_TRUE(noted_.empty());
  EXPECT_EQ(Ask("GET", "/v1/console/interest?player=1").status, 503);
  EXPECT_EQ(Ask("GET", "/v1/console/leaves?west=0&south=0&east=5&north=5").status, 400);
  EXPECT_EQ(Ask("GET", "/v1/console/leaves?west=0&south=0&east=1").status, 400);
}

TEST_F(ConsoleEndpoints, BoundsOfALeafHoldItsPlace) {
  const Reply reply =
      Ask("GET", "/v1/console/leaves?west=11.45&south=48.05&east=11.55&north=48.15");
  ASSERT_EQ(reply.status, 200) << reply.body;
  const json bounds = reply.body["leaves"][0]["bounds"];
  EXPECT_LE(bounds[0].get<double>(), 11.5);
  EXPECT_GE(bounds[2].get<double>(), 11.5);
  EXPECT_LE(bounds[1].get<double>(), 48.1);
  EXPECT_GE(bounds[3].get<double>(), 48.1);
  EXPECT_LT(bounds[2].get<double>() - bounds[0].get<double>(), 0.002);
}

TEST(StaticFiles, AreServedFromMemoryWithTheirTypes) {
  const std::string folder = "/tmp/static_files_test_" + std::to_string(::getpid());
  std::filesystem::create_directories(folder + "/assets");
  std::filesystem::create_directories(folder + "/.git");
  const auto write = [&](const std::string& name, const std::string& text) {
    std::ofstream(folder + "/" + name) << text;
  };
  Router router;
  EXPECT_EQ(AddStaticFiles(router, folder, "/console").status().code(), core::Code::kNotFound);
  write("index.html", "<p>");
  write("assets/app-1.js", "1;");
  write(".secret", "x");
  write(".git/config", "x");
  write("a b.txt", "x");
  std::filesystem::create_symlink("/etc/passwd", folder + "/passwd");
  const auto files = AddStaticFiles(router, folder, "/console");
  std::filesystem::remove_all(folder);
  ASSERT_TRUE(files.ok()) << files.status().ToString();
  EXPECT_EQ(*files, 2u);
  const auto ask = [&](const std::string& path, const std::string& if_none_match = {}) {
    HttpRequest request;
    request.method = "GET";
    request.path = path;
    request.if_none_match = if_none_match;
    std::string allow;
    return router.Route(request, &allow);
  };
  const auto header = [](const HttpResponse& response, const std::string& wanted) {
    for (const auto& [name, value] : response.headers) {
      if (name == wanted) return value;
    }
    return std::string();
  };
  const HttpResponse page = ask("/console/");
  EXPECT_EQ(page.body, "<p>");
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  EXPECT_EQ(header(page, "Cache-Control"), "no-cache");
  EXPECT_NE(header(page, "Content-Security-Policy").find("default-src 'self'"), std::string::npos);
  EXPECT_EQ(ask("/console/", header(page, "ETag")).status, 304);
  EXPECT_EQ(ask("/console/", "\"0\"").status, 200);
  EXPECT_EQ(ask("/console/index.html").body, "<p>");
  const HttpResponse script = ask("/console/assets/app-1.js");
  EXPECT_EQ(script.content_type, "text/javascript; charset=utf-8");
  EXPECT_NE(header(script, "Cache-Control").find("immutable"), std::string::npos);
  EXPECT_EQ(header(ask("/console"), "Location"), "/console/");
  for (const char* path : {"/console/.secret", "/console/passwd", "/console/.git/config",
                           "/console/a b.txt", "/console/../etc/passwd", "/console/assets"})
    EXPECT_EQ(ask(path).status, 404) << path;
}

}  // namespace
}  // namespace bluemarble::api
