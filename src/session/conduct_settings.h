/// What violations weigh and what follows from them. Immutable after start-up.
#pragma once

#include <array>
#include <cstdint>

#include "session/violation.h"

namespace bluemarble::session {

struct ConductSettings {
  /// Players whose violations are remembered, about 200 bytes each; the one with the oldest is
  /// forgotten for a new one. Too low: cheaters who come in turns are forgotten; too high: memory.
  uint32_t players = 16'384;
  /// The risk score halves in this time, seconds. Too low: slow cheating is never noticed; too
  /// high: the accidents of a long evening add up.
  uint32_t half_life_s = 60;
  /// Counters begin anew so long after the first violation that they counted, hours.
  uint32_t counter_life_h = 24;
  /// From this score on a player is flagged: an event for the operator. 0: never. Too low: honest
  /// players on bad networks; too high: only the crudest cheats.
  double flag_score = 30;
  /// From this score on the session is ended as kicked. 0: never, violations are only corrected.
  double kick_score = 150;
  /// What one violation of each kind adds to the score; 0: it is only counted. Kinds that come with
  /// every message count once a tick. The reasons are in docs/decisions/0014-authority.md.
  std::array<double, kViolations> weight = {
      30,    // input_rate: honest bursts are ten times smaller
      0.25,  // input_future: a second of the server's own stall looks the same
      0.5,   // input_backwards
      1,     // input_conflict
      1,     // input_invalid
      30,    // speed: the server's own result, so our mistake or an exploit
      30,    // teleport
      30,    // acceleration
      15,    // action_rate
      3,     // action_reach
      3,     // action_ownership
      3,     // action_amount
      3,     // action_invalid
      2,     // chat_rate
      10,    // flood
      5,     // protocol
  };
};

}  // namespace bluemarble::session
