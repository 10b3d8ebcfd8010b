// What operators do to who is in play: sending away, putting elsewhere.
#include <cmath>

#include "session/player_sessions.h"

namespace bluemarble::session {

void PlayerSessions::Obey(const OperatorOrder& order, core::Tick now) {
  now_ = now;
  if (order.player_id == 0) return;
  for (Session& session : table_.slots()) {
    if (session.player_id != order.player_id || !HasEntity(session.state)) continue;
    if (order.kind == OperatorOrder::Kind::kKick) {
      const char* const text =
          order.text_bytes != 0 ? order.text.data() : "an operator has ended the session";
      End(session, {DisconnectReason::kKicked, text});
    } else if (order.kind == OperatorOrder::Kind::kTeleport) {
      PutAt(session, order);
    }
    return;
  }
}

void PlayerSessions::PutAt(Session& session, const OperatorOrder& order) {
  world::Body was;
  world::Vitals vitals;
  parts_.zone.StateOf(session.entity, was, vitals);
  const double height_m = std::isnan(order.height_m) ? was.ground_height_m : order.height_m;
  world::Body body = parts_.zone.BodyAt({order.lon_deg, order.lat_deg, height_m});
  body.yaw = was.yaw;
  std::string redirect;
  if (!parts_.zone.Owns(body.position, redirect)) return;  // asked for before the range was known
  parts_.zone.PutBack(session.entity, body);
  session.watch.Reset(body);
  if (session.state == SessionState::kLingering) session.state_now = StateOf(session);
  core::Log(core::LogLevel::kInfo, "player_teleported", "player={} tick={}", session.player_id,
            now_);
}

}  // namespace bluemarble::session
