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

json OfReport(const persistence::ArchiveReport& report, const std::string& path) {
  return {{"file", path},
          {"events", report.events},
          {"first_seq", report.first_seq},
          {"last_seq", report.last_seq},
          {"bytes", report.file_bytes}};
}

int Say(const Options& options, const json& files, const char* what) {
  if (options.json) {
    fmt::print("{}\n", json{{"files", files}, {"dry_run", options.dry_run}}.dump());
    return ops::kExitOk;
  }
  std::vector<std::vector<std::string>> rows = {
      {"FILE", "EVENTS", "FIRST SEQ", "LAST SEQ", "BYTES"}};
  for (const json& file : files)
    rows.push_back({file["file"].get<std::string>(), file["events"].dump(),
                    file["first_seq"].dump(), file["last_seq"].dump(), file["bytes"].dump()});
  fmt::print("{}{}\n", files.empty() ? "" : Table(rows),
             files.empty() ? "nothing is old enough" : what);
  return ops::kExitOk;
}

int OnSqlite(const Options& options, const std::string& folder, int64_t before_us) {
  const auto reader = OpenReader(options);
  if (!reader.ok()) return Fail(reader.status());
  const std::string day = persistence::TimeText(before_us).substr(0, 10);
  const std::string path = fmt::format("{}/events_before_{}.jsonl.zst", folder, day);
  if (options.dry_run) return Say(options, json::array({OfReport({}, path)}), "would be written");
  const auto report = persistence::CopyToArchive(**reader, before_us, path);
  if (!report.ok()) return Fail(report.status());
  return Say(options, json::array({OfReport(*report, path)}),
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
    return Say(options, json::array({OfReport(*report, options.restore)}), "restored");
  }
  const auto done =
      persistence::ArchivePartitions(**connection, before_us, folder, options.dry_run);
  if (!done.ok()) return Fail(done.status());
  json files = json::array();
  for (const persistence::ArchivedPartition& partition : *done)
    files.push_back(OfReport(partition.report, partition.path));
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
