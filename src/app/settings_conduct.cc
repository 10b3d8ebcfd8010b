#include "app/settings_conduct.h"

#include <array>
#include <string>

namespace bluemarble::app {
namespace {

using session::Violation;

struct WeightHelp {
  Violation violation;
  const char* help;
};
constexpr std::array<WeightHelp, session::kViolations> kWeights = {{
    {Violation::kInputRate, "More inputs than session.inputs_per_tick; ended as rate_limited."},
    {Violation::kInputFuture, "Inputs stamped two seconds ahead or more, once a tick."},
    {Violation::kInputBackwards, "Inputs stamped two seconds before earlier ones, once a tick."},
    {Violation::kInputConflict, "A second command for a tick that has one, once a tick."},
    {Violation::kInputInvalid, "A move out of range, once a tick."},
    {Violation::kSpeed, "More way in two seconds than the maximum speed allows."},
    {Violation::kTeleport, "A step that no body can make."},
    {Violation::kAcceleration, "A change of velocity that no body can make."},
    {Violation::kActionRate, "More actions than session.actions_per_s; ended as rate_limited."},
    {Violation::kActionReach, "An action farther away than anybody walks meanwhile."},
    {Violation::kActionOwnership, "An action with what the player does not have."},
    {Violation::kActionAmount, "An action with a quantity that cannot be."},
    {Violation::kActionInvalid, "An action against the rules of the protocol."},
    {Violation::kChatRate, "More chat than is taken."},
    {Violation::kFlood,
     "More control messages than session.controls_per_s; ended as rate_limited."},
    {Violation::kProtocol, "A message that ended its session for another reason."},
}};

}  // namespace

void BindConduct(ops::ConfigSchema& schema, session::ConductSettings& conduct) {
  ops::ConfigSection& s = schema.Section(
      "conduct",
      "What follows when players break rules. Violations are always corrected or refused; they add "
      "to a risk score, which halves every half_life_s. docs/anticheat.md has the measurements.");
  s.Add("flag_score", &conduct.flag_score,
        {.min = 0,
         .max = 1e6,
         .help = "From this score on a player is flagged: an event for the operator. 0: never. Too "
                 "low: honest players on bad networks; too high: only the crudest cheats."});
  s.Add("kick_score", &conduct.kick_score,
        {.min = 0,
         .max = 1e6,
         .help = "From this score on the session is ended as kicked. 0: never. Likewise."});
  s.Add("half_life_s", &conduct.half_life_s,
        {.min = 1,
         .max = 86400,
         .unit = "s",
         .help = "Too low: slow cheating is never noticed; too high: the accidents of a long "
                 "evening add up."});
  s.Add("counter_life_h", &conduct.counter_life_h,
        {.min = 1,
         .max = 720,
         .unit = "h",
         .help = "The counters of a player begin anew so long after the first violation."});
  s.Add("players", &conduct.players,
        {.min = 16,
         .max = 1000000,
         .help = "Players whose violations are remembered. Too low: cheaters who come in turns are "
                 "forgotten; too high: about 200 bytes each."});
  for (const WeightHelp& row : kWeights) {
    s.Add(std::string("weight_") + session::ViolationName(row.violation),
          &conduct.weight[static_cast<size_t>(row.violation)],
          {.min = 0, .max = 1e6, .help = row.help});
  }
}

}  // namespace bluemarble::app
