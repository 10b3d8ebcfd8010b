// Event partitions into archives, and archives into tables. See archive.h.
#include <fmt/format.h>

#include "persistence/archive.h"
#include "persistence/pg_wire.h"

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Status;

constexpr int kLongMs = 6 * 3600 * 1000;  // an archive may have many millions of rows
constexpr int kCountMs = 600'000;         // one pass over a partition
constexpr int kPageMs = 60'000;
// Many times what one range of the index by seq (BRIN) covers.
constexpr int64_t kPage = 20'000;
constexpr const char* kColumns =
    "seq, aggregate_type, aggregate_id, version, at_us, tick, kind, payload, epoch";
constexpr int kColumnCount = 9;

EventRow RowOf(const PgRows& rows, int i) {
  EventRow event;
  event.seq = rows.Int(i, 0);
  event.aggregate_type = static_cast<AggregateType>(rows.Int(i, 1));
  event.aggregate_id = rows.Int(i, 2);
  event.version = rows.Int(i, 3);
  event.at_us = rows.Int(i, 4);
  event.tick = static_cast<core::Tick>(rows.Int(i, 5));
  event.kind = static_cast<EventKind>(rows.Int(i, 6));
  const auto payload = rows.Bytes(i, 7);
  event.payload.assign(payload.begin(), payload.end());
  event.epoch = rows.Int(i, 8);
  return event;
}

// A name that needs no quotes.
bool IsPlain(std::string_view name) {
  return !name.empty() && name.size() <= 63 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789") ==
             std::string_view::npos &&
         (name[0] < '0' || name[0] > '9');
}

struct Extent {
  int64_t events = 0;
  int64_t first_seq = 0;
  int64_t last_seq = 0;
  bool Is(const ArchiveReport& report) const {
    return static_cast<uint64_t>(events) == report.events && first_seq == report.first_seq &&
           last_seq == report.last_seq;
  }
};

core::Result<Extent> ExtentOf(PgConnection& connection, const std::string& table) {
  Extent extent;
  const std::string sql =
      fmt::format("SELECT count(*), coalesce(min(seq), 0), coalesce(max(seq), 0) FROM {}", table);
  const Status status = connection.RunWire(
      [&](PGconn* wire) {
        const PgRows rows = PgQuery(wire, sql.c_str());
        extent = {rows.Int(0, 0), rows.Int(0, 1), rows.Int(0, 2)};
      },
      kCountMs);
  if (!status.ok()) return status;
  return extent;
}

Status Stopped(const StopFlag* stop) {
  if (stop == nullptr || !stop->load()) return Status::Ok();
  return {Code::kUnavailable, "stopped; the next run goes on"};
}

// The rows of a detached partition do not change, so its pages need no common snapshot: each is a
// call of its own, and a server that does not answer is found out by the first.
core::Result<ArchiveReport> Export(PgConnection& connection, const std::string& table,
                                   const Extent& extent, const std::string& path,
                                   const StopFlag* stop) {
  auto writer = ArchiveWriter::Open(path);
  if (!writer.ok()) return writer.status();
  const std::string page =
      fmt::format("SELECT {} FROM {} WHERE seq >= $1::bigint AND seq < $2::bigint ORDER BY seq",
                  kColumns, table);
  const std::string next = fmt::format(
      "SELECT coalesce(min(seq), {}) FROM {} WHERE seq >= $1::bigint", extent.last_seq + 1, table);
  for (int64_t seq = extent.first_seq; extent.events > 0 && seq <= extent.last_seq;) {
    if (Status status = Stopped(stop); !status.ok()) return status;
    Status added;
    const Status read = connection.RunWire(
        [&](PGconn* wire) {
          const PgRows rows =
              PgQuery(wire, page.c_str(), PgParameters().Int8(seq).Int8(seq + kPage));
          for (int i = 0; i < rows.size() && added.ok(); ++i)
            added = (*writer)->Add(RowOf(rows, i));
          seq += kPage;
          // Where other partitions have the numbers in between.
          if (rows.size() == 0 && seq <= extent.last_seq)
            seq = PgQuery(wire, next.c_str(), PgParameters().Int8(seq)).Int(0, 0);
        },
        kPageMs);
    if (!read.ok()) return read;
    if (!added.ok()) return added;
  }
  return (*writer)->Finish(stop);
}

// The whole file of a run that died before it dropped the table, or a new one.
core::Result<ArchiveReport> FileOf(PgConnection& connection, const std::string& table,
                                   const std::string& path, const StopFlag* stop) {
  const auto extent = ExtentOf(connection, table);
  if (!extent.ok()) return extent.status();
  const auto there = ReadArchive(path, [stop](const EventRow&) { return Stopped(stop); });
  if (Status status = Stopped(stop); !status.ok()) return status;
  if (there.ok() && extent->Is(*there)) return there;
  if (there.ok() && there->events > 0)
    return Status(Code::kConflict, "another archive has this partition's name; move it away", path);
  auto report = Export(connection, table, *extent, path, stop);
  if (report.ok() && !extent->Is(*report))
    return Status(Code::kCorrupt, "the archive has not what the partition has", path);
  return report;
}

}  // namespace

core::Result<std::vector<ArchivedPartition>> ArchivePartitions(PgConnection& connection,
                                                               int64_t before_us,
                                                               const std::string& folder,
                                                               bool dry_run, const StopFlag* stop) {
  const auto partitions = ListEventPartitions(connection);
  if (!partitions.ok()) return partitions.status();
  std::vector<ArchivedPartition> done;
  std::string unknown;
  for (const EventPartition& partition : *partitions) {
    if (!partition.bounds_known) {
      unknown += (unknown.empty() ? "" : ", ") + partition.name;
      continue;
    }
    if (partition.attached && partition.to_us > before_us) continue;
    if (Status status = Stopped(stop); !status.ok()) return status;
    ArchivedPartition archived;
    archived.partition = partition;
    archived.path = fmt::format("{}/{}.jsonl.zst", folder, partition.name);
    if (dry_run) {
      const auto extent = ExtentOf(connection, partition.name);
      if (!extent.ok()) return extent.status();
      archived.report.events = static_cast<uint64_t>(extent->events);
      done.push_back(std::move(archived));
      continue;
    }
    if (partition.attached) {
      if (Status status = DetachEventPartition(connection, partition.name); !status.ok())
        return status;
    }
    auto report = FileOf(connection, partition.name, archived.path, stop);
    if (!report.ok()) return report.status();
    archived.report = *report;
    if (Status status = DropDetached(connection, partition.name); !status.ok()) return status;
    done.push_back(std::move(archived));
  }
  if (!unknown.empty()) {
    return Status(Code::kInvalid,
                  "tables named like event partitions whose comment does not say \"FROM TO\" in "
                  "microseconds are not archived: comment or rename them",
                  unknown);
  }
  return done;
}

core::Result<ArchiveReport> RestoreArchive(PgConnection& connection, const std::string& path,
                                           const std::string& table) {
  const size_t point = std::min(table.find('.'), table.size());
  if (point == table.size() || !IsPlain(std::string_view(table).substr(0, point)) ||
      !IsPlain(std::string_view(table).substr(point + 1))) {
    return Status(Code::kInvalid, "expected SCHEMA.TABLE of lower-case letters, digits and _",
                  table);
  }
  core::Result<ArchiveReport> report = Status(Code::kInternal, "not read");
  const Status status = connection.RunWire(
      [&](PGconn* wire) {
        PgExec(wire, "BEGIN");
        PgExec(wire, fmt::format("CREATE TABLE {} (LIKE event INCLUDING INDEXES INCLUDING "
                                 "CONSTRAINTS)",
                                 table)
                         .c_str());
        {
          PgCopy copy(
              wire, fmt::format("COPY {} ({}) FROM STDIN (FORMAT binary)", table, kColumns).c_str(),
              kColumnCount);
          report = ReadArchive(path, [&](const EventRow& event) {
            copy.Row();
            copy.Int8(event.seq);
            copy.Int2(static_cast<int16_t>(event.aggregate_type));
            copy.Int8(event.aggregate_id);
            copy.Int8(event.version);
            copy.Int8(event.at_us);
            copy.Int8(static_cast<int64_t>(event.tick));
            copy.Int2(static_cast<int16_t>(event.kind));
            copy.Bytes(event.payload);
            copy.Int8(event.epoch);
            return Status::Ok();
          });
          if (report.ok()) copy.Finish();
        }
        // Half an archive is none.
        PgExec(wire, report.ok() ? "COMMIT" : "ROLLBACK");
      },
      kLongMs);
  if (status.ok()) return report;
  constexpr std::string_view kDuplicateTable = "42P07";
  if (connection.last_sqlstate() == kDuplicateTable)
    return Status(Code::kConflict, "there is such a table already", table);
  return status;
}

}  // namespace bluemarble::persistence
