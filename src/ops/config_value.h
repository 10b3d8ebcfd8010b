/// One value of a setting on its way from text to where it is kept: its type, what is wrong with
/// it, how it is shown. Pure functions but for Store; config_load.cc walks the sources.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ops/config.h"

namespace bluemarble::ops::internal {

using Value = std::variant<bool, int64_t, double, std::string, std::vector<std::string>>;

/// For people: "a number".
std::string_view ExpectedType(const Target& target);
/// In which unit and range a number is written; empty for what is no number.
std::string ItTakes(const Field& field);
/// As environment and --set give it; lists with commas in between. Nothing: of another type.
std::optional<Value> ValueFromText(const Target& target, std::string_view text);
Value Present(const Target& target);
/// `value` is of the target's type.
void Store(const Target& target, Value value);
/// What is wrong with a value of the right type: "is out of range 1..65535 ms"; empty when it may
/// stand.
std::string Refusal(const Field& field, const Value& value);
/// " = 7" for a problem's text; empty for secrets and lists.
std::string Shown(const Field& field, const Value& value);

}  // namespace bluemarble::ops::internal
