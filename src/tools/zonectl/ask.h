/// A question whose answer is JSON, for the subcommands' .cc files. One thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/result.h"
#include "tools/zonectl/source.h"

namespace bluemarble::zonectl {

/// The answer's body when its status is 200; otherwise what its "error" says, with its code.
/// `text_of_refusal`: when given, gets the body of an answer that is not 200.
core::Result<std::string> AskText(Source& source, const std::string& method,
                                  const std::string& target, const std::string& body = {},
                                  std::string* text_of_refusal = nullptr);

/// The exit code of a failure.
int ExitCodeOf(core::Code code);

}  // namespace bluemarble::zonectl
