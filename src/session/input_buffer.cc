#include "session/input_buffer.h"

#include <algorithm>

namespace bluemarble::session {
namespace {

// -127 to 127 are all the moves that there are; the byte has one value more.
bool IsOutOfRange(const protocol::Command& command) {
  return command.move_east == INT8_MIN || command.move_north == INT8_MIN;
}

}  // namespace

void InputBuffer::Reset(core::Tick now, const protocol::Command& held, core::Tick far_ticks) {
  *this = InputBuffer{};
  start_ = simulated_ = now;
  held_ = held;
  far_ticks_ = far_ticks;
}

InputViolations InputBuffer::Push(const protocol::InputMessage& message, InputStats& stats) {
  const core::Tick newest = core::ExpandTick(message.newest_tick, simulated_);
  InputViolations found = 0;
  if (newest > simulated_ + kAhead + far_ticks_) found |= Bit(Violation::kInputFuture);
  if (newest + far_ticks_ < newest_seen_) found |= Bit(Violation::kInputBackwards);
  // Half a minute off is no clock that will be steered right: nothing of it can be used.
  constexpr core::Tick kAbsurdTicks = 1024;
  if (newest > simulated_ + kAbsurdTicks || newest + kAbsurdTicks < simulated_) {
    stats.early.Add(static_cast<uint64_t>(message.count));
    return found;
  }
  if (newest <= newest_seen_) stats.repeated.Add();
  for (int i = message.count - 1; i >= 0; --i) {
    const core::Tick tick = newest - static_cast<core::Tick>(i);
    const protocol::Command& command = message.commands[static_cast<size_t>(i)];
    if (IsOutOfRange(command)) found |= Bit(Violation::kInputInvalid);
    if (tick > simulated_ + kAhead) {
      stats.early.Add();
    } else if (tick <= simulated_) {
      if (tick > newest_seen_) stats.late.Add();
      if (i == 0 && Contradicts(tick, command)) found |= Bit(Violation::kInputConflict);
    } else if (Waiting& slot = waiting_[tick % kAhead]; slot.tick != tick) {
      slot = {tick, command};
      stats.accepted.Add();
    } else if (i == 0 && slot.command != command) {
      // Of the newest only: a client that fell behind fills up with any commands.
      found |= Bit(Violation::kInputConflict);
    }
  }
  newest_seen_ = std::max(newest_seen_, newest);
  if (newest >= depth_tick_ || depth_came_ + kAhead <= simulated_) {
    depth_tick_ = newest;
    depth_came_ = simulated_;
  }

  if (newest <= newest_judged_ || newest > simulated_ + kAhead) return found;
  newest_judged_ = newest;
  if (newest > simulated_) {
    expected_[newest % kAhead] = {newest, message.digest};
  } else if (newest > start_) {
    const bool remembered = newest + kHistory > simulated_;
    const auto judged_against =
        remembered ? history_[newest % kHistory] : static_cast<uint16_t>(~message.digest);
    Judge(newest, message.digest, judged_against, stats);
  }
  return found;
}

protocol::Command InputBuffer::Take(core::Tick now, InputStats& stats) {
  simulated_ = now;
  Waiting& slot = waiting_[now % kAhead];
  if (slot.tick == now) {
    held_ = slot.command;
    slot.tick = 0;
    taken_[now % kHistory] = held_;
    own_ |= 1u << now % kHistory;
  } else {
    stats.held.Add();
    own_ &= ~(1u << now % kHistory);
  }
  return held_;
}

void InputBuffer::Simulated(uint16_t digest, InputStats& stats) {
  history_[simulated_ % kHistory] = digest;
  const Digest& expected = expected_[simulated_ % kAhead];
  if (expected.tick == simulated_) Judge(simulated_, expected.digest, digest, stats);
}

void InputBuffer::Judge(core::Tick tick, uint16_t client, uint16_t server, InputStats& stats) {
  if (client == server) {
    confirmed_ = std::max(confirmed_, tick);
    stats.confirmed.Add();
  } else {
    mismatch_ = true;
    stats.mismatched.Add();
  }
}

bool InputBuffer::Contradicts(core::Tick tick, const protocol::Command& command) const {
  return tick + kHistory > simulated_ && (own_ >> tick % kHistory & 1) != 0 &&
         taken_[tick % kHistory] != command;
}

int8_t InputBuffer::depth() const {
  const auto depth = static_cast<int64_t>(depth_tick_) - static_cast<int64_t>(simulated_);
  return static_cast<int8_t>(std::clamp<int64_t>(depth, -127, 127));
}

}  // namespace bluemarble::session
