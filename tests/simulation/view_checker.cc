#include "view_checker.h"

#include <fmt/format.h>

namespace bluemarble::support {
namespace {

// Rounded to the centimetre in the sector's frame, then to the class's step (1, 10, 50 cm): half of
// both on each of three axes, plus a millimetre for the arithmetic.
constexpr std::array<double, kReplicationClasses> kMaxErrorM = {0.0174 + 0.001, 0.0953 + 0.001,
                                                                0.4417 + 0.001};

}  // namespace

std::string ViewChecker::Check(SimWorld& world) {
  if (std::string problem = CheckWorld(world); !problem.empty()) return problem;
  for (const auto& player : world.players()) {
    if (std::string problem = CheckClient(world, *player); !problem.empty()) return problem;
  }
  return {};
}

std::string ViewChecker::CheckWorld(SimWorld& world) {
  const app::Zone& zone = world.zone();
  const core::Tick tick = world.tick();
  Snapshot& snapshot = history_[tick % kHistory];
  snapshot.tick = tick;
  snapshot.positions.clear();
  const auto window = static_cast<size_t>(2 * world.hz());
  for (uint32_t row = 0; row < zone.world().count(); ++row) {
    const uint32_t id = zone.world().ids()[row].bits;
    const geo::Vec3 position = zone.world().bodies()[row].position;
    snapshot.positions[id] = position;
    if (!world.zone().range().Contains(position))
      return fmt::format("tick {}: entity {} is over the border", tick, id);
    if (zone.world().kinds()[row] != world::Kind::kPlayer) continue;
    auto [it, fresh] = travel_.try_emplace(id);
    Travel& travel = it->second;
    travel.metres[tick % 256] = fresh ? 0 : Length(position - travel.position);
    travel.position = position;
    double metres = 0;
    for (size_t i = 0; i < window; ++i) metres += travel.metres[(tick - i) % 256];
    // T-43: over any two seconds.
    if (metres > 7.0 * 2 + 1)
      return fmt::format("tick {}: player {} went {} m in 2 s", tick, id, metres);
  }
  if (const core::Status octree = zone.octree().CheckInvariants(); !octree.ok())
    return octree.ToString();
  return {};
}

std::string ViewChecker::CheckClient(SimWorld& world, const SimPlayer& player) {
  const client::Replica* replica = player.core().replica();
  if (replica == nullptr || player.core().state() != ClientState::kPlaying) return {};
  std::string problem;
  replica->ForEach([&](const client::HeldEntity& held) {
    if (!problem.empty() || held.tick + kHistory <= world.tick()) return;
    const Snapshot& then = history_[held.tick % kHistory];
    if (then.tick != held.tick) return;  // from before this checker
    const auto truth = then.positions.find(held.id.bits);
    if (truth == then.positions.end()) {
      problem = fmt::format("{} holds entity {} of tick {}, which the server did not have",
                            player.name(), held.id.bits, held.tick);
      return;
    }
    ++compared_;
    const double error = Length(held.position - truth->second);
    if (error > kMaxErrorM[static_cast<size_t>(held.cls)]) {
      problem = fmt::format("{} holds entity {} of tick {} in class {} {} m off", player.name(),
                            held.id.bits, held.tick, static_cast<int>(held.cls), error);
    }
  });
  if (replica->stats().malformed != 0) return fmt::format("{} got malformed parts", player.name());
  return problem;
}

}  // namespace bluemarble::support
