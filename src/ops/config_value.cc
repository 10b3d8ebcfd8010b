#include "ops/config_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "core/text.h"

namespace bluemarble::ops::internal {
namespace {

using core::EscapeForLog;

template <typename Number>
std::optional<Value> ParseNumber(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return Value(number);
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

std::string_view ExpectedType(const Target& target) {
  static constexpr std::string_view kNames[] = {"true or false", "a number", "a string",
                                                "a list of strings", "an integer"};
  return kNames[target.index()];
}

std::string ItTakes(const Field& field) {
  const bool number = std::holds_alternative<IntTarget>(field.target) ||
                      std::holds_alternative<double*>(field.target);
  const std::string legal = LegalValues(field.options);
  return !number || legal.empty() ? "" : "; it takes " + legal;
}

std::optional<Value> ValueFromText(const Target& target, std::string_view text) {
  if (std::holds_alternative<bool*>(target)) {
    if (text == "true" || text == "1") return Value(true);
    if (text == "false" || text == "0") return Value(false);
    return std::nullopt;
  }
  if (std::holds_alternative<double*>(target)) return ParseNumber<double>(text);
  if (std::holds_alternative<IntTarget>(target)) return ParseNumber<int64_t>(text);
  if (std::holds_alternative<std::string*>(target)) return Value(std::string(text));
  std::vector<std::string> list;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t comma = std::min(rest.find(','), rest.size());
    if (const auto entry = Trimmed(rest.substr(0, comma)); !entry.empty()) list.emplace_back(entry);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return Value(std::move(list));
}

Value Present(const Target& target) {
  if (const auto* b = std::get_if<bool*>(&target)) return **b;
  if (const auto* d = std::get_if<double*>(&target)) return **d;
  if (const auto* s = std::get_if<std::string*>(&target)) return **s;
  if (const auto* i = std::get_if<IntTarget>(&target)) return i->get();
  return *std::get<std::vector<std::string>*>(target);
}

void Store(const Target& target, Value value) {
  if (const auto* b = std::get_if<bool*>(&target)) **b = std::get<bool>(value);
  if (const auto* d = std::get_if<double*>(&target)) **d = std::get<double>(value);
  if (const auto* s = std::get_if<std::string*>(&target)) **s = std::get<std::string>(value);
  if (const auto* i = std::get_if<IntTarget>(&target)) i->set(std::get<int64_t>(value));
  if (const auto* l = std::get_if<std::vector<std::string>*>(&target)) {
    **l = std::move(std::get<std::vector<std::string>>(value));
  }
}

std::string Refusal(const Field& field, const Value& value) {
  const FieldOptions& options = field.options;
  double low = options.min;
  double high = options.max;
  double measured = 0;
  std::string unit = options.unit.empty() ? "" : " " + options.unit;
  std::string_view what = "is out of range";
  if (const auto* d = std::get_if<double>(&value)) {
    if (!std::isfinite(*d)) return "is not a finite number";
    measured = *d;
  } else if (const auto* i = std::get_if<int64_t>(&value)) {
    const auto& target = std::get<IntTarget>(field.target);
    measured = static_cast<double>(*i);
    low = std::max(low, static_cast<double>(target.lowest));
    high = std::min(high, static_cast<double>(target.highest));
  } else if (const auto* s = std::get_if<std::string>(&value)) {
    const auto& choices = options.choices;
    if (!choices.empty() && std::find(choices.begin(), choices.end(), *s) == choices.end()) {
      return fmt::format("is not one of {}", fmt::join(choices, ", "));
    }
    measured = static_cast<double>(s->size());
    what = "has a length out of range";
    unit = " bytes";
  } else if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
    measured = static_cast<double>(list->size());
    what = "has a length out of range";
    unit = " entries";
  } else {
    return {};
  }
  if (measured >= low && measured <= high) return {};
  if (std::isfinite(low) && std::isfinite(high)) {
    return fmt::format("{} {}..{}{}", what, BoundText(low), BoundText(high), unit);
  }
  if (std::isfinite(low)) return fmt::format("{}: at least {}{}", what, BoundText(low), unit);
  return fmt::format("{}: at most {}{}", what, BoundText(high), unit);
}

std::string Shown(const Field& field, const Value& value) {
  if (field.options.secret) return {};
  if (const auto* s = std::get_if<std::string>(&value)) {
    return fmt::format(" = \"{}\"", EscapeForLog(std::string_view(*s).substr(0, 64)));
  }
  if (const auto* i = std::get_if<int64_t>(&value)) return fmt::format(" = {}", *i);
  if (const auto* d = std::get_if<double>(&value)) return fmt::format(" = {}", *d);
  return {};
}

}  // namespace bluemarble::ops::internal
