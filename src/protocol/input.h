/// The client's input message on the unreliable channel: acks and the last commands. Pure
/// functions, any thread, no allocation. Layout (little-endian bit stream, proto/WIRE.md "Input"):
///
///   u8 type = 1 | u16 ack | u64 ack_bits | u32 newest_tick | u16 digest | u5 count-1 |
///   count x command, newest first: [bit same_as_newer] or [bit 0, i8 east, i8 north, u16 yaw, u8
///   buttons] (the first command has no flag bit)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "bluemarble/wire.h"
#include "core/result.h"

namespace bluemarble::protocol {

/// What the player wants during one tick; the same fields as motion::MotionInput.
struct Command {
  int8_t move_east = 0;
  int8_t move_north = 0;
  uint16_t yaw = 0;
  uint8_t buttons = 0;
  friend constexpr bool operator==(const Command&, const Command&) = default;
};

struct InputMessage {
  uint16_t ack =
      0;  ///< Newest snapshot sequence received; 0: none yet (sequences start at 1 and skip 0).
  uint64_t ack_bits =
      0;  ///< Bit i: the snapshot i + 1 before `ack` (in sequence steps, 0 skipped) was received.
  uint32_t newest_tick = 0;  ///< Low 32 bits of the server tick that commands[0] is for.
  uint16_t digest = 0;  ///< motion::PositionDigest of the client's own position after that tick.
  int count = 0;        ///< kMinInputCommands..kMaxInputCommands.
  std::array<Command, kMaxInputCommands> commands;  ///< commands[i] is for newest_tick - i.
};

inline constexpr size_t kMaxInputBytes = 112;

/// Bytes written, or kNoSpace; kInvalid when count is out of bounds.
core::Result<size_t> EncodeInput(const InputMessage& message, std::span<std::byte> out);
/// kInvalid: truncated, trailing bytes, wrong type or count.
core::Result<InputMessage> DecodeInput(std::span<const std::byte> bytes);

/// Next sequence after `sequence`, skipping 0.
constexpr uint16_t NextSequence(uint16_t sequence) {
  return sequence == 0xffff ? uint16_t{1} : static_cast<uint16_t>(sequence + 1);
}
/// Steps from `older` to `newer` in a cycle of 65,535 (0 skipped).
constexpr int SequenceSteps(uint16_t older, uint16_t newer) {
  const int steps = int{newer} - int{older};
  return steps >= 0 ? steps : steps + 65535;
}

}  // namespace bluemarble::protocol
