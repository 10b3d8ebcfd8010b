#include "bluemarble/wire.h"

namespace bluemarble {

const char* DisconnectReasonName(DisconnectReason reason) {
  switch (reason) {
    case DisconnectReason::kNone: return "none";
    case DisconnectReason::kClientQuit: return "client_quit";
    case DisconnectReason::kServerStopping: return "server_stopping";
    case DisconnectReason::kWrongVersion: return "wrong_version";
    case DisconnectReason::kBadToken: return "bad_token";
    case DisconnectReason::kWrongShard: return "wrong_shard";
    case DisconnectReason::kZoneFull: return "zone_full";
    case DisconnectReason::kMalformed: return "malformed";
    case DisconnectReason::kOversized: return "oversized";
    case DisconnectReason::kUnknownMessage: return "unknown_message";
    case DisconnectReason::kOutOfState: return "out_of_state";
    case DisconnectReason::kWrongChannel: return "wrong_channel";
    case DisconnectReason::kRateLimited: return "rate_limited";
    case DisconnectReason::kTimeout: return "timeout";
    case DisconnectReason::kReplaced: return "replaced";
    case DisconnectReason::kQueueOverflow: return "queue_overflow";
    case DisconnectReason::kStoreUnavailable: return "store_unavailable";
    case DisconnectReason::kSpawnRefused: return "spawn_refused";
    case DisconnectReason::kInternal: return "internal";
    case DisconnectReason::kQuarantined: return "quarantined";
    case DisconnectReason::kSessionUnknown: return "session_unknown";
    case DisconnectReason::kKicked: return "kicked";
    case DisconnectReason::kBanned: return "banned";
  }
  return "unknown";
}

}  // namespace bluemarble
