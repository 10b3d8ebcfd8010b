#include "tools/zonebot/way_log.h"

#include <algorithm>

namespace bluemarble::zonebot {
namespace {

constexpr int64_t kStepNs = 50'000'000;
constexpr int64_t kKeptNs = 10'000'000'000;
// A walker bends its way between two words of the server by less than this.
constexpr double kSamePlaceM = 0.3;

// Share of the way from `a` to `b` that is nearest to `p`, and how near.
double NearestShare(geo::Vec3 a, geo::Vec3 b, geo::Vec3 p, double& distance_m) {
  const geo::Vec3 way = b - a;
  const double squared = Dot(way, way);
  const double share = squared > 0 ? std::clamp(Dot(p - a, way) / squared, 0.0, 1.0) : 1.0;
  distance_m = Length(a + way * share - p);
  return share;
}

}  // namespace

void WayLog::Add(int64_t now_ns, uint64_t tick, geo::Vec3 confirmed) {
  // A dead server's last word says nothing of the time since.
  if (!way_.empty() && (tick <= tick_ || now_ns < way_.back().ns + kStepNs)) return;
  tick_ = tick;
  way_.push_back({now_ns, confirmed});
  while (way_.front().ns < now_ns - kKeptNs) way_.pop_front();
}

std::optional<int64_t> WayLog::BehindNs(geo::Vec3 found) const {
  if (way_.empty()) return std::nullopt;
  const int64_t newest = way_.back().ns;
  if (Length(way_.back().position - found) <= kSamePlaceM) return 0;
  for (size_t i = way_.size() - 1; i > 0; --i) {
    double distance_m = 0;
    const double share = NearestShare(way_[i - 1].position, way_[i].position, found, distance_m);
    if (distance_m > kSamePlaceM) continue;
    const auto step = static_cast<double>(way_[i].ns - way_[i - 1].ns);
    return newest - way_[i - 1].ns - static_cast<int64_t>(share * step);
  }
  return std::nullopt;
}

}  // namespace bluemarble::zonebot
