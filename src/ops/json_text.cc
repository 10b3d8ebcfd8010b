#include "ops/json_text.h"

#include "core/text.h"

namespace bluemarble::ops {

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : core::EscapeForLog(text)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

}  // namespace bluemarble::ops
