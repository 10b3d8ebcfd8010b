#include "bluemarble/wire.h"

namespace bluemarble {

const char* ChatReasonName(ChatReason reason) {
  switch (reason) {
    case ChatReason::kNone: return "none";
    case ChatReason::kTooFast: return "too_fast";
    case ChatReason::kMuted: return "muted";
    case ChatReason::kBadText: return "bad_text";
    case ChatReason::kTooLong: return "too_long";
    case ChatReason::kBadScope: return "bad_scope";
    case ChatReason::kBusy: return "busy";
    case ChatReason::kUnavailable: return "unavailable";
  }
  return "unknown";
}

}  // namespace bluemarble
