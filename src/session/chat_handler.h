/// What players say, on its way to the service that passes it on (services/chat), wired by app/.
/// Zone thread.
#pragma once

#include "protocol/control.h"
#include "session/session_table.h"

namespace bluemarble::session {

class ChatHandler {
 public:
  virtual ~ChatHandler() = default;
  /// Of a session in play.
  virtual void OnSay(const Session& session, const protocol::ChatSay& say) = 0;
};

}  // namespace bluemarble::session
