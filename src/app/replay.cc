#include "app/replay.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>

#include "app/replay_parts.h"
#include "app/serve.h"
#include "app/settings.h"
#include "ops/exit_codes.h"

namespace bluemarble::app {
namespace {

core::Result<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return core::Status(core::Code::kNotFound, "cannot read", path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

int Damaged(const std::string& folder, const core::Status& status) {
  fmt::print(stderr, "zoned: {}: {}\n", folder, status.ToString());
  return ops::kExitBadData;
}

}  // namespace

int Replay(const std::string& folder, const std::vector<std::string>& sets) {
  const auto bytes = ReadFile(folder + "/" + kRecordingFile);
  if (!bytes.ok()) return Damaged(folder, bytes.status());
  const std::string settings_path = folder + "/" + kRecordedSettingsFile;
  const auto settings_toml = ReadFile(settings_path);
  if (!settings_toml.ok()) return Damaged(folder, settings_toml.status());

  RecordingReader reader(std::as_bytes(std::span(bytes->data(), bytes->size())));
  const auto first = reader.Next();
  if (!first.ok()) return Damaged(folder, first.status());
  if (first->head.kind != RecordKind::kHead) {
    return Damaged(folder, {core::Code::kCorrupt, "the recording does not begin with its head"});
  }
  const auto head = DecodeRecordingHead(first->body);
  if (!head.ok()) return Damaged(folder, head.status());
  if (head->settings_hash != HashText(*settings_toml)) {
    return Damaged(folder,
                   {core::Code::kCorrupt, "settings.toml is not the one that was recorded"});
  }
  if (head->version != Version()) {
    fmt::print(stderr, "zoned: recorded by version {}, this is {}: the hashes may differ\n",
               head->version, Version());
  }

  Settings settings;
  ops::ConfigSchema schema;
  BindSettings(schema, settings);
  const auto problems = LoadSettings(schema, settings, {.files = {settings_path}, .sets = sets});
  for (const std::string& problem : problems) fmt::print(stderr, "{}\n", problem);
  if (!problems.empty()) return ops::kExitBadConfig;
  settings.zone.seed = head->seed;

  const core::SystemClock clock;
  ReplayTransport transport(head->max_unreliable_bytes);
  ReplayQueue store;
  core::WorkerPool workers(WorkersOf(settings.zone.tick));
  Zone zone(settings.zone, head->grant, {transport, store, workers, clock});
  if (core::Status populated = zone.Populate(); !populated.ok()) return Damaged(folder, populated);

  uint64_t ticks = 0;
  RecordedTick tick;
  core::Status read;
  for (read = ReadTick(reader, tick); read.ok(); read = ReadTick(reader, tick), ++ticks) {
    transport.Begin(tick);
    store.Begin(tick);
    tick.input.bans = tick.bans;
    tick.input.orders = tick.orders;
    zone.RunTick(tick.input);
    if (zone.Hash() == tick.hash) continue;
    fmt::print("tick {}: world hash {:016x}, recorded {:016x}; {} ticks before it agree\n",
               tick.input.tick, zone.Hash(), tick.hash, ticks);
    return ops::kExitInternal;
  }
  if (read.code() != core::Code::kNotFound) return Damaged(folder, read);
  fmt::print("{} ticks replayed, {} workers, every world hash as recorded, last {:016x}{}\n", ticks,
             workers.workers(), zone.Hash(),
             reader.truncated() ? " (the recording ends within a tick)" : "");
  return ops::kExitOk;
}

}  // namespace bluemarble::app
