// zonectl archive: old events out of the database, or a file of them back into a table.
#include <fmt/format.h>
#include <time.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "ops/exit_codes.h"
#include "persistence/archive.h"
#include "persistence/history.h"
#include "tools/zonectl/commands.h"
#include "tools/zonectl/table.h"

namespace bluemarble::zonectl {
namespace {

using core::Code;
using nlohmann::json;

constexpr int64_t kDayUs = 86'400'000'000;

// A dry run counts and does not look closer: what it does not know is null.
json OfReport(const persistence::ArchiveReport& report, const std::string& path, bool dry_run) {
  json value = {{"file", path}, {"events", report.events}};
  value["first_seq"] = dry_run ? json() : json(report.first_seq);
  value["last_seq"] = dry_run ? json() : json(report.last_seq);
  value["bytes"] = dry_run ? json() : json(report.file_bytes);
  return value;
}

std::string Cell(const json& number) { return number.is_null() ? "-" : number.dump(); }

core::Result<uint64_t> CountBefore(persistence::StoreReader& reader, int64_t before_us) {
  constexpr size_t kPage = 10'000;
  uint64_t count = 0;
  for (int64_t after = 0;;) {
    const auto events = reader.ReadEventsAfter(after, kPage);
    if (!events.ok()) return events.status();
    for (const persistence::EventRow& event : *events) count += event.at_us < before_us ? 1 : 0;
    if (events->size() < kPage) return count;
    after = events->back().seq;
  }
}

int Say(const Options& options, const json& files, const char* what) {
  if (options.json) {
    fmt::print("{}\n", json{{"files", files}, {"dry_run", options.dry_run}}.dump());
    return ops::kExitOk;
  }
  std::vector<std::vector<std::string>> rows = {
      {"FILE", "EVENTS", "FIRST SEQ", "LAST SEQ", "BYTES"}};
  for (const json& file : files)
    rows.push_back({file["file"].get<std::string>(), Cell(file["events"]), Cell(file["first_seq"]),
                    Cell(file["last_seq"]), Cell(file["bytes"])});
  fmt::print("{}{}\n", files.empty() ? "" : Table(rows),
             files.empty() ? "nothing is old enough" : what);
  return ops::kExitOk;
}

int OnSqlite(const Options& options, const std::string& folder, int64_t before_us) {
  const auto reader = OpenReader(options);
  if (!reader.ok()) return Fail(reader.status());
  const std::string day = persistence::TimeText(before_us).substr(0, 10);
  const std::string path = fmt::format("{}/events_before_{}.jsonl.zst", folder, day);
  if (options.dry_run) {
    const auto count = CountBefore(**reader, before_us);
    if (!count.ok()) return Fail(count.status());
    persistence::ArchiveReport report;
    report.events = *count;
    return Say(options, json::array({OfReport(report, path, true)}), "would be written");
  }
  const auto report = persistence::CopyToArchive(**reader, before_us, path);
  if (!report.ok()) return Fail(report.status());
  return Say(options, json::array({OfReport(*report, path, false)}),
             "copied; the embedded database keeps its events");
}

int OnPostgres(const Options& options, const std::string& folder, int64_t before_us) {
  persistence::DatabaseSettings settings;
  settings.url = options.database;
  settings.schema = options.schema;
  persistence::PgSession session;
  session.application_name = "zonectl archive";
  session.limited = false;
  auto connection = persistence::PgConnection::Open(settings, session);
  if (!connection.ok()) return Fail(connection.status());
  if (!options.restore.empty()) {
    const auto report = persistence::RestoreArchive(**connection, options.restore, options.into);
    if (!report.ok()) return Fail(report.status());
    return Say(options, json::array({OfReport(*report, options.restore, false)}), "restored");
  }
  const auto done =
      persistence::ArchivePartitions(**connection, before_us, folder, options.dry_run);
  if (!done.ok()) return Fail(done.status());
  json files = json::array();
  for (const persistence::ArchivedPartition& partition : *done)
    files.push_back(OfReport(partition.report, partition.path, options.dry_run));
  return Say(options, files, options.dry_run ? "would be archived" : "archived and dropped");
}

}  // namespace

int RunArchive(const Options& options) {
  const int64_t before_us =
      static_cast<int64_t>(::time(nullptr)) * 1'000'000 - options.keep_days * kDayUs;
  std::string folder = options.out;
  if (folder.empty()) folder = options.data_dir.empty() ? "archive" : options.data_dir + "/archive";
  if (!options.database.empty()) return OnPostgres(options, folder, before_us);
  if (options.data_dir.empty())
    return Fail({Code::kInvalid, "archive needs --database or --data-dir"});
  if (!options.restore.empty())
    return Fail({Code::kInvalid, "--restore needs --database: zstdcat reads the file as well"});
  return OnSqlite(options, folder, before_us);
}

}  // namespace bluemarble::zonectl
