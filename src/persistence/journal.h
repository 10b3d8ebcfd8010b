/// Progressive writes are durable within a second even when the database is not there: the newest
/// save of each player is synced to local files (journal_format.h) until it is committed. A thread
/// of its own does the writing (journal_writer.h); the zone thread hands saves over by a bounded
/// ring. The journal's folder belongs to the data folder, whose lock keeps other processes out.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "core/byte_ring.h"
#include "core/clock.h"
#include "core/ids.h"
#include "core/result.h"
#include "persistence/journal_disk.h"
#include "persistence/journal_writer.h"
#include "persistence/live_table.h"
#include "persistence/rows.h"
#include "persistence/settings.h"
#include "persistence/store.h"

namespace bluemarble::persistence {

/// What was found in the files of an earlier run.
struct JournalReading {
  uint64_t segments = 0;
  uint64_t batches = 0;
  uint64_t saves = 0;
  uint64_t torn = 0;       ///< Files whose last write was cut short.
  uint64_t corrupt = 0;    ///< Files in which a check failed; set aside as <name>.corrupt.
  int64_t newest_run = 0;  ///< Of the processes that wrote them.
};

struct JournalReplayReport {
  JournalReading reading;
  uint64_t players = 0;  ///< With a newest save; each is one of the next three.
  uint64_t applied = 0;
  uint64_t stale = 0;    ///< The database had newer ones.
  uint64_t refused = 0;  ///< Player, owner or epoch is not ours any more.
};

class Journal {
 public:
  /// Without `disk` (settings.journal.enabled is false) only the live table is kept.
  Journal(const PersistenceSettings& settings, std::string_view shard_id,
          std::unique_ptr<JournalDisk> disk, const core::Clock& clock);
  ~Journal();  ///< Stops.
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Visits the whole batches that an earlier run left, oldest first; before Start. Damage is told
  /// in the log and counted, and costs only what comes after it in its file. kInvalid: a file has
  /// an unknown format; kConflict: it is another shard's; both name it, and nothing may be started.
  core::Result<JournalReading> Replay(const std::function<void(const PositionSave&)>& visit);
  /// Removes what Replay read: call when it is committed. Files with damage are set aside.
  core::Status DropReplayed();

  /// `run`: of the store's meta. What Replay read and nobody dropped stays for the next replay.
  void Start(int64_t run);
  /// Takes and syncs what waits; removes the files when all of it is committed. Once.
  void Stop();

  /// The zone thread. `sequence` ascends; kUncovered when the committer's queue did not take them.
  /// Never waits: what does not fit into the ring is left to the database, and counted.
  void Append(std::span<const PositionSave> saves, uint64_t sequence);

  /// Any thread: all saves with sequences up to this one are in the database.
  void Committed(uint64_t sequence);
  /// Any thread: the logout of that tick is in the database, with the player's state.
  void LoggedOut(int64_t player_id, core::Tick tick);

  /// Where the files are, for people.
  const std::string& folder() const { return folder_; }
  const LiveTable& live() const { return live_; }
  const JournalStats& stats() const { return stats_; }
  bool degraded() const { return stats_.degraded.Get() != 0; }

  /// One round of the thread, for tests on simulated time: instead of Start and Stop, after Begin.
  void Begin(int64_t run);
  void Take();
  bool Pass() { return writer_.Pass(); }

 private:
  void Run();

  const int64_t interval_ns_;
  const std::string folder_;
  const uint64_t shard_;
  const core::Clock& clock_;
  JournalStats stats_;
  LiveTable live_;
  JournalWriter writer_;
  core::ByteRing ring_;
  std::vector<std::string> replayed_;  // names of the files that Replay read
  std::vector<std::string> damaged_;   // those of them that failed a check
  uint64_t next_number_ = 1;
  std::vector<PositionSave> taken_;
  uint64_t dropped_seen_ = 0;
  std::atomic<uint64_t> committed_{0};

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::vector<std::pair<int64_t, core::Tick>> logouts_;
  bool stop_ = false;
  std::thread thread_;
};

/// Commits the newest save of each player that the journal holds, then removes its files; before
/// any player is loaded. A stale epoch or tick is refused by the store and reported. On a failure
/// the files stay and nothing may be started. kConflict: the files are of a later time than the
/// store (of a tick that it has not reserved, or of its own run or a later one), so the store was
/// restored from a backup; nothing was applied: positions of a lost future would be newer than
/// all that the zone saves until its ticks have caught up.
core::Result<JournalReplayReport> ReplayJournal(Store& store, Journal& journal);

}  // namespace bluemarble::persistence
