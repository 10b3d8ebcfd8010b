#include "app/reload.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "app/settings.h"
#include "core/log.h"

namespace bluemarble::app {
namespace {

class InForce : public testing::Test {
 protected:
  InForce() {
    std::string pattern = (std::filesystem::temp_directory_path() / "bluemarble_XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    sources_.files = {folder_ + "/zoned.toml"};
    Write("[http]\ntimeout_ms = 7000\n");
    BindSettings(schema_, settings_);
    EXPECT_TRUE(LoadSettings(schema_, settings_, sources_).empty());
    level_ = settings_.log.level;
  }
  ~InForce() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& text) const { std::ofstream(sources_.files[0]) << text; }
  /// "value" of the setting's row, as TOML text within JSON.
  static std::string ValueOf(const std::string& json, const std::string& name) {
    const std::string head = "{\"name\":\"" + name + "\",\"value\":\"";
    const size_t at = json.find(head);
    if (at == std::string::npos) return "no such row";
    const size_t begin = at + head.size();
    return json.substr(begin, json.find("\",\"default\"", begin) - begin);
  }

  std::string folder_, level_;
  ops::ConfigSources sources_;
  Settings settings_;
  ops::ConfigSchema schema_;
};

TEST_F(InForce, IsWhatAReloadTookOverAndOtherwiseTheStarts) {
  ConfigInForce in_force(schema_);
  api::HttpServer http(settings_.http);
  EXPECT_EQ(ValueOf(in_force.Json(), "http.timeout_ms"), "7000");
  const std::string port = ValueOf(in_force.Json(), "http.port");

  Write(
      "[log]\nlevel = \"debug\"\n[http]\nport = 9\nthreads = 3\nblocking_queue = 3\n"
      "max_body_bytes = 70001\nmax_header_bytes = 17001\ntimeout_ms = 9001\n"
      "max_connections = 301\norigins = [\"https://play.example\"]\nmax_websockets = 101\n"
      "websocket_message_bytes = 65001\nwebsocket_queue_bytes = 1000001\n"
      "websocket_messages_per_s = 301\nwebsocket_ping_ms = 14001\n"
      "websocket_timeout_ms = 9002\n[tick]\nhz = 10\n");
  Reload(sources_, level_, http, in_force);
  core::SetLogLevel(core::LogLevel::kInfo);
  ASSERT_EQ(level_, "debug");
  const std::string now = in_force.Json();
  for (const auto& [name, value] : {std::pair{"log.level", R"(\"debug\")"},
                                    {"http.max_body_bytes", "70001"},
                                    {"http.max_header_bytes", "17001"},
                                    {"http.timeout_ms", "9001"},
                                    {"http.max_connections", "301"},
                                    {"http.max_websockets", "101"},
                                    {"http.websocket_message_bytes", "65001"},
                                    {"http.websocket_queue_bytes", "1000001"},
                                    {"http.websocket_messages_per_s", "301"},
                                    {"http.websocket_ping_ms", "14001"},
                                    {"http.websocket_timeout_ms", "9002"}})
    EXPECT_EQ(ValueOf(now, name), value) << name;
  EXPECT_NE(ValueOf(now, "http.origins").find("play.example"), std::string::npos);
  for (const char* name : {"http.port", "http.threads", "http.blocking_queue", "tick.hz"})
    EXPECT_EQ(ValueOf(now, name), ValueOf(schema_.ReportJson(), name)) << name;
  EXPECT_NE(port, "9");
}

TEST_F(InForce, StaysWhenAReloadIsRefused) {
  ConfigInForce in_force(schema_);
  api::HttpServer http(settings_.http);
  const std::string before = in_force.Json();
  for (const std::string& broken :
       {std::string("[http]\ntimeout_ms = 9001\n[net]\nprt = 1\n"),
        "[http]\ntimeout_ms = 9001\ntls_certificate_file = \"" + folder_ +
            "/no\"\ntls_key_file = \"" + folder_ + "/no\"\n"}) {
    Write(broken);
    Reload(sources_, level_, http, in_force);
    EXPECT_EQ(in_force.Json(), before) << broken;
  }
}

}  // namespace
}  // namespace bluemarble::app
