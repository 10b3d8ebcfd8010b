#include "game/animals.h"

#include <array>

#include "core/hash.h"
#include "game/movement.h"

namespace bluemarble::game {
namespace {

constexpr uint64_t kPurposeWander = 0x77616e646572;  // "wander"

struct Heading {
  int8_t east, north;
};
// Sixteen headings clockwise from north, of length 127: sines from a table, since libm may differ
// between machines.
constexpr std::array<Heading, 16> kHeadings = {{{0, 127},
                                                {49, 117},
                                                {90, 90},
                                                {117, 49},
                                                {127, 0},
                                                {117, -49},
                                                {90, -90},
                                                {49, -117},
                                                {0, -127},
                                                {-49, -117},
                                                {-90, -90},
                                                {-117, -49},
                                                {-127, 0},
                                                {-117, 49},
                                                {-90, 90},
                                                {-49, 117}}};

/// The heading that leads most directly along `direction` (ECEF) at `position`.
size_t HeadingTowards(geo::Vec3 position, geo::Vec3 direction) {
  const geo::LocalFrame frame = geo::FrameAt(position);
  const double east = Dot(direction, frame.east);
  const double north = Dot(direction, frame.north);
  size_t best = 0;
  double best_dot = -1e300;
  for (size_t i = 0; i < kHeadings.size(); ++i) {
    const double dot = east * kHeadings[i].east + north * kHeadings[i].north;
    if (dot > best_dot) {
      best_dot = dot;
      best = i;
    }
  }
  return best;
}

}  // namespace

void AnimalWandering::Decide(core::EntityId id, const world::Body& body, Animal& animal) const {
  const uint64_t bits = core::RandomBits(seed, tick, id.bits, kPurposeWander);
  const geo::Vec3 way_home = animal.home - body.position;
  const bool strayed = LengthSquared(way_home) > wander_radius_m * wander_radius_m;
  const bool rests = !strayed && bits % 5 < 2;
  const size_t heading =
      strayed ? HeadingTowards(body.position, way_home) : (bits >> 8) % kHeadings.size();
  animal.input.yaw = static_cast<uint16_t>(heading * (65536 / kHeadings.size()));
  animal.input.move_east = rests ? int8_t{0} : kHeadings[heading].east;
  animal.input.move_north = rests ? int8_t{0} : kHeadings[heading].north;
  animal.decide_at = tick + tick_hz + (bits >> 16) % (5 * tick_hz);  // one to six seconds
}

void AnimalWandering::Run(world::RowRange rows) {
  for (uint32_t i = rows.begin; i < rows.end; ++i) {
    const core::EntityId id = animals.ids()[i];
    const uint32_t row = world.RowOf(id);
    world::Body& body = world.bodies()[row];
    Animal& animal = animals.values()[i];
    if (tick >= animal.decide_at) Decide(id, body, animal);
    MoveBody(body, animal.input, limits, dt_s, range);
    world.vitals()[row].animation = AnimationOf(body.velocity);
  }
}

}  // namespace bluemarble::game
