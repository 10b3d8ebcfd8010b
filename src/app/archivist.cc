#include "app/archivist.h"

#include <chrono>

#include "core/log.h"
#include "persistence/archive.h"
#include "persistence/pg_connection.h"

namespace bluemarble::app {
namespace {

constexpr std::chrono::hours kBetweenRuns{1};
constexpr int64_t kDayUs = 86'400'000'000;

std::string FolderOf(const persistence::PersistenceSettings& settings) {
  const std::string& chosen = settings.retention.archive_dir;
  return chosen.empty() ? settings.data_dir + "/archive" : chosen;
}

}  // namespace

Archivist::Archivist(const persistence::PersistenceSettings& settings, const core::Clock& clock,
                     std::chrono::milliseconds first_run)
    : database_(settings.database),
      keep_days_(settings.retention.keep_days),
      folder_(FolderOf(settings)),
      clock_(clock),
      first_run_(first_run),
      thread_([this] { Loop(); }) {}

Archivist::~Archivist() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    if (connection_ != nullptr) connection_->Interrupt();
  }
  wake_.notify_all();
  thread_.join();
}

void Archivist::Loop() {
  std::chrono::milliseconds wait = first_run_;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, wait, [this] { return stop_.load(); })) return;
    }
    RunOnce();
    wait = kBetweenRuns;
  }
}

void Archivist::SetConnection(persistence::PgConnection* connection) {
  const std::lock_guard lock(mutex_);
  connection_ = connection;
  if (connection != nullptr && stop_) connection->Interrupt();
}

void Archivist::RunOnce() {
  stats_.runs.Add();
  const auto failed = [this](const core::Status& status) {
    stats_.failures.Add();
    core::Log(core::LogLevel::kWarn, "archive_failed", "reason=\"{}\"", status.ToString());
  };
  auto connection = persistence::PgConnection::Open(
      database_, {.application_name = "zoned archivist", .limited = false});
  if (!connection.ok()) return failed(connection.status());
  SetConnection(connection->get());
  const auto archived =
      persistence::ArchivePartitions(**connection, clock_.WallUs() - keep_days_ * kDayUs, folder_,
                                     /*dry_run=*/false, &stop_);
  SetConnection(nullptr);
  if (!archived.ok() && stop_) return;
  if (!archived.ok()) return failed(archived.status());
  for (const persistence::ArchivedPartition& done : *archived) {
    stats_.partitions.Add();
    stats_.events.Add(done.report.events);
    core::Log(core::LogLevel::kInfo, "archived", "partition={} events={} file={} bytes={}",
              done.partition.name, done.report.events, done.path, done.report.file_bytes);
  }
}

}  // namespace bluemarble::app
