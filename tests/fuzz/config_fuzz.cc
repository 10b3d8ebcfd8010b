// Covers src/ops/config.cc, src/ops/config_load.cc, src/ops/nearest_name.cc, src/app/settings.cc,
// src/app/settings_auth.cc, src/app/settings_net.cc, src/app/settings_persistence.cc,
// src/app/catalogue_file.cc, src/game/catalogue.cc, src/cluster/shard_map.cc.
// Not parsers in src/ops/config_load.cc: EnvironmentOfProcess.
// Not parsers in src/ops/config.cc: DefaultFile, AppendComment, AppendField, LegalValues.
// Not parsers in src/app/settings.cc: WorkersOf, DefaultSettingsFile.
// Not parsers in src/app/settings_auth.cc: KeysFileOf.
//
// The whole settings file, with its cross checks and the item catalogue. Parts are divided by a
// line that says what follows, the first is a file:
//   #file         another one, as `zoned -c` reads it; it may be #again, or #nowhere, or a #folder
//   #environment  NAME=value in each line; what NAME_FILE holds is a file with the rest as content
//   #set          section.key=value in each line
//   #catalogue    a file of items
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>

#include "app/catalogue_file.h"
#include "app/settings.h"
#include "cluster/shard_map.h"
#include "fuzz_target.h"
#include "game/catalogue.h"
#include "ops/config.h"

namespace app = bluemarble::app;
namespace ops = bluemarble::ops;

namespace {

// A file without a disk.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view content) : fd_(::memfd_create("fuzz", 0)) {
    bluemarble::fuzz::Require(fd_ >= 0 && ::write(fd_, content.data(), content.size()) ==
                                              static_cast<ssize_t>(content.size()));
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

struct Given {
  ops::ConfigSources sources;
  std::string catalogue;
  std::vector<std::unique_ptr<MemoryFile>> files;

  std::string PathOf(std::string_view content) {
    files.push_back(std::make_unique<MemoryFile>(content));
    return files.back()->path();
  }
  void AddEnvironment(std::string_view line) {
    const size_t equals = line.find('=');
    std::string entry(line);
    if (equals != std::string_view::npos && line.substr(0, equals).ends_with("_FILE") &&
        files.size() < 64) {
      entry = std::string(line.substr(0, equals + 1)) + PathOf(line.substr(equals + 1));
    }
    sources.environment.push_back(std::move(entry));
  }
};

void AddPart(Given& given, std::string_view what, const std::string& part) {
  if (what.empty()) given.sources.texts.emplace_back("fuzz.toml", part);
  if (what == "#file") given.sources.files.push_back(given.PathOf(part));
  auto& files = given.sources.files;
  if (what == "#again" && !files.empty()) files.push_back(std::string(files.back()));
  if (what == "#nowhere") files.push_back("/nowhere");
  if (what == "#folder") files.push_back("/");
  if (what == "#catalogue") given.catalogue = part;
  for (std::string_view rest = part; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (what == "#environment") given.AddEnvironment(line);
    if (what == "#set") given.sources.sets.emplace_back(line);
  }
}

bool Begins(std::string_view line) {
  static constexpr std::array<std::string_view, 7> kParts = {
      "#file", "#again", "#nowhere", "#folder", "#environment", "#set", "#catalogue"};
  return std::find(kParts.begin(), kParts.end(), line) != kParts.end();
}

void Divide(std::string_view text, Given& given) {
  std::string_view what;
  std::string part;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (Begins(line)) {
      AddPart(given, what, part);
      what = line;
      part.clear();
    } else {
      part += text.substr(0, line.size() + 1);
    }
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  AddPart(given, what, part);
}

void Load(const Given& given) {
  app::Settings settings;
  ops::ConfigSchema schema;
  app::BindSettings(schema, settings);
  if (!app::LoadSettings(schema, settings, given.sources).empty()) return;
  // What was accepted can be printed and is accepted again.
  app::Settings again;
  ops::ConfigSchema second;
  app::BindSettings(second, again);
  ops::ConfigSources printed;
  printed.texts.emplace_back("printed.toml", schema.Print());
  bluemarble::fuzz::Require(second.Load(printed).empty());
  const auto& shards = settings.zone.shards;
  const bluemarble::cluster::ShardMap map(settings.zone.shard, shards);
  for (const auto& shard : shards)
    bluemarble::fuzz::Require(map.AddressOf(shard.lon_min) == shard.http);
  bluemarble::fuzz::Require(!schema.SourceOf("tick.hz").empty());
  bluemarble::fuzz::Require(!schema.SourceOf("shards").empty());
  bluemarble::fuzz::Require(schema.SourceOf("no.such").empty());
}

}  // namespace

FUZZ_TARGET(config) {
  Given given;
  Divide(bluemarble::fuzz::TextOf(bytes), given);
  Load(given);
  if (given.catalogue.empty()) return;
  const MemoryFile file(given.catalogue);
  std::vector<bluemarble::game::ItemDefinition> items;
  if (!app::LoadCatalogue(file.path(), items).empty()) return;
  const bluemarble::game::Catalogue catalogue(items);
  uint64_t weight = 0;
  for (const auto& item : items) weight += item.ground_weight;
  const auto* chosen = catalogue.ChooseForGround(weight - 1);
  bluemarble::fuzz::Require((chosen == nullptr) == (weight == 0));
  for (const auto& item : items) bluemarble::fuzz::Require(catalogue.Find(item.id) != nullptr);
}
