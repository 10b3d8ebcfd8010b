/// What the naive ENet server and its clients agree on: the bytes, and how players walk.
/// Little-endian machines only; one thread each.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "core/hash.h"

namespace bluemarble::bench {

constexpr double kNaiveHz = 30;
constexpr double kNaiveInputsPerS = 15;  // as many datagrams as zonebot's players send, about
constexpr float kNaiveSightM = 1000;     // as far as a zone shows players
constexpr float kNaiveMaxMps = 6;

// Channels of ENet: what must arrive, and the rest.
constexpr int kNaiveSure = 0, kNaiveState = 1, kNaiveChannels = 2;

/// First message of a client: where it wants to be, metres east and north of the anchor.
struct NaiveHello {
  float x, y;
};

/// A client's wish, of kNaiveMaxMps.
struct NaiveInput {
  uint32_t sequence;
  float move_x, move_y, yaw;
};

/// Head of a state packet; up to kNaiveEntities follow, the player itself too, more in further
/// packets.
struct NaiveHead {
  uint32_t tick;
  uint32_t in_sight;  // over all packets of the tick
};

struct NaiveEntity {
  uint32_t id;
  float x, y, z, yaw, vx, vy, vz;
};
static_assert(sizeof(NaiveEntity) == 32 && sizeof(NaiveHead) == 8);

// A packet never becomes fragments: the protocol's 1,200 bytes less what ENet puts in front.
constexpr size_t kNaivePacketBytes = 1180;
constexpr size_t kNaiveEntities = (kNaivePacketBytes - sizeof(NaiveHead)) / sizeof(NaiveEntity);

/// Walks as zonebot's walkers do (src/tools/zonebot/steering.cc): from waypoint to waypoint around
/// a centre at 1.4 m/s, and stands still at some of them.
class NaiveWalker {
 public:
  NaiveWalker(float centre_x, float centre_y, float radius_m, float x, float y, uint64_t seed)
      : centre_x_(centre_x), centre_y_(centre_y), radius_m_(radius_m), x_(x), y_(y), random_(seed) {
    Choose();
  }
  float x() const { return x_; }
  float y() const { return y_; }

  NaiveInput Step(double now_s, double elapsed_s) {
    NaiveInput input{sequence_++, 0, 0, yaw_};
    if (now_s < pause_until_s_) return input;
    const float way_x = to_x_ - x_, way_y = to_y_ - y_;
    const float way = std::hypot(way_x, way_y);
    if (way < 1) {
      Choose();
      if (random_.Chance(0.3)) pause_until_s_ = now_s + 3 * random_.Unit();
      return input;
    }
    constexpr float kWalkMps = 1.4f;
    input.move_x = way_x / way * kWalkMps / kNaiveMaxMps;
    input.move_y = way_y / way * kWalkMps / kNaiveMaxMps;
    input.yaw = yaw_ = std::atan2(way_x, way_y);
    // Where the server will have it: the walk needs no answer.
    x_ += input.move_x * kNaiveMaxMps * static_cast<float>(elapsed_s);
    y_ += input.move_y * kNaiveMaxMps * static_cast<float>(elapsed_s);
    return input;
  }

 private:
  void Choose() {
    const double r = radius_m_ * std::sqrt(random_.Unit());
    const double angle = 2 * std::numbers::pi * random_.Unit();
    to_x_ = centre_x_ + static_cast<float>(r * std::cos(angle));
    to_y_ = centre_y_ + static_cast<float>(r * std::sin(angle));
  }

  float centre_x_, centre_y_, radius_m_, x_, y_, to_x_ = 0, to_y_ = 0, yaw_ = 0;
  double pause_until_s_ = 0;
  uint32_t sequence_ = 0;
  core::Random random_;
};

}  // namespace bluemarble::bench
