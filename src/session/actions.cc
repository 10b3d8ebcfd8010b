// Transactional actions on their way to the service that decides them, and its answers on their way
// back.
#include "session/handlers.h"
#include "session/player_sessions.h"

namespace bluemarble::session {

DisconnectReason HandleAction(PlayerSessions& sessions, Session& session, const Message& message) {
  return sessions.Act(session, std::get<protocol::Action>(message.control));
}
DisconnectReason HandleDecline(PlayerSessions& sessions, Session& session, const Message& message) {
  return sessions.Decline(session, std::get<protocol::DeclineTrade>(message.control));
}

DisconnectReason PlayerSessions::Act(Session& session, const protocol::Action& action) {
  parts_.actions.OnAction(session, action);
  return DisconnectReason::kNone;
}

DisconnectReason PlayerSessions::Decline(Session& session, const protocol::DeclineTrade& decline) {
  parts_.actions.OnDecline(session, decline);
  return DisconnectReason::kNone;
}

void PlayerSessions::SendTo(SessionId id, const protocol::ServerControl& message) {
  Session* session = table_.Find(id);
  if (session == nullptr || session->state != SessionState::kPlaying) return;
  // Not ended here: the caller is in the middle of something that concerns this session.
  if (!SendControl(*session, message)) session->overflowed = true;
}

}  // namespace bluemarble::session
