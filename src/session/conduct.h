/// The ledger of violations: per player counters and a risk score that decays with the ticks, kept
/// over reconnects, and what follows when the score crosses a threshold. Ticks are its only clock,
/// so a replay comes to the same scores. Owned by the zone thread; allocates nothing after
/// construction. The board may be read by any thread.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/ids.h"
#include "persistence/rows.h"
#include "session/conduct_board.h"
#include "session/conduct_settings.h"
#include "session/recent_table.h"
#include "session/violation.h"

namespace bluemarble::session {

/// What follows from a violation, beyond its being corrected.
enum class ConductResponse : uint8_t { kNone = 0, kFlag, kKick };

class ConductLedger {
 public:
  ConductLedger(const ConductSettings& settings, int tick_hz);

  /// Counts it and says what follows. kFlag once until the score has halved since; kKick each time.
  ConductResponse Add(int64_t player_id, const persistence::PlayerName& name, Violation violation,
                      core::Tick now);
  /// 0 for players who are not known.
  double ScoreOf(int64_t player_id, core::Tick now);
  /// Writes the board; call once a second.
  void Publish(core::Tick now);

  const ConductBoard& board() const { return board_; }
  uint32_t players() const { return records_.size(); }
  /// Of everything that it remembers; O(players).
  uint64_t Hash() const;

 private:
  struct Record {
    persistence::PlayerName name;
    std::array<uint32_t, kViolations> counts{};
    uint32_t flags = 0, kicks = 0;
    core::Tick counting_since = 0;
    uint64_t step = 0;  // of the decay: the score is that of then
    core::Tick last = 0;
    double score = 0;
    bool flagged = false;
  };
  uint64_t StepAt(core::Tick now) const;
  double Decayed(const Record& record, uint64_t step) const;

  const ConductSettings settings_;
  const core::Tick half_life_ticks_;
  const core::Tick counter_life_ticks_;
  RecentTable<Record> records_;  // by player
  std::vector<ConductView> published_;
  ConductBoard board_;
};

}  // namespace bluemarble::session
