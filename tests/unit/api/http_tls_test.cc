#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "api/http_server.h"
#include "client/http_client.h"
#include "raw_client.h"

namespace bluemarble::api {
namespace {

namespace fs = std::filesystem;

// A folder with two self-signed certificates for 127.0.0.1, made anew: none of them ever expires
// here.
class HttpTls : public ::testing::Test {
 protected:
  HttpTls() {
    std::string name = (fs::temp_directory_path() / "bluemarble_tls_XXXXXX").string();
    folder_ = mkdtemp(name.data());
    Make("first");
    Make("second");
  }
  ~HttpTls() override { fs::remove_all(folder_); }

  void Make(const std::string& name) {
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "
        "/CN=" +
        name + " -addext subjectAltName=IP:127.0.0.1 -keyout " + Key(name) + " -out " +
        Certificate(name) + " 2>/dev/null";
    ASSERT_EQ(std::system(command.c_str()), 0);
  }
  std::string Certificate(const std::string& name) const {
    return (folder_ / (name + ".crt")).string();
  }
  std::string Key(const std::string& name) const { return (folder_ / (name + ".key")).string(); }

  HttpSettings Settings(const std::string& name) const {
    HttpSettings settings;
    settings.port = 0;
    settings.tls_certificate_file = Certificate(name);
    settings.tls_key_file = Key(name);
    return settings;
  }

  std::unique_ptr<HttpServer> Started(const HttpSettings& settings) {
    auto server = std::make_unique<HttpServer>(settings);
    EXPECT_TRUE(server->Bind().ok());
    Router router;
    router.Add("GET", "/hello", [](const HttpRequest&) { return HttpResponse{.body = "hello"}; });
    router.Add("POST", "/echo", [](const HttpRequest& r) { return HttpResponse{.body = r.body}; });
    router.Add("GET", "/large",
               [](const HttpRequest&) { return HttpResponse{.body = std::string(900'000, 'x')}; });
    server->Serve(std::move(router));
    return server;
  }

  static std::string Url(const HttpServer& server, const std::string& path) {
    return "https://127.0.0.1:" + std::to_string(server.bound_port()) + path;
  }
  static core::Result<client::HttpReply> Get(const HttpServer& server, const std::string& path,
                                             const std::string& ca_file) {
    return client::HttpGet(Url(server, path), 5000, {ca_file, true});
  }

  fs::path folder_;
};

TEST_F(HttpTls, AnswersOverTlsWhoTrustsItsCertificate) {
  const auto server = Started(Settings("first"));
  for (int i = 0; i < 3; ++i) {
    const auto reply = Get(*server, "/hello", Certificate("first"));
    ASSERT_TRUE(reply.ok()) << reply.status().ToString();
    EXPECT_EQ(reply->body, "hello");
  }
  EXPECT_EQ(server->stats().accepted_connections.Get(), 1u) << "kept alive";
  const std::string body(60'000, 'b');
  const auto echoed =
      client::HttpPost(Url(*server, "/echo"), body, 5000, {Certificate("first"), true});
  ASSERT_TRUE(echoed.ok());
  EXPECT_EQ(echoed->body, body);
  const auto large = Get(*server, "/large", Certificate("first"));
  ASSERT_TRUE(large.ok());
  EXPECT_EQ(large->body.size(), 900'000u);
}

TEST_F(HttpTls, PlainRequestIsNotAnsweredAndCounted) {
  const auto server = Started(Settings("first"));
  RawClient plain(server->bound_port());
  ASSERT_TRUE(plain.Send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(plain.ReadToEnd().find("hello"), std::string::npos);
  // Counted before the next handshake on the one api thread is over.
  ASSERT_TRUE(Get(*server, "/hello", Certificate("first")).ok());
  EXPECT_EQ(server->stats().tls_failures.Get(), 1u);
}

TEST_F(HttpTls, HandshakeThatDoesNotComeIsCutAfterTheTimeout) {
  HttpSettings settings = Settings("first");
  settings.timeout_ms = 200;
  const auto server = Started(settings);
  RawClient silent(server->bound_port());
  EXPECT_EQ(silent.ReadToEnd(), "");
  ASSERT_TRUE(Get(*server, "/hello", Certificate("first")).ok());
  EXPECT_EQ(server->stats().tls_failures.Get(), 1u);
}

TEST_F(HttpTls, OldProtocolVersionsAreRefused) {
  const auto server = Started(Settings("first"));
  const std::string connect =
      "openssl s_client -connect 127.0.0.1:" + std::to_string(server->bound_port()) +
      " </dev/null >/dev/null 2>&1";
  EXPECT_NE(std::system((connect + " -tls1_1 -cipher DEFAULT@SECLEVEL=0").c_str()), 0);
  const auto tls12 =
      "openssl s_client -tls1_2 -connect 127.0.0.1:" + std::to_string(server->bound_port()) +
      " </dev/null 2>/dev/null | grep -q 'BEGIN CERT'";
  EXPECT_EQ(std::system(tls12.c_str()), 0);
}

TEST_F(HttpTls, ReloadServesTheNewCertificateToNewConnections) {
  const auto server = Started(Settings("first"));
  ASSERT_TRUE(server->Reload(Settings("second")).ok());
  std::string plain =
      "openssl s_client -connect 127.0.0.1:" + std::to_string(server->bound_port()) + " -CAfile " +
      Certificate("second") + " -verify_return_error </dev/null >/dev/null 2>&1";
  EXPECT_EQ(std::system(plain.c_str()), 0);
  const auto old = Get(*server, "/hello", Certificate("first"));
  EXPECT_FALSE(old.ok()) << "the old certificate is still served";
}

TEST_F(HttpTls, UnusableFilesAreRefusedByNameAndTheOldCertificateStays) {
  const auto server = Started(Settings("first"));
  HttpSettings missing = Settings("first");
  missing.tls_certificate_file = (folder_ / "nothing.crt").string();
  core::Status refused = server->Reload(missing);
  EXPECT_NE(refused.ToString().find("http.tls_certificate_file"), std::string::npos);
  EXPECT_NE(refused.ToString().find("nothing.crt"), std::string::npos);
  HttpSettings mixed = Settings("first");
  mixed.tls_key_file = Key("second");
  refused = server->Reload(mixed);
  EXPECT_NE(refused.ToString().find("http.tls_key_file"), std::string::npos) << refused.ToString();
  EXPECT_TRUE(Get(*server, "/hello", Certificate("first")).ok());
  HttpServer broken(mixed);
  EXPECT_EQ(broken.Bind().code(), core::Code::kInvalid);
}

TEST_F(HttpTls, ReloadedLimitsHoldForNewConnections) {
  const auto server = Started(Settings("first"));
  HttpSettings smaller = Settings("first");
  smaller.max_body_bytes = 10;
  ASSERT_TRUE(server->Reload(smaller).ok());
  const auto reply = client::HttpPost(Url(*server, "/echo"), std::string(11, 'b'), 5000,
                                      {Certificate("first"), true});
  ASSERT_TRUE(reply.ok()) << reply.status().ToString();
  EXPECT_EQ(reply->status, 413);
}

}  // namespace
}  // namespace bluemarble::api
