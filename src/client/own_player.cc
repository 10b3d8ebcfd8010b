#include "client/own_player.h"

#include <algorithm>
#include <bit>

namespace bluemarble::client {
namespace {

// REQUIREMENTS M5: below 10 cm smooth, to 1 m blend over 200 ms, beyond snap.
constexpr double kSmoothBelowM = 0.10;
constexpr double kSnapAboveM = 1.0;
constexpr int64_t kSmoothNs = 100'000'000;
constexpr int64_t kBlendNs = 200'000'000;

}  // namespace

void OwnPlayer::Reset(core::Tick tick, const motion::MotionState& state,
                      const motion::MotionLimits& limits, int tick_hz,
                      const geo::LongitudeRange& range) {
  const auto ticks = std::bit_ceil(static_cast<uint64_t>(2 * tick_hz));
  history_.assign(ticks, Entry());
  mask_ = ticks - 1;
  limits_ = limits;
  range_ = range;
  dt_s_ = 1.0 / tick_hz;
  first_ = newest_ = confirmed_tick_ = tick;
  confirmed_ = state.position;
  At(tick) = Entry{tick, {.yaw = state.yaw}, state, static_cast<double>(tick)};
  blend_ns_ = 0;
}

void OwnPlayer::StepTo(core::Tick target, const motion::MotionInput& command, double server_clock) {
  // After a pause longer than the history nobody remembers the ticks between.
  if (target > newest_ + mask_) {
    Entry entry = At(newest_);
    entry.tick = first_ = newest_ = target - 1;
    At(newest_) = entry;
  }
  while (newest_ < target) {
    const Entry& last = At(newest_);
    const core::Tick tick = newest_ + 1;
    const motion::MotionInput& input = tick == target ? command : last.command;
    At(tick) = Entry{tick, input, motion::StepInside(last.state, input, limits_, dt_s_, range_),
                     server_clock};
    newest_ = tick;
  }
}

double OwnPlayer::OnExact(core::Tick tick, const motion::MotionState& state, int64_t now_ns) {
  if (tick < confirmed_tick_) return 0;
  confirmed_tick_ = tick;
  confirmed_ = state.position;
  const geo::Vec3 before = newest().position;
  double error_m = 0;
  if (tick > newest_) {
    // The server is ahead of our commands: nothing was predicted for this tick.
    error_m = Length(state.position - before);
    Entry entry = At(newest_);
    first_ = newest_ = tick;
    entry.tick = tick;
    entry.state = state;
    entry.server_clock = static_cast<double>(tick);
    At(tick) = entry;
  } else {
    const motion::MotionState* mine = StateAt(tick);
    if (mine == nullptr || *mine == state) return 0;
    error_m = Length(state.position - mine->position);
    At(tick).state = state;
    for (core::Tick t = tick + 1; t <= newest_; ++t)
      At(t).state = motion::StepInside(At(t - 1).state, At(t).command, limits_, dt_s_, range_);
  }
  StartBlend(before + BlendOffset(now_ns) - newest().position, now_ns);
  return error_m;
}

void OwnPlayer::OnConfirmed(core::Tick tick) {
  if (tick <= confirmed_tick_) return;
  const motion::MotionState* state = StateAt(tick);
  if (state == nullptr) return;
  confirmed_tick_ = tick;
  confirmed_ = state->position;
}

const motion::MotionInput& OwnPlayer::CommandAt(core::Tick tick) const {
  const core::Tick oldest = newest_ > first_ + mask_ ? newest_ - mask_ : first_;
  return At(std::clamp(tick, oldest, newest_)).command;
}

const motion::MotionState* OwnPlayer::StateAt(core::Tick tick) const {
  if (history_.empty() || tick < first_ || tick > newest_ || At(tick).tick != tick) return nullptr;
  return &At(tick).state;
}

bool OwnPlayer::ClockAt(core::Tick tick, double& server_clock) const {
  if (StateAt(tick) == nullptr) return false;
  server_clock = At(tick).server_clock;
  return true;
}

geo::Vec3 OwnPlayer::DrawnAt(double command_clock, int64_t now_ns) const {
  const motion::MotionState* previous = StateAt(newest_ - 1);
  geo::Vec3 position = newest().position;
  if (previous != nullptr) {
    const double share = std::clamp(command_clock - static_cast<double>(newest_), 0.0, 1.0);
    position = previous->position + (position - previous->position) * share;
  }
  return position + BlendOffset(now_ns);
}

geo::Vec3 OwnPlayer::BlendOffset(int64_t now_ns) const {
  const int64_t passed = now_ns - blend_start_ns_;
  if (passed >= blend_ns_) return {};
  return blend_offset_ *
         (1.0 - static_cast<double>(std::max<int64_t>(passed, 0)) / static_cast<double>(blend_ns_));
}

void OwnPlayer::StartBlend(geo::Vec3 offset, int64_t now_ns) {
  const double length = Length(offset);
  blend_offset_ = offset;
  blend_start_ns_ = now_ns;
  blend_ns_ = length > kSnapAboveM ? 0 : length < kSmoothBelowM ? kSmoothNs : kBlendNs;
}

}  // namespace bluemarble::client
