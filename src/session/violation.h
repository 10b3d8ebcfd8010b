/// What a player did that an honest client, on however bad a network, does not do.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bluemarble::session {

enum class Violation : uint8_t {
  kInputRate = 0,    ///< More inputs than the gate takes: ended as rate_limited.
  kInputFuture,      ///< Stamped farther ahead than any path is long: a clock that runs too fast.
  kInputBackwards,   ///< Stamped far before what the same session had stamped: replayed.
  kInputConflict,    ///< Another command for a tick that has one: the first was taken back.
  kInputInvalid,     ///< A move that no client can mean.
  kSpeed,            ///< More way in two seconds than the maximum speed allows.
  kTeleport,         ///< A step that no body can make.
  kAcceleration,     ///< A change of velocity likewise.
  kActionRate,       ///< More actions than the gate takes: ended as rate_limited.
  kActionReach,      ///< At a distance that nobody walks while a message travels.
  kActionOwnership,  ///< With things that the player does not have and did not just have.
  kActionAmount,     ///< A quantity that cannot be.
  kActionInvalid,    ///< Against the rules of the protocol.
  kChatRate,         ///< More chat than the gate takes.
  kFlood,            ///< Other control messages likewise.
  kProtocol          ///< A message that ended its session for another reason.
};
inline constexpr size_t kViolations = 16;
/// "input_rate" and so on.
const char* ViolationName(Violation violation);

}  // namespace bluemarble::session
