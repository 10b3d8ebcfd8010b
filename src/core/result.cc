#include "core/result.h"

namespace bluemarble::core {

std::string_view CodeName(Code code) {
  switch (code) {
    case Code::kOk: return "ok";
    case Code::kInvalid: return "invalid";
    case Code::kNotFound: return "not_found";
    case Code::kFull: return "full";
    case Code::kNoSpace: return "no_space";
    case Code::kStale: return "stale";
    case Code::kUnavailable: return "unavailable";
    case Code::kConflict: return "conflict";
    case Code::kDenied: return "denied";
    case Code::kCorrupt: return "corrupt";
    case Code::kUnknown: return "unknown";
    case Code::kInternal: return "internal";
  }
  return "internal";
}

std::string Status::ToString() const {
  if (ok()) return "ok";
  std::string text = context_;
  if (!detail_.empty()) {
    if (!text.empty()) text += ": ";
    text += detail_;
  }
  return text;
}

}  // namespace bluemarble::core
