// Who is banned while in play, or on the way there with a connect token from before the ban. Later
// on POST /v1/join gives no token, so the zone may forget.
#include "session/player_sessions.h"

namespace bluemarble::session {

void PlayerSessions::Obey(const BanOrder& order, core::Tick now) {
  now_ = now;
  if (order.account_id == 0) return;  // what sessions of the plain mode have
  const auto account = static_cast<uint64_t>(order.account_id);
  if (order.refused_ticks == 0) {
    if (core::Tick* until = banned_.Find(account)) *until = 0;
    return;
  }
  banned_.Touch(account) = now + order.refused_ticks;
  uint32_t ended = 0;
  for (Session& session : table_.slots()) {
    if (session.account_id != order.account_id || session.state == SessionState::kFree ||
        session.state == SessionState::kLeaving)
      continue;
    End(session, {DisconnectReason::kBanned, kBannedText});
    ++ended;
  }
  core::Log(core::LogLevel::kInfo, "account_sent_away", "account={} sessions={} tick={}",
            order.account_id, ended, now);
}

bool PlayerSessions::IsBanned(const Session& session) {
  if (session.account_id == 0) return false;
  const core::Tick* until = banned_.Find(static_cast<uint64_t>(session.account_id));
  return until != nullptr && now_ < *until;
}

}  // namespace bluemarble::session
