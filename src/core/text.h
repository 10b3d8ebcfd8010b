/// The one place that decides whether text from outside may enter (PITFALLS rule 9): after it,
/// every layer may assume UTF-8 without NUL and control characters. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/result.h"

namespace bluemarble::core {

/// Valid UTF-8 (no overlong forms, surrogates or values above U+10FFFF), no C0/C1 control
/// character, no NUL, no bidirectional control, 1..max_bytes long. kInvalid names what is wrong.
Status ValidateText(std::string_view text, size_t max_bytes);

/// Same, and fit to be a player's name: no leading, trailing or double space.
Status ValidateName(std::string_view name, size_t max_bytes = 32);

/// Text made safe for a log line or a terminal: control characters and invalid bytes as \xNN.
std::string EscapeForLog(std::string_view text);

}  // namespace bluemarble::core
