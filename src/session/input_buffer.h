/// The commands of one player, by the tick they are for. Holds at most kAhead ticks ahead, so a
/// burst after silence buys no more movement than time has passed: each tick takes one command, and
/// one that comes too late is dropped. Also compares what the client predicted with what the server
/// got. Owned by the zone thread; no allocation.
#pragma once

#include <array>
#include <cstdint>

#include "core/counters.h"
#include "core/ids.h"
#include "protocol/input.h"
#include "session/violation.h"

namespace bluemarble::session {

struct InputStats {
  core::Counter accepted;    ///< Commands that will be used.
  core::Counter late;        ///< Commands first seen when their tick was over.
  core::Counter early;       ///< Commands beyond kAhead.
  core::Counter held;        ///< Ticks without a command of their own: the last one was held.
  core::Counter confirmed;   ///< Predictions that were right,
  core::Counter mismatched;  ///< and wrong ones: the exact state was sent.
  core::Counter repeated;    ///< Messages whose newest tick had come before: replayed, overtaken.
};

/// A set of the kinds of input violations, one bit each.
using InputViolations = uint32_t;
constexpr InputViolations Bit(Violation violation) {
  return 1u << static_cast<uint32_t>(violation);
}

class InputBuffer {
 public:
  static constexpr int kAhead = 8;
  static constexpr core::Tick kFarTicks = 60;
  static constexpr int kHistory = 32;  ///< Ticks for which a late digest can still be judged.

  /// `held` is used until the first command; `now` is the last simulated tick. `far_ticks`: stamps
  /// that far from what they could be are violations, nearer ones an honest clock's error.
  void Reset(core::Tick now, const protocol::Command& held, core::Tick far_ticks = kFarTicks);
  /// What one input message says. Duplicates and repetitions change nothing. Answers what an honest
  /// client does not do.
  InputViolations Push(const protocol::InputMessage& message, InputStats& stats);
  /// The command for tick `now`, the one after the last taken.
  protocol::Command Take(core::Tick now, InputStats& stats);
  /// The server's result of the tick just taken; call once after each Take.
  void Simulated(uint16_t digest, InputStats& stats);

  /// Newest command tick that came in the last kAhead ticks, or that came at all when it is not
  /// behind, minus the last simulated one, clamped to ±127; negative: they come late. So a stamp
  /// from far ahead misleads for kAhead ticks at most.
  int8_t depth() const;
  bool heard() const { return newest_seen_ != 0; }
  /// Since the last call: was some prediction wrong?
  bool TakeMismatch() {
    const bool mismatch = mismatch_;
    mismatch_ = false;
    return mismatch;
  }
  /// Newest tick whose prediction was right; 0: none.
  core::Tick confirmed_tick() const { return confirmed_; }

 private:
  /// Was another command than this one taken for a tick that is over?
  bool Contradicts(core::Tick tick, const protocol::Command& command) const;
  void Judge(core::Tick tick, uint16_t client, uint16_t server, InputStats& stats);

  struct Waiting {
    core::Tick tick = 0;  // 0: free
    protocol::Command command;
  };
  struct Digest {
    core::Tick tick = 0;
    uint16_t digest = 0;
  };
  std::array<Waiting, kAhead> waiting_;
  std::array<Digest, kAhead> expected_;              // the client's, for ticks to come
  std::array<uint16_t, kHistory> history_{};         // ours, for ticks gone
  std::array<protocol::Command, kHistory> taken_{};  // likewise: what a later copy must equal,
  uint32_t own_ = 0;                                 // bit tick % kHistory: if the tick had its own
  core::Tick start_ = 0;
  core::Tick simulated_ = 0;
  core::Tick far_ticks_ = kFarTicks;
  core::Tick newest_seen_ = 0;
  core::Tick depth_tick_ = 0;  // what depth() is about,
  core::Tick depth_came_ = 0;  // and when that came
  core::Tick newest_judged_ = 0;
  core::Tick confirmed_ = 0;
  protocol::Command held_;
  bool mismatch_ = false;
};

}  // namespace bluemarble::session
