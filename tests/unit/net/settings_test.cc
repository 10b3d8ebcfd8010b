#include "net/settings.h"

#include <gtest/gtest.h>

namespace bluemarble::net {
namespace {

TEST(NetSettings, AcceptsItsDefaults) {
  std::vector<std::string> problems;
  NetSettings{}.Validate(problems);
  EXPECT_TRUE(problems.empty()) << problems.front();
}

TEST(NetSettings, ListsEveryProblemAtOnce) {
  NetSettings settings;
  settings.bind = "localhost";
  settings.hosts = 0;
  settings.max_peers_per_host = 4096;
  settings.inbound_queue_bytes = 1;
  std::vector<std::string> problems;
  settings.Validate(problems);
  EXPECT_EQ(problems.size(), 4u);
}

TEST(NetSettings, RefusesAModeOrCipherThatDoesNotExist) {
  for (const char* known : {"auto", "aes256gcm", "chacha20poly1305"}) {
    NetSettings settings;
    settings.security = "sealed";
    settings.cipher = known;
    std::vector<std::string> problems;
    settings.Validate(problems);
    EXPECT_TRUE(problems.empty()) << problems.front();
  }
  NetSettings settings;
  settings.security = "Sealed";
  settings.cipher = "none";
  settings.rekey_datagrams = 63;
  settings.requests_per_address_s = 0;
  std::vector<std::string> problems;
  settings.Validate(problems);
  ASSERT_EQ(problems.size(), 4u);
  EXPECT_NE(problems[0].find("net.security"), std::string::npos);
  EXPECT_NE(problems[1].find("net.cipher"), std::string::npos);
}

TEST(NetSettings, RefusesPortsThatRunOverTheEnd) {
  NetSettings settings;
  settings.port = 65535;
  settings.hosts = 2;
  std::vector<std::string> problems;
  settings.Validate(problems);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_NE(problems[0].find("net.port"), std::string::npos);
}

}  // namespace
}  // namespace bluemarble::net
