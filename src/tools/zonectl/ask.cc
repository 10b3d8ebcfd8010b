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

Code CodeOf(int status) {
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
  std::string message;
  if (value.is_object() && value.contains("error") && value["error"].is_object())
    message = value["error"].value("message", "");
  if (message.empty())
    message = fmt::format("HTTP {} {}", reply->status,
                          core::EscapeForLog(std::string_view(reply->body).substr(0, 200)));
  return core::Status(CodeOf(reply->status), "refused", core::EscapeForLog(message));
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
