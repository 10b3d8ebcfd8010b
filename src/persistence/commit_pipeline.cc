#include "persistence/commit_pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>

#include "core/log.h"

namespace bluemarble::persistence {
namespace {

constexpr int64_t kFirstDelayNs = 50'000'000;
constexpr int64_t kLongestDelayNs = 1'000'000'000;
constexpr int64_t kMaintenancePeriodUs = 60'000'000;
constexpr size_t kPurgeAtOnce = 10'000;  // keeps one delete well under a second

template <typename T>
bool Read(std::span<const std::byte> body, T& out) {
  if (body.size() != sizeof(T)) return false;
  std::memcpy(&out, body.data(), sizeof(T));
  return true;
}

}  // namespace

CommitPipeline::CommitPipeline(const PersistenceSettings& settings, Store& store,
                               const core::Clock& clock, CommitStats& stats)
    : store_(store),
      clock_(clock),
      stats_(stats),
      max_group_(static_cast<size_t>(settings.max_group)),
      key_retention_us_(int64_t{settings.key_retention_s} * 1'000'000) {}

bool CommitPipeline::Accept(std::span<const std::byte> record) {
  if (record.size() < kRequestHeadBytes) return false;
  const auto body = record.subspan(kRequestHeadBytes);
  switch (static_cast<RequestKind>(record[0])) {
    case RequestKind::kLogin: {
      LoginRequest request;
      if (!Read(body, request)) return false;
      DurableWrite write;
      write.key = KeyOf(0, request.request_id);
      write.at_us = clock_.WallUs();
      write.tick = request.tick;
      write.login = PlayerLogin{request.name, request.initial};
      writes_.push_back(std::move(write));
      origins_.push_back({CompletionKind::kLogin, request.request_id});
      return true;
    }
    case RequestKind::kEvent: {
      PlayerEventRequest request;
      if (!Read(body, request)) return false;
      DurableWrite write;
      write.key = KeyOf(request.player_id, request.request_id);
      write.at_us = clock_.WallUs();
      write.tick = request.tick;
      write.updates.push_back({request.player_id, request.epoch, request.expected_version,
                               request.state, request.kind, EncodePlayerState(request.state)});
      writes_.push_back(std::move(write));
      origins_.push_back(
          {request.kind == EventKind::kLogout ? CompletionKind::kLogout : CompletionKind::kSample,
           request.request_id});
      return true;
    }
    case RequestKind::kReserveTicks: {
      core::Tick up_to = 0;
      if (!Read(body, up_to)) return false;
      reserve_ticks_ = std::max(reserve_ticks_, up_to);
      return true;
    }
    case RequestKind::kPositions: {
      if (body.size() % sizeof(PositionSave) != 0) return false;
      for (size_t at = 0; at < body.size(); at += sizeof(PositionSave)) {
        PositionSave save;
        std::memcpy(&save, body.data() + at, sizeof(save));
        AcceptPosition(save);
      }
      stats_.positions_waiting.Set(positions_.size());
      return true;
    }
  }
  return false;
}

void CommitPipeline::AcceptPosition(const PositionSave& save) {
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

IdempotencyKey CommitPipeline::KeyOf(int64_t player_id, uint64_t request_id) const {
  // The run number makes request ids unique over restarts.
  IdempotencyKey key{player_id, {}};
  const int64_t run = store_.meta().run;
  std::memcpy(key.bytes.data(), &run, 8);
  std::memcpy(key.bytes.data() + 8, &request_id, 8);
  return key;
}

bool CommitPipeline::due() const { return due_in_ns() == 0; }

int64_t CommitPipeline::due_in_ns() const {
  const bool answers_at_once = !writes_.empty() && !in_doubt_;
  if (answers_at_once) return 0;
  if (failed_ || idle()) return -1;
  return std::max<int64_t>(0, next_try_ns_ - clock_.NowNs());
}

void CommitPipeline::Commit() {
  const int64_t now_ns = clock_.NowNs();
  if (failed_ || (away_ && now_ns < next_try_ns_)) {
    if (!in_doubt_) AnswerAll(Outcome::kRefused);
    return;
  }
  if (away_ || in_doubt_) {
    stats_.retries.Add();
    if (const core::Status status = store_.Reconnect(); !status.ok()) {
      return status.code() == core::Code::kUnavailable ? Away(status) : Fail(status);
    }
  }
  // A group in doubt is simply committed again: what had happened is found by its key.
  results_.assign(writes_.size(), WriteResult{});
  CommitReport report;
  const core::Status status =
      store_.Commit({writes_, positions_, reserve_ticks_}, results_, report);
  switch (status.code()) {
    case core::Code::kOk: Committed(report, now_ns); break;
    case core::Code::kUnknown:
      in_doubt_ = true;
      next_try_ns_ = now_ns;
      core::Log(core::LogLevel::kWarn, "commit_in_doubt", "requests={} reason=\"{}\"",
                writes_.size(), status.ToString());
      break;
    case core::Code::kUnavailable: Away(status); break;
    default: Fail(status);
  }
}

void CommitPipeline::Committed(const CommitReport& report, int64_t started_ns) {
  if (away_) core::Log(core::LogLevel::kInfo, "store_back", "positions={}", positions_.size());
  away_ = in_doubt_ = false;
  delay_ns_ = 0;
  stats_.away.Set(0);
  stats_.commits.Add();
  stats_.commit_us.Add(static_cast<uint64_t>((clock_.NowNs() - started_ns) / 1000));
  stats_.group_writes.Add(writes_.size());
  if (report.rerun) stats_.groups_rerun.Add();
  stats_.positions_saved.Add(report.positions_saved);
  stats_.positions_stale.Add(report.positions_stale);
  stats_.positions_refused.Add(report.positions_refused);
  for (size_t i = 0; i < writes_.size(); ++i) Answer(origins_[i], results_[i]);
  writes_.clear();
  origins_.clear();
  positions_.clear();
  position_of_.clear();
  stats_.positions_waiting.Set(0);
  if (reserve_ticks_ != 0) {
    Completion completion;
    completion.kind = CompletionKind::kTicksReserved;
    completion.reserved_tick = reserve_ticks_;
    completions_.push_back(completion);
    reserve_ticks_ = 0;
  }
}

void CommitPipeline::Answer(const Origin& origin, const WriteResult& result) {
  Completion completion;
  completion.request_id = origin.request_id;
  completion.kind = origin.kind;
  completion.outcome = result.outcome;
  completion.refusal = result.refusal;
  completion.created = result.created;
  completion.repeated = result.repeated;
  completion.row = result.row;
  completions_.push_back(completion);
  switch (result.outcome) {
    case Outcome::kOk: stats_.writes_ok.Add(); break;
    case Outcome::kRefused: stats_.writes_refused.Add(); break;
    case Outcome::kUnknown: stats_.writes_unknown.Add(); break;
  }
  if (result.repeated) stats_.writes_repeated.Add();
}

void CommitPipeline::AnswerAll(Outcome outcome) {
  WriteResult result;
  result.outcome = outcome;
  result.refusal = outcome == Outcome::kRefused ? Refusal::kUnavailable : Refusal::kNone;
  for (const Origin& origin : origins_) Answer(origin, result);
  writes_.clear();
  origins_.clear();
}

void CommitPipeline::Away(const core::Status& status) {
  if (!away_) core::Log(core::LogLevel::kError, "store_away", "reason=\"{}\"", status.ToString());
  away_ = true;
  stats_.away.Set(1);
  delay_ns_ = std::clamp(delay_ns_ * 2, kFirstDelayNs, kLongestDelayNs);
  next_try_ns_ = clock_.NowNs() + delay_ns_;
  if (!in_doubt_) AnswerAll(Outcome::kRefused);
}

void CommitPipeline::Fail(const core::Status& status) {
  core::Log(core::LogLevel::kError, "store_failed", "reason=\"{}\"", status.ToString());
  failed_ = true;
  stats_.failed.Set(1);
  AnswerAll(in_doubt_ ? Outcome::kUnknown : Outcome::kRefused);
  in_doubt_ = false;
}

void CommitPipeline::Describe(std::vector<std::string>& lines, size_t limit) const {
  for (size_t i = 0; i < writes_.size() && lines.size() < limit; ++i) {
    const DurableWrite& write = writes_[i];
    const char* kind = "sample";
    if (origins_[i].kind == CompletionKind::kLogin) kind = "login";
    if (origins_[i].kind == CompletionKind::kLogout) kind = "logout";
    std::string key;
    for (const std::byte b : write.key.bytes)
      fmt::format_to(std::back_inserter(key), "{:02x}", static_cast<int>(b));
    lines.push_back(fmt::format("kind={} player={} key={}", kind, write.key.player_id, key));
  }
}

void CommitPipeline::Maintain() {
  const int64_t now_us = clock_.WallUs();
  if (failed_ || away_ || in_doubt_ || now_us < next_maintenance_us_) return;
  next_maintenance_us_ = now_us + kMaintenancePeriodUs;
  const auto purged = store_.PurgeKeys(now_us - key_retention_us_, kPurgeAtOnce);
  if (!purged.ok()) {
    core::Log(core::LogLevel::kWarn, "purge_keys", "reason=\"{}\"", purged.status().ToString());
  }
}

}  // namespace bluemarble::persistence
