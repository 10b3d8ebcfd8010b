/// Walkers at the density of the scene `spread`, for benches of the spatial index. One thread.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "core/hash.h"
#include "geo/grid.h"
#include "geo/planet.h"

namespace bluemarble::bench {

inline constexpr double kPlayersPerDisc = 150;  // of 1,000 m
inline constexpr double kHz = 30;

/// One disc on the ground, as zonebot's `spread`: everyone at a uniform place in it, walking 1-6
/// m/s straight on, turning now and then and at the edge.
class Walkers {
 public:
  Walkers(uint32_t count, uint64_t seed)
      : random_(seed),
        radius_m_(1000 * std::sqrt(count / kPlayersPerDisc)),
        centre_(geo::ToEcef({13.405, 52.52, 0})),
        axes_(geo::FrameAt(centre_)),
        walkers_(count),
        at_(count) {
    for (Walker& walker : walkers_) {
      const double r = radius_m_ * std::sqrt(random_.Unit());
      const double angle = 2 * std::numbers::pi * random_.Unit();
      walker.east = r * std::cos(angle);
      walker.north = r * std::sin(angle);
      Turn(walker);
    }
    Settle();
  }

  /// Puts the walkers into the order of the Morton curve: neighbours in space, neighbours in
  /// number.
  void SortAlongCurve() {
    std::vector<uint32_t> order(walkers_.size());
    for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
      return geo::NodeKey::At(at_[a], geo::kMaxLevel) < geo::NodeKey::At(at_[b], geo::kMaxLevel);
    });
    std::vector<Walker> sorted;
    for (const uint32_t i : order) sorted.push_back(walkers_[i]);
    walkers_ = std::move(sorted);
    Settle();
  }

  void Step() {
    for (Walker& walker : walkers_) {
      if (random_.Chance(0.02)) Turn(walker);
      const double east = walker.east + walker.east_per_tick;
      const double north = walker.north + walker.north_per_tick;
      if (east * east + north * north > radius_m_ * radius_m_) {
        Turn(walker);
        continue;
      }
      walker.east = east;
      walker.north = north;
    }
    Settle();
  }

  const std::vector<geo::GridPoint>& at() const { return at_; }
  /// Somewhere below their feet, to subtract where coordinates shall be small.
  geo::GridPoint centre() const { return geo::ToGrid(centre_); }

 private:
  struct Walker {
    double east = 0, north = 0, east_per_tick = 0, north_per_tick = 0;
  };

  void Turn(Walker& walker) {
    const double speed = random_.Range(1, 6) / kHz;
    const double angle = 2 * std::numbers::pi * random_.Unit();
    walker.east_per_tick = speed * std::cos(angle);
    walker.north_per_tick = speed * std::sin(angle);
  }
  // The ground curves away under the tangent plane: ten metres at the edge.
  void Settle() {
    for (size_t i = 0; i < walkers_.size(); ++i) {
      const double e = walkers_[i].east, n = walkers_[i].north;
      const double down = (e * e + n * n) / (2 * geo::kEquatorialRadiusM);
      at_[i] = geo::ToGrid(centre_ + axes_.east * e + axes_.north * n - axes_.up * down);
    }
  }

  core::Random random_;
  double radius_m_;
  geo::Vec3 centre_;
  geo::LocalFrame axes_;
  std::vector<Walker> walkers_;
  std::vector<geo::GridPoint> at_;
};

}  // namespace bluemarble::bench
