#include "api/admin_guard.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "api/admin_secret.h"

namespace bluemarble::api {
namespace {

constexpr const char* kSecret = "0123456789abcdef0123456789abcdef";

class ManualClock final : public core::Clock {
 public:
  int64_t NowNs() const override { return now_ns; }
  int64_t WallUs() const override { return now_ns / 1000; }
  int64_t now_ns = 1;
};

HttpRequest With(std::string authorization, std::string address = "127.0.0.1") {
  HttpRequest request;
  request.authorization = std::move(authorization);
  request.remote_address = std::move(address);
  return request;
}

int StatusFor(AdminGuard& guard, const HttpRequest& request) {
  const auto refused = guard.Check(request);
  return refused ? refused->status : 200;
}

TEST(AdminGuard, LetsInWhoHasTheSecret) {
  ManualClock clock;
  AdminGuard guard(kSecret, clock);
  EXPECT_EQ(StatusFor(guard, With(std::string("Bearer ") + kSecret)), 200);
  for (const std::string& wrong :
       {std::string(), std::string("Bearer "), std::string(kSecret),
        std::string("Basic ") + kSecret, std::string("Bearer ") + kSecret + "0",
        std::string("Bearer 0123456789abcdef"), std::string("Bearer ") + kSecret + kSecret}) {
    EXPECT_EQ(StatusFor(guard, With(wrong, wrong)), 401) << wrong;
  }
  EXPECT_EQ(guard.stats().allowed.Get(), 1u);
  EXPECT_EQ(guard.stats().denied.Get(), 7u);
}

TEST(AdminGuard, WithoutASecretNamesTheSetting) {
  ManualClock clock;
  AdminGuard guard("", clock);
  for (const char* authorization : {"", "Bearer ", "Bearer x"}) {
    const auto refused = guard.Check(With(authorization));
    ASSERT_TRUE(refused.has_value());
    EXPECT_EQ(refused->status, 403);
    EXPECT_NE(refused->body.find("admin.secret"), std::string::npos);
  }
}

TEST(AdminGuard, LimitsAnAddressThatGuesses) {
  ManualClock clock;
  AdminGuard guard(kSecret, clock);
  for (uint32_t i = 0; i < AdminGuard::kMaxFailures; ++i)
    EXPECT_EQ(StatusFor(guard, With("Bearer guess")), 401);
  const auto refused = guard.Check(With("Bearer guess"));
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->status, 429);
  EXPECT_GT(refused->retry_after_s, 0);
  EXPECT_EQ(StatusFor(guard, With("Bearer guess", "::1")), 401);
  clock.now_ns += AdminGuard::kWindowNs;
  EXPECT_EQ(StatusFor(guard, With("Bearer guess")), 401);
  EXPECT_EQ(guard.stats().limited.Get(), 1u);
}

TEST(AdminGuard, NobodyShutsOutWhoHasTheSecretAndSharesTheAddress) {
  ManualClock clock;
  AdminGuard guard(kSecret, clock);
  const std::string right = std::string("Bearer ") + kSecret;
  for (uint32_t i = 0; i < 3 * AdminGuard::kMaxFailures; ++i)
    StatusFor(guard, With("Bearer guess"));
  EXPECT_EQ(StatusFor(guard, With("Bearer guess")), 429);
  EXPECT_EQ(StatusFor(guard, With(right)), 200);
}

TEST(AdminGuard, RequestsWithoutASecretAreNoGuesses) {
  ManualClock clock;
  AdminGuard guard(kSecret, clock);
  for (uint32_t i = 0; i < 3 * AdminGuard::kMaxFailures; ++i)
    EXPECT_EQ(StatusFor(guard, With("")), 401);
  EXPECT_EQ(StatusFor(guard, With("Bearer guess")), 401);
  EXPECT_EQ(guard.stats().limited.Get(), 0u);
}

TEST(AdminGuard, RemembersABoundedNumberOfAddresses) {
  ManualClock clock;
  AdminGuard guard(kSecret, clock);
  for (int i = 0; i < 5000; ++i)
    EXPECT_EQ(StatusFor(guard, With("Bearer guess", "10.0.0." + std::to_string(i))), 401);
}

TEST(AdminGuard, RefusalsHoldNeitherSecretNorGuess) {
  ManualClock clock;
  AdminGuard guard(kSecret, clock);
  for (int i = 0; i < 12; ++i) {
    const auto refused = guard.Check(With("Bearer my-guess"));
    ASSERT_TRUE(refused.has_value());
    EXPECT_EQ(refused->body.find(kSecret), std::string::npos);
    EXPECT_EQ(refused->body.find("my-guess"), std::string::npos);
  }
}

class AdminSecret : public ::testing::Test {
 protected:
  AdminSecret() {
    std::string pattern = (std::filesystem::temp_directory_path() / "bluemarble_XXXXXX").string();
    folder = mkdtemp(pattern.data());
    path = folder + "/admin.secret";
  }
  ~AdminSecret() override { std::filesystem::remove_all(folder); }

  void Write(const std::string& text, mode_t mode = 0600) {
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
  }

  std::string folder, path;
};

TEST_F(AdminSecret, IsMadeOnceForItsOwnerOnly) {
  EXPECT_EQ(ReadAdminSecret(path).status().code(), core::Code::kNotFound);
  const auto made = ReadOrMakeAdminSecret(path);
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  EXPECT_EQ(made->size(), 64u);
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(*ReadOrMakeAdminSecret(path), *made);
  EXPECT_EQ(*ReadAdminSecret(path), *made);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
}

TEST_F(AdminSecret, IsRefusedWhenOthersCanReadIt) {
  Write(std::string(kSecret) + "\n", 0644);
  const auto read = ReadOrMakeAdminSecret(path);
  EXPECT_EQ(read.status().code(), core::Code::kDenied);
  EXPECT_NE(read.status().ToString().find("chmod 600"), std::string::npos);
  EXPECT_EQ(read.status().ToString().find(kSecret), std::string::npos);
  chmod(path.c_str(), 0400);
  EXPECT_EQ(*ReadOrMakeAdminSecret(path), kSecret);
}

TEST_F(AdminSecret, IsRefusedWhenWeakOrUnreadable) {
  for (const std::string& text : {std::string(), std::string("short"), std::string(300, 'x'),
                                  std::string("0123456789 abcdef"),
                                  std::string("0123456789abcdef\r\n"), std::string(16, '\0')}) {
    Write(text);
    EXPECT_EQ(ReadOrMakeAdminSecret(path).status().code(), core::Code::kInvalid) << text;
  }
  EXPECT_EQ(ReadOrMakeAdminSecret(folder + "/no/such/folder").status().code(), core::Code::kDenied);
}

}  // namespace
}  // namespace bluemarble::api
