// The account endpoints on a real server: over a socket, with a real embedded database behind.
#include "api/auth_endpoints.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/admin_endpoints.h"
#include "api/console_endpoints.h"
#include "api/endpoints.h"
#include "raw_client.h"
#include "tests/unit/services/accounts/account_fixture.h"

namespace bluemarble::api {
namespace {

using accounts::kPassword;
using nlohmann::json;

constexpr const char* kSecret = "0123456789abcdef0123456789abcdef";

struct Reply {
  int status = 0;
  json body;
  std::string head;
};

class AuthEndpoints : public testing::Test, public accounts::AccountFixture {
 protected:
  void Serve(HttpSettings settings = {}) {
    Open();
    settings.port = 0;
    server_ = std::make_unique<HttpServer>(settings);
    ASSERT_TRUE(server_->Bind().ok());
    Router router = BuildRouter({
        .metrics = [] { return std::string(); },
        .live =
            [] {
              return Probe{true, "ok\n"};
            },
        .ready =
            [](bool) {
              return Probe{true, "{}"};
            },
        .join = [](const JoinRequest& request) -> core::Result<JoinAnswer> {
          return JoinAnswer{.address = "192.0.2.1",
                            .port = 7777,
                            .token = request.name + "/" + std::to_string(request.account_id),
                            .security = "sealed",
                            .expires_s = 30};
        },
        .stats = [] { return std::string("{}"); },
        .authenticate =
            [this](const HttpRequest& request) { return Authenticate(accounts(), request); },
    });
    AddAuthEndpoints(router, accounts());
    AddAccountAdminEndpoints(router, accounts(), guard_);
    server_->Serve(std::move(router));
  }
  Reply Ask(const std::string& method, const std::string& target, const std::string& body = {},
            const std::string& bearer = {}) {
    RawClient client(server_->bound_port());
    std::string text = method + " " + target +
                       " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
                       "\r\n";
    if (!bearer.empty()) text += "Authorization: Bearer " + bearer + "\r\n";
    EXPECT_TRUE(client.Send(text + "\r\n" + body));
    const std::string answer = client.ReadAnswer();
    const size_t end = answer.find("\r\n\r\n");
    Reply reply{.status = StatusOf(answer), .head = answer.substr(0, end)};
    if (end != std::string::npos) reply.body = json::parse(answer.substr(end + 4), nullptr, false);
    return reply;
  }
  Reply Post(const std::string& path, const json& body, const std::string& bearer = {}) {
    return Ask("POST", path, body.dump(), bearer);
  }
  json Registered(const std::string& name = "Ann") {
    const Reply reply = Post("/v1/accounts", {{"name", name}, {"password", kPassword}});
    EXPECT_EQ(reply.status, 201) << reply.body;
    return reply.body;
  }

  AdminGuard guard_{kSecret, clock_};
  std::unique_ptr<HttpServer> server_;
};

TEST_F(AuthEndpoints, FromRegisteringToJoining) {
  Serve();
  const json made = Registered();
  EXPECT_EQ(made["name"], "Ann");
  EXPECT_EQ(made["token_type"], "Bearer");
  EXPECT_EQ(made["expires_in"], 900);
  const Reply joined = Post("/v1/join", json::object(), made["access_token"]);
  EXPECT_EQ(joined.status, 200) << joined.body;
  EXPECT_EQ(joined.body["token"], "Ann/" + made["account"].get<std::string>());
  EXPECT_EQ(joined.body["security"], "sealed");
  EXPECT_EQ(joined.body["expires_s"], 30);

  const Reply in = Post("/v1/login", {{"name", "Ann"}, {"password", kPassword}});
  EXPECT_EQ(in.status, 200);
  const Reply next = Post("/v1/refresh", {{"refresh_token", in.body["refresh_token"]}});
  EXPECT_EQ(next.status, 200);
  EXPECT_EQ(Post("/v1/join", json::object(), next.body["access_token"]).status, 200);
  EXPECT_EQ(Post("/v1/logout", {{"refresh_token", next.body["refresh_token"]}}).status, 200);
  EXPECT_EQ(Post("/v1/refresh", {{"refresh_token", next.body["refresh_token"]}}).status, 401);
}

TEST_F(AuthEndpoints, LoggingOutWithAnOldTokenEndsTheLoginItCameFrom) {
  Serve();
  const json made = Registered();
  const Reply other = Post("/v1/login", {{"name", "Ann"}, {"password", kPassword}});
  const Reply next = Post("/v1/refresh", {{"refresh_token", made["refresh_token"]}});
  ASSERT_EQ(next.status, 200);
  const Reply out = Post("/v1/logout", {{"refresh_token", made["refresh_token"]}});
  EXPECT_EQ(out.status, 200);
  EXPECT_EQ(out.body, json::object()) << "the same as for any other token";
  EXPECT_EQ(Post("/v1/refresh", {{"refresh_token", next.body["refresh_token"]}}).status, 401);
  EXPECT_EQ(Post("/v1/refresh", {{"refresh_token", other.body["refresh_token"]}}).status, 200);
  EXPECT_EQ(accounts().stats().reused_tokens.Get(), 1u);
}

TEST_F(AuthEndpoints, JoiningNeedsAnAccessToken) {
  Serve();
  const json made = Registered();
  const std::string token = made["access_token"];
  const Reply bare = Post("/v1/join", {{"name", "Ann"}});
  EXPECT_EQ(bare.status, 401) << "the name is no proof";
  EXPECT_NE(bare.head.find("WWW-Authenticate: Bearer"), std::string::npos);
  EXPECT_EQ(Post("/v1/join", json::object(), token + "x").status, 401);
  EXPECT_EQ(Post("/v1/join", json::object(), made["refresh_token"]).status, 401);
  EXPECT_EQ(Post("/v1/join", json::object(), std::string(10'000, 'A')).status, 401);
  clock_.now_ns += 1000 * 1'000'000'000ll;
  const Reply late = Post("/v1/join", json::object(), token);
  EXPECT_EQ(late.status, 401);
  EXPECT_NE(late.body["error"]["message"].get<std::string>().find("expired"), std::string::npos);
}

TEST_F(AuthEndpoints, AnOperatorsTokenOpensWhatTheSecretOpens) {
  guard_.AcceptTokens(
      [this](const HttpRequest& request) { return Authenticate(accounts(), request); });
  Serve();
  const json made = Registered();
  EXPECT_EQ(made["role"], "player");
  const std::string token = made["access_token"];
  EXPECT_EQ(Ask("GET", "/v1/admin/account?name=Ann", "", token).status, 403);
  EXPECT_EQ(Post("/v1/admin/role", {{"name", "Ann"}, {"role", "operator"}}, token).status, 403);
  const Reply given = Post("/v1/admin/role", {{"name", "ann"}, {"role", "operator"}}, kSecret);
  EXPECT_EQ(given.status, 200) << given.body;
  EXPECT_EQ(given.body["role"], "operator");
  EXPECT_EQ(Ask("GET", "/v1/admin/account?name=Ann", "", token).status, 200) << "at once";
  const Reply in = Post("/v1/login", {{"name", "Ann"}, {"password", kPassword}});
  EXPECT_EQ(in.body["role"], "operator");
  const std::string operators = in.body["access_token"];
  EXPECT_EQ(Post("/v1/admin/ban", {{"name", "Bob"}}, operators).status, 404);
  Registered("Bob");
  EXPECT_EQ(Post("/v1/admin/ban", {{"name", "Bob"}}, operators).status, 200);
  EXPECT_EQ(EventsOf("Bob").front().address, "operator Ann at 127.0.0.1");
  EXPECT_EQ(Post("/v1/admin/role", {{"name", "Ann"}, {"role", "god"}}, operators).status, 400);

  EXPECT_EQ(Post("/v1/admin/role", {{"name", "Ann"}, {"role", "player"}}, kSecret).status, 200);
  EXPECT_EQ(Ask("GET", "/v1/admin/account?name=Ann", "", operators).status, 403) << "at once";
  EXPECT_EQ(Post("/v1/refresh", {{"refresh_token", in.body["refresh_token"]}}).status, 401);
}

TEST_F(AuthEndpoints, AnOperatorsExpiredTokenIsToldApart) {
  guard_.AcceptTokens(
      [this](const HttpRequest& request) { return Authenticate(accounts(), request); });
  Serve();
  const std::string token = Registered()["access_token"];
  ASSERT_EQ(Post("/v1/admin/role", {{"name", "Ann"}, {"role", "operator"}}, kSecret).status, 200);
  clock_.now_ns += 1000 * 1'000'000'000ll;
  for (int i = 0; i < 12; ++i) {
    const Reply late = Ask("GET", "/v1/admin/account?name=Ann", "", token);
    EXPECT_EQ(late.status, 401);
    EXPECT_EQ(late.body["error"]["code"], "expired");
  }
  EXPECT_EQ(Ask("GET", "/v1/admin/account?name=Ann", "", kSecret).status, 200) << "not locked out";
}

TEST_F(AuthEndpoints, EachRefusalHasItsStatusAndCode) {
  Serve();
  const json made = Registered();
  const struct {
    const char* path;
    json body;
    int status;
    const char* code;
  } cases[] = {
      {"/v1/accounts", {{"name", "ann"}, {"password", kPassword}}, 409, "conflict"},
      {"/v1/accounts", {{"name", "admin"}, {"password", kPassword}}, 400, "invalid"},
      {"/v1/accounts", {{"name", "Bob"}, {"password", "short"}}, 400, "invalid"},
      {"/v1/login", {{"name", "Ann"}, {"password", "wrong"}}, 401, "denied"},
      {"/v1/login", {{"name", "Nobody"}, {"password", "wrong"}}, 401, "denied"},
      {"/v1/login", {{"name", "a\nb"}, {"password", "wrong"}}, 400, "invalid"},
      {"/v1/refresh", {{"refresh_token", "x"}}, 401, "denied"},
      {"/v1/refresh", {{"refresh_token", made["access_token"]}}, 401, "denied"},
  };
  for (const auto& test : cases) {
    const Reply reply = Post(test.path, test.body);
    EXPECT_EQ(reply.status, test.status) << test.path << test.body;
    EXPECT_EQ(reply.body["error"]["code"], test.code) << test.path << test.body;
  }
}

TEST_F(AuthEndpoints, UnknownAccountAndWrongPasswordAnswerTheSameBytes) {
  Serve();
  Registered();
  const Reply wrong = Post("/v1/login", {{"name", "Ann"}, {"password", "wrong"}});
  const Reply unknown = Post("/v1/login", {{"name", "Bob"}, {"password", "wrong"}});
  EXPECT_EQ(wrong.head, unknown.head);
  EXPECT_EQ(wrong.body, unknown.body);
}

TEST_F(AuthEndpoints, BodiesAreReadStrictlyAndTheMemberIsNamed) {
  Serve();
  const std::pair<std::string, const char*> cases[] = {
      {"", "JSON"},
      {"[]", "JSON object"},
      {"{}", "missing member: name"},
      {"{\"name\":\"Ann\"}", "missing member: password"},
      {"{\"name\":\"Ann\",\"password\":1}", "not a text: password"},
      {"{\"name\":null,\"password\":\"x\"}", "name"},
      {"{\"name\":\"Ann\",\"password\":\"x\",\"admin\":true}", "unknown member: admin"},
      {"{\"name\":\"Ann\",\"password\":\"x\",\"password\":\"y\"}", "twice: password"},
      {"{\"name\":{\"a\":1},\"password\":\"x\"}", "name"},
      {std::string(60'000, '['), "JSON"},
  };
  for (const char* path : {"/v1/accounts", "/v1/login"}) {
    for (const auto& [body, says] : cases) {
      const Reply reply = Ask("POST", path, body);
      EXPECT_EQ(reply.status, 400) << body;
      EXPECT_EQ(reply.body["error"]["code"], "invalid");
      EXPECT_NE(reply.body["error"]["message"].get<std::string>().find(says), std::string::npos)
          << body << ": " << reply.body;
    }
  }
  EXPECT_EQ(Ask("POST", "/v1/refresh", "{\"token\":\"x\"}").status, 400);
  EXPECT_EQ(Ask("POST", "/v1/login", std::string(70'000, ' ')).status, 413);
  EXPECT_EQ(Ask("GET", "/v1/login").status, 405);
}

TEST_F(AuthEndpoints, FailedLoginsOfAnAddressAreAnswered429WithAWait) {
  Serve();
  Registered();
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(Post("/v1/login", {{"name", "Ann"}, {"password", "wrong"}}).status, 401);
  const Reply reply = Post("/v1/login", {{"name", "Ann"}, {"password", kPassword}});
  EXPECT_EQ(reply.status, 429);
  EXPECT_EQ(reply.body["error"]["code"], "limited");
  EXPECT_NE(reply.head.find("Retry-After: "), std::string::npos);
}

TEST_F(AuthEndpoints, TooManyRequestsOfAnAddressStopAtTheGate) {
  settings_.address_requests_per_s = 1;
  Serve();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Post("/v1/refresh", {{"refresh_token", "x"}}).status, 401);
  const Reply reply = Post("/v1/refresh", {{"refresh_token", "x"}});
  EXPECT_EQ(reply.status, 429);
  EXPECT_NE(reply.head.find("Retry-After: "), std::string::npos);
}

TEST_F(AuthEndpoints, AFullLineOfHashesIsAnswered429AndProbesGoOn) {
  settings_.hash_memory_kib = 512 * 1024;  // one takes long enough to meet it
  settings_.hash_passes = 1;
  Serve({.hash_queue = 1});
  std::vector<std::future<Reply>> answers;
  for (int i = 0; i < 6; ++i) {
    answers.push_back(std::async(std::launch::async, [this, i] {
      return Post("/v1/login", {{"name", "n" + std::to_string(i)}, {"password", "x"}});
    }));
  }
  int hashed = 0, refused = 0;
  for (auto& answer : answers) {
    const Reply reply = answer.get();
    hashed += reply.status == 401;
    if (reply.status != 429) continue;
    ++refused;
    EXPECT_NE(reply.head.find("Retry-After: "), std::string::npos);
    EXPECT_NE(reply.body["error"]["message"].get<std::string>().find("auth.hash_queue"),
              std::string::npos);
    EXPECT_EQ(Ask("GET", "/v1/stats").status, 200) << "api threads are free";
  }
  EXPECT_GE(hashed, 2);
  EXPECT_GE(refused, 1);
  EXPECT_EQ(hashed + refused, 6);
  EXPECT_EQ(server_->stats().refused_hashing.Get(), static_cast<uint64_t>(refused));
}

TEST_F(AuthEndpoints, OperatorsBanLiftAndLook) {
  Serve();
  const json made = Registered();
  EXPECT_EQ(Post("/v1/admin/ban", {{"name", "Ann"}}).status, 401);
  EXPECT_EQ(Post("/v1/admin/ban", {{"name", "Ann"}}, made["access_token"]).status, 401);
  const Reply banned =
      Post("/v1/admin/ban",
           {{"name", "ann"}, {"until", "2033-01-01T00:00:00Z"}, {"reason", "spam"}}, kSecret);
  EXPECT_EQ(banned.status, 200) << banned.body;
  EXPECT_TRUE(banned.body["banned_until"].get<std::string>().starts_with("2033-01-01T00:00:00"));
  const Reply join = Post("/v1/join", json::object(), made["access_token"]);
  EXPECT_EQ(join.status, 403);
  EXPECT_EQ(join.body["error"]["code"], "banned");
  const Reply login = Post("/v1/login", {{"name", "Ann"}, {"password", kPassword}});
  EXPECT_EQ(login.status, 403);
  EXPECT_EQ(login.body["error"]["reason"], "spam");
  EXPECT_TRUE(login.body["error"]["until"].get<std::string>().starts_with("2033-01-01"));
  EXPECT_EQ(Post("/v1/admin/unban", {{"name", "Ann"}}, kSecret).status, 200);
  EXPECT_EQ(Post("/v1/join", json::object(), made["access_token"]).status, 200);
  EXPECT_EQ(Post("/v1/admin/ban", {{"name", "Ann"}}, kSecret).body["banned_until"], "forever");

  const Reply shown = Ask("GET", "/v1/admin/account?name=Ann", {}, kSecret);
  EXPECT_EQ(shown.status, 200);
  EXPECT_EQ(shown.body["events"][0]["event"], "banned");
  EXPECT_FALSE(shown.body.contains("password_hash"));
  EXPECT_EQ(Ask("GET", "/v1/admin/account?name=Bob", {}, kSecret).status, 404);
  EXPECT_EQ(Ask("GET", "/v1/admin/account", {}, kSecret).status, 400);
  EXPECT_EQ(Post("/v1/admin/ban", {{"name", "Bob"}}, kSecret).status, 404);
  EXPECT_EQ(Post("/v1/admin/ban", {{"name", "Ann"}, {"until", "tick:5"}}, kSecret).status, 400);
  EXPECT_EQ(
      Post("/v1/admin/ban", {{"name", "Ann"}, {"until", "2001-01-01T00:00:00Z"}}, kSecret).status,
      400);
}

TEST(AddressKey, IsWhatOneCustomerHasForHimself) {
  EXPECT_EQ(AddressKey("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(AddressKey("::ffff:192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(AddressKey("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(AddressKey("2001:db8:1:2:ffff::1"), "2001:db8:1:2::/64");
  EXPECT_NE(AddressKey("2001:db8:1:3::1"), "2001:db8:1:2::/64");
}

// "POST /v1/login", ... as the document has them: its paths are two blanks in, methods four.
std::set<std::string> DocumentedEndpoints() {
  const char* root = std::getenv("BLUEMARBLE_SOURCE_DIR");
  std::ifstream file(std::string(root == nullptr ? "." : root) + "/docs/openapi.yaml");
  std::set<std::string> endpoints;
  std::string path;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("components:")) break;
    if (line.starts_with("  /") && line.ends_with(':')) path = line.substr(2, line.size() - 3);
    for (const auto& [key, method] : {std::pair{"    get:", "GET "},
                                      {"    post:", "POST "},
                                      {"    put:", "PUT "},
                                      {"    delete:", "DELETE "}}) {
      if (line == key) endpoints.insert(method + path);
    }
  }
  return endpoints;
}

TEST_F(AuthEndpoints, TheOpenApiDocumentHasEveryEndpointAndNoOther) {
  Open();
  Router router = BuildRouter({});
  AddAuthEndpoints(router, accounts());
  AddAccountAdminEndpoints(router, accounts(), guard_);
  AddAdminEndpoints(
      router,
      {.with_reader = [](const AdminProviders::UseReader&) { return core::Status::Ok(); },
       .in_doubt = {},
       .in_play = [](int64_t) { return false; },
       .tick = [] { return core::Tick{}; },
       .commit = [](const persistence::DurableWrite&) -> core::Result<persistence::WriteResult> {
         return persistence::WriteResult{};
       },
       .taken_from_ground = {},
       .player = [](const PlayerQuery&) -> core::Result<persistence::PlayerView> {
         return core::Status(core::Code::kNotFound, "none");
       },
       .items = [] { return std::string("{}"); },
       .slow = [] { return std::string("{}"); }},
      &guard_, clock_);
  AddConsoleEndpoints(router, {}, guard_, clock_);
  router.AddWebSocket("/v1/play", {});  // app/play_sockets
  std::set<std::string> there;
  for (const std::string& endpoint : router.Endpoints()) there.insert(endpoint);
  EXPECT_GT(there.size(), 15u);
  EXPECT_EQ(DocumentedEndpoints(), there);
}

}  // namespace
}  // namespace bluemarble::api
