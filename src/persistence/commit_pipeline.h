/// What the committer does, without its thread: requests in as bytes, one transaction per call,
/// completions out. Deterministic, so that the simulated world runs the very same code. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "core/counters.h"
#include "core/ids.h"
#include "persistence/durable_queue.h"
#include "persistence/settings.h"
#include "persistence/store.h"

namespace bluemarble::persistence {

/// Requests cross the queue as [RequestKind u8][7 zero bytes][the request struct, or PositionSave
/// array].
enum class RequestKind : uint8_t { kLogin = 1, kEvent = 2, kReserveTicks = 3, kPositions = 4 };
inline constexpr size_t kRequestHeadBytes = 8;
/// Positions per record: a tick's saves are cut into records of this many.
inline constexpr size_t kPositionsPerRecord = 128;

/// Written by the committing thread, read by any.
struct CommitStats {
  core::Counter commits;    ///< Transactions that were durable.
  core::Counter writes_ok;  ///< Transactional requests, by outcome.
  core::Counter writes_refused;
  core::Counter writes_unknown;
  core::Counter writes_repeated;  ///< Answered from their idempotency key.
  core::Counter groups_rerun;     ///< A bad request made its group run again one by one.
  core::Counter positions_saved;
  core::Counter positions_coalesced;  ///< Replaced by a newer one before they were written.
  core::Counter positions_stale;
  core::Counter positions_refused;
  core::Counter retries;            ///< Commits tried again after kUnavailable or kUnknown.
  core::Counter away;               ///< 1 while the store is unavailable.
  core::Counter failed;             ///< 1 when only a restart helps.
  core::Counter positions_waiting;  ///< Coalesced, not yet durable.
  core::Histogram commit_us;
  core::Histogram group_writes;
};

class CommitPipeline {
 public:
  CommitPipeline(const PersistenceSettings& settings, Store& store, const core::Clock& clock,
                 CommitStats& stats);

  /// Takes one request record; false when it is not one: our own mistake.
  bool Accept(std::span<const std::byte> record);
  /// A group is full: take nothing more before the next Commit.
  bool full() const { return writes_.size() >= max_group_; }

  /// Is there something that Commit would do now? While the store is away, positions wait for the
  /// next try.
  bool due() const;
  /// Nanoseconds until what waits is due; -1 when nothing waits.
  int64_t due_in_ns() const;
  /// Writes all that waits in one transaction. Blocks in the store. When the store is away,
  /// transactional requests are refused at once; positions and tick reservations wait. What is in
  /// doubt waits as well.
  void Commit();

  /// The oldest completion, or null; Pop releases it.
  const Completion* Front() const { return completions_.empty() ? nullptr : &completions_.front(); }
  void Pop() { completions_.pop_front(); }

  bool idle() const { return writes_.empty() && positions_.empty() && reserve_ticks_ == 0; }
  bool failed() const { return failed_; }
  size_t requests_waiting() const { return writes_.size(); }
  size_t positions_waiting() const { return positions_.size(); }
  /// One line per waiting request, at most `limit`: kind, player (0: a login), idempotency key.
  void Describe(std::vector<std::string>& lines, size_t limit) const;
  /// Once a minute of `clock`: drops old idempotency keys.
  void Maintain();

 private:
  struct Origin {
    CompletionKind kind;
    uint64_t request_id;
  };

  void AcceptPosition(const PositionSave& save);
  IdempotencyKey KeyOf(int64_t player_id, uint64_t request_id) const;
  void Committed(const CommitReport& report, int64_t started_ns);
  void Answer(const Origin& origin, const WriteResult& result);
  void AnswerAll(Outcome outcome);
  void Away(const core::Status& status);
  void Fail(const core::Status& status);

  Store& store_;
  const core::Clock& clock_;
  CommitStats& stats_;
  const size_t max_group_;
  const int64_t key_retention_us_;
  std::vector<DurableWrite> writes_;  // with origins_: what waits, in order of arrival
  std::vector<Origin> origins_;
  std::vector<WriteResult> results_;
  std::unordered_map<int64_t, size_t> position_of_;  // player -> index in positions_
  std::vector<PositionSave> positions_;  // in order of first arrival: the same on every run
  core::Tick reserve_ticks_ = 0;
  std::deque<Completion> completions_;
  bool away_ = false;
  bool in_doubt_ = false;  // the outcome of writes_ is unknown; they are committed again by key
  bool failed_ = false;
  int64_t delay_ns_ = 0;
  int64_t next_try_ns_ = 0;
  int64_t next_maintenance_us_ = 0;
};

}  // namespace bluemarble::persistence
