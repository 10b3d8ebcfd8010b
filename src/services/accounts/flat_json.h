/// JSON objects from strangers, as strictly as tokens and logins need it: one object of texts,
/// whole numbers and truth values; no nesting, no member twice. Bounded by the text's size. Pure
/// functions, any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>

#include "core/result.h"

namespace bluemarble::accounts {

using FlatValue = std::variant<std::string, int64_t, bool>;
using FlatObject = std::map<std::string, FlatValue, std::less<>>;

/// kInvalid: anything else; the detail names the member. Nothing of a value is in the text.
core::Result<FlatObject> ParseFlatObject(std::string_view text);

/// Null when there is no such member or it is of another type.
const std::string* TextOf(const FlatObject& object, std::string_view member);
const int64_t* NumberOf(const FlatObject& object, std::string_view member);

}  // namespace bluemarble::accounts
