#include "replication/settings.h"

#include <cmath>

namespace bluemarble::replication {

void ReplicationSettings::Validate(std::vector<std::string>& problems) const {
  double last = 0;
  for (double radius : radius_m) {
    if (!std::isfinite(radius) || radius <= last || radius > 5000) {
      problems.emplace_back(
          "replication.radius_m must be three ascending distances of at most 5000 m");
      break;
    }
    last = radius;
  }
  for (uint32_t rate : rate_hz) {
    if (rate > 60)
      problems.emplace_back("replication.rate_hz must be 0 (every tick) to 60 per class");
  }
  if (budget_bytes_per_s < 2'000)
    problems.emplace_back("replication.budget_bytes_per_s must be at least 2000");
  if (max_silence_ms < 20 || max_silence_ms > 2'000) {
    problems.emplace_back("replication.max_silence_ms must be 20 to 2000");
  }
  if (interest_ticks < 1 || interest_ticks > 60)
    problems.emplace_back("replication.interest_ticks must be 1 to 60");
  if (max_viewers < 1 || max_viewers > 65'000)
    problems.emplace_back("replication.max_viewers must be 1 to 65000");
  if (max_leaves_per_viewer < 16 || max_leaves_per_viewer > 4'096) {
    problems.emplace_back("replication.max_leaves_per_viewer must be 16 to 4096");
  }
}

}  // namespace bluemarble::replication
