/// A durable queue that runs the real commit pipeline over any store on simulated time: same seed,
/// same completions at the same ticks. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/hash.h"
#include "persistence/commit_pipeline.h"
#include "persistence/durable_queue.h"
#include "persistence/settings.h"
#include "persistence/store.h"
#include "persistence/write_through.h"

namespace bluemarble::support {

struct SimDurableQueueOptions {
  uint64_t seed = 1;
  int min_delay_ticks =
      1;  ///< From commit to completion, and to the next commit; drawn per commit.
  int max_delay_ticks = 4;
  persistence::PersistenceSettings settings;
};

/// Call Advance once a tick, before the zone drains completions.
class SimDurableQueue : public persistence::DurableQueue {
 public:
  SimDurableQueue(persistence::Store& store, const core::Clock& clock,
                  const SimDurableQueueOptions& options,
                  persistence::WriteThrough* cache = nullptr);

  /// Commits what is due at `now` and makes completions visible that are due.
  void Advance(core::Tick now);

  core::Status RequestLogin(const persistence::LoginRequest& request) override;
  core::Status AppendEvent(const persistence::PlayerEventRequest& request) override;
  core::Status RequestAction(const persistence::ActionRequest& request) override;
  core::Status RequestWorldItems(uint64_t request_id) override;
  core::Status ReserveTicks(core::Tick up_to) override;
  core::Status SavePositions(std::span<const persistence::PositionSave> saves) override;
  core::Status AppendNote(const persistence::NoteRequest& note) override;
  bool NextCompletion(persistence::Completion& out) override;
  bool ready() const override;

  const persistence::CommitStats& stats() const { return stats_; }

 private:
  core::Status Send(persistence::RequestKind kind, std::span<const std::byte> body);
  core::Status SendUnlessBlocked(persistence::RequestKind kind, std::span<const std::byte> body);

  SimDurableQueueOptions options_;
  const core::Clock& clock_;
  core::Random random_;
  persistence::CommitStats stats_;
  persistence::CommitPipeline pipeline_;
  core::Tick now_ = 0;
  core::Tick next_commit_ = 0;
  std::vector<std::byte> record_;
  std::deque<std::pair<core::Tick, persistence::Completion>> due_;
};

}  // namespace bluemarble::support
