/// Exports old event partitions of a PostgreSQL shard to files and drops them, beside the running
/// zone: a thread and a connection of its own, now and then. Only with retention.keep_days.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "core/clock.h"
#include "core/counters.h"
#include "persistence/settings.h"

namespace bluemarble::persistence {
class PgConnection;
}

namespace bluemarble::app {

/// Written by the archivist's thread, read by any.
struct ArchivistStats {
  core::Counter runs;
  core::Counter failures;    ///< Runs that ended early; the next one goes on where it stopped.
  core::Counter partitions;  ///< Exported and dropped.
  core::Counter events;      ///< In them.
};

class Archivist {
 public:
  /// Not in the minute in which everybody logs in.
  static constexpr std::chrono::milliseconds kFirstRun{60'000};

  /// `clock` outlives it.
  Archivist(const persistence::PersistenceSettings& settings, const core::Clock& clock,
            std::chrono::milliseconds first_run = kFirstRun);
  /// Ends the run that is under way, if any: the next one goes on where it stopped. Waits at most
  /// for a connection that is being made (database.connect_timeout_ms).
  ~Archivist();
  Archivist(const Archivist&) = delete;
  Archivist& operator=(const Archivist&) = delete;

  const ArchivistStats& stats() const { return stats_; }

 private:
  void Loop();
  void RunOnce();
  void SetConnection(persistence::PgConnection* connection);

  const persistence::DatabaseSettings database_;
  const int keep_days_;
  const std::string folder_;
  const core::Clock& clock_;
  ArchivistStats stats_;
  const std::chrono::milliseconds first_run_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  persistence::PgConnection* connection_ = nullptr;  // of the run that is under way
  std::thread thread_;
};

}  // namespace bluemarble::app
