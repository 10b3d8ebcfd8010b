#include "app/settings.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace bluemarble::app {
namespace {

std::vector<std::string> Load(std::vector<std::string> sets, Settings* out = nullptr) {
  Settings settings;
  ops::ConfigSchema schema;
  BindSettings(schema, settings);
  auto problems =
      LoadSettings(schema, settings, {.files = {}, .environment = {}, .sets = std::move(sets)});
  if (out != nullptr) *out = settings;
  return problems;
}

TEST(Settings, TheDefaultFileInTheTreeIsTheOneOfThisProgram) {
  const char* root = std::getenv("BLUEMARBLE_SOURCE_DIR");
  ASSERT_NE(root, nullptr);
  std::ifstream file(std::string(root) + "/config/zoned.toml");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  EXPECT_EQ(text, DefaultSettingsFile())
      << "write it again: zoned print-config --default > config/zoned.toml";
}

TEST(Settings, DefaultsAreFine) { EXPECT_TRUE(Load({}).empty()); }

TEST(Settings, EachCheckAcrossSettingsNamesWhatToChange) {
  const struct {
    std::vector<std::string> sets;
    const char* names;
  } cases[] = {
      {{"net.bind=0.0.0.0"}, "net.bind"},
      {{"http.bind=0.0.0.0"}, "http.bind"},
      {{"http.tls_key_file=/etc/key.pem"}, "http.tls_certificate_file"},
      {{"net.bind=0.0.0.0", "dev.allow_spawn_position=true"}, "dev.allow_spawn_position"},
      {{"replication.max_viewers=10"}, "replication.max_viewers"},
      {{"world.max_entities=100"}, "world.max_entities"},
      {{"net.hosts=1"}, "net.hosts"},
      {{"game.spawn_centres=here"}, "game.spawn_centres"},
      {{"shard.lon_min=10.0", "shard.lon_max=10.0"}, "shard.lon_min"},
      {{"replication.visual_radius_m=20.0"}, "replication.radius_m"},
      {{"auth.mode=development", "http.bind=0.0.0.0", "http.allow_plaintext=true"}, "auth.mode"},
      {{"auth.mode=development", "net.bind=192.0.2.1"}, "auth.mode"},
      {{"auth.hash_passes=1"}, "auth.hash_passes"},
  };
  for (const auto& test : cases) {
    const auto problems = Load(test.sets);
    const bool named = std::any_of(problems.begin(), problems.end(), [&](const std::string& line) {
      return line.find(test.names) != std::string::npos;
    });
    EXPECT_TRUE(named) << test.names;
  }
}

TEST(Settings, ValuesReachTheirStructs) {
  Settings settings;
  ASSERT_TRUE(Load({"tick.hz=60", "shard.lon_min=170.0", "shard.lon_max=-170.0",
                    "replication.extended_rate_hz=4", "persistence.data_dir=/x",
                    "game.spawn_centres=1.5,2.5"},
                   &settings)
                  .empty() == false);  // a comma separates entries, so the centre needs brackets
  ASSERT_TRUE(Load({"tick.hz=60", "shard.lon_min=170.0", "shard.lon_max=-170.0",
                    "replication.extended_rate_hz=4", "persistence.data_dir=/x",
                    "game.spawn_centres=[\"1.5,2.5\"]"},
                   &settings)
                  .empty());
  EXPECT_EQ(settings.zone.tick.hz, 60);
  EXPECT_EQ(settings.zone.shard.lon_min, 170);
  EXPECT_EQ(settings.zone.replication.rate_hz[2], 4u);
  EXPECT_EQ(settings.zone.persistence.data_dir, "/x");
  EXPECT_EQ(settings.zone.game.spawn_centres, std::vector<std::string>{"1.5,2.5"});
}

}  // namespace
}  // namespace bluemarble::app
