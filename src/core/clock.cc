#include "core/clock.h"

#include <ctime>

namespace bluemarble::core {

int64_t SystemClock::NowNs() const {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

int64_t SystemClock::WallUs() const {
  timespec t{};
  clock_gettime(CLOCK_REALTIME, &t);
  return int64_t{t.tv_sec} * 1'000'000 + t.tv_nsec / 1000;
}

}  // namespace bluemarble::core
