/// The gate for everything that a peer says: which message it is, whether it may come now, on this
/// channel, of this size and this often. One table row per message, found by the first byte, so
/// that what is not wanted is refused before it is decoded. Pure but for the rate buckets; zone
/// thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "bluemarble/wire.h"
#include "core/ids.h"
#include "net/transport.h"
#include "protocol/control.h"
#include "protocol/input.h"
#include "session/rates.h"
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

/// The rows of the table, in its order; kUnknownRow stands for what is in none.
enum MessageIndex : uint8_t {
  kLoginRow,
  kGoodbyeRow,
  kActionRow,
  kDeclineRow,
  kChatRow,
  kInputRow,
  kUnknownRow
};
inline constexpr size_t kMessageNames = kUnknownRow + 1;
/// Why the gate refuses.
inline constexpr std::array kGateReasons = {
    DisconnectReason::kMalformed,      DisconnectReason::kOversized,
    DisconnectReason::kUnknownMessage, DisconnectReason::kOutOfState,
    DisconnectReason::kWrongChannel,   DisconnectReason::kRateLimited};
/// "login" and so on, "unknown" for kUnknownRow: a bounded set, for metrics and logs.
const char* MessageName(MessageIndex index);

struct MessageRow {
  const char* name;
  std::byte first;        ///< The first byte of every such message.
  uint32_t legal_states;  ///< Bit i: SessionState i.
  net::Channel channel;
  RateClass rate;
  size_t max_bytes;
  Handler handler;
};

struct Verdict {
  DisconnectReason refusal = DisconnectReason::kNone;
  const MessageRow* row = nullptr;     ///< Null when refused or ignored.
  MessageIndex message = kUnknownRow;  ///< What it says it is.
  /// The session's address has said too much, which may be a neighbour's doing: a message that may
  /// be lost is left out, and nobody is ended for it.
  bool ignored = false;
  bool by_address = false;  ///< It was the address's limit: nothing against this player.
};

/// Judges and decodes. Input messages allocate nothing. `address`: the buckets that all sessions of
/// the peer's address share; null: no such limit.
Verdict Judge(const net::Inbound& inbound, Session& session, RateBuckets* address,
              const Rates& rates, core::Tick now, Message& out);

}  // namespace bluemarble::session
