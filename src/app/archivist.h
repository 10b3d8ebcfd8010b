/// Exports old event partitions of a PostgreSQL shard to files and drops them, beside the running
/// zone: a thread and a connection of its own, now and then. Only with retention.keep_days.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "core/clock.h"
#include "core/counters.h"
#include "persistence/settings.h"

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
  /// `clock` outlives it.
  Archivist(const persistence::PersistenceSettings& settings, const core::Clock& clock);
  ~Archivist();  ///< Waits for the run that is under way, if any.
  Archivist(const Archivist&) = delete;
  Archivist& operator=(const Archivist&) = delete;

  const ArchivistStats& stats() const { return stats_; }

 private:
  void Loop();
  void RunOnce();

  const persistence::DatabaseSettings database_;
  const int keep_days_;
  const std::string folder_;
  const core::Clock& clock_;
  ArchivistStats stats_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace bluemarble::app
