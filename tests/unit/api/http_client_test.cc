#include "client/http_client.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "api/http_server.h"

namespace bluemarble::client {
namespace {

using core::Code;

class HttpClientTest : public ::testing::Test {
 protected:
  HttpClientTest() : server_({.port = 0, .timeout_ms = 2000}) {
    EXPECT_TRUE(server_.Bind().ok());
    server_.Serve(TestRouter());
    base_ = "http://127.0.0.1:" + std::to_string(server_.bound_port());
  }

  static api::Router TestRouter() {
    api::Router router;
    router.Add("POST", "/echo", [](const api::HttpRequest& request) {
      return api::HttpResponse{.body = request.body};
    });
    router.Add("GET", "/size", [](const api::HttpRequest& request) {
      return api::HttpResponse{.body = std::string(std::stoul(*request.Query("n")), 'x')};
    });
    return router;
  }

  api::HttpServer server_;
  std::string base_;
};

TEST_F(HttpClientTest, GetsAndPosts) {
  const auto got = HttpGet(base_ + "/size?n=3", 5000);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->status, 200);
  EXPECT_EQ(got->body, "xxx");
  const auto posted = HttpPost(base_ + "/echo", std::string("a\0b", 3), 5000);
  ASSERT_TRUE(posted.ok());
  EXPECT_EQ(posted->body, std::string("a\0b", 3));
}

TEST_F(HttpClientTest, ReportsErrorStatusesAsReplies) {
  const auto reply = HttpGet(base_ + "/nothing", 5000);
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply->status, 404);
}

TEST_F(HttpClientTest, KeepsItsConnectionBetweenCalls) {
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(HttpPost(base_ + "/echo", "{}", 5000).ok());
  EXPECT_LE(server_.stats().accepted_connections.Get(), 1u);
}

TEST_F(HttpClientTest, WorksFromSeveralThreadsAtOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string body = std::to_string(t * 1000 + i);
        const auto reply = HttpPost(base_ + "/echo", body, 5000);
        ASSERT_TRUE(reply.ok());
        EXPECT_EQ(reply->body, body);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(HttpClientTest, RefusesAnAnswerBeyondItsBound) {
  EXPECT_TRUE(HttpGet(base_ + "/size?n=1048576", 5000).ok());
  EXPECT_EQ(HttpGet(base_ + "/size?n=1048577", 5000).status().code(), Code::kNoSpace);
}

TEST_F(HttpClientTest, NamesTheAddressAndTheCauseWhenNobodyListens) {
  server_.Stop();
  const core::Status status = HttpGet(base_ + "/size?n=1", 5000).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_NE(status.detail().find(base_), std::string::npos);
  EXPECT_NE(status.detail().find("onnect"), std::string::npos) << status.detail();
}

TEST_F(HttpClientTest, RefusesWhatIsNoHttpAddress) {
  for (const char* url : {"", "file:///etc/passwd", "ftp://127.0.0.1/", "http://"}) {
    EXPECT_EQ(HttpGet(url, 1000).status().code(), Code::kInvalid) << url;
  }
}

}  // namespace
}  // namespace bluemarble::client
