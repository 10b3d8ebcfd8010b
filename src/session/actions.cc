// Actions and chat on their way to the services that decide them, and the answers on their way
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

DisconnectReason HandleChat(PlayerSessions& sessions, Session& session, const Message& message) {
  return sessions.Say(session, std::get<protocol::ChatSay>(message.control));
}

DisconnectReason PlayerSessions::Act(Session& session, const protocol::Action& action) {
  parts_.actions.OnAction(session, action);
  return DisconnectReason::kNone;
}

DisconnectReason PlayerSessions::Decline(Session& session, const protocol::DeclineTrade& decline) {
  parts_.actions.OnDecline(session, decline);
  return DisconnectReason::kNone;
}

DisconnectReason PlayerSessions::Say(Session& session, const protocol::ChatSay& say) {
  parts_.chat.OnSay(session, say);
  return DisconnectReason::kNone;
}

bool PlayerSessions::SendEncoded(SessionId id, std::span<const std::byte> message) {
  const Session* session = table_.Find(id);
  return session != nullptr && session->state == SessionState::kPlaying &&
         parts_.transport.Send(session->peer, net::Channel::kReliable, message).ok();
}

void PlayerSessions::SendTo(SessionId id, const protocol::ServerControl& message) {
  Session* session = table_.Find(id);
  if (session == nullptr || session->state != SessionState::kPlaying) return;
  // Not ended here: the caller is in the middle of something that concerns this session.
  if (!SendControl(*session, message)) session->overflowed = true;
}

}  // namespace bluemarble::session
