#include "tools/zonectl/ask.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "ops/exit_codes.h"
#include "tools/zonectl/commands.h"

namespace bluemarble::zonectl {
namespace {

using core::Code;

// By the name that the answer gives; by the status when it gives none, or one that is not known.
Code CodeOf(int status, const std::string& name) {
  for (auto code = Code::kInvalid; code <= Code::kInternal;
       code = static_cast<Code>(static_cast<uint8_t>(code) + 1)) {
    if (core::CodeName(code) == name) return code;
  }
  switch (status) {
    case 400: return Code::kInvalid;
    case 401:
    case 403: return Code::kDenied;
    case 404: return Code::kNotFound;
    case 409: return Code::kConflict;
    case 429:
    case 503: return Code::kUnavailable;
    case 504: return Code::kUnknown;
    default: return Code::kInternal;
  }
}

}  // namespace

core::Result<std::string> AskText(Source& source, const std::string& method,
                                  const std::string& target, const std::string& body,
                                  std::string* text_of_refusal) {
  auto reply = source.Ask(method, target, body);
  if (!reply.ok()) return reply.status();
  if (reply->status == 200) return std::move(reply->body);
  if (text_of_refusal != nullptr) *text_of_refusal = reply->body;
  const auto value = nlohmann::json::parse(reply->body, nullptr, /*allow_exceptions=*/false);
  std::string message, code;
  if (value.is_object() && value.contains("error") && value["error"].is_object()) {
    message = value["error"].value("message", "");
    code = value["error"].value("code", "");
  }
  if (message.empty())
    message = fmt::format("HTTP {} {}", reply->status,
                          core::EscapeForLog(std::string_view(reply->body).substr(0, 200)));
  return core::Status(CodeOf(reply->status, code), "", core::EscapeForLog(message));
}

int ExitCodeOf(core::Code code) {
  switch (code) {
    case Code::kOk: return ops::kExitOk;
    case Code::kInvalid: return ops::kExitUsage;
    case Code::kNotFound:
    case Code::kConflict:
    case Code::kStale: return kExitFindings;
    case Code::kDenied: return ops::kExitNoPermission;
    case Code::kCorrupt: return ops::kExitBadData;
    case Code::kFull:
    case Code::kNoSpace:
    case Code::kUnavailable:
    case Code::kUnknown: return ops::kExitUnavailable;
    case Code::kInternal: break;
  }
  return ops::kExitInternal;
}

int Fail(const core::Status& status) {
  fmt::print(stderr, "zonectl: {}\n", status.ToString());
  return ExitCodeOf(status.code());
}

}  // namespace bluemarble::zonectl
