/// The committer: one thread that turns the zone's requests into grouped transactions. The zone
/// thread calls the DurableQueue side; the thread owns the store between Start and Stop. Two
/// bounded rings between them carry plain bytes; nothing there is locked.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "persistence/commit_pipeline.h"
#include "persistence/durable_queue.h"
#include "persistence/settings.h"
#include "persistence/store.h"

namespace bluemarble::persistence {

/// What Stop could not write before its deadline.
struct StopReport {
  uint64_t requests_unwritten = 0;  ///< Transactional; their players were told nothing.
  uint64_t notes_unwritten = 0;
  uint64_t positions_unwritten = 0;  ///< Players whose last position is older than it should be.
  bool timed_out = false;  ///< The store did not return in time; the thread was left behind.
  std::vector<std::string> lines;  ///< One per unwritten request, at most 100: key, kind, player.
};

class Committer final : public DurableQueue {
 public:
  /// `journal` and `cache` may be null; else they outlive the committer (and, when Stop timed out,
  /// the process).
  Committer(const PersistenceSettings& settings, std::unique_ptr<Store> store,
            const core::Clock& clock, Journal* journal = nullptr, WriteThrough* cache = nullptr);
  ~Committer() override;  ///< Stops with the settings' deadline when still running.
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  void Start();
  /// Takes no more requests, writes what waits, ends the thread, closes the store. Once.
  StopReport Stop(int deadline_ms);

  core::Status RequestLogin(const LoginRequest& request) override;
  core::Status AppendEvent(const PlayerEventRequest& request) override;
  core::Status RequestAction(const ActionRequest& request) override;
  core::Status RequestWorldItems(uint64_t request_id) override;
  core::Status ReserveTicks(core::Tick up_to) override;
  core::Status SavePositions(std::span<const PositionSave> saves) override;
  core::Status AppendNote(const NoteRequest& note) override;
  bool NextCompletion(Completion& out) override;
  bool ready() const override;

  /// An operator's write, from any thread but the zone's and the committer's; blocks up to
  /// `timeout_ms`. It takes its place in the same total order. The result is kOk or kRefused.
  /// kFull: too many of them wait; kUnavailable: it did not happen, trying later may work;
  /// kUnknown: ask again with the same key.
  core::Result<WriteResult> CommitNow(DurableWrite write, int timeout_ms);

  /// As of opening the store; for start-up, before Start.
  const StoreMeta& meta() const;
  /// Any thread.
  const CommitStats& stats() const;
  /// Level 1 of reads.
  const LiveInventories& inventories() const;
  uint64_t queue_used_bytes() const;
  /// Requests that found the queue full.
  uint64_t refused_full() const;
  /// Requests that were refused because the store was away, stalled or stopping.
  uint64_t refused_unavailable() const;
  /// The store gave up for good (corrupt, failed fsync): the process should end and be started
  /// again.
  bool failed() const { return stats().failed.Get() != 0; }
  /// Another process took this shard over: end with exit code 75 and do not come back by yourself.
  bool lost_ownership() const { return stats().lost_ownership.Get() != 0; }

 private:
  struct State;
  core::Status Send(RequestKind kind, std::span<const std::byte> body, uint64_t sequence = 0);
  core::Status Ended() const;
  core::Status SendUnlessBlocked(RequestKind kind, std::span<const std::byte> body);

  std::shared_ptr<State>
      state_;  // shared with the thread, which a store that never returns may outlive us
  std::thread thread_;
};

}  // namespace bluemarble::persistence
