/// What a failed start is to the shell (ops/exit_codes.h). Any thread.
#pragma once

#include <string_view>

#include "core/result.h"
#include "ops/exit_codes.h"

namespace bluemarble::app {

constexpr ops::ExitCode ExitOf(core::Code code) {
  switch (code) {
    case core::Code::kDenied: return ops::kExitCannotCreate;
    case core::Code::kConflict: return ops::kExitNoPermission;
    case core::Code::kCorrupt:
    case core::Code::kStale: return ops::kExitBadData;
    case core::Code::kInvalid: return ops::kExitBadConfig;
    case core::Code::kUnavailable: return ops::kExitUnavailable;
    default: return ops::kExitInternal;
  }
}

/// Denied by a server, not by the file system.
constexpr ops::ExitCode ExitOfDatabase(core::Code code) {
  return code == core::Code::kDenied ? ops::kExitNoPermission : ExitOf(code);
}

/// Of a start that failed: a server that denies something names its setting first, a folder is
/// ours.
inline ops::ExitCode ExitOfStart(const core::Status& status) {
  const std::string_view context = status.context();
  const bool server = context.starts_with("database.") || context.starts_with("redis.");
  return server ? ExitOfDatabase(status.code()) : ExitOf(status.code());
}

}  // namespace bluemarble::app
