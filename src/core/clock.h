/// Time as a constructor argument. Nobody below app/ reads a clock directly: under test the whole
/// zone runs on a manual clock (DESIGN §1). Implementations may be called from any thread.
#pragma once

#include <cstdint>

namespace bluemarble::core {

class Clock {
 public:
  virtual ~Clock() = default;
  /// Monotonic nanoseconds from an arbitrary start; never goes back, unaffected by the wall clock.
  virtual int64_t NowNs() const = 0;
  /// Wall clock, microseconds since 1970 UTC; only for time stamps that people read.
  virtual int64_t WallUs() const = 0;
};

/// CLOCK_MONOTONIC and CLOCK_REALTIME. Stateless, any thread.
class SystemClock final : public Clock {
 public:
  int64_t NowNs() const override;
  int64_t WallUs() const override;
};

}  // namespace bluemarble::core
