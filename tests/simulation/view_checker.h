/// Remembers where the server had every entity at every tick, and judges what clients hold against
/// it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "support/sim_world.h"

namespace bluemarble::support {

class ViewChecker {
 public:
  /// After each tick of the zone. Empty, or the first broken invariant: an entity outside the
  /// shard's range, a player faster than allowed, a client that holds something that the server
  /// never had, or had elsewhere.
  std::string Check(SimWorld& world);
  /// States of other entities that were compared.
  uint64_t compared() const { return compared_; }

 private:
  static constexpr size_t kHistory = 256;
  std::string CheckWorld(SimWorld& world);
  std::string CheckClient(SimWorld& world, const SimPlayer& player);

  struct Snapshot {
    core::Tick tick = 0;
    std::unordered_map<uint32_t, geo::Vec3> positions;
  };
  std::array<Snapshot, kHistory> history_;
  struct Travel {
    geo::Vec3 position;
    std::array<double, 256> metres{};  // per tick, by tick % 256
  };
  std::unordered_map<uint32_t, Travel> travel_;
  uint64_t compared_ = 0;
};

}  // namespace bluemarble::support
