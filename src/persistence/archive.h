/// Old events in files: zstd-compressed JSON lines, one event each in the order of seq, so that
/// they can be read with `zstdcat` and anything that reads JSON, in bounded memory. A file has its
/// name only when it is whole, synced and read back. docs/operations.md "Old events". One thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "persistence/pg_connection.h"
#include "persistence/pg_partitions.h"
#include "persistence/reader.h"
#include "persistence/rows.h"

namespace bluemarble::persistence {

struct ArchiveReport {
  uint64_t events = 0;
  int64_t first_seq = 0;
  int64_t last_seq = 0;
  uint64_t file_bytes = 0;
  uint64_t hash = 0;  ///< Of all lines, in order.
  friend bool operator==(const ArchiveReport&, const ArchiveReport&) = default;
};

/// {"seq":1,"type":1,"id":17,"version":1,"at_us":2,"tick":3,"kind":1,"epoch":1,"payload":"00ff"},
/// exactly so, without the line's end. Type and kind are the numbers of rows.h.
std::string ArchiveLine(const EventRow& event);
/// False unless it is such a line. Older ones say no epoch, and have epoch 0.
bool ParseArchiveLine(std::string_view line, EventRow& out);

/// Any thread: ends work that takes long soon after it is set.
using StopFlag = std::atomic<bool>;

/// Writes `<path>.unfinished`; Finish syncs it, reads it back and renames it. Without Finish it is
/// removed.
class ArchiveWriter {
 public:
  /// Makes the folder (one level) when missing. kDenied names file and cause.
  static core::Result<std::unique_ptr<ArchiveWriter>> Open(const std::string& path);
  ~ArchiveWriter();
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  /// kInvalid: its seq is not above the last one's. kUnavailable: disk full.
  core::Status Add(const EventRow& event);
  /// kCorrupt: what was read back is not what was written. kUnavailable: stopped. There is no file
  /// then.
  core::Result<ArchiveReport> Finish(const StopFlag* stop = nullptr);

 private:
  struct Stream;
  ArchiveWriter();
  core::Status Compress(std::string_view text, bool end);

  std::string path_;
  std::unique_ptr<Stream> stream_;
  ArchiveReport report_;
};

/// Gives every event to `take`, whose failure ends it. kCorrupt: damaged, cut off, or no archive;
/// the detail names file and line. kNotFound: no such file.
core::Result<ArchiveReport> ReadArchive(const std::string& path,
                                        const std::function<core::Status(const EventRow&)>& take);

/// Copies the events before `before_us` into a file; the database keeps them.
core::Result<ArchiveReport> CopyToArchive(StoreReader& reader, int64_t before_us,
                                          const std::string& path);

struct ArchivedPartition {
  EventPartition partition;
  std::string path;
  ArchiveReport report;  ///< Of a dry run: only `events`.
};
/// Every event partition that ended before `before_us`, and every detached one: detached, written
/// to `<folder>/<name>.jsonl.zst`, compared with the table, and only then dropped. Dying anywhere
/// leaves the table or the whole file, and the next run goes on. `connection` should be without
/// server-side time limits (PgSession::limited).
/// kUnavailable: `stop` was set, or the database was away or busy. kInvalid, after all others were
/// done: tables with a partition's name whose bounds nobody knows are left alone, and named.
core::Result<std::vector<ArchivedPartition>> ArchivePartitions(PgConnection& connection,
                                                               int64_t before_us,
                                                               const std::string& folder,
                                                               bool dry_run,
                                                               const StopFlag* stop = nullptr);

/// Reads an archive into a new table "schema.table" with the event table's columns and keys, in one
/// transaction. kConflict: there is such a table. kInvalid: no plain lower-case name.
core::Result<ArchiveReport> RestoreArchive(PgConnection& connection, const std::string& path,
                                           const std::string& table);

}  // namespace bluemarble::persistence
