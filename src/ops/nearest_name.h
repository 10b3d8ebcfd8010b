/// "Did you mean": the known name nearest to a mistyped one. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bluemarble::ops {

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
size_t EditDistance(std::string_view a, std::string_view b);

/// The nearest of `known`, the first of equals; empty when none is within a third of the name's
/// length.
std::string NearestName(std::string_view name, const std::vector<std::string>& known);

}  // namespace bluemarble::ops
