/// What the committer does, without its thread: requests in as bytes, one transaction per call,
/// completions out. Deterministic, so that the simulated world runs the very same code. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "core/counters.h"
#include "core/ids.h"
#include "persistence/durable_queue.h"
#include "persistence/live_inventories.h"
#include "persistence/request_decoding.h"
#include "persistence/settings.h"
#include "persistence/store.h"
#include "persistence/write_through.h"

namespace bluemarble::persistence {

class Journal;

/// Written by the committing thread, read by any.
struct CommitStats {
  core::Counter commits;    ///< Transactions that were durable.
  core::Counter writes_ok;  ///< Transactional requests, by outcome.
  core::Counter writes_refused;
  core::Counter writes_unknown;
  core::Counter last_seq;                         ///< Newest event that is durable; 0: none yet.
  core::Counter writes_repeated;                  ///< Answered from their idempotency key.
  std::array<core::Counter, kRefusals> refusals;  ///< writes_refused by reason.
  core::Counter timed_out;     ///< Of those: waited longer than stall_ms behind a doubt.
  core::Counter groups_rerun;  ///< A bad request made its group run again one by one.
  core::Counter positions_saved;
  core::Counter positions_coalesced;  ///< Replaced by a newer one before they were written.
  core::Counter positions_stale;
  core::Counter positions_refused;
  core::Counter retries;            ///< Commits tried again after kUnavailable or kUnknown.
  core::Counter in_doubt;           ///< Groups whose outcome was unknown for a while.
  core::Counter away;               ///< 1 while the store is unavailable.
  core::Counter failed;             ///< 1 when only a restart helps.
  core::Counter lost_ownership;     ///< 1 when another process took the shard; `failed` as well.
  core::Counter positions_waiting;  ///< Coalesced, not yet durable.
  core::Counter notes_written;
  core::Counter notes_waiting;  ///< Not yet durable.
  /// Monotonic ns since when the thread is inside one store call, or a group is in doubt; 0: not.
  core::Counter in_call_since_ns;
  core::Counter in_doubt_since_ns;
  core::Histogram commit_us;
  core::Histogram group_writes;
};

/// Must a new transactional request be refused at once? Any thread.
bool IsBlocked(const CommitStats& stats, int64_t now_ns, int stall_ms);

class CommitPipeline {
 public:
  /// The answer to a write that came by AcceptWrite.
  struct TicketAnswer {
    uint64_t ticket = 0;
    WriteResult result;
  };

  /// `journal` and `cache` may be null.
  CommitPipeline(const PersistenceSettings& settings, Store& store, const core::Clock& clock,
                 CommitStats& stats, Journal* journal = nullptr, WriteThrough* cache = nullptr);

  /// Takes one request record; false when it is not one: our own mistake.
  bool Accept(std::span<const std::byte> record);
  /// Takes a write of somebody other than the zone; answered by NextTicket.
  void AcceptWrite(DurableWrite write, uint64_t ticket);
  /// A group is full: take nothing more before the next Commit.
  bool full() const {
    return writes_.size() - in_doubt_ >= max_group_ ||
           (notes_.size() >= max_group_ && !away_ && !doubtful_);
  }

  /// Is there something that Commit would do now? Positions wait until there are many of them, and
  /// for the next try while the store is away.
  bool due() const;
  /// From now on positions do not wait for more of them: the end has come.
  void Hurry() { position_group_ns_ = 0; }
  /// Nanoseconds until what waits is due; -1 when nothing waits.
  int64_t due_in_ns() const;
  /// Writes all that waits in one transaction, then reads a page of world items if they are asked
  /// for. Blocks in the store. When the store is away, transactional requests are refused at once;
  /// positions and tick reservations wait. A group in doubt is committed again by itself; what came
  /// after it waits behind it, at most stall_ms, and is then refused.
  void Commit();

  /// The oldest completion, or null; Pop releases it.
  const Completion* Front() const { return completions_.empty() ? nullptr : &completions_.front(); }
  void Pop() { completions_.pop_front(); }
  std::optional<TicketAnswer> NextTicket();
  /// After the completions of a Commit have been handed over: what may come later than the answers.
  void AfterAnswers();

  /// Nothing waits to be written.
  bool idle() const {
    return writes_.empty() && positions_.empty() && notes_.empty() && reserve_ticks_ == 0;
  }
  bool failed() const { return failed_; }
  /// As of the last commit, before its answers. Any thread.
  const LiveInventories& inventories() const { return inventories_; }
  size_t requests_waiting() const { return writes_.size(); }
  size_t positions_waiting() const { return positions_.size(); }
  size_t notes_waiting() const { return notes_.size(); }
  /// One line per waiting request, at most `limit`: kind, player (0: a login), idempotency key.
  void Describe(std::vector<std::string>& lines, size_t limit) const;
  /// When there is nothing else to do: once a minute drops old idempotency keys and lets the store
  /// look after itself, and asks a store that was not written to for a second whether it is there
  /// and still ours.
  void Maintain();

 private:
  struct Origin {
    CompletionKind kind = CompletionKind::kAction;
    bool ticket = false;
    uint64_t id = 0;  // request_id or ticket
    int64_t accepted_ns = 0;
  };
  struct WorldItemsRequest {
    uint64_t request_id = 0;
    size_t writes_before = 0;  // of writes_: they are answered first
    int64_t after_id = 0;
  };

  bool PositionsDue(int64_t now_ns) const;
  int64_t PositionWaitNs() const;
  void AcceptPosition(const PositionSave& save);
  void AcceptNote(const NoteRequest& note);
  void Add(DurableWrite write, const Origin& origin);
  void CommitGroupOf(size_t count);
  void Doubt(size_t count, const core::Status& status);
  void TakeFirstAnswers(size_t count);
  void Committed(size_t count, const CommitReport& report, int64_t started_ns);
  void PositionsCommitted(const CommitReport& report);
  void ApplyToInventories(size_t count, const CommitReport& report);
  void PutInCache(size_t count);
  void ReadWorldItems();
  void Answer(const Origin& origin, const WriteResult& result);
  void Forget(size_t first, size_t count);
  void RefuseWaiting(int64_t accepted_before_ns);
  void Away(const core::Status& status);
  void Back();
  void Fail(const core::Status& status);
  int64_t PurgeBeforeUs(int64_t now_ns, int64_t retention_us) const;
  /// False: the store failed, nothing more is to be asked of it.
  bool Purged(const core::Status& status);

  template <typename Call>
  auto Calling(Call call);

  Store& store_;
  const core::Clock& clock_;
  CommitStats& stats_;
  Journal* const journal_;
  WriteThrough* const cache_;
  const size_t max_group_;
  const int64_t key_retention_us_;
  const int64_t note_retention_us_;  // 0: for ever
  const int64_t stall_ns_;
  int64_t position_group_ns_;
  std::vector<DurableWrite> writes_;  // with origins_: what waits, in order of arrival
  std::vector<Origin> origins_;
  std::vector<WriteResult> results_;
  size_t in_doubt_ = 0;             // the first so many of writes_ were sent, outcome unknown
  std::vector<WriteResult> first_;  // of those in doubt: the results of the attempt that counts
  bool doubtful_ = false;           // a group is in doubt, be it of positions alone
  std::unordered_map<int64_t, size_t> position_of_;  // player -> index in positions_
  std::vector<PositionSave> positions_;  // in order of first arrival: the same on every run
  int64_t positions_since_ns_ = 0;       // when the first of them came
  bool group_has_positions_ = false;     // the group that is being committed
  std::vector<NoteRow> notes_;           // all that wait; written again, they are the same ones
  int64_t note_number_ = 0;              // of the newest
  uint64_t journal_sequence_ = 0;        // newest of positions_
  core::Tick reserve_ticks_ = 0;
  std::optional<WorldItemsRequest> world_items_;
  std::deque<Completion> completions_;
  std::deque<TicketAnswer> tickets_;
  LiveInventories inventories_;
  std::vector<CacheEntry> cache_entries_;
  std::vector<PositionSave> cache_positions_;
  std::vector<int64_t> cache_refused_;  // players of cache_positions_
  bool cache_no_position_ = false;
  bool answered_ = false;  // AfterAnswers has something to do
  bool away_ = false;
  bool failed_ = false;
  int64_t delay_ns_ = 0;
  int64_t next_try_ns_ = 0;
  const int64_t started_ns_;
  const int64_t started_us_;  // wall clock at started_ns_
  int64_t last_call_ns_ = 0;  // when the store last answered, or was asked in vain
  int64_t next_purge_ns_ = 0;
  int64_t next_maintenance_ns_ = 0;
};

}  // namespace bluemarble::persistence
