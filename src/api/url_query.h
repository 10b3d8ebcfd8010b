/// The part of a request target behind "?". Pure functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bluemarble::api {

/// "a=1&b=x%20y+z" to {a, "1"}, {b, "x y z"}; "a" alone has an empty value. Nothing when a % is not
/// followed by two hex digits.
std::optional<std::vector<std::pair<std::string, std::string>>> ParseQuery(std::string_view text);

}  // namespace bluemarble::api
