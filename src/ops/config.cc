#include "ops/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>

#include "ops/json_text.h"

namespace bluemarble::ops {
namespace internal {
namespace {

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string FloatText(double value) {
  std::string text = fmt::format("{}", value);
  // TOML tells 5 from 5.0, and a reader should see that fractions are welcome.
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

}  // namespace

std::string ToToml(const Target& target) {
  if (const auto* b = std::get_if<bool*>(&target)) return **b ? "true" : "false";
  if (const auto* d = std::get_if<double*>(&target)) return FloatText(**d);
  if (const auto* s = std::get_if<std::string*>(&target)) return Quoted(**s);
  if (const auto* i = std::get_if<IntTarget>(&target)) return fmt::format("{}", i->get());
  std::string out = "[";
  for (const std::string& entry : *std::get<std::vector<std::string>*>(target)) {
    if (out.size() > 1) out += ", ";
    out += Quoted(entry);
  }
  return out + "]";
}

std::string BoundText(double bound) {
  return bound == std::floor(bound) ? fmt::format("{:.0f}", bound) : fmt::format("{}", bound);
}

}  // namespace internal

namespace {

using internal::BoundText;
using internal::Field;
using internal::Target;

void AppendComment(std::string& out, std::string_view text) {
  constexpr size_t kColumns = 96;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    size_t consumed = line.size() + (line.size() < text.size() ? 1 : 0);
    if (line.size() > kColumns) {
      size_t cut = line.rfind(' ', kColumns);
      if (cut == std::string_view::npos || cut == 0) cut = kColumns;
      line = line.substr(0, cut);
      consumed = cut;
      while (consumed < text.size() && text[consumed] == ' ') ++consumed;
    }
    out += line.empty() ? "#" : fmt::format("# {}", line);
    out += '\n';
    text.remove_prefix(consumed);
  }
}

}  // namespace

std::string LegalValues(const FieldOptions& options) {
  if (!options.choices.empty()) return fmt::format("one of {}", fmt::join(options.choices, ", "));
  const std::string unit = options.unit.empty() ? "" : " " + options.unit;
  const bool low = std::isfinite(options.min);
  const bool high = std::isfinite(options.max);
  if (low && high) {
    return fmt::format("{}..{}{}", BoundText(options.min), BoundText(options.max), unit);
  }
  if (low) return fmt::format("at least {}{}", BoundText(options.min), unit);
  if (high) return fmt::format("at most {}{}", BoundText(options.max), unit);
  return options.unit;
}

namespace {

void AppendField(std::string& out, const Field& field, std::string_view prefix) {
  std::string about = field.options.help;
  if (const std::string legal = LegalValues(field.options); !legal.empty()) {
    about += fmt::format("{}[{}]", about.empty() ? "" : " ", legal);
  }
  if (field.options.secret) about += " Secret: better by environment, from a file (..._FILE).";
  AppendComment(out, about);
  out += fmt::format("{}{} = {}\n", prefix, field.key, field.default_toml);
}

std::string PrintedValue(const Field& field) {
  const std::string text = internal::ToToml(field.target);
  if (field.options.secret && text != "\"\"" && text != "[]") return "\"(set)\"";
  return text;
}

}  // namespace

void ConfigSection::AddField(std::string key, Target target, FieldOptions options) {
  assert(
      std::none_of(fields_.begin(), fields_.end(), [&](const Field& f) { return f.key == key; }));
  Field field;
  field.key = std::move(key);
  field.default_toml = internal::ToToml(target);
  field.target = std::move(target);
  field.options = std::move(options);
  fields_.push_back(std::move(field));
}

ConfigSchema::ConfigSchema() = default;
ConfigSchema::~ConfigSchema() = default;

ConfigSection& ConfigSchema::Section(std::string_view name, std::string_view help) {
  for (const auto& section : sections_) {
    if (section->name_ == name) return *section;
  }
  auto section = std::make_unique<ConfigSection>();
  section->name_ = name;
  section->help_ = help;
  sections_.push_back(std::move(section));
  return *sections_.back();
}

void ConfigSchema::AddArray(TableArray array) { arrays_.push_back(std::move(array)); }

std::string ConfigSchema::Print() const {
  std::string out;
  const auto print_fields = [&out](const ConfigSection& section) {
    for (const Field& field : section.fields_) {
      const std::string setting = fmt::format("{} = {}", field.key, PrintedValue(field));
      out += fmt::format("{:<40}  # {}\n", setting, field.source);
    }
  };
  for (const auto& section : sections_) {
    out += fmt::format("[{}]\n", section->name_);
    print_fields(*section);
    out += '\n';
  }
  for (const TableArray& array : arrays_) {
    array.each([&](ConfigSection& row) {
      for (Field& field : row.fields_) field.source = array.source;
      out += fmt::format("[[{}]]\n", array.name);
      print_fields(row);
      out += '\n';
    });
  }
  return out;
}

std::string ConfigSchema::ReportJson() const { return ReportJson(*this, {}); }

std::string ConfigSchema::ReportJson(const ConfigSchema& newer,
                                     std::span<const std::string_view> names) const {
  std::string out = "[";
  const auto add = [&out](const std::string& section, const Field& field,
                          const std::string& source) {
    if (out.size() > 1) out += ',';
    const auto member = [&out](const char* name, std::string_view text) {
      out += fmt::format("{}\"{}\":", out.back() == '{' ? "" : ",", name);
      AppendJsonString(out, text);
    };
    out += '{';
    member("name", section + "." + field.key);
    member("value", PrintedValue(field));
    member("default", field.options.secret ? "\"\"" : field.default_toml);
    member("source", source);
    member("unit", field.options.unit);
    member("help", field.options.help);
    out += fmt::format(",\"secret\":{}}}", field.options.secret);
  };
  for (size_t s = 0; s < sections_.size(); ++s) {
    const ConfigSection& section = *sections_[s];
    for (size_t f = 0; f < section.fields_.size(); ++f) {
      const std::string name = section.name_ + "." + section.fields_[f].key;
      const bool is_newer = std::find(names.begin(), names.end(), name) != names.end();
      const Field& field = (is_newer ? *newer.sections_[s] : section).fields_[f];
      add(section.name_, field, field.source);
    }
  }
  for (const TableArray& array : arrays_) {
    size_t row = 0;
    array.each([&](ConfigSection& bound) {
      for (const Field& field : bound.fields_)
        add(fmt::format("{}[{}]", array.name, row), field, array.source);
      ++row;
    });
  }
  return out + "]";
}

std::string ConfigSchema::DefaultFile(std::string_view head) const {
  std::string out;
  AppendComment(out, head);
  for (const auto& section : sections_) {
    out += '\n';
    AppendComment(out, section->help_);
    out += fmt::format("[{}]\n", section->name_);
    for (const Field& field : section->fields_) {
      AppendField(out, field, "");
    }
  }
  for (const TableArray& array : arrays_) {
    bool any = false;
    out += '\n';
    AppendComment(out, array.help);
    array.each([&](ConfigSection& row) {
      any = true;
      out += fmt::format("[[{}]]\n", array.name);
      for (const Field& field : row.fields_) AppendField(out, field, "");
    });
    if (any) continue;
    out += fmt::format("#[[{}]]\n", array.name);
    array.example([&](ConfigSection& row) {
      for (const Field& field : row.fields_) AppendField(out, field, "#");
    });
  }
  return out;
}

std::string ConfigSchema::SourceOf(std::string_view dotted) const {
  for (const auto& section : sections_) {
    for (const Field& field : section->fields_) {
      if (section->name_ + "." + field.key == dotted) return field.source;
    }
  }
  for (const TableArray& array : arrays_) {
    if (array.name == dotted) return array.source;
  }
  return {};
}

}  // namespace bluemarble::ops
