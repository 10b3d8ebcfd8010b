#include "session/input_buffer.h"

#include <algorithm>

namespace bluemarble::session {

void InputBuffer::Reset(core::Tick now, const protocol::Command& held) {
  *this = InputBuffer{};
  start_ = simulated_ = now;
  held_ = held;
}

void InputBuffer::Push(const protocol::InputMessage& message, InputStats& stats) {
  const core::Tick newest = core::ExpandTick(message.newest_tick, simulated_);
  // Half a minute off is no clock that will be steered right: nothing of it can be used.
  constexpr core::Tick kAbsurdTicks = 1024;
  if (newest > simulated_ + kAbsurdTicks || newest + kAbsurdTicks < simulated_) {
    stats.early.Add(static_cast<uint64_t>(message.count));
    return;
  }
  if (newest <= newest_seen_) stats.repeated.Add();
  for (int i = message.count - 1; i >= 0; --i) {
    const core::Tick tick = newest - static_cast<core::Tick>(i);
    if (tick > simulated_ + kAhead) {
      stats.early.Add();
    } else if (tick <= simulated_) {
      if (tick > newest_seen_) stats.late.Add();
    } else if (Waiting& slot = waiting_[tick % kAhead]; slot.tick != tick) {
      slot = {tick, message.commands[static_cast<size_t>(i)]};
      stats.accepted.Add();
    }
  }
  newest_seen_ = std::max(newest_seen_, newest);

  if (newest <= newest_judged_ || newest > simulated_ + kAhead) return;
  newest_judged_ = newest;
  if (newest > simulated_) {
    expected_[newest % kAhead] = {newest, message.digest};
  } else if (newest > start_) {
    const bool remembered = newest + kHistory > simulated_;
    const auto judged_against =
        remembered ? history_[newest % kHistory] : static_cast<uint16_t>(~message.digest);
    Judge(newest, message.digest, judged_against, stats);
  }
}

protocol::Command InputBuffer::Take(core::Tick now, InputStats& stats) {
  simulated_ = now;
  Waiting& slot = waiting_[now % kAhead];
  if (slot.tick == now) {
    held_ = slot.command;
    slot.tick = 0;
  } else {
    stats.held.Add();
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

int8_t InputBuffer::depth() const {
  const auto depth = static_cast<int64_t>(newest_seen_) - static_cast<int64_t>(simulated_);
  return static_cast<int8_t>(std::clamp<int64_t>(depth, -127, 127));
}

}  // namespace bluemarble::session
