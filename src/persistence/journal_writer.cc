#include "persistence/journal_writer.h"

#include <algorithm>
#include <utility>

#include "core/crash_point.h"
#include "persistence/journal_format.h"

namespace bluemarble::persistence {
namespace {

constexpr int64_t kLogPeriodNs = 10'000'000'000;
// More saves than this in one batch would make one bit of damage cost them all.
constexpr size_t kBatchSaves = 1024;

}  // namespace

JournalWriter::JournalWriter(std::unique_ptr<JournalDisk> disk, uint64_t segment_bytes,
                             uint64_t shard, const core::Clock& clock, JournalStats& stats)
    : disk_(std::move(disk)),
      segment_bytes_(segment_bytes),
      shard_(shard),
      clock_(clock),
      stats_(stats),
      log_limit_(kLogPeriodNs) {}

void JournalWriter::Begin(int64_t run, uint64_t next_number) {
  run_ = run;
  next_number_ = next_number;
}

void JournalWriter::Add(const PositionSave& save, uint64_t sequence) {
  const auto [found, fresh] = entries_.try_emplace(save.player_id);
  Entry& entry = found->second;
  if (!fresh && !IsNewer(save, entry.save)) {
    if (!IsNewer(entry.save, save)) entry.sequence = std::min(entry.sequence, sequence);
    return;
  }
  entry = {save, sequence, true};
}

void JournalWriter::Committed(uint64_t sequence) {
  std::erase_if(entries_, [&](const auto& item) { return item.second.sequence <= sequence; });
}

void JournalWriter::LoggedOut(int64_t player_id, core::Tick tick) {
  const auto found = entries_.find(player_id);
  if (found != entries_.end() && found->second.save.tick <= tick) entries_.erase(found);
}

bool JournalWriter::Pass() {
  bool ok = true;
  if (disk_ == nullptr) {
    entries_.clear();
  } else {
    const bool dirty =
        std::ranges::any_of(entries_, [](const auto& item) { return item.second.dirty; });
    // Entries that were written to a file which has failed since must be written again.
    if (dirty || (file_ == nullptr && !entries_.empty())) {
      const bool full = file_ != nullptr && file_bytes_ >= file_limit_;
      ok = file_ == nullptr || full ? BeginSegment() : WriteDirty();
    }
    if (entries_.empty() && file_ == nullptr) RemoveOld();
  }
  stats_.waiting.Set(entries_.size());
  stats_.degraded.Set(ok ? 0 : 1);
  return ok;
}

bool JournalWriter::WriteDirty() {
  batch_.clear();
  bytes_.clear();
  for (const auto& [id, entry] : entries_) {
    if (entry.dirty) batch_.push_back(entry.save);
  }
  if (WriteSynced(*file_)) {
    for (auto& [id, entry] : entries_) entry.dirty = false;
    return true;
  }
  // Its end may be torn and its pages unwritten although the kernel calls them clean: nothing goes
  // behind that, and what waits goes into another file.
  file_.reset();
  old_.push_back(file_name_);
  return false;
}

bool JournalWriter::BeginSegment() {
  core::CrashPoint("journal.before_new_segment");
  const uint64_t number = next_number_++;
  const std::string name = SegmentName(number);
  auto created = disk_->Create(name);
  if (!created.ok()) {
    Failed(created.status());
    return false;
  }
  batch_.clear();
  bytes_.clear();
  AppendSegmentHead(bytes_, {shard_, run_, number});
  for (const auto& [id, entry] : entries_) batch_.push_back(entry.save);
  file_bytes_ = 0;
  bool written = WriteSynced(**created);
  if (written) {
    if (const core::Status named = disk_->SyncNames(); !named.ok()) {
      Failed(named);
      written = false;
    }
  }
  if (!written) {
    created->reset();
    // On a full disk its bytes are wanted back; older files still hold what they held.
    if (!disk_->Remove(name).ok()) old_.push_back(name);
    return false;
  }
  core::CrashPoint("journal.after_new_segment");
  if (file_ != nullptr) old_.push_back(file_name_);
  file_ = std::move(*created);
  file_name_ = name;
  // Twice what it begins with: else many players and small segments would begin one at every sync.
  file_limit_ = std::max(segment_bytes_, 2 * file_bytes_);
  for (auto& [id, entry] : entries_) entry.dirty = false;
  RemoveOld();
  return true;
}

bool JournalWriter::WriteSynced(JournalFile& file) {
  const uint64_t saves = batch_.size();
  for (std::span<const PositionSave> rest = batch_; !rest.empty();) {
    const auto part = rest.first(std::min(rest.size(), kBatchSaves));
    AppendBatch(bytes_, next_batch_++, part);
    stats_.batches.Add();
    rest = rest.subspan(part.size());
  }
  core::CrashPoint("journal.before_write");
  if (const core::Status status = file.Append(bytes_); !status.ok()) {
    Failed(status);
    return false;
  }
  core::CrashPoint("journal.after_write");
  const int64_t started_ns = clock_.NowNs();
  if (const core::Status status = file.Sync(); !status.ok()) {
    Failed(status);
    return false;
  }
  core::CrashPoint("journal.after_sync");
  stats_.sync_us.Add(static_cast<uint64_t>((clock_.NowNs() - started_ns) / 1000));
  stats_.syncs.Add();
  stats_.bytes.Add(bytes_.size());
  stats_.saves.Add(saves);
  file_bytes_ += bytes_.size();
  return true;
}

void JournalWriter::RemoveOld() {
  if (!old_.empty()) {
    core::CrashPoint("journal.before_delete");
    std::erase_if(old_, [this](const std::string& name) { return disk_->Remove(name).ok(); });
    core::CrashPoint("journal.after_delete");
  }
  stats_.segments.Set(old_.size() + (file_ != nullptr ? 1 : 0));
}

void JournalWriter::End() {
  if (disk_ == nullptr || !entries_.empty()) return;
  if (file_ != nullptr) old_.push_back(file_name_);
  file_.reset();
  RemoveOld();
}

void JournalWriter::Failed(const core::Status& status) {
  stats_.failures.Add();
  if (!log_limit_.Allow(clock_.NowNs())) return;
  core::Log(core::LogLevel::kError, "journal_failed", "reason=\"{}\" waiting={} more={}",
            status.ToString(), entries_.size(), log_limit_.suppressed());
}

}  // namespace bluemarble::persistence
