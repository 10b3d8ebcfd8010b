/// The handlers of the dispatch table. Zone thread; each is called with a decoded, legal message.
#pragma once

#include "bluemarble/wire.h"
#include "session/dispatch.h"

namespace bluemarble::session {

DisconnectReason HandleLogin(PlayerSessions& sessions, Session& session, const Message& message);
DisconnectReason HandleGoodbye(PlayerSessions& sessions, Session& session, const Message& message);
DisconnectReason HandleAction(PlayerSessions& sessions, Session& session, const Message& message);
DisconnectReason HandleDecline(PlayerSessions& sessions, Session& session, const Message& message);
DisconnectReason HandleChat(PlayerSessions& sessions, Session& session, const Message& message);
DisconnectReason HandleInput(PlayerSessions& sessions, Session& session, const Message& message);

}  // namespace bluemarble::session
