#include "persistence/journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <unordered_map>

#include "core/crash_point.h"
#include "core/log.h"
#include "persistence/journal_format.h"

namespace bluemarble::persistence {
namespace {

constexpr int kTakesPerSync = 4;  // the ring is emptied more often than files are synced
constexpr size_t kReplayGroup = 1000;
constexpr int kReplayTries = 5;

}  // namespace

Journal::Journal(const PersistenceSettings& settings, std::string_view shard_id,
                 std::unique_ptr<JournalDisk> disk, const core::Clock& clock)
    : interval_ns_(int64_t{settings.journal.sync_interval_ms} * 1'000'000),
      folder_(settings.data_dir + "/journal"),
      shard_(JournalShard(shard_id)),
      clock_(clock),
      writer_(std::move(disk), settings.journal.segment_bytes, shard_, clock, stats_),
      ring_(settings.queue_bytes) {}

Journal::~Journal() { Stop(); }

core::Result<JournalReading> Journal::Replay(
    const std::function<void(const PositionSave&)>& visit) {
  JournalReading total;
  JournalDisk* disk = writer_.disk();
  if (disk == nullptr) return total;
  auto names = disk->List();
  if (!names.ok()) return names.status();
  std::erase_if(*names, [](const std::string& name) { return !SegmentNumber(name); });
  std::ranges::sort(*names);
  for (const std::string& name : *names) {
    auto bytes = disk->Read(name);
    if (!bytes.ok()) return bytes.status();
    const auto reading = ReadSegment(*bytes, [](const PositionSave&) {});
    if (!reading.ok())
      return core::Status(reading.status().code(), reading.status().context(),
                          "journal/" + name + ": " + reading.status().detail());
    const bool has_head = reading->read_bytes != 0;
    if (has_head && reading->head.shard != shard_) {
      return core::Status(core::Code::kConflict,
                          "the data folder holds the journal of another shard", "journal/" + name);
    }
    if (has_head) total.newest_run = std::max(total.newest_run, reading->head.run);
    const auto again = ReadSegment(*bytes, visit);
    if (reading->corrupt) {
      core::Log(core::LogLevel::kError, "journal_corrupt",
                "file=\"journal/{}\" good_bytes={} bytes={} reason=\"a check failed: what follows "
                "in this file is not believed\"",
                name, reading->read_bytes, bytes->size());
      damaged_.push_back(name);
      ++total.corrupt;
    }
    if (reading->torn) ++total.torn;
    ++total.segments;
    total.batches += again->batches;
    total.saves += again->saves;
    replayed_.push_back(name);
    next_number_ = std::max(next_number_, *SegmentNumber(name) + 1);
  }
  return total;
}

core::Status Journal::DropReplayed() {
  JournalDisk* disk = writer_.disk();
  if (disk == nullptr) return core::Status::Ok();
  while (!replayed_.empty()) {
    const std::string name = replayed_.back();
    const bool damaged = std::ranges::find(damaged_, name) != damaged_.end();
    const core::Status gone = damaged ? disk->Rename(name, name + ".corrupt") : disk->Remove(name);
    if (!gone.ok()) return gone;
    replayed_.pop_back();
  }
  damaged_.clear();
  return disk->SyncNames();
}

void Journal::Begin(int64_t run) { writer_.Begin(run, next_number_); }

void Journal::Start(int64_t run) {
  Begin(run);
  thread_ = std::thread([this] { Run(); });
}

void Journal::Stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Journal::Append(std::span<const PositionSave> saves, uint64_t sequence) {
  ring_.Push(std::as_bytes(std::span(&sequence, 1)), std::as_bytes(saves));
}

void Journal::Committed(uint64_t sequence) {
  committed_.store(sequence, std::memory_order_release);
}

void Journal::LoggedOut(int64_t player_id, core::Tick tick) {
  const std::lock_guard lock(mutex_);
  logouts_.emplace_back(player_id, tick);
}

void Journal::Take() {
  // Read before the ring: whatever was committed or logged out was put into the ring before.
  const uint64_t committed = committed_.load(std::memory_order_acquire);
  std::vector<std::pair<int64_t, core::Tick>> logouts;
  {
    const std::lock_guard lock(mutex_);
    logouts.swap(logouts_);
  }
  taken_.clear();
  for (auto record = ring_.Front(); !record.empty(); record = ring_.Front()) {
    uint64_t sequence = 0;
    std::memcpy(&sequence, record.data(), sizeof(sequence));
    const auto saves = record.subspan(sizeof(sequence));
    for (size_t at = 0; at + sizeof(PositionSave) <= saves.size(); at += sizeof(PositionSave)) {
      PositionSave save;
      std::memcpy(&save, saves.data() + at, sizeof(save));
      writer_.Add(save, sequence);
      taken_.push_back(save);
    }
    ring_.Pop();
  }
  live_.Update(taken_);
  writer_.Committed(committed);
  for (const auto& [player_id, tick] : logouts) {
    writer_.LoggedOut(player_id, tick);
    live_.Remove(player_id, tick);
  }
  stats_.dropped.Set(ring_.refused());
}

void Journal::Run() {
  int64_t next_sync_ns = clock_.NowNs() + interval_ns_;
  std::unique_lock lock(mutex_);
  while (!stop_) {
    wake_.wait_for(lock, std::chrono::nanoseconds(interval_ns_ / kTakesPerSync),
                   [this] { return stop_; });
    lock.unlock();
    Take();
    if (clock_.NowNs() >= next_sync_ns) {
      Pass();
      next_sync_ns = clock_.NowNs() + interval_ns_;
    }
    lock.lock();
  }
  lock.unlock();
  Take();
  Pass();
  writer_.End();
}

core::Result<JournalReplayReport> ReplayJournal(Store& store, Journal& journal) {
  JournalReplayReport report;
  std::unordered_map<int64_t, PositionSave> newest;
  core::Tick newest_tick = 0;
  const auto reading = journal.Replay([&](const PositionSave& save) {
    newest_tick = std::max(newest_tick, save.tick);
    const auto [found, fresh] = newest.try_emplace(save.player_id, save);
    if (!fresh && IsNewer(save, found->second)) found->second = save;
  });
  if (!reading.ok()) return reading.status();
  report.reading = *reading;
  report.players = newest.size();
  std::vector<PositionSave> saves;
  saves.reserve(newest.size());
  for (const auto& [player_id, save] : newest) saves.push_back(save);
  const StoreMeta& meta = store.meta();
  if (newest_tick > meta.reserved_tick || reading->newest_run >= meta.run) {
    return core::Status(
        core::Code::kConflict,
        "the journal is newer than the database (restored from a backup?): move the journal away",
        fmt::format("{}: tick {} of run {}, the database has reserved tick {} and begins run {}",
                    journal.folder(), newest_tick, reading->newest_run, meta.reserved_tick,
                    meta.run));
  }
  std::ranges::sort(saves, {}, &PositionSave::player_id);
  core::CrashPoint("replay.before_commit");
  for (std::span<const PositionSave> rest = saves; !rest.empty();) {
    const auto group = rest.first(std::min(rest.size(), kReplayGroup));
    CommitReport committed;
    core::Status status = store.Commit({{}, group, 0}, {}, committed);
    for (int tries = 1; status.code() == core::Code::kUnknown && tries < kReplayTries; ++tries) {
      // The saves are absolute: once more changes nothing.
      if (status = store.Reconnect(); status.ok())
        status = store.Commit({{}, group, 0}, {}, committed);
    }
    if (!status.ok()) return status;
    report.applied += committed.positions_saved;
    report.stale += committed.positions_stale;
    report.refused += committed.positions_refused;
    rest = rest.subspan(group.size());
  }
  core::CrashPoint("replay.after_commit");
  if (const core::Status dropped = journal.DropReplayed(); !dropped.ok()) return dropped;
  core::CrashPoint("replay.after_delete");
  if (report.reading.segments != 0) {
    core::Log(report.reading.corrupt != 0 || report.refused != 0 ? core::LogLevel::kWarn
                                                                 : core::LogLevel::kInfo,
              "journal_replayed",
              "files={} saves={} players={} applied={} stale={} refused={} torn={} corrupt={}",
              report.reading.segments, report.reading.saves, report.players, report.applied,
              report.stale, report.refused, report.reading.torn, report.reading.corrupt);
  }
  return report;
}

}  // namespace bluemarble::persistence
