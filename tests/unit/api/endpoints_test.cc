#include "api/endpoints.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>

namespace bluemarble::api {
namespace {

using core::Code;
using core::Status;
using nlohmann::json;

class EndpointsTest : public ::testing::Test {
 protected:
  EndpointsTest()
      : router_(BuildRouter({
            .metrics = [] { return std::string("x_total 1\n"); },
            .live =
                [this] {
                  return Probe{alive, alive ? "ok\n" : "tick has been silent\n"};
                },
            .ready =
                [this](bool verbose) {
                  return Probe{ready, verbose ? "{\"v\":1}" : "{}"};
                },
            .join = [this](const JoinRequest& request) -> core::Result<JoinAnswer> {
              joined = request;
              if (!refusal.ok()) return refusal;
              if (wait_ms > 0) return JoinAnswer{.wait_ms = wait_ms};
              JoinAnswer answer{"192.0.2.1", 7778, "token"};
              answer.path = play_path;
              return answer;
            },
            .stats = [] { return std::string("{\"tick\":1}"); },
        })) {}

  HttpResponse Get(const std::string& path, std::string query = {}) {
    HttpRequest request{.method = "GET", .path = path};
    if (!query.empty()) request.query.emplace_back(std::move(query), "");
    std::string allow;
    return router_.Route(request, &allow);
  }
  HttpResponse Join(const std::string& body) {
    std::string allow;
    return router_.Route(
        {.method = "POST", .path = "/v1/join", .body = body, .remote_address = "::1"}, &allow);
  }

  bool alive = true;
  bool ready = true;
  Status refusal;
  int wait_ms = 0;
  std::optional<JoinRequest> joined;
  std::string play_path;

 private:
  Router router_;
};

TEST_F(EndpointsTest, ServesMetricsAsPrometheusText) {
  const HttpResponse response = Get("/metrics");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(response.body, "x_total 1\n");
}

TEST_F(EndpointsTest, WhoJoinsTooEarlyIsToldWhenToComeBack) {
  wait_ms = 1234;
  const HttpResponse response = Join(R"({"name": "Ada"})");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.retry_after_s, 2);
  EXPECT_NE(response.body.find("\"code\":\"busy\""), std::string::npos) << response.body;
  EXPECT_NE(response.body.find("\"retry_after_ms\":1234"), std::string::npos) << response.body;
}

TEST_F(EndpointsTest, ServesStatsAsJson) {
  EXPECT_EQ(Get("/v1/stats").content_type, "application/json");
  EXPECT_EQ(Get("/v1/stats").body, "{\"tick\":1}");
}

TEST_F(EndpointsTest, ProbesAnswer200Or503UnderBothNames) {
  for (const char* path : {"/healthz", "/health", "/readyz", "/ready"}) {
    alive = ready = true;
    EXPECT_EQ(Get(path).status, 200) << path;
    alive = ready = false;
    EXPECT_EQ(Get(path).status, 503) << path;
  }
}

TEST_F(EndpointsTest, ReadinessTellsMoreWhenAsked) {
  EXPECT_EQ(Get("/readyz").body, "{}");
  EXPECT_EQ(Get("/readyz", "verbose").body, "{\"v\":1}");
}

TEST_F(EndpointsTest, JoinAnswersWithAddressPortAndToken) {
  const HttpResponse response = Join("{\"name\": \"J\u00fcrgen\"}");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(
      json::parse(response.body),
      (json{{"security", "plain"}, {"address", "192.0.2.1"}, {"port", 7778}, {"token", "token"}}));
  ASSERT_TRUE(joined);
  EXPECT_EQ(joined->name, "J\u00fcrgen");
  EXPECT_EQ(joined->remote_address, "::1");
}

TEST_F(EndpointsTest, JoinAnswersWithAPathToWhoWantsAWebSocket) {
  EXPECT_EQ(Join(R"({"name":"a","transport":"udp"})").status, 200);
  EXPECT_FALSE(joined->websocket);
  play_path = "/v1/play";
  const HttpResponse response = Join(R"({"name":"a","transport":"websocket"})");
  EXPECT_TRUE(joined->websocket);
  EXPECT_EQ(response.body,
            "{\"path\":\"/v1/"
            "play\",\"security\":\"plain\",\"token\":\"token\",\"transport\":\"websocket\"}\n")
      << "no address and no port";
}

TEST_F(EndpointsTest, JoinSaysWhatIsWrongWithABody) {
  EXPECT_NE(Join("{\"name\":\"\xff\"}").body.find("not UTF-8"), std::string::npos);
  EXPECT_NE(Join("{\"name\":").body.find("not a JSON object"), std::string::npos);
  EXPECT_NE(Join(R"({"name":"a","transport":"pigeon"})").body.find("websocket"), std::string::npos);
  EXPECT_NE(Join(R"({"name":"a","transport":7})").body.find("websocket"), std::string::npos);
}

TEST(RouterTest, NoHandlerSeesABodyOrAQueryThatIsNotUtf8) {
  int asked = 0;
  Router router;
  router.Add("POST", "/x", [&](const HttpRequest&) {
    ++asked;
    return HttpResponse{};
  });
  std::string allow;
  const auto said = [&](HttpRequest request) {
    request.method = "POST";
    request.path = "/x";
    const HttpResponse response = router.Route(request, &allow);
    EXPECT_EQ(response.status, 400);
    return json::parse(response.body)["error"].value("message", "");
  };
  for (const char* const bytes : {"\xff", "{\"a\":\"\xc3\"}", "\xed\xa0\x80", "\xc0\xaf"}) {
    EXPECT_EQ(said({.body = bytes}), "the body is not UTF-8") << bytes;
    EXPECT_EQ(said({.query = {{"name", bytes}}}), "the query is not UTF-8") << bytes;
    EXPECT_EQ(said({.query = {{"a", ""}, {bytes, ""}}}), "the query is not UTF-8") << bytes;
  }
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(router.Route({.method = "GET", .path = "/x", .body = "\xff"}, &allow).status, 405);
  EXPECT_EQ(router.Route({.method = "POST", .path = "/x", .body = "J\u00fcrgen"}, &allow).status,
            200);
  EXPECT_EQ(asked, 1);
}

TEST_F(EndpointsTest, JoinIgnoresMembersThatItDoesNotKnow) {
  EXPECT_EQ(Join("{\"name\":\"a\",\"future\":true}").status, 200);
  EXPECT_EQ(joined->name, "a");
}

TEST_F(EndpointsTest, JoinRefusesBadBodiesBeforeTheProviderSeesThem) {
  const std::string bodies[] = {
      "",
      "name",
      "[]",
      "{}",
      "null",
      "{\"name\":1}",
      "{\"name\":\"\"}",
      "{\"name\":\" a\"}",
      "{\"name\":\"a\\u0000b\"}",
      "{\"name\":\"a\\nb\"}",
      "{\"name\":\"\xff\"}",
      "{\"name\":\"" + std::string(33, 'x') + "\"}",
      "{\"name\":\"a\"",
      std::string(60'000, '['),
  };
  for (const std::string& body : bodies) {
    const HttpResponse response = Join(body);
    EXPECT_EQ(response.status, 400) << body.substr(0, 80);
    EXPECT_EQ(json::parse(response.body)["error"]["code"], "invalid") << body.substr(0, 80);
    EXPECT_FALSE(joined) << body.substr(0, 80);
  }
}

TEST_F(EndpointsTest, JoinTurnsARefusalIntoStatusCodeAndMessage) {
  const std::pair<Code, int> cases[] = {
      {Code::kInvalid, 400},     {Code::kDenied, 403},   {Code::kNotFound, 404},
      {Code::kConflict, 409},    {Code::kNoSpace, 429},  {Code::kFull, 503},
      {Code::kUnavailable, 503}, {Code::kInternal, 500}, {Code::kStale, 409},
  };
  for (const auto& [code, status] : cases) {
    refusal = Status(code, "the zone is full", "zone.max_players \xff");
    const HttpResponse response = Join("{\"name\":\"a\"}");
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.content_type, "application/json");
    const json error = json::parse(response.body)["error"];
    EXPECT_EQ(error["code"], core::CodeName(code));
    EXPECT_EQ(error["message"], "the zone is full: zone.max_players \uFFFD");
  }
}

}  // namespace
}  // namespace bluemarble::api
