/// How often a peer may say something: token buckets that refill with the ticks, one for each class
/// of messages, for a session and once more for the address behind it. Values; zone thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "core/ids.h"
#include "session/settings.h"

namespace bluemarble::session {

/// Messages of one class share a bucket.
enum class RateClass : uint8_t { kControl = 0, kInput, kAction, kChat };
inline constexpr size_t kRateClasses = 4;

struct RateBucket {
  uint64_t spent = 0;  ///< In tokens times tick_hz.
  core::Tick updated = 0;
};
using RateBuckets = std::array<RateBucket, kRateClasses>;

/// How many messages of one class are taken.
struct Rate {
  uint32_t per_second;  ///< In the long run.
  uint32_t burst;       ///< At once on top.
};

struct Rates {
  uint32_t tick_hz = 30;
  std::array<Rate, kRateClasses> of{};
  uint32_t address_players = 0;  ///< An address may say as much as so many sessions.
  const Rate& Of(RateClass c) const { return of[static_cast<size_t>(c)]; }
};
Rates RatesOf(const SessionSettings& settings, int tick_hz);

/// Takes one token; false when there is none. `times` multiplies the rate.
inline bool Spend(RateBucket& bucket, const Rate& rate, uint32_t tick_hz, core::Tick now,
                  uint32_t times = 1) {
  const uint64_t refill = (now - bucket.updated) * rate.per_second * times;
  bucket.spent -= std::min(refill, bucket.spent);
  bucket.updated = now;
  if (bucket.spent + tick_hz > uint64_t{rate.burst} * tick_hz * times) return false;
  bucket.spent += tick_hz;
  return true;
}

}  // namespace bluemarble::session
