#include "game/player_motion.h"

#include "game/movement.h"

namespace bluemarble::game {

void PlayerMotion::Run(world::RowRange rows) {
  for (uint32_t i = rows.begin; i < rows.end; ++i) {
    const uint32_t row = world.RowOf(players.ids()[i]);
    world::Body& body = world.bodies()[row];
    MoveBody(body, players.values()[i].input, limits, dt_s, range);
    world.vitals()[row].animation = AnimationOf(body.velocity);
  }
}

}  // namespace bluemarble::game
