/// The gate for everything that a peer says: which message it is, whether it may come now, on this
/// channel, of this size and this often. One table row per message. Pure but for the session's rate
/// buckets; zone thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "bluemarble/wire.h"
#include "core/ids.h"
#include "net/transport.h"
#include "protocol/control.h"
#include "protocol/input.h"
#include "session/session_table.h"
#include "session/settings.h"

namespace bluemarble::session {

class PlayerSessions;

/// One decoded message; the member that belongs to the row is filled.
struct Message {
  protocol::ClientControl control;
  protocol::InputMessage input;
};

/// kNone, or why the peer must go.
using Handler = DisconnectReason (*)(PlayerSessions& sessions, Session& session,
                                     const Message& message);

struct MessageRow {
  const char* name;
  uint32_t legal_states;  ///< Bit i: SessionState i.
  net::Channel channel;
  size_t max_bytes;
  Handler handler;
};

/// How many messages of one peer are taken.
struct Rate {
  uint32_t per_second;  ///< In the long run.
  uint32_t burst;       ///< At once on top.
};
struct Rates {
  uint32_t tick_hz;
  Rate control, input, action;
};
Rates RatesOf(const SessionSettings& settings, int tick_hz);

struct Verdict {
  DisconnectReason refusal = DisconnectReason::kNone;
  const MessageRow* row = nullptr;  ///< Null when refused.
};

/// Judges and decodes. Input messages allocate nothing.
Verdict Judge(const net::Inbound& inbound, Session& session, const Rates& rates, core::Tick now,
              Message& out);

}  // namespace bluemarble::session
