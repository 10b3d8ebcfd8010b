/// JSON strings without a JSON library: logs and health need no more. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

namespace bluemarble::ops {

/// Appends `text` as a JSON string with its quotes. Control characters, direction marks and invalid
/// UTF-8 become visible \xNN text, so the result is valid JSON and UTF-8 for any input.
void AppendJsonString(std::string& out, std::string_view text);

}  // namespace bluemarble::ops
