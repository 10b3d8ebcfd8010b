#include "bluemarble/wire.h"

namespace bluemarble {

const char* ActionReasonName(ActionReason reason) {
  switch (reason) {
    case ActionReason::kNone: return "none";
    case ActionReason::kVersion: return "version";
    case ActionReason::kNotOwner: return "not_owner";
    case ActionReason::kNotFound: return "not_found";
    case ActionReason::kKeyReused: return "key_reused";
    case ActionReason::kUnavailable: return "unavailable";
    case ActionReason::kInvalid: return "invalid";
    case ActionReason::kNotHolder: return "not_holder";
    case ActionReason::kInsufficient: return "insufficient";
    case ActionReason::kTooFar: return "too_far";
    case ActionReason::kInventoryFull: return "inventory_full";
    case ActionReason::kBusy: return "busy";
    case ActionReason::kOffline: return "offline";
    case ActionReason::kDeclined: return "declined";
    case ActionReason::kBadAmount: return "bad_amount";
    case ActionReason::kNoSuchItem: return "no_such_item";
  }
  return "unknown";
}

}  // namespace bluemarble
