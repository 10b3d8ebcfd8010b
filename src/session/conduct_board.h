/// Who misbehaved lately, for operators: a copy that the zone thread writes once a second and any
/// thread reads without a lock.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "core/ids.h"
#include "persistence/rows.h"
#include "session/violation.h"

namespace bluemarble::session {

/// One player, when the board was written.
struct ConductView {
  int64_t player_id = 0;
  persistence::PlayerName name;
  std::array<uint32_t, kViolations> counts{};  ///< Within conduct.counter_life_h.
  double score = 0;
  core::Tick last = 0;  ///< Of the newest violation.
  uint32_t flags = 0, kicks = 0;
  uint64_t flagged = 0;  ///< 1: now.
};

class ConductBoard {
 public:
  static constexpr size_t kPlaces = 512;

  ConductBoard();
  /// Zone thread; `views` at most kPlaces.
  void Write(std::span<const ConductView> views);
  /// Newest violation first. Any thread.
  std::vector<ConductView> Read() const;

 private:
  static_assert(sizeof(ConductView) % sizeof(uint64_t) == 0);
  static constexpr size_t kWords = sizeof(ConductView) / sizeof(uint64_t);
  std::vector<std::atomic<uint64_t>> words_;
  std::atomic<uint64_t> count_{0};
  std::atomic<uint64_t> changes_{0};  // odd while being written
};

}  // namespace bluemarble::session
