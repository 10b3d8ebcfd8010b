#include "api/http_server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "raw_client.h"

namespace bluemarble::api {
namespace {

Router TestRouter() {
  Router router;
  router.Add("GET", "/hello", [](const HttpRequest& request) {
    const std::string* name = request.Query("name");
    return HttpResponse{.body = "hello " + (name != nullptr ? *name : "world")};
  });
  router.Add("POST", "/echo", [](const HttpRequest& request) {
    return HttpResponse{.content_type = "application/octet-stream", .body = request.body};
  });
  router.Add("GET", "/large",
             [](const HttpRequest&) { return HttpResponse{.body = std::string(64 << 20, 'x')}; });
  router.Add("GET", "/throw",
             [](const HttpRequest&) -> HttpResponse { throw std::runtime_error("broken"); });
  router.Add("GET", "/throw_int", [](const HttpRequest&) -> HttpResponse { throw 1; });
  return router;
}

std::unique_ptr<HttpServer> Started(HttpSettings settings = {}) {
  settings.port = 0;
  auto server = std::make_unique<HttpServer>(settings);
  EXPECT_TRUE(server->Bind().ok());
  server->Serve(TestRouter());
  return server;
}

std::string Post(size_t size) {
  return "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
         std::string(size, 'b');
}

constexpr const char* kHello = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";

TEST(HttpServer, AnswersAndKeepsTheConnection) {
  const auto server = Started();
  RawClient client(server->bound_port());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.Send("GET /hello?name=a%20b HTTP/1.1\r\nHost: x\r\n\r\n"));
    const std::string answer = client.ReadAnswer();
    EXPECT_EQ(StatusOf(answer), 200);
    EXPECT_NE(answer.find("Connection: keep-alive\r\n"), std::string::npos);
    EXPECT_TRUE(answer.ends_with("\r\n\r\nhello a b")) << answer;
  }
  EXPECT_EQ(server->stats().accepted_connections.Get(), 1u);
}

TEST(HttpServer, ClosesWhenAskedTo) {
  const auto server = Started();
  for (const char* request : {"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                              "GET /hello HTTP/1.0\r\n\r\n"}) {
    RawClient client(server->bound_port());
    ASSERT_TRUE(client.Send(request));
    EXPECT_TRUE(client.ReadToEnd().ends_with("hello world"));
  }
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  const auto server = Started();
  RawClient client(server->bound_port());
  std::string all;
  for (int i = 0; i < 50; ++i) {
    all += "GET /hello?name=" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  ASSERT_TRUE(client.Send(all));
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(client.ReadAnswer().ends_with("\r\n\r\nhello " + std::to_string(i)));
  }
}

TEST(HttpServer, AnswersHeadWithoutTheBody) {
  const auto server = Started();
  RawClient client(server->bound_port());
  ASSERT_TRUE(client.Send("HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n"));
  const std::string answer = client.ReadAnswer(/*without_body=*/true);
  EXPECT_EQ(StatusOf(answer), 200);
  EXPECT_NE(answer.find("Content-Length: 11\r\n"), std::string::npos);
  ASSERT_TRUE(client.Send(kHello));
  EXPECT_TRUE(client.ReadAnswer().ends_with("hello world"));
}

TEST(HttpServer, RefusesRequestsByTheRightStatus) {
  const auto server = Started({.max_body_bytes = 1000, .max_header_bytes = 2000});
  const std::string long_head = "GET /hello HTTP/1.1\r\nX: " + std::string(3000, 'x');
  const std::string many_heads = [] {
    std::string text = "GET /hello HTTP/1.1\r\n";
    for (int i = 0; i < 1000; ++i) text += "A: b\r\n";
    return text;
  }();
  const std::pair<std::string, int> cases[] = {
      {"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404},
      {"GET /hello/ HTTP/1.1\r\nHost: x\r\n\r\n", 404},
      {"PUT /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405},
      {"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", 405},
      {"GET /throw HTTP/1.1\r\nHost: x\r\n\r\n", 500},
      {"GET /throw_int HTTP/1.1\r\nHost: x\r\n\r\n", 500},
      {"GET /hello?a=%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"nonsense\r\n\r\n", 400},
      {"GET /hello HTTP/9.9\r\n\r\n", 400},
      {"GET /hello HTTP/1.1\r\nbad header\r\n\r\n", 400},
      {"POST /echo HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400},
      {"POST /echo HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", 413},
      {"POST /echo HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413},
      {"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + std::string(2000, 'x') +
           "\r\n0\r\n\r\n",
       413},
      {long_head + "\r\n\r\n", 431},
      {long_head, 431},
      {many_heads, 431},
  };
  for (const auto& [request, status] : cases) {
    RawClient client(server->bound_port());
    ASSERT_TRUE(client.Send(request));
    EXPECT_EQ(StatusOf(client.ReadAnswer()), status) << request.substr(0, 80);
  }
}

TEST(HttpServer, NamesTheAllowedMethods) {
  const auto server = Started();
  RawClient client(server->bound_port());
  ASSERT_TRUE(client.Send("DELETE /hello HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_NE(client.ReadAnswer().find("Allow: GET, HEAD\r\n"), std::string::npos);
}

TEST(HttpServer, TakesABodyUpToTheLimitInEitherEncoding) {
  const auto server = Started({.max_body_bytes = 1000});
  RawClient client(server->bound_port());
  ASSERT_TRUE(client.Send(Post(1000)));
  EXPECT_TRUE(client.ReadAnswer().ends_with("\r\n\r\n" + std::string(1000, 'b')));
  ASSERT_TRUE(
      client.Send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
  EXPECT_TRUE(client.ReadAnswer().ends_with("\r\n\r\nabcde"));
}

TEST(HttpServer, SwallowsTheRestOfABodyThatItRefused) {
  const auto server = Started();
  RawClient client(server->bound_port());
  ASSERT_TRUE(client.Send("POST /echo HTTP/1.1\r\nContent-Length: 200000\r\n\r\n"));
  EXPECT_EQ(StatusOf(client.ReadAnswer()), 413);
  // A plain close would answer these with a reset, and a client that is still sending would see
  // only that.
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(client.Send(std::string(10'000, 'b'))) << i;
}

TEST(HttpServer, SaysContinueToAClientThatWaitsForIt) {
  const auto server = Started();
  RawClient client(server->bound_port());
  ASSERT_TRUE(client.Send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
  EXPECT_EQ(StatusOf(client.ReadAnswer()), 100);
  ASSERT_TRUE(client.Send("ok"));
  EXPECT_TRUE(client.ReadAnswer().ends_with("\r\n\r\nok"));
}

TEST(HttpServer, TimesOutASlowHeadAndASlowBody) {
  const auto server = Started({.timeout_ms = 150});
  for (const char* partial : {"GET /hel", "GET /hello HTTP/1.1\r\nHost: x\r\n",
                              "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"}) {
    RawClient client(server->bound_port());
    ASSERT_TRUE(client.Send(partial));
    EXPECT_EQ(StatusOf(client.ReadToEnd()), 408) << partial;
  }
  EXPECT_EQ(server->stats().timeouts.Get(), 3u);
}

TEST(HttpServer, ADrippingClientGainsNoTime) {
  const auto server = Started({.timeout_ms = 200});
  RawClient client(server->bound_port());
  std::atomic<bool> ended{false};
  std::thread dripper([&] {
    client.Send("GET /hello HTTP/1.1\r\nX: ");
    while (!ended && client.Send("x")) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  });
  EXPECT_EQ(StatusOf(client.ReadAnswer()), 408);
  ended = true;
  dripper.join();
}

TEST(HttpServer, ClosesAnIdleConnectionInSilence) {
  const auto server = Started({.timeout_ms = 150});
  RawClient client(server->bound_port());
  ASSERT_TRUE(client.Send(kHello));
  EXPECT_EQ(StatusOf(client.ReadAnswer()), 200);
  EXPECT_EQ(client.ReadToEnd(), "");
  EXPECT_EQ(server->stats().timeouts.Get(), 0u);
}

TEST(HttpServer, TimesOutAClientThatDoesNotReadItsAnswer) {
  const auto server = Started({.timeout_ms = 150, .max_connections = 1});
  RawClient reader(server->bound_port());
  ASSERT_TRUE(reader.Send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n"));
  while (server->stats().timeouts.Get() == 0) std::this_thread::yield();
  EXPECT_LT(reader.ReadToEnd().size(), size_t{64} << 20);
}

TEST(HttpServer, RefusesConnectionsBeyondTheLimitWhileAllAreServedAndRecovers) {
  constexpr int kPlaces = 8;
  HttpServer server({.port = 0, .max_connections = kPlaces, .blocking_threads = kPlaces});
  ASSERT_TRUE(server.Bind().ok());
  Router router = TestRouter();
  std::atomic<int> inside{0};
  std::atomic<bool> go{false};
  router.Add(
      "GET", "/wait",
      [&](const HttpRequest&) {
        ++inside;
        go.wait(false);
        return HttpResponse{.body = "done"};
      },
      RunsOn::kOwnThreads);
  server.Serve(std::move(router));
  std::vector<std::unique_ptr<RawClient>> held;
  for (int i = 0; i < kPlaces; ++i) {
    held.push_back(std::make_unique<RawClient>(server.bound_port()));
    ASSERT_TRUE(held.back()->Send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"));
  }
  while (inside < kPlaces) std::this_thread::yield();
  std::vector<std::unique_ptr<RawClient>> beyond;
  for (int i = 0; i < 200; ++i) {
    beyond.push_back(std::make_unique<RawClient>(server.bound_port()));
    beyond.back()->Send(kHello);
  }
  int told = 0;
  for (const auto& client : beyond) {
    const int status = StatusOf(client->ReadToEnd());
    EXPECT_TRUE(status == 503 || status == 0) << status;
    if (status == 503) ++told;
  }
  EXPECT_GE(told, 1);
  EXPECT_EQ(server.stats().refused_connections.Get(), 200u);
  EXPECT_EQ(server.stats().displaced_connections.Get(), 0u);
  go = true;
  go.notify_all();
  for (const auto& client : held) EXPECT_EQ(StatusOf(client->ReadAnswer()), 200);
  RawClient next(server.bound_port());
  next.Send(kHello);
  EXPECT_EQ(StatusOf(next.ReadAnswer()), 200);
}

TEST(HttpServer, WhoHasKeptItWaitingForLongestMakesRoom) {
  const auto server = Started({.max_connections = 4});
  std::vector<std::unique_ptr<RawClient>> slow;
  for (const char* begin : {"GET /hel", "POST /echo HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc",
                            "GET /large HTTP/1.1\r\n\r\n"}) {
    slow.push_back(std::make_unique<RawClient>(server->bound_port()));
    ASSERT_TRUE(slow.back()->Send(begin));
  }
  RawClient quick(server->bound_port());
  ASSERT_TRUE(quick.Send(kHello));
  ASSERT_EQ(StatusOf(quick.ReadAnswer()), 200);
  std::vector<std::unique_ptr<RawClient>> next;
  for (size_t i = 0; i < slow.size(); ++i) {
    next.push_back(std::make_unique<RawClient>(server->bound_port()));
    ASSERT_TRUE(next.back()->Send(kHello));
    ASSERT_EQ(StatusOf(next.back()->ReadAnswer()), 200);
    ASSERT_TRUE(quick.Send(kHello));
    EXPECT_EQ(StatusOf(quick.ReadAnswer()), 200) << "who asks does not wait for long";
  }
  EXPECT_EQ(server->stats().refused_connections.Get(), 0u);
  EXPECT_EQ(server->stats().displaced_connections.Get(), slow.size());
  EXPECT_EQ(slow[0]->ReadToEnd(), "");
}

TEST(HttpServer, StopsWithConnectionsInEveryState) {
  auto server = Started({.threads = 2});
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 30; ++i) {
    clients.push_back(std::make_unique<RawClient>(server->bound_port()));
    if (i % 3 == 1) clients.back()->Send("POST /echo HTTP/1.1\r\nContent-Length: 9\r\n\r\n");
    if (i % 3 == 2) clients.back()->Send("GET /large HTTP/1.1\r\n\r\n");
  }
  const auto before = std::chrono::steady_clock::now();
  server->Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(1));
  for (const auto& client : clients) client->ReadToEnd();  // each ends: nothing stays open
  server->Stop();
}

TEST(HttpServer, NamesThePortThatIsInUse) {
  const auto server = Started();
  HttpServer second({.port = server->bound_port()});
  const core::Status status = second.Bind();
  EXPECT_EQ(status.code(), core::Code::kConflict);
  EXPECT_EQ(status.detail(), "127.0.0.1:" + std::to_string(server->bound_port()));
}

TEST(HttpServer, RefusesAnAddressThatIsNotOurs) {
  for (const char* bind : {"localhost", "192.0.2.1", ""}) {
    HttpServer server({.bind = bind, .port = 0});
    EXPECT_EQ(server.Bind().code(), core::Code::kInvalid) << bind;
  }
}

TEST(HttpServer, ServesTheSamePortAgainRightAfterAStop) {
  auto server = Started();
  const uint16_t port = server->bound_port();
  {
    RawClient client(port);
    client.Send(kHello);
    client.ReadAnswer();
    server->Stop();
  }
  HttpServer again({.port = port});
  EXPECT_TRUE(again.Bind().ok());
}

TEST(HttpServer, AnswersWhoConnectedBetweenBindAndServe) {
  HttpServer server({.port = 0});
  ASSERT_TRUE(server.Bind().ok());
  RawClient client(server.bound_port());
  client.Send(kHello);
  server.Serve(TestRouter());
  EXPECT_EQ(StatusOf(client.ReadAnswer()), 200);
}

TEST(HttpServer, CountsByStatusClassAndBytesWithSeveralThreads) {
  static constexpr std::string_view kNothing = "GET /nothing HTTP/1.1\r\n\r\n";
  static constexpr std::string_view kThrow = "GET /throw HTTP/1.1\r\n\r\n";
  const auto server = Started({.threads = 2});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&server] {
      RawClient client(server->bound_port());
      for (int i = 0; i < 100; ++i) {
        client.Send(kHello);
        client.ReadAnswer();
        client.Send(kNothing);
        client.ReadAnswer();
        client.Send(kThrow);
        client.ReadAnswer();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  server->Stop();
  const ApiStats& stats = server->stats();
  EXPECT_EQ(stats.responses_2xx.Get(), 400u);
  EXPECT_EQ(stats.responses_4xx.Get(), 400u);
  EXPECT_EQ(stats.responses_5xx.Get(), 400u);
  const size_t bytes = std::string_view(kHello).size() + kNothing.size() + kThrow.size();
  EXPECT_EQ(stats.received_bytes.Get(), 400 * bytes);
}

}  // namespace
}  // namespace bluemarble::api
