#include "api/web_socket.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "api/http_server.h"
#include "api/origin.h"
#include "becomes.h"
#include "web_socket_client.h"

namespace bluemarble::api {
namespace {

using std::chrono::milliseconds;

/// What the handlers of a test's sockets were told, and the sockets themselves.
struct Heard {
  std::mutex mutex;
  std::vector<std::string> messages;
  std::vector<uint16_t> closed;
  std::vector<std::shared_ptr<WebSocket>> sockets;
  std::atomic<int> refuse_messages{0};

  size_t closes() {
    const std::lock_guard lock(mutex);
    return closed.size();
  }
  std::vector<uint16_t> codes() {
    const std::lock_guard lock(mutex);
    return closed;
  }
  std::shared_ptr<WebSocket> socket() {
    const std::lock_guard lock(mutex);
    return sockets.empty() ? nullptr : sockets.back();
  }
};

class Echo final : public WebSocketHandler {
 public:
  Echo(std::shared_ptr<Heard> heard, std::shared_ptr<WebSocket> socket)
      : heard_(std::move(heard)), socket_(std::move(socket)) {}

  bool OnMessage(std::span<const std::byte> message, bool binary) override {
    const std::string text(reinterpret_cast<const char*>(message.data()), message.size());
    if (text == "throw") throw std::runtime_error("broken");
    if (heard_->refuse_messages > 0) {
      --heard_->refuse_messages;
      return false;
    }
    {
      const std::lock_guard lock(heard_->mutex);
      heard_->messages.push_back(text);
    }
    if (text == "close") {
      socket_->Close(4001, "as you say");
    } else {
      socket_->Send(message, binary);
    }
    return true;
  }
  void OnClosed(uint16_t code) override {
    const std::lock_guard lock(heard_->mutex);
    heard_->closed.push_back(code);
  }

 private:
  const std::shared_ptr<Heard> heard_;
  const std::shared_ptr<WebSocket> socket_;
};

class WebSockets : public ::testing::Test {
 protected:
  HttpServer& Start(HttpSettings settings = {}) {
    settings.port = 0;
    server_ = std::make_unique<HttpServer>(settings);
    EXPECT_TRUE(server_->Bind().ok());
    Router router;
    router.Add("POST", "/post", [](const HttpRequest&) { return HttpResponse{.body = "done"}; });
    router.Add("GET", "/get", [](const HttpRequest&) { return HttpResponse{.body = "read"}; });
    router.AddWebSocket(
        "/echo",
        [heard = heard_](const HttpRequest& request, std::shared_ptr<WebSocket> socket)
            -> std::variant<std::unique_ptr<WebSocketHandler>, HttpResponse> {
          if (request.Query("deny") != nullptr)
            return HttpResponse{.status = 401, .body = "who are you?"};
          if (request.Query("throw") != nullptr) throw std::runtime_error("broken");
          if (request.Query("greet") != nullptr) socket->SendText("welcome");
          const std::lock_guard lock(heard->mutex);
          heard->sockets.push_back(socket);
          return std::make_unique<Echo>(heard, std::move(socket));
        });
    server_->Serve(std::move(router));
    return *server_;
  }
  const ApiStats& stats() const { return server_->stats(); }

  const std::shared_ptr<Heard> heard_ = std::make_shared<Heard>();
  std::unique_ptr<HttpServer> server_;
};

TEST_F(WebSockets, EchoWhatTheyAreSent) {
  WebSocketClient client(Start().bound_port());
  ASSERT_EQ(client.Open("/echo"), 101) << client.answer();
  for (const std::string& text : {std::string("hello"), std::string(60'000, 'x'), std::string()}) {
    client.Send(1, text);
    client.Send(2, text);
    for (const int opcode : {1, 2}) {
      const auto frame = client.Read();
      ASSERT_TRUE(frame.has_value());
      EXPECT_EQ(frame->opcode, opcode);
      EXPECT_EQ(frame->payload, text);
    }
  }
  EXPECT_EQ(stats().web_sockets.Get(), 1u);
  EXPECT_EQ(heard_->socket()->remote_address(), "127.0.0.1");
}

TEST_F(WebSockets, AGreetingFollowsTheUpgradeAndFramesThatCameWithItCount) {
  WebSocketClient client(Start().bound_port());
  ASSERT_EQ(client.Open("/echo?greet", {}, ClientFrame(1, "early") + ClientFrame(1, "bird")), 101);
  EXPECT_EQ(client.Read()->payload, "welcome");
  EXPECT_EQ(client.Read()->payload, "early");
  EXPECT_EQ(client.Read()->payload, "bird");
}

TEST_F(WebSockets, ARefusalIsAnAnswerAndTheConnectionGoesOn) {
  WebSocketClient client(Start().bound_port());
  EXPECT_EQ(client.Open("/echo?deny"), 401);
  EXPECT_EQ(client.Open("/echo?throw"), 500);
  EXPECT_EQ(client.Open("/other"), 404);
  EXPECT_EQ(client.Open("/echo"), 101);
  EXPECT_EQ(stats().web_sockets.Get(), 1u);
}

TEST_F(WebSockets, APlainGetIsToldToUpgrade) {
  RawClient client(Start().bound_port());
  client.Send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answer = client.ReadAnswer();
  EXPECT_EQ(StatusOf(answer), 426);
  EXPECT_NE(answer.find("Upgrade: websocket\r\n"), std::string::npos);
}

TEST_F(WebSockets, BeyondTheLimitTheyAreRefusedUntilOneLeaves) {
  const uint16_t port = Start({.max_websockets = 2}).bound_port();
  auto first = std::make_unique<WebSocketClient>(port);
  WebSocketClient second(port), third(port);
  ASSERT_EQ(first->Open("/echo"), 101);
  ASSERT_EQ(second.Open("/echo"), 101);
  EXPECT_EQ(third.Open("/echo"), 503);
  EXPECT_NE(third.answer().find("http.max_websockets"), std::string::npos);
  EXPECT_EQ(stats().refused_web_sockets.Get(), 1u);
  first.reset();
  EXPECT_TRUE(Becomes([&] { return third.Open("/echo") == 101; }));
  EXPECT_EQ(heard_->codes().at(0), kWebSocketLost);
}

TEST_F(WebSockets, TakeNoPlaceAmongTheConnections) {
  const uint16_t port = Start({.max_connections = 1}).bound_port();
  WebSocketClient first(port);
  ASSERT_EQ(first.Open("/echo"), 101);
  WebSocketClient second(port);
  ASSERT_EQ(second.Open("/echo"), 101);
  RawClient plain(port);
  plain.Send("GET /get HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(StatusOf(plain.ReadAnswer()), 200);
  first.Send(1, "still here");
  EXPECT_EQ(first.Read()->payload, "still here");
  EXPECT_EQ(stats().displaced_connections.Get(), 0u);
}

TEST_F(WebSockets, AreClosedByEitherSideWithACode) {
  const uint16_t port = Start().bound_port();
  WebSocketClient asks(port), goes(port), silent(port);
  ASSERT_EQ(asks.Open("/echo"), 101);
  asks.Send(1, "close");
  EXPECT_EQ(asks.ReadClose(), 4001);
  asks.Send(8, std::string("\x0f\xa1", 2));
  EXPECT_TRUE(asks.Ended());
  ASSERT_EQ(goes.Open("/echo"), 101);
  goes.Send(8, std::string("\x0f\xa2", 2));
  EXPECT_EQ(goes.ReadClose(), 4002);
  EXPECT_TRUE(goes.Ended());
  ASSERT_EQ(silent.Open("/echo"), 101);
  silent.Send(1, "close");
  EXPECT_EQ(silent.ReadClose(), 4001);
  EXPECT_TRUE(silent.Ended()) << "who never closes is closed";
  ASSERT_TRUE(Becomes([&] { return heard_->closes() == 3; }));
  EXPECT_EQ(heard_->codes(), (std::vector<uint16_t>{4001, 4002, 4001}));
}

TEST_F(WebSockets, WhatBreaksTheRulesClosesWithItsCode) {
  const uint16_t port =
      Start({.websocket_message_bytes = 1000, .websocket_messages_per_s = 1000}).bound_port();
  std::string fragments = ClientFrame(2, "a", false);
  for (int i = 0; i < 131'000; ++i) fragments += ClientFrame(0, "a", false);
  const std::pair<std::string, int> cases[] = {{std::string("\x82\x01x", 3), 1002},
                                               {ClientFrame(2, std::string(1001, 'a')), 1009},
                                               {ClientFrame(1, "\xff"), 1007},
                                               {fragments, 1008},
                                               {ClientFrame(1, "throw"), kWebSocketInternal}};
  for (const auto& [bytes, code] : cases) {
    WebSocketClient client(port);
    ASSERT_EQ(client.Open("/echo"), 101);
    client.SendRaw(bytes);
    EXPECT_EQ(client.ReadClose(), code);
  }
  EXPECT_EQ(stats().web_sockets_malformed.Get(), 3u);
  EXPECT_EQ(stats().web_sockets_limited.Get(), 1u);
  EXPECT_TRUE(Becomes([&] { return stats().web_sockets.Get() == 0; }));
}

TEST_F(WebSockets, TooManyMessagesCloseTheSocket) {
  WebSocketClient client(Start({.websocket_messages_per_s = 20}).bound_port());
  ASSERT_EQ(client.Open("/echo"), 101);
  for (int i = 0; i < 100; ++i) client.Send(i % 2 == 0 ? 1 : 9, "x");
  EXPECT_EQ(client.ReadClose(), kWebSocketPolicy);
  const std::lock_guard lock(heard_->mutex);
  EXPECT_GE(heard_->messages.size(), 20u) << "two seconds' worth at once, half of it pings";
  EXPECT_LE(heard_->messages.size(), 30u);
}

TEST_F(WebSockets, WhoDoesNotReadIsClosedAtTheQueuesLimit) {
  Start({.websocket_queue_bytes = 256 * 1024});
  WebSocketClient client(server_->bound_port());
  ASSERT_EQ(client.Open("/echo"), 101);
  const auto socket = heard_->socket();
  const std::vector<std::byte> message(10'000);
  size_t sent = 0, most = 0;
  while (sent < 10'000 && socket->Send(message, true)) {
    ++sent;
    most = std::max(most, socket->queued_bytes());
  }
  ASSERT_LT(sent, 10'000u) << "the queue has no end";
  EXPECT_GT(sent, 20u);
  EXPECT_LE(most, 256u * 1024);
  EXPECT_FALSE(socket->Send(message, true));
  ASSERT_TRUE(Becomes([&] { return heard_->closes() == 1; }));
  EXPECT_EQ(heard_->codes().at(0), kWebSocketTryLater);
  EXPECT_EQ(stats().web_sockets_slow.Get(), 1u);
  EXPECT_EQ(socket->queued_bytes(), 0u);
}

TEST_F(WebSockets, WhoSaysNothingIsPingedAndThenLost) {
  // Long enough that a busy machine does not lose who answers.
  Start({.websocket_ping_ms = 40, .websocket_timeout_ms = 1000});
  WebSocketClient lively(server_->bound_port()), dead(server_->bound_port());
  ASSERT_EQ(lively.Open("/echo"), 101);
  const auto answers = heard_->socket();
  ASSERT_EQ(dead.Open("/echo"), 101);
  int pings = 0;
  std::string told;
  std::thread answering([&] {
    while (const auto frame = lively.Read()) {
      if (frame->opcode == 9) {
        ++pings;
        lively.Send(10, frame->payload);
      } else {
        told = frame->payload;
        return;
      }
    }
  });
  EXPECT_TRUE(Becomes([&] { return heard_->closes() >= 1; }));
  EXPECT_TRUE(answers->SendText("still here"));
  answering.join();
  EXPECT_EQ(told, "still here") << "who answers is not lost";
  EXPECT_GE(pings, 2);
  const auto ping = dead.Read();
  ASSERT_TRUE(ping.has_value());
  EXPECT_EQ(ping->opcode, 9);
  EXPECT_EQ(heard_->codes(), std::vector<uint16_t>{kWebSocketLost});
  EXPECT_EQ(stats().web_sockets_silent.Get(), 1u);
}

TEST_F(WebSockets, TheRoundTripIsFromAPingToItsOwnPong) {
  Start({.websocket_ping_ms = 400, .websocket_timeout_ms = 10000});
  WebSocketClient client(server_->bound_port());
  ASSERT_EQ(client.Open("/echo"), 101);
  ASSERT_TRUE(Becomes([&] { return heard_->socket() != nullptr; }));
  const auto socket = heard_->socket();
  auto ping = client.Read();
  while (ping && ping->payload.empty()) ping = client.Read();  // for who is silent
  ASSERT_TRUE(ping.has_value());
  EXPECT_EQ(ping->opcode, 9);
  client.Send(10, "");
  client.Send(10, "????");
  client.Send(2, "after them");
  while (ping && ping->opcode == 9) ping = client.Read();
  EXPECT_EQ(socket->round_trip_ms(), 0u) << "other pongs tell nothing";
  do {
    ping = client.Read();
  } while (ping && ping->payload.size() != 4);
  ASSERT_TRUE(ping.has_value());
  constexpr auto kAway = milliseconds(30);
  std::this_thread::sleep_for(kAway);  // a long way
  client.Send(10, ping->payload);
  EXPECT_TRUE(Becomes([&] { return socket->round_trip_ms() != 0; }));
  EXPECT_GE(socket->round_trip_ms(), 30u);
  EXPECT_LT(socket->round_trip_ms(), 5000u);
}

TEST_F(WebSockets, AMessageThatNeverEndsIsNotWaitedFor) {
  Start({.timeout_ms = 100, .websocket_ping_ms = 100, .websocket_timeout_ms = 100});
  WebSocketClient client(server_->bound_port());
  ASSERT_EQ(client.Open("/echo"), 101);
  std::atomic<bool> stop{false};
  std::thread drip([&] {
    const std::string frame = ClientFrame(2, std::string(1000, 'x'));
    for (size_t i = 0; i < frame.size() && !stop; ++i) {
      if (!client.SendRaw(frame.substr(i, 1))) return;
      std::this_thread::sleep_for(milliseconds(10));
    }
  });
  EXPECT_EQ(client.ReadClose(), kWebSocketPolicy);
  stop = true;
  drip.join();
}

TEST_F(WebSockets, AMessageThatIsNotTakenIsOfferedAgainAndNothingPassesIt) {
  Start();
  heard_->refuse_messages = 5;
  WebSocketClient client(server_->bound_port());
  ASSERT_EQ(client.Open("/echo"), 101);
  for (const char* text : {"one", "two", "three"}) client.Send(1, text);
  for (const char* text : {"one", "two", "three"}) EXPECT_EQ(client.Read()->payload, text);
  EXPECT_EQ(heard_->refuse_messages.load(), 0);
}

TEST_F(WebSockets, AStopSaysGoodbyeAndLeavesTheSocketHarmless) {
  Start();
  WebSocketClient client(server_->bound_port());
  ASSERT_EQ(client.Open("/echo"), 101);
  const auto socket = heard_->socket();
  std::thread reader([&] { EXPECT_EQ(client.ReadClose(), kWebSocketGoingAway); });
  server_->Stop();
  reader.join();
  server_.reset();
  EXPECT_FALSE(socket->SendText("too late"));
  socket->Close(1000, "");
  EXPECT_EQ(heard_->codes(), (std::vector<uint16_t>{kWebSocketGoingAway}));
}

TEST_F(WebSockets, ManyThreadsSendAtOnceAndNoFrameIsTorn) {
  Start({.websocket_queue_bytes = 64 << 20});
  WebSocketClient client(server_->bound_port());
  ASSERT_EQ(client.Open("/echo"), 101);
  const auto socket = heard_->socket();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&socket, t] {
      for (int i = 0; i < 500; ++i)
        EXPECT_TRUE(socket->SendText(std::to_string(t) + std::string(static_cast<size_t>(i), 'x')));
    });
  }
  std::vector<size_t> next(4, 0);
  for (int i = 0; i < 2000; ++i) {
    const auto frame = client.Read();
    ASSERT_TRUE(frame.has_value());
    const auto sender = static_cast<size_t>(frame->payload.at(0) - '0');
    EXPECT_EQ(frame->payload.size(), ++next.at(sender)) << "each sender's in order";
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(WebSockets, ForeignPagesAreRefusedAndListedOnesMayAskAcross) {
  const uint16_t port = Start({.origins = {"https://play.example"}}).bound_port();
  const std::pair<const char*, int> cases[] = {{"", 101},
                                               {"Origin: http://here:80\r\n", 101},
                                               {"Origin: https://HERE:80\r\n", 101},
                                               {"Origin: https://play.example\r\n", 101},
                                               {"Origin: http://play.example\r\n", 403},
                                               {"Origin: http://here\r\n", 403},
                                               {"Origin: https://evil.example\r\n", 403},
                                               {"Origin: null\r\n", 403}};
  for (const auto& [header, status] : cases) {
    WebSocketClient client(port);
    EXPECT_EQ(client.Open("/echo", header), status) << header;
    const bool names_setting = client.answer().find("http.origins") != std::string::npos;
    EXPECT_EQ(names_setting, status == 403) << header;
  }
  EXPECT_EQ(stats().refused_origins.Get(), 4u);
  const auto ask = [port](const std::string& request) {
    RawClient client(port);
    client.Send(request + "Host: here\r\nContent-Length: 0\r\n\r\n");
    return client.ReadAnswer();
  };
  EXPECT_EQ(StatusOf(ask("POST /post HTTP/1.1\r\nOrigin: https://evil.example\r\n")), 403);
  EXPECT_EQ(StatusOf(ask("POST /post HTTP/1.1\r\nOrigin: https://here\r\n")), 200);
  const std::string foreign = ask("GET /get HTTP/1.1\r\nOrigin: https://evil.example\r\n");
  EXPECT_EQ(StatusOf(foreign), 200);
  EXPECT_EQ(foreign.find("Access-Control"), std::string::npos);
  const std::string listed = ask("POST /post HTTP/1.1\r\nOrigin: https://play.example\r\n");
  EXPECT_EQ(StatusOf(listed), 200);
  EXPECT_NE(listed.find("Access-Control-Allow-Origin: https://play.example\r\n"),
            std::string::npos);
}

TEST(Origins, AreCheckedWhenTheyAreSet) {
  std::vector<std::string> problems;
  ValidateOrigins({"https://a.example", "http://b:8080", "*", "null"}, problems);
  EXPECT_TRUE(problems.empty());
  ValidateOrigins({"a.example", "https://a.example/", "https://", ""}, problems);
  EXPECT_EQ(problems.size(), 4u);
}

}  // namespace
}  // namespace bluemarble::api
