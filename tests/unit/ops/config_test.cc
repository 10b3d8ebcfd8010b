#include "ops/config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <tuple>

namespace bluemarble::ops {
namespace {

struct ShardRow {
  std::string id;
  double lon_min = NAN;
  uint16_t port = 7777;
};

struct Settings {
  bool enabled = true;
  uint16_t port = 7777;
  int64_t offset_ms = -5;
  double rate_hz = 30;
  std::string bind = "127.0.0.1";
  std::string mode = "plain";
  std::string key;
  std::vector<std::string> names = {"a"};
  std::vector<ShardRow> shards;
};

// A folder of its own per test, and a schema bound to fresh settings.
class ConfigTest : public ::testing::Test {
 protected:
  ConfigTest() {
    folder_ = std::filesystem::temp_directory_path() /
              ("bluemarble_config_" + std::to_string(::getpid()) + "_" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
    ConfigSection& net = schema.Section("net", "The network.");
    net.Add("enabled", &settings.enabled);
    net.Add("port", &settings.port, {.min = 1, .help = "UDP port."});
    net.Add("offset_ms", &settings.offset_ms, {.min = -10, .max = 10, .unit = "ms"});
    net.Add("bind", &settings.bind, {.max = 15});
    net.Add("mode", &settings.mode, {.choices = {"plain", "sealed"}, .env_alias = "NET_MODE"});
    net.Add("key", &settings.key, {.max = 8, .secret = true});
    ConfigSection& tick = schema.Section("tick");
    tick.Add("rate_hz", &settings.rate_hz, {.min = 10, .max = 60, .unit = "Hz"});
    tick.Add("names", &settings.names, {.max = 3});
    schema.AddTableArray<ShardRow>(
        "shards", "All shards.", &settings.shards, [](ConfigSection& section, ShardRow& row) {
          section.Add("id", &row.id, {.min = 1});
          section.Add("lon_min", &row.lon_min, {.min = -180, .max = 180});
          section.Add("port", &row.port);
        });
  }
  ~ConfigTest() override { std::filesystem::remove_all(folder_); }

  std::string File(const std::string& name, const std::string& content) {
    const std::string path = (folder_ / name).string();
    std::ofstream(path) << content;
    return path;
  }
  // The problems of one file, without its path.
  std::vector<std::string> LoadText(const std::string& content) {
    const std::string path = File("zoned.toml", content);
    std::vector<std::string> problems = schema.Load({.files = {path}});
    for (std::string& problem : problems) {
      EXPECT_EQ(problem.substr(0, path.size()), path) << problem;
      if (problem.starts_with(path)) problem = problem.substr(path.size());
    }
    return problems;
  }

  using Problems = std::vector<std::string>;
  std::filesystem::path folder_;
  Settings settings;
  ConfigSchema schema;
};

TEST_F(ConfigTest, KeepsDefaultsWhenNothingIsGiven) {
  EXPECT_EQ(schema.Load({}), Problems{});
  EXPECT_EQ(settings.port, 7777);
  EXPECT_EQ(schema.SourceOf("net.port"), "default");
}

TEST_F(ConfigTest, ReadsEveryTypeFromAFile) {
  EXPECT_EQ(
      LoadText("[net]\nenabled = false\nport = 9\noffset_ms = 7\nbind = \"::1\"\n"
               "mode = \"sealed\"\nkey = \"k\"\n[tick]\nrate_hz = 20\nnames = [\"x\", \"y\"]\n"
               "[[shards]]\nid = \"west\"\nlon_min = -180\nport = 1\n"
               "[[shards]]\nid = \"east\"\nlon_min = 0.5\n"),
      Problems{});
  EXPECT_FALSE(settings.enabled);
  EXPECT_EQ(settings.port, 9);
  EXPECT_EQ(settings.offset_ms, 7);
  EXPECT_EQ(settings.bind, "::1");
  EXPECT_EQ(settings.mode, "sealed");
  EXPECT_EQ(settings.key, "k");
  EXPECT_EQ(settings.rate_hz, 20);
  EXPECT_EQ(settings.names, (std::vector<std::string>{"x", "y"}));
  ASSERT_EQ(settings.shards.size(), 2u);
  EXPECT_EQ(settings.shards[0].id, "west");
  EXPECT_EQ(settings.shards[0].port, 1);
  EXPECT_EQ(settings.shards[1].lon_min, 0.5);
  EXPECT_EQ(settings.shards[1].port, 7777);
}

TEST_F(ConfigTest, LaterSourcesWinKeyByKey) {
  const std::string base = File("base.toml", "[net]\nport = 1\noffset_ms = 1\nbind = \"1\"\n");
  const std::string site = File("site.toml", "[net]\noffset_ms = 2\nbind = \"2\"\nkey = \"2\"\n");
  EXPECT_EQ(schema.Load({.files = {base, site},
                         .environment = {"BLUEMARBLE_NET_BIND=3", "BLUEMARBLE_NET_KEY=3"},
                         .sets = {"net.key=4"}}),
            Problems{});
  EXPECT_EQ(settings.port, 1);
  EXPECT_EQ(settings.offset_ms, 2);
  EXPECT_EQ(settings.bind, "3");
  EXPECT_EQ(settings.key, "4");
  EXPECT_EQ(schema.SourceOf("net.port"), base + ":2");
  EXPECT_EQ(schema.SourceOf("net.offset_ms"), site + ":2");
  EXPECT_EQ(schema.SourceOf("net.bind"), "environment BLUEMARBLE_NET_BIND");
  EXPECT_EQ(schema.SourceOf("net.key"), "--set net.key");
}

TEST_F(ConfigTest, NamesWhatIsWrongInAFile) {
  const std::tuple<const char*, const char*> cases[] = {
      {"[net]\n\nprot = 1\n", ":3: net.prot is not a setting; did you mean net.port?"},
      {"[net]\nrate_hz = 20\n", ":2: net.rate_hz is not a setting; did you mean tick.rate_hz?"},
      {"[net]\nxyzzyx = 1\n", ":2: net.xyzzyx is not a setting"},
      {"port = 1\n", ":1: port is not a setting; did you mean net.port?"},
      {"[nett]\nport = 1\n", ":1: [nett] is not a section; did you mean net?"},
      {"net = 1\n", ":1: net is a section, not an integer"},
      {"[net]\nport = \"1\"\n",
       ":2: net.port expects an integer, not a string (\"1\"); it takes at least 1"},
      {"[net]\nport = 1.5\n",
       ":2: net.port expects an integer, not a number with a fraction; it takes at least 1"},
      {"[net]\nenabled = 1\n", ":2: net.enabled expects true or false, not an integer"},
      {"[net]\nbind = true\n", ":2: net.bind expects a string, not a boolean"},
      {"[tick]\nrate_hz = \"20\"\n",
       ":2: tick.rate_hz expects a number, not a string (\"20\"); it takes 10..60 Hz"},
      {"[tick]\nnames = [1]\n", ":2: tick.names expects a list of strings, not an array"},
      {"[net.port]\nx = 1\n", ":1: net.port expects an integer, not a table; it takes at least 1"},
      {"[net]\nport = 0\n", ":2: net.port = 0 is out of range 1..65535"},
      {"[net]\nport = 65536\n", ":2: net.port = 65536 is out of range 1..65535"},
      {"[net]\noffset_ms = 11\n", ":2: net.offset_ms = 11 is out of range -10..10 ms"},
      {"[tick]\nrate_hz = 9.5\n", ":2: tick.rate_hz = 9.5 is out of range 10..60 Hz"},
      {"[tick]\nrate_hz = nan\n", ":2: tick.rate_hz = nan is not a finite number"},
      {"[tick]\nnames = [\"a\",\"b\",\"c\",\"d\"]\n",
       ":2: tick.names has a length out of range: at most 3 entries"},
      {"[net]\nbind = \"0123456789abcdef\"\n",
       ":2: net.bind = \"0123456789abcdef\" has a length out of range: at most 15 bytes"},
      {"[net]\nmode = \"open\"\n", ":2: net.mode = \"open\" is not one of plain, sealed"},
      {"[net]\nmode = \"a\\nb\"\n", ":2: net.mode = \"a\\x0ab\" is not one of plain, sealed"},
      {"[net]\nkey = \"123456789\"\n", ":2: net.key has a length out of range: at most 8 bytes"},
      {"[shards]\nid = \"a\"\n", ":1: shards expects tables: [[shards]], not a table"},
      {"[[shards]]\nid = \"a\"\nlonmin = 1\nlon_min = 2\n",
       ":3: shards[0].lonmin is not a setting; did you mean lon_min?"},
      {"[[shards]]\nid = \"a\"\n", ":1: shards[0].lon_min is missing"},
  };
  for (const auto& [content, expected] : cases) {
    EXPECT_EQ(LoadText(content), Problems{expected}) << content;
  }
}

TEST_F(ConfigTest, NamesLineAndColumnOfASyntaxError) {
  const Problems problems = LoadText("[net]\nport = = 1\n");
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_TRUE(problems[0].starts_with(":2:8: ")) << problems[0];
}

TEST_F(ConfigTest, ReportsAllProblemsOfAllSourcesAtOnceInTheirOrder) {
  const std::string path = File("zoned.toml", "[tick]\nrate_hz = 1\n[net]\nprot = 1\nport = 0\n");
  EXPECT_EQ(
      schema.Load({.files = {path, path, "/nonexistent/z.toml"},
                   .environment = {"BLUEMARBLE_NET_PROT=1", "PATH=/bin"},
                   .sets = {"net.port=x"}}),
      (Problems{path + ":2: tick.rate_hz = 1 is out of range 10..60 Hz",
                path + ":4: net.prot is not a setting; did you mean net.port?",
                path + ":5: net.port = 0 is out of range 1..65535",
                path + ": the file is named twice",
                "/nonexistent/z.toml: cannot be read: No such file or directory",
                "environment BLUEMARBLE_NET_PROT: is not a setting; did you mean "
                "BLUEMARBLE_NET_PORT?",
                "--set net.port: net.port expects an integer, not \"x\"; it takes at least 1"}));
}

TEST_F(ConfigTest, KeepsTheFormerValueWhenOneIsRefused) {
  EXPECT_EQ(schema.Load({.environment = {"BLUEMARBLE_NET_PORT=12"}, .sets = {"net.port=0"}}).size(),
            1u);
  EXPECT_EQ(settings.port, 12);
}

TEST_F(ConfigTest, ReadsEveryTypeFromText) {
  EXPECT_EQ(schema.Load(
                {.sets = {"net.enabled=0", "net.offset_ms=-3", "tick.rate_hz=12.5", "net.bind=a=b",
                          "tick.names= x, y ,", "shards=[{id = \"w\", lon_min = 1}]"}}),
            Problems{});
  EXPECT_FALSE(settings.enabled);
  EXPECT_EQ(settings.offset_ms, -3);
  EXPECT_EQ(settings.rate_hz, 12.5);
  EXPECT_EQ(settings.bind, "a=b");
  EXPECT_EQ(settings.names, (std::vector<std::string>{"x", "y"}));
  ASSERT_EQ(settings.shards.size(), 1u);
  EXPECT_EQ(settings.shards[0].id, "w");
}

TEST_F(ConfigTest, ReadsListsAsTomlWhenBracketed) {
  EXPECT_EQ(schema.Load({.environment = {"BLUEMARBLE_TICK_NAMES=[\"a,b\", \"c\"]"}}), Problems{});
  EXPECT_EQ(settings.names, (std::vector<std::string>{"a,b", "c"}));
}

TEST_F(ConfigTest, NamesWhatIsWrongOnTheCommandLine) {
  const std::tuple<std::vector<std::string>, const char*> cases[] = {
      {{"net.port"}, "--set net.port: expects section.key=value"},
      {{"=1"}, "--set : expects section.key=value"},
      {{"port=1"}, "--set port: is not a setting; did you mean net.port?"},
      {{"net.prot=1"}, "--set net.prot: is not a setting; did you mean net.port?"},
      {{"net.port=1", "net.port=2"}, "--set net.port: is given twice"},
      {{"net.enabled=yes"}, "--set net.enabled: net.enabled expects true or false, not \"yes\""},
      {{"net.port=99999999999999999999"},
       "--set net.port: net.port expects an integer, not \"99999999999999999999\"; it takes at "
       "least 1"},
      {{"net.port="}, "--set net.port: net.port expects an integer, not \"\"; it takes at least 1"},
      {{"tick.rate_hz=1x"},
       "--set tick.rate_hz: tick.rate_hz expects a number, not \"1x\"; it takes 10..60 Hz"},
      {{"tick.rate_hz=inf"}, "--set tick.rate_hz: tick.rate_hz = inf is not a finite number"},
      {{"shards=1"}, "--set shards: shards expects a TOML array of tables"},
      {{"shards=[]\nnet=1"}, "--set shards: shards expects a TOML array of tables"},
  };
  for (const auto& [sets, expected] : cases) {
    EXPECT_EQ(schema.Load({.sets = sets}), Problems{expected});
  }
}

TEST_F(ConfigTest, ReadsASecretFromAFileNamedByTheEnvironment) {
  const std::string path = File("key", "s3cret\n");
  EXPECT_EQ(schema.Load({.environment = {"BLUEMARBLE_NET_KEY_FILE=" + path}}), Problems{});
  EXPECT_EQ(settings.key, "s3cret");
  EXPECT_EQ(schema.SourceOf("net.key"), "environment BLUEMARBLE_NET_KEY_FILE");
}

TEST_F(ConfigTest, CutsOneTrailingNewlineOnly) {
  const std::string path = File("key", "a\n\n");
  EXPECT_EQ(schema.Load({.environment = {"BLUEMARBLE_NET_KEY_FILE=" + path}}), Problems{});
  EXPECT_EQ(settings.key, "a\n");
}

TEST_F(ConfigTest, RefusesAnUnreadableSecretFile) {
  EXPECT_EQ(
      schema.Load({.environment = {"BLUEMARBLE_NET_KEY_FILE=/nonexistent/key"}}),
      Problems{"environment BLUEMARBLE_NET_KEY_FILE: /nonexistent/key cannot be read: No such "
               "file or directory"});
}

TEST_F(ConfigTest, RefusesAFolderAsAFile) {
  EXPECT_EQ(schema.Load({.files = {folder_.string()}}),
            Problems{folder_.string() + ": cannot be read: not a regular file"});
}

TEST_F(ConfigTest, RefusesAValueGivenBothDirectlyAndByFile) {
  const std::string path = File("key", "b");
  EXPECT_EQ(
      schema.Load({.environment = {"BLUEMARBLE_NET_KEY=a", "BLUEMARBLE_NET_KEY_FILE=" + path}}),
      Problems{"environment BLUEMARBLE_NET_KEY: is given as BLUEMARBLE_NET_KEY_FILE as well; "
               "keep one"});
}

TEST_F(ConfigTest, PrefersTheOwnNameToItsAlias) {
  EXPECT_EQ(schema.Load({.environment = {"NET_MODE=sealed"}}), Problems{});
  EXPECT_EQ(settings.mode, "sealed");
  EXPECT_EQ(schema.Load({.environment = {"NET_MODE=sealed", "BLUEMARBLE_NET_MODE=plain"}}),
            Problems{});
  EXPECT_EQ(settings.mode, "plain");
}

TEST_F(ConfigTest, LeavesTheTestRunnersOwnEnvironmentAlone) {
  EXPECT_EQ(schema.Load({.environment = {"BLUEMARBLE_SOURCE_DIR=/x"}}), Problems{});
  EXPECT_EQ(schema.Load({.environment = {"BLUEMARBLE_SOURCE_DIR=/x"}, .other_environment = {}}),
            Problems{"environment BLUEMARBLE_SOURCE_DIR: is not a setting"});
}

TEST_F(ConfigTest, NeverShowsASecret) {
  const std::vector<std::string> problems = schema.Load(
      {.environment = {"BLUEMARBLE_NET_KEY=hunter2"}, .sets = {"net.key=hunter2hunter2"}});
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].find("hunter2"), std::string::npos);
  EXPECT_EQ(schema.Print().find("hunter2"), std::string::npos);
  EXPECT_NE(schema.Print().find("key = \"(set)\""), std::string::npos);
}

TEST_F(ConfigTest, PrintsEffectiveValuesWithTheirSources) {
  const std::string path = File("z.toml", "[[shards]]\nid = \"w\"\nlon_min = 1.5\n");
  EXPECT_EQ(schema.Load({.files = {path}, .sets = {"net.port=5"}}), Problems{});
  const std::string text = schema.Print();
  const auto line = [&](const std::string& setting, const std::string& source) {
    const size_t at = text.find(setting + " ");
    return at != std::string::npos &&
           text.substr(at, text.find('\n', at) - at).ends_with("# " + source);
  };
  EXPECT_TRUE(line("port = 5", "--set net.port")) << text;
  EXPECT_TRUE(line("rate_hz = 30.0", "default")) << text;
  EXPECT_TRUE(line("lon_min = 1.5", path + ":1")) << text;
}

TEST_F(ConfigTest, WritesADefaultFileThatChangesNothingWhenRead) {
  settings.bind = "a\"b\\c";
  ConfigSchema fresh;
  fresh.Section("net").Add("bind", &settings.bind, {.help = std::string(150, 'h') + " tail"});
  fresh.Section("net").Add("rate_hz", &settings.rate_hz,
                           {.min = 10, .max = 60, .unit = "Hz", .help = "Ticks."});
  fresh.AddTableArray<ShardRow>(
      "shards", "All shards.", &settings.shards,
      [](ConfigSection& section, ShardRow& row) { section.Add("id", &row.id); });
  const std::string text = fresh.DefaultFile("Every setting.");
  EXPECT_EQ(text, "# Every setting.\n\n[net]\n# " + std::string(96, 'h') + "\n# " +
                      std::string(54, 'h') +
                      " tail\nbind = \"a\\\"b\\\\c\"\n# Ticks. [10..60 Hz]\nrate_hz = 30.0\n\n"
                      "# All shards.\n#[[shards]]\n#id = \"\"\n");
  EXPECT_EQ(fresh.Load({.files = {File("d.toml", text)}}), Problems{});
  EXPECT_EQ(settings.bind, "a\"b\\c");
  EXPECT_TRUE(settings.shards.empty());
}

TEST_F(ConfigTest, TheDefaultFileHoldsEverySetting) {
  const std::string text = schema.DefaultFile("Head.");
  for (const char* key :
       {"enabled", "port", "offset_ms", "bind", "mode", "key", "rate_hz", "names"}) {
    EXPECT_NE(text.find("\n" + std::string(key) + " = "), std::string::npos) << key;
  }
  EXPECT_EQ(LoadText(text), Problems{});
  EXPECT_EQ(settings.offset_ms, -5);
  EXPECT_EQ(settings.names, std::vector<std::string>{"a"});
}

}  // namespace
}  // namespace bluemarble::ops
