/// A store for benches that are about something else. One thread.
#pragma once

#include <chrono>
#include <span>
#include <stdexcept>
#include <thread>

#include "app/zone.h"
#include "support/sim_durable_queue.h"

namespace bluemarble::bench {

/// Answers from memory, between ticks; positions go nowhere.
class ForgetfulQueue final : public support::SimDurableQueue {
 public:
  using SimDurableQueue::SimDurableQueue;
  core::Status SavePositions(std::span<const persistence::PositionSave>) override { return {}; }
};

/// Four hours of ticks. `advance(i)` is called before each look for the answer, with i from 0 on.
template <typename Advance>
app::TickGrant GrantOfHours(persistence::DurableQueue& queue, int tick_hz, Advance advance) {
  constexpr core::Tick kSeconds = 4 * 3600;
  if (!queue.ReserveTicks(kSeconds * static_cast<core::Tick>(tick_hz)).ok())
    throw std::runtime_error("the store takes no request for ticks");
  persistence::Completion completion;
  for (core::Tick i = 0; i < 5000; ++i) {
    advance(i);
    if (queue.NextCompletion(completion)) return {.first = 1, .last = completion.reserved_tick};
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  throw std::runtime_error("the store grants no ticks");
}

}  // namespace bluemarble::bench
