#include "persistence/commit_pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "core/crash_point.h"
#include "core/log.h"
#include "persistence/journal.h"

namespace bluemarble::persistence {
namespace {

constexpr int64_t kFirstDelayNs = 50'000'000;
constexpr int64_t kLongestDelayNs = 1'000'000'000;
constexpr int64_t kMaintenancePeriodNs = 60'000'000'000;
constexpr int64_t kPurgeAgainNs = 100'000'000;  // while there is more than one delete takes
// A store that nobody writes to may be away, or another process's, all the same.
constexpr int64_t kLookNs = 1'000'000'000;
constexpr int64_t kDayUs = 86'400'000'000;
constexpr size_t kPurgeAtOnce = 10'000;    // keeps one delete well under a second
constexpr size_t kWorldItemsAtOnce = 256;  // a page: well under the time of a commit

template <typename T>
void AppendBytes(std::vector<std::byte>& out, const T& value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

bool IsBlocked(const CommitStats& stats, int64_t now_ns, int stall_ms) {
  if (stats.failed.Get() != 0 || stats.away.Get() != 0) return true;
  const auto late = [&](const core::Counter& since_ns) {
    const auto since = static_cast<int64_t>(since_ns.Get());
    return since != 0 && now_ns - since > int64_t{stall_ms} * 1'000'000;
  };
  return late(stats.in_call_since_ns) || late(stats.in_doubt_since_ns);
}

CommitPipeline::CommitPipeline(const PersistenceSettings& settings, Store& store,
                               const core::Clock& clock, CommitStats& stats, Journal* journal,
                               WriteThrough* cache)
    : store_(store),
      clock_(clock),
      stats_(stats),
      journal_(journal),
      cache_(cache),
      max_group_(static_cast<size_t>(settings.max_group)),
      key_retention_us_(int64_t{settings.key_retention_s} * 1'000'000),
      note_retention_us_(settings.retention.notes_days * kDayUs),
      stall_ns_(int64_t{settings.stall_ms} * 1'000'000),
      position_group_ns_(int64_t{settings.position_group_ms} * 1'000'000),
      started_ns_(clock.NowNs()),
      started_us_(clock.WallUs()),
      last_call_ns_(started_ns_),
      next_purge_ns_(started_ns_),
      next_maintenance_ns_(started_ns_) {}

template <typename Call>
auto CommitPipeline::Calling(Call call) {
  stats_.in_call_since_ns.Set(static_cast<uint64_t>(std::max<int64_t>(1, clock_.NowNs())));
  auto result = call();
  stats_.in_call_since_ns.Set(0);
  return result;
}

bool CommitPipeline::Accept(std::span<const std::byte> record) {
  // The run number makes request ids unique over restarts.
  DecodedRequest request;
  if (!DecodeRequest(record, store_.meta().run, request)) return false;
  switch (request.kind) {
    case RequestKind::kLogin:
    case RequestKind::kEvent:
    case RequestKind::kAction:
      Add(std::move(request.write), {request.answer, false, request.request_id});
      break;
    case RequestKind::kWorldItems: world_items_ = {request.request_id, writes_.size(), 0}; break;
    case RequestKind::kReserveTicks:
      reserve_ticks_ = std::max(reserve_ticks_, request.up_to);
      break;
    case RequestKind::kPositions:
      for (size_t i = 0; i < request.positions; ++i) AcceptPosition(request.PositionAt(i));
      journal_sequence_ = std::max(journal_sequence_, request.journal_sequence);
      stats_.positions_waiting.Set(positions_.size());
      break;
    case RequestKind::kNote: AcceptNote(request.note); break;
  }
  return true;
}

void CommitPipeline::AcceptWrite(DurableWrite write, uint64_t ticket) {
  Add(std::move(write), {CompletionKind::kAction, true, ticket});
}

void CommitPipeline::Add(DurableWrite write, const Origin& origin) {
  if (write.at_us == 0) write.at_us = clock_.WallUs();
  writes_.push_back(std::move(write));
  origins_.push_back(origin);
  origins_.back().accepted_ns = clock_.NowNs();
}

// What waits is in the journal. A few positions at a time, each on another page, would have the
// store write every page many times a second.
bool CommitPipeline::PositionsDue(int64_t now_ns) const {
  return !positions_.empty() &&
         (away_ || doubtful_ || now_ns - positions_since_ns_ >= PositionWaitNs());
}

int64_t CommitPipeline::PositionWaitNs() const {
  return journal_ == nullptr || journal_->degraded() ? 0 : position_group_ns_;
}

void CommitPipeline::AcceptPosition(const PositionSave& save) {
  if (positions_.empty()) positions_since_ns_ = clock_.NowNs();
  const auto [found, fresh] = position_of_.try_emplace(save.player_id, positions_.size());
  if (fresh) {
    positions_.push_back(save);
    return;
  }
  PositionSave& waiting = positions_[found->second];
  if (save.epoch > waiting.epoch || (save.epoch == waiting.epoch && save.tick > waiting.tick))
    waiting = save;
  stats_.positions_coalesced.Add();
}

void CommitPipeline::AcceptNote(const NoteRequest& note) {
  notes_.push_back({.run = store_.meta().run,
                    .number = ++note_number_,
                    .at_us = clock_.WallUs(),
                    .player_id = note.player_id,
                    .tick = note.tick,
                    .kind = note.kind,
                    .code = note.code,
                    .text = std::string(note.view())});
  stats_.notes_waiting.Set(notes_.size());
}

bool CommitPipeline::due() const { return due_in_ns() == 0; }

int64_t CommitPipeline::due_in_ns() const {
  const bool waits = writes_.size() > in_doubt_;
  if (waits && in_doubt_ == 0) return 0;  // committed, or refused at once
  if (failed_ || (idle() && !world_items_ && !away_ && !doubtful_)) return -1;
  const int64_t now_ns = clock_.NowNs();
  const bool only_positions =
      writes_.empty() && notes_.empty() && reserve_ticks_ == 0 && !world_items_;
  int64_t at_ns = away_ || doubtful_ ? next_try_ns_
                  : only_positions   ? positions_since_ns_ + PositionWaitNs()
                                     : now_ns;
  if (waits) at_ns = std::min(at_ns, origins_[in_doubt_].accepted_ns + stall_ns_);
  return std::max<int64_t>(0, at_ns - now_ns);
}

void CommitPipeline::Commit() {
  const int64_t now_ns = clock_.NowNs();
  if (failed_) return RefuseWaiting(now_ns);
  if (in_doubt_ != 0) {
    const size_t waiting = writes_.size();
    RefuseWaiting(now_ns - stall_ns_);
    stats_.timed_out.Add(waiting - writes_.size());
  }
  if (away_ || doubtful_) {
    if (now_ns < next_try_ns_) {
      if (in_doubt_ == 0) RefuseWaiting(now_ns);
      return;
    }
    stats_.retries.Add();
    const core::Status status = Calling([this] { return store_.Reconnect(); });
    if (!status.ok()) {
      return status.code() == core::Code::kUnavailable ? Away(status) : Fail(status);
    }
  }
  if (!idle()) {
    // A group in doubt is committed again as it was: what had happened is found by its keys.
    CommitGroupOf(in_doubt_ != 0 ? in_doubt_ : writes_.size());
  } else {
    Back();
  }
  if (world_items_ && world_items_->writes_before == 0 && !away_ && !doubtful_ && !failed_)
    ReadWorldItems();
}

void CommitPipeline::CommitGroupOf(size_t count) {
  core::CrashPoint("commit.before_begin");
  const int64_t started_ns = clock_.NowNs();
  results_.assign(count, WriteResult{});
  CommitReport report;
  group_has_positions_ = PositionsDue(started_ns);
  const auto positions =
      std::span<const PositionSave>(positions_).first(group_has_positions_ ? positions_.size() : 0);
  const core::Status status = Calling([&] {
    return store_.Commit({std::span(writes_).first(count), positions, reserve_ticks_, notes_},
                         results_, report);
  });
  switch (status.code()) {
    case core::Code::kOk: return Committed(count, report, started_ns);
    case core::Code::kUnknown: return Doubt(count, status);
    case core::Code::kUnavailable: return Away(status);
    default: return Fail(status);
  }
}

void CommitPipeline::Doubt(size_t count, const core::Status& status) {
  core::Log(core::LogLevel::kWarn, "commit_in_doubt", "requests={} reason=\"{}\"", count,
            status.ToString());
  TakeFirstAnswers(count);
  const int64_t now_ns = clock_.NowNs();
  next_try_ns_ = now_ns;
  if (doubtful_) {
    delay_ns_ = std::clamp(delay_ns_ * 2, kFirstDelayNs, kLongestDelayNs);
    next_try_ns_ += delay_ns_;
  } else {
    stats_.in_doubt.Add();
  }
  in_doubt_ = count;
  doubtful_ = true;
  if (count != 0 && stats_.in_doubt_since_ns.Get() == 0)
    stats_.in_doubt_since_ns.Set(static_cast<uint64_t>(std::max<int64_t>(1, now_ns)));
}

// What an attempt wrote and a later one finds by its key was done by the earlier one: its answer
// counts, with the items that only it could tell, and is no repeat unless it had been one already.
void CommitPipeline::TakeFirstAnswers(size_t count) {
  first_.resize(count);
  for (size_t i = 0; i < count; ++i) {
    const bool had_happened = results_[i].repeated && first_[i].outcome != Outcome::kUnknown;
    if (!had_happened && results_[i].outcome != Outcome::kUnknown)
      first_[i] = std::move(results_[i]);
  }
}

void CommitPipeline::Committed(size_t count, const CommitReport& report, int64_t started_ns) {
  if (doubtful_) {
    TakeFirstAnswers(count);
    results_ = std::move(first_);
  }
  Back();
  stats_.commits.Add();
  last_call_ns_ = clock_.NowNs();
  stats_.commit_us.Add(static_cast<uint64_t>((last_call_ns_ - started_ns) / 1000));
  stats_.group_writes.Add(count);
  if (report.rerun) stats_.groups_rerun.Add();
  stats_.positions_saved.Add(report.positions_saved);
  stats_.positions_stale.Add(report.positions_stale);
  stats_.positions_refused.Add(report.positions_refused);
  if (journal_ != nullptr && group_has_positions_) journal_->Committed(journal_sequence_);
  if (report.last_seq > 0) stats_.last_seq.Set(static_cast<uint64_t>(report.last_seq));
  ApplyToInventories(count, report);
  PutInCache(count);
  core::CrashPoint("commit.before_answers");
  for (size_t i = 0; i < count; ++i) {
    Answer(origins_[i], results_[i]);
    if (journal_ != nullptr && origins_[i].kind == CompletionKind::kLogout &&
        results_[i].outcome == Outcome::kOk)
      journal_->LoggedOut(results_[i].row.player_id, writes_[i].tick);
  }
  if (group_has_positions_) PositionsCommitted(report);
  Forget(0, count);
  stats_.notes_written.Add(notes_.size());
  notes_.clear();
  stats_.notes_waiting.Set(0);
  if (reserve_ticks_ != 0) {
    Completion completion;
    completion.kind = CompletionKind::kTicksReserved;
    completion.reserved_tick = reserve_ticks_;
    completions_.push_back(completion);
    reserve_ticks_ = 0;
  }
  answered_ = true;
}

void CommitPipeline::PositionsCommitted(const CommitReport& report) {
  if (cache_ != nullptr) {
    cache_positions_ = positions_;
    cache_refused_ = report.refused_players;
    // Too many to be told which: none of the group is shown, the database answers for them.
    cache_no_position_ = report.positions_refused > report.refused_players.size();
  }
  positions_.clear();
  position_of_.clear();
  stats_.positions_waiting.Set(0);
}

void CommitPipeline::ApplyToInventories(size_t count, const CommitReport& report) {
  for (size_t i = 0; i < count; ++i) inventories_.Apply(writes_[i], results_[i]);
  for (const int64_t player_id : report.refused_players) inventories_.Remove(player_id);
  cache_entries_.clear();
  for (const LiveInventories::Change& change : inventories_.Publish()) {
    if (cache_ == nullptr) continue;
    CacheEntry& entry = cache_entries_.emplace_back(CacheKind::kInventory, change.player_id,
                                                    static_cast<uint64_t>(change.seq));
    entry.gone = change.now == nullptr;
    if (entry.gone) continue;
    AppendBytes(entry.value, change.now->gold);
    for (const ItemRow& item : change.now->items) AppendBytes(entry.value, item);
  }
}

void CommitPipeline::PutInCache(size_t count) {
  if (cache_ == nullptr) return;
  for (size_t i = 0; i < count; ++i) {
    const WriteResult& result = results_[i];
    const DurableWrite& write = writes_[i];
    if (result.outcome != Outcome::kOk || result.repeated || result.seq == 0) continue;
    const auto version = static_cast<uint64_t>(result.seq);
    const int64_t player_id = result.row.player_id;
    if (player_id != 0) {
      CacheEntry& entry = cache_entries_.emplace_back(CacheKind::kPlayer, player_id, version);
      AppendBytes(entry.value, result.row);
    }
    if (write.login) {
      CacheEntry& session = cache_entries_.emplace_back(CacheKind::kSession, player_id, version);
      AppendBytes(session.value, result.row.epoch);
      AppendBytes(session.value, write.at_us);
    }
    for (const PlayerUpdate& update : write.updates) {
      if (update.kind == EventKind::kLogout)
        cache_entries_.emplace_back(CacheKind::kSession, update.player_id, version, true);
    }
  }
  if (!cache_entries_.empty()) cache_->Put(cache_entries_);
}

void CommitPipeline::AfterAnswers() {
  if (!answered_) return;
  answered_ = false;
  core::CrashPoint("commit.after_answers");
  if (cache_positions_.empty()) return;
  cache_entries_.clear();
  std::ranges::sort(cache_refused_);
  for (const PositionSave& save : cache_positions_) {
    CacheEntry& entry =
        cache_entries_.emplace_back(CacheKind::kPosition, save.player_id, save.tick);
    // A position that is not ours must not be shown as ours, and neither the one before it.
    entry.gone = cache_no_position_ || std::ranges::binary_search(cache_refused_, save.player_id);
    if (!entry.gone) AppendBytes(entry.value, save);
  }
  cache_positions_.clear();
  cache_->Put(cache_entries_);
}

void CommitPipeline::ReadWorldItems() {
  const auto page =
      Calling([this] { return store_.LoadWorldItems(world_items_->after_id, kWorldItemsAtOnce); });
  if (!page.ok()) {
    const core::Status status = page.status();
    return status.code() == core::Code::kUnavailable ? Away(status) : Fail(status);
  }
  Completion completion;
  completion.request_id = world_items_->request_id;
  completion.kind = CompletionKind::kWorldItem;
  for (const ItemRow& item : *page) {
    completion.item = item;
    completions_.push_back(completion);
    world_items_->after_id = item.item_id;
  }
  if (page->size() == kWorldItemsAtOnce) return;
  completion.kind = CompletionKind::kWorldItemsEnd;
  completion.item = {};
  completions_.push_back(completion);
  world_items_.reset();
}

void CommitPipeline::Answer(const Origin& origin, const WriteResult& result) {
  switch (result.outcome) {
    case Outcome::kOk: stats_.writes_ok.Add(); break;
    case Outcome::kRefused:
      stats_.writes_refused.Add();
      stats_.refusals[static_cast<size_t>(result.refusal)].Add();
      break;
    case Outcome::kUnknown: stats_.writes_unknown.Add(); break;
  }
  if (result.repeated) stats_.writes_repeated.Add();
  if (origin.ticket) {
    tickets_.push_back({origin.id, result});
    return;
  }
  Completion completion;
  completion.request_id = origin.id;
  completion.outcome = result.outcome;
  if (origin.kind == CompletionKind::kLogin) {
    completion.kind = CompletionKind::kItem;
    for (const ItemRow& item : result.items) {
      completion.item = item;
      completions_.push_back(completion);
    }
  }
  completion.kind = origin.kind;
  completion.refusal = result.refusal;
  completion.created = result.created;
  completion.repeated = result.repeated;
  completion.row = result.row;
  completion.item = origin.kind == CompletionKind::kAction ? result.item : ItemRow{};
  completion.gold = result.gold;
  completions_.push_back(completion);
}

std::optional<CommitPipeline::TicketAnswer> CommitPipeline::NextTicket() {
  if (tickets_.empty()) return std::nullopt;
  TicketAnswer answer = std::move(tickets_.front());
  tickets_.pop_front();
  return answer;
}

void CommitPipeline::Forget(size_t first, size_t count) {
  const auto begin = static_cast<std::ptrdiff_t>(first);
  const auto end = static_cast<std::ptrdiff_t>(first + count);
  writes_.erase(writes_.begin() + begin, writes_.begin() + end);
  origins_.erase(origins_.begin() + begin, origins_.begin() + end);
  if (world_items_ && world_items_->writes_before > first)
    world_items_->writes_before -= std::min(count, world_items_->writes_before - first);
}

// Only what is not in doubt itself: that is answered when it is known.
void CommitPipeline::RefuseWaiting(int64_t accepted_before_ns) {
  WriteResult result;
  result.outcome = Outcome::kRefused;
  result.refusal = Refusal::kUnavailable;
  size_t end = in_doubt_;
  for (; end < origins_.size() && origins_[end].accepted_ns <= accepted_before_ns; ++end)
    Answer(origins_[end], result);
  Forget(in_doubt_, end - in_doubt_);
}

void CommitPipeline::Away(const core::Status& status) {
  if (!away_) core::Log(core::LogLevel::kError, "store_away", "reason=\"{}\"", status.ToString());
  away_ = true;
  stats_.away.Set(1);
  delay_ns_ = std::clamp(delay_ns_ * 2, kFirstDelayNs, kLongestDelayNs);
  const int64_t now_ns = clock_.NowNs();
  next_try_ns_ = now_ns + delay_ns_;
  if (in_doubt_ == 0) RefuseWaiting(now_ns);
}

void CommitPipeline::Back() {
  if (away_) core::Log(core::LogLevel::kInfo, "store_back", "positions={}", positions_.size());
  away_ = doubtful_ = false;
  in_doubt_ = 0;
  first_.clear();
  delay_ns_ = 0;
  stats_.away.Set(0);
  stats_.in_doubt_since_ns.Set(0);
}

void CommitPipeline::Fail(const core::Status& status) {
  const bool lost = status.code() == core::Code::kStale;
  core::Log(core::LogLevel::kError, lost ? "ownership_lost" : "store_failed", "reason=\"{}\"",
            status.ToString());
  failed_ = true;
  if (lost) stats_.lost_ownership.Set(1);
  stats_.failed.Set(1);
  stats_.in_doubt_since_ns.Set(0);
  inventories_.Clear();  // what was in doubt may have happened
  for (size_t i = 0; i < in_doubt_; ++i) Answer(origins_[i], WriteResult{});
  Forget(0, in_doubt_);
  in_doubt_ = 0;
  RefuseWaiting(clock_.NowNs());
}

void CommitPipeline::Describe(std::vector<std::string>& lines, size_t limit) const {
  for (size_t i = 0; i < writes_.size() && lines.size() < limit; ++i) {
    const DurableWrite& write = writes_[i];
    const char* kind = origins_[i].ticket ? "administrator" : "action";
    if (origins_[i].kind == CompletionKind::kSample) kind = "sample";
    if (origins_[i].kind == CompletionKind::kLogin) kind = "login";
    if (origins_[i].kind == CompletionKind::kLogout) kind = "logout";
    std::string key;
    for (const std::byte b : write.key.bytes)
      fmt::format_to(std::back_inserter(key), "{:02x}", static_cast<int>(b));
    const int64_t player =
        write.updates.empty() ? write.key.player_id : write.updates.front().player_id;
    lines.push_back(fmt::format("kind={} player={} key={}", kind, player, key));
  }
}

// Never ahead of the time that has really passed: when the wall clock was days behind and is set
// right, keys of a moment ago look old.
int64_t CommitPipeline::PurgeBeforeUs(int64_t now_ns, int64_t retention_us) const {
  const int64_t passed_us = started_us_ + (now_ns - started_ns_) / 1000;
  return std::min(clock_.WallUs(), passed_us) - retention_us;
}

bool CommitPipeline::Purged(const core::Status& status) {
  switch (status.code()) {
    case core::Code::kOk: return true;
    case core::Code::kUnknown:  // a purge may be done twice
    case core::Code::kUnavailable: Away(status); return false;
    default: Fail(status); return false;
  }
}

void CommitPipeline::Maintain() {
  const int64_t now_ns = clock_.NowNs();
  if (failed_ || away_ || doubtful_) return;
  const bool purge = now_ns >= next_purge_ns_;
  if (!purge && now_ns - last_call_ns_ < kLookNs) return;
  last_call_ns_ = now_ns;
  const size_t limit = purge ? kPurgeAtOnce : 0;
  const auto keys =
      Calling([&] { return store_.PurgeKeys(PurgeBeforeUs(now_ns, key_retention_us_), limit); });
  if (!Purged(keys.status()) || !purge) return;
  bool more = *keys == limit;
  if (note_retention_us_ != 0) {
    const auto notes = Calling(
        [&] { return store_.PurgeNotes(PurgeBeforeUs(now_ns, note_retention_us_), limit); });
    if (!Purged(notes.status())) return;
    more = more || *notes == limit;
  }
  next_purge_ns_ = now_ns + (more ? kPurgeAgainNs : kMaintenancePeriodNs);
  if (now_ns < next_maintenance_ns_) return;
  next_maintenance_ns_ = now_ns + kMaintenancePeriodNs;
  const core::Status kept = Calling([&] { return store_.Maintain(clock_.WallUs()); });
  if (!kept.ok()) {
    core::Log(core::LogLevel::kWarn, "store_maintenance", "reason=\"{}\"", kept.ToString());
  }
}

}  // namespace bluemarble::persistence
