/// What the journal's thread does, without the thread: the newest uncommitted save of each player,
/// and the files that hold them. One thread; Pass decides nothing by a clock.
///
/// A new segment always begins with every uncommitted save, so all older segments go when it is
/// synced: what the journal holds is bounded by the players, not by the outage. A file whose write
/// or sync failed is never written again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "core/counters.h"
#include "core/ids.h"
#include "core/log.h"
#include "persistence/journal_disk.h"
#include "persistence/rows.h"

namespace bluemarble::persistence {

/// Of one player, the later save?
inline bool IsNewer(const PositionSave& a, const PositionSave& b) {
  return a.epoch != b.epoch ? a.epoch > b.epoch : a.tick > b.tick;
}

/// A save that no commit covers: the queue to the committer did not take it.
inline constexpr uint64_t kUncovered = ~uint64_t{0};

/// Written by the journal's thread, read by any.
struct JournalStats {
  core::Counter bytes;
  core::Counter syncs;
  core::Counter batches;
  core::Counter saves;
  core::Counter failures;  ///< Writes, syncs and new files that failed.
  core::Counter degraded;  ///< 1 while what waits cannot be made durable here.
  core::Counter waiting;   ///< Players whose newest save is neither committed nor forgotten.
  core::Counter segments;  ///< Files.
  core::Counter dropped;   ///< Records that found the ring full.
  core::Histogram sync_us;
};

class JournalWriter {
 public:
  /// `disk` may be null: nothing is kept.
  JournalWriter(std::unique_ptr<JournalDisk> disk, uint64_t segment_bytes, uint64_t shard,
                const core::Clock& clock, JournalStats& stats);

  JournalDisk* disk() { return disk_.get(); }
  /// Before the first Pass: who writes, and the number of the first segment.
  void Begin(int64_t run, uint64_t next_number);

  void Add(const PositionSave& save, uint64_t sequence);
  /// Saves of sequences up to this one are in the database.
  void Committed(uint64_t sequence);
  void LoggedOut(int64_t player_id, core::Tick tick);
  /// Makes what waits durable. False: it could not; the next Pass tries again.
  bool Pass();
  /// Removes the files when nothing waits: after the last Pass.
  void End();
  size_t waiting() const { return entries_.size(); }

 private:
  struct Entry {
    PositionSave save;
    uint64_t sequence = 0;
    bool dirty = true;
  };

  bool WriteDirty();
  bool BeginSegment();
  bool WriteSynced(JournalFile& file);
  void RemoveOld();
  void Failed(const core::Status& status);

  std::unique_ptr<JournalDisk> disk_;
  const uint64_t segment_bytes_;
  const uint64_t shard_;
  const core::Clock& clock_;
  JournalStats& stats_;
  int64_t run_ = 0;
  uint64_t next_number_ = 1;
  uint64_t next_batch_ = 1;
  std::unordered_map<int64_t, Entry> entries_;
  std::unique_ptr<JournalFile> file_;  // null: the next write begins a segment
  std::string file_name_;
  uint64_t file_bytes_ = 0;
  uint64_t file_limit_ = 0;
  std::vector<std::string> old_;  // files that the next new segment replaces
  std::vector<PositionSave> batch_;
  std::vector<std::byte> bytes_;
  core::RateLimit log_limit_;
};

}  // namespace bluemarble::persistence
