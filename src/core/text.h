/// The one place that decides whether text from outside may enter (PITFALLS rule 9): after it,
/// every layer may assume UTF-8 without NUL and control characters. It looks at code points, not at
/// scripts: letters that look alike (Latin a, Cyrillic а) are not told apart. Pure functions, any
/// thread. All of them: kInvalid names what is wrong.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/result.h"

namespace bluemarble::core {

/// Is it valid UTF-8 by RFC 3629 (no overlong forms, surrogates, values above U+10FFFF)? Whatever
/// it says; empty is.
bool IsUtf8(std::string_view text);

/// 1..max_bytes of valid UTF-8 (no overlong forms, surrogates or values above U+10FFFF) without NUL
/// and C0/C1 control characters: what a database takes and gives back as it was.
Status ValidateStorable(std::string_view text, size_t max_bytes);

/// Storable, and for people: no bidirectional control, no line or paragraph separator, no
/// non-character, nothing invisible (zero-width, fillers, tags), at most four combining marks on a
/// character.
Status ValidateText(std::string_view text, size_t max_bytes);

/// A line that one player writes to others: as ValidateText, but it must show something, and U+200C
/// and U+200D may stand between two visible characters, where writing and emoji need them.
Status ValidateChat(std::string_view text, size_t max_bytes);

/// As ValidateText, and fit to be a player's name: no leading, trailing or double space, no other
/// white space than U+0020, no variation selector or private use, no combining mark in front.
Status ValidateName(std::string_view name, size_t max_bytes = 32);

/// Text made safe for a log line or a terminal: control, direction and invisible characters, line
/// separators and invalid bytes as \xNN.
std::string EscapeForLog(std::string_view text);

}  // namespace bluemarble::core
