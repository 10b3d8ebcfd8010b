#include <fmt/format.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

#include "core/text.h"
#include "ops/config.h"
#include "ops/config_value.h"
#include "ops/nearest_name.h"

namespace bluemarble::ops {
namespace {

using core::EscapeForLog;
using internal::ExpectedType;
using internal::Field;
using internal::IntTarget;
using internal::ItTakes;
using internal::Present;
using internal::Refusal;
using internal::Shown;
using internal::Store;
using internal::Target;
using internal::Value;

constexpr std::string_view kPrefix = "BLUEMARBLE_";
constexpr std::string_view kFileSuffix = "_FILE";
constexpr size_t kLongestFile = 1 << 20;  // settings are kilobytes; a wrong file may be anything

std::string_view TypeOf(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table: return "a table";
    case toml::node_type::array: return "an array";
    case toml::node_type::string: return "a string";
    case toml::node_type::integer: return "an integer";
    case toml::node_type::floating_point: return "a number with a fraction";
    case toml::node_type::boolean: return "a boolean";
    default: return "a date or time";
  }
}

// What a wrong value was, when it is text: mostly a number with its unit behind it.
std::string ShownText(const Field& field, const toml::node& node) {
  const auto* text = node.as_string();
  if (text == nullptr || field.options.secret) return "";
  return fmt::format(" (\"{}\")", EscapeForLog(text->get().substr(0, 64)));
}

std::optional<Value> FromNode(const Target& target, const toml::node& node) {
  if (std::holds_alternative<bool*>(target)) {
    if (const auto* v = node.as_boolean()) return Value(v->get());
  } else if (std::holds_alternative<double*>(target)) {
    if (const auto* v = node.as_floating_point()) return Value(v->get());
    if (const auto* v = node.as_integer()) return Value(static_cast<double>(v->get()));
  } else if (std::holds_alternative<std::string*>(target)) {
    if (const auto* v = node.as_string()) return Value(v->get());
  } else if (std::holds_alternative<IntTarget>(target)) {
    if (const auto* v = node.as_integer()) return Value(v->get());
  } else if (const auto* array = node.as_array()) {
    std::vector<std::string> list;
    for (const toml::node& entry : *array) {
      const auto* text = entry.as_string();
      if (text == nullptr) return std::nullopt;
      list.push_back(text->get());
    }
    return Value(std::move(list));
  }
  return std::nullopt;
}

struct Parsed {
  std::optional<toml::table> table;
  std::string problem;  // "line:column: what"
};

Parsed Parse(std::string_view text) {
  try {
    return {toml::parse(text), {}};
  } catch (const toml::parse_error& error) {
    const toml::source_position at = error.source().begin;
    return {{}, fmt::format("{}:{}: {}", at.line, at.column, EscapeForLog(error.description()))};
  }
}

// TOML text of one value, as environment and --set give arrays. Null when it is not exactly one.
std::unique_ptr<toml::node> ParseValue(std::string_view text) {
  Parsed parsed = Parse(fmt::format("value = {}", text));
  if (!parsed.table || parsed.table->size() != 1) return nullptr;
  toml::node* node = parsed.table->get("value");
  if (node == nullptr || !node->is_array()) return nullptr;
  return std::make_unique<toml::array>(std::move(*node->as_array()));
}

std::optional<Value> FromText(const Target& target, std::string_view text) {
  if (!std::holds_alternative<std::vector<std::string>*>(target) || !text.starts_with('['))
    return internal::ValueFromText(target, text);
  const auto node = ParseValue(text);
  return node == nullptr ? std::nullopt : FromNode(target, *node);
}

std::string EnvironmentName(std::string_view section, std::string_view key) {
  std::string name(kPrefix);
  const auto append = [&name](std::string_view part) {
    for (const char c : part) {
      name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c == '-' ? '_' : c;
    }
  };
  append(section);
  if (!key.empty()) {
    name += '_';
    append(key);
  }
  return name;
}

std::string DidYouMean(const std::string& nearest) {
  return nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest);
}

// The whole content, or why not.
core::Result<std::string> ReadWhole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return core::Status(core::Code::kNotFound, "cannot read", std::strerror(errno));
  std::string content(kLongestFile + 1, '\0');
  in.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (in.bad() || (in.fail() && !in.eof())) {
    return core::Status(core::Code::kInvalid, "cannot read", "not a regular file");
  }
  content.resize(static_cast<size_t>(in.gcount()));
  if (content.size() > kLongestFile) {
    return core::Status(core::Code::kInvalid, "cannot read", "larger than 1 MiB");
  }
  return content;
}

}  // namespace

// One run of ConfigSchema::Load: walks the sources and collects the problems.
class ConfigLoad {
 public:
  explicit ConfigLoad(ConfigSchema& schema) : schema_(schema) {}

  void ReadFile(const std::string& path) {
    const std::string shown = EscapeForLog(path);
    if (!files_.insert(path).second) {
      Problem(fmt::format("{}: the file is named twice", shown));
      return;
    }
    const auto content = ReadWhole(path);
    if (!content) {
      Problem(fmt::format("{}: cannot be read: {}", shown, content.status().detail()));
      return;
    }
    ReadText(*content, shown);
  }

  void ReadText(const std::string& content, const std::string& shown) {
    const Parsed parsed = Parse(content);
    if (!parsed.table) {
      Problem(fmt::format("{}:{}", shown, parsed.problem));
      return;
    }
    ReadRoot(*parsed.table, shown);
    FlushByLine();
  }

  void ReadEnvironment(const ConfigSources& sources) {
    std::map<std::string, std::string, std::less<>> given;
    for (const std::string& entry : sources.environment) {
      const size_t equals = entry.find('=');
      if (equals != std::string::npos)
        given.emplace(entry.substr(0, equals), entry.substr(equals + 1));
    }
    std::vector<std::string> known;
    std::set<std::string, std::less<>> used(sources.other_environment.begin(),
                                            sources.other_environment.end());
    for (const auto& section : schema_.sections_) {
      for (Field& field : section->fields_) {
        const std::string name = EnvironmentName(section->name_, field.key);
        known.push_back(name);
        const auto text = FromEnvironment(name, field.options.env_alias, given, used);
        if (text) SetFromText(field, section->name_ + "." + field.key, text->second, text->first);
      }
    }
    for (ConfigSchema::TableArray& array : schema_.arrays_) {
      const std::string name = EnvironmentName(array.name, {});
      known.push_back(name);
      const auto text = FromEnvironment(name, {}, given, used);
      if (text) ReadArrayText(array, text->second, text->first);
    }
    for (const auto& [name, value] : given) {
      if (!name.starts_with(kPrefix) || used.contains(name)) continue;
      // The common prefix would make every name near to every other.
      std::vector<std::string> tails;
      for (const std::string& candidate : known) tails.push_back(candidate.substr(kPrefix.size()));
      const std::string nearest = NearestName(name.substr(kPrefix.size()), tails);
      Problem(fmt::format("environment {}: is not a setting{}", EscapeForLog(name),
                          DidYouMean(nearest.empty() ? "" : std::string(kPrefix) + nearest)));
    }
  }

  void ReadSets(const std::vector<std::string>& sets) {
    std::set<std::string> seen;
    for (const std::string& set : sets) {
      const size_t equals = set.find('=');
      const std::string name = set.substr(0, equals);
      const std::string place = fmt::format("--set {}", EscapeForLog(name));
      if (equals == std::string::npos || name.empty()) {
        Problem(fmt::format("{}: expects section.key=value", place));
        continue;
      }
      if (!seen.insert(name).second) {
        Problem(fmt::format("{}: is given twice", place));
        continue;
      }
      const std::string value = set.substr(equals + 1);
      const size_t dot = name.find('.');
      if (dot == std::string::npos) {
        if (auto* array = FindArray(name)) {
          ReadArrayText(*array, value, place);
        } else {
          Problem(
              fmt::format("{}: is not a setting{}", place, DidYouMean(NearestSetting("", name))));
        }
        continue;
      }
      Field* field = FindField(name.substr(0, dot), name.substr(dot + 1));
      if (field == nullptr) {
        Problem(fmt::format("{}: is not a setting{}", place,
                            DidYouMean(NearestSetting(name.substr(0, dot), name.substr(dot + 1)))));
        continue;
      }
      SetFromText(*field, name, value, place);
    }
  }

  std::vector<std::string> TakeProblems() { return std::move(problems_); }

 private:
  void Problem(std::string text) { problems_.push_back(std::move(text)); }
  // Tables iterate by name; people read a file by line.
  void LineProblem(const std::string& path, const toml::node& node, std::string text) {
    const auto line = node.source().begin.line;
    by_line_.emplace_back(line, fmt::format("{}:{}: {}", path, line, text));
  }
  void FlushByLine() {
    std::stable_sort(by_line_.begin(), by_line_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [line, text] : by_line_) Problem(std::move(text));
    by_line_.clear();
  }

  ConfigSection* FindSection(std::string_view name) {
    for (const auto& section : schema_.sections_) {
      if (section->name_ == name) return section.get();
    }
    return nullptr;
  }
  ConfigSchema::TableArray* FindArray(std::string_view name) {
    for (auto& array : schema_.arrays_) {
      if (array.name == name) return &array;
    }
    return nullptr;
  }
  static Field* FindField(ConfigSection& section, std::string_view key) {
    for (Field& field : section.fields_) {
      if (field.key == key) return &field;
    }
    return nullptr;
  }
  Field* FindField(std::string_view section_name, std::string_view key) {
    ConfigSection* section = FindSection(section_name);
    return section == nullptr ? nullptr : FindField(*section, key);
  }

  // A near key of the same section, else that very key in another section, else anything near.
  std::string NearestSetting(const std::string& section_name, const std::string& key) {
    std::vector<std::string> here, all;
    std::string elsewhere;
    for (const auto& section : schema_.sections_) {
      for (const Field& field : section->fields_) {
        const std::string dotted = section->name_ + "." + field.key;
        all.push_back(dotted);
        if (section->name_ == section_name) here.push_back(field.key);
        if (field.key == key && elsewhere.empty()) elsewhere = dotted;
      }
    }
    for (const auto& array : schema_.arrays_) all.push_back(array.name);
    if (const std::string near = NearestName(key, here); !near.empty()) {
      return section_name + "." + near;
    }
    if (!elsewhere.empty()) return elsewhere;
    return NearestName(section_name.empty() ? key : section_name + "." + key, all);
  }

  std::string NearestSection(const std::string& name) {
    std::vector<std::string> known;
    for (const auto& section : schema_.sections_) known.push_back(section->name_);
    for (const auto& array : schema_.arrays_) known.push_back(array.name);
    return NearestName(name, known);
  }

  void ReadRoot(const toml::table& root, const std::string& path) {
    for (const auto& [key, node] : root) {
      const std::string name(key.str());
      const std::string shown = EscapeForLog(name);
      if (auto* array = FindArray(name)) {
        ReadArray(*array, node, path);
      } else if (const toml::table* table = node.as_table()) {
        if (ConfigSection* section = FindSection(name)) {
          ReadSection(*section, *table, path);
        } else {
          LineProblem(
              path, node,
              fmt::format("[{}] is not a section{}", shown, DidYouMean(NearestSection(name))));
        }
      } else if (FindSection(name) != nullptr) {
        LineProblem(path, node, fmt::format("{} is a section, not {}", shown, TypeOf(node)));
      } else {
        LineProblem(
            path, node,
            fmt::format("{} is not a setting{}", shown, DidYouMean(NearestSetting("", name))));
      }
    }
  }

  void ReadSection(ConfigSection& section, const toml::table& table, const std::string& path) {
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      const std::string dotted = section.name_ + "." + name;
      Field* field = FindField(section, name);
      if (field == nullptr) {
        LineProblem(path, node,
                    fmt::format("{} is not a setting{}", EscapeForLog(dotted),
                                DidYouMean(NearestSetting(section.name_, name))));
        continue;
      }
      SetFromNode(*field, dotted, node, path);
    }
  }

  void SetFromNode(Field& field, const std::string& dotted, const toml::node& node,
                   const std::string& path) {
    auto value = FromNode(field.target, node);
    if (!value) {
      LineProblem(path, node,
                  fmt::format("{} expects {}, not {}{}{}", dotted, ExpectedType(field.target),
                              TypeOf(node), ShownText(field, node), ItTakes(field)));
      return;
    }
    if (const std::string refusal = Refusal(field, *value); !refusal.empty()) {
      LineProblem(path, node, fmt::format("{}{} {}", dotted, Shown(field, *value), refusal));
      return;
    }
    Store(field.target, std::move(*value));
    field.source = fmt::format("{}:{}", path, node.source().begin.line);
  }

  void SetFromText(Field& field, const std::string& dotted, const std::string& text,
                   const std::string& place) {
    auto value = FromText(field.target, text);
    if (!value) {
      const std::string shown =
          field.options.secret ? "" : fmt::format(", not \"{}\"", EscapeForLog(text.substr(0, 64)));
      Problem(fmt::format("{}: {} expects {}{}{}", place, dotted, ExpectedType(field.target), shown,
                          ItTakes(field)));
      return;
    }
    if (const std::string refusal = Refusal(field, *value); !refusal.empty()) {
      Problem(fmt::format("{}: {}{} {}", place, dotted, Shown(field, *value), refusal));
      return;
    }
    Store(field.target, std::move(*value));
    field.source = place;
  }

  void ReadArray(ConfigSchema::TableArray& array, const toml::node& node, const std::string& path) {
    const toml::array* tables = node.as_array();
    if (tables == nullptr || (!tables->empty() && !tables->is_array_of_tables())) {
      LineProblem(
          path, node,
          fmt::format("{} expects tables: [[{}]], not {}", array.name, array.name, TypeOf(node)));
      return;
    }
    array.clear();
    array.source = fmt::format("{}:{}", path, node.source().begin.line);
    size_t index = 0;
    for (const toml::node& entry : *tables) {
      const std::string row_name = fmt::format("{}[{}]", array.name, index++);
      array.append([&](ConfigSection& row) {
        row.name_ = row_name;
        ReadRow(row, *entry.as_table(), path);
      });
    }
  }

  void ReadRow(ConfigSection& row, const toml::table& table, const std::string& path) {
    std::vector<std::string> known;
    for (const Field& field : row.fields_) known.push_back(field.key);
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      const std::string dotted = row.name_ + "." + name;
      if (Field* field = FindField(row, name)) {
        SetFromNode(*field, dotted, node, path);
      } else {
        LineProblem(path, node,
                    fmt::format("{} is not a setting{}", EscapeForLog(dotted),
                                DidYouMean(NearestName(name, known))));
      }
    }
    // A row's default that its own rules refuse says: this key must be given.
    for (const Field& field : row.fields_) {
      if (!table.contains(field.key) && !Refusal(field, Present(field.target)).empty()) {
        LineProblem(path, table, fmt::format("{}.{} is missing", row.name_, field.key));
      }
    }
  }

  void ReadArrayText(ConfigSchema::TableArray& array, const std::string& text,
                     const std::string& place) {
    const auto node = ParseValue(text);
    if (node == nullptr) {
      Problem(fmt::format("{}: {} expects a TOML array of tables", place, array.name));
      return;
    }
    ReadArray(array, *node, place);
    FlushByLine();
    array.source = place;
  }

  using Given = std::map<std::string, std::string, std::less<>>;
  // The value and the place to name, from `name`, name_FILE or the alias.
  std::optional<std::pair<std::string, std::string>> FromEnvironment(
      const std::string& name, const std::string& alias, const Given& given,
      std::set<std::string, std::less<>>& used) {
    const std::string file_name = name + std::string(kFileSuffix);
    const auto direct = given.find(name);
    const auto by_file = given.find(file_name);
    const std::string place = "environment " + name;
    used.insert(name);
    if (by_file != given.end() && used.insert(file_name).second) {
      if (direct != given.end()) {
        Problem(fmt::format("{}: is given as {} as well; keep one", place, file_name));
        return std::nullopt;
      }
      auto content = ReadWhole(by_file->second);
      if (!content) {
        Problem(fmt::format("environment {}: {} cannot be read: {}", file_name,
                            EscapeForLog(by_file->second), content.status().detail()));
        return std::nullopt;
      }
      if (content->ends_with('\n')) content->pop_back();
      if (content->ends_with('\r')) content->pop_back();
      return std::pair("environment " + file_name, *content);
    }
    if (direct != given.end()) return std::pair(place, direct->second);
    if (const auto other = given.find(alias); !alias.empty() && other != given.end()) {
      return std::pair("environment " + alias, other->second);
    }
    return std::nullopt;
  }

  ConfigSchema& schema_;
  std::vector<std::string> problems_;
  std::vector<std::pair<toml::source_index, std::string>> by_line_;
  std::set<std::string> files_;
};

std::vector<std::string> ConfigSchema::Load(const ConfigSources& sources) {
  ConfigLoad load(*this);
  for (const auto& [name, text] : sources.texts) load.ReadText(text, name);
  for (const std::string& file : sources.files) load.ReadFile(file);
  load.ReadEnvironment(sources);
  load.ReadSets(sources.sets);
  return load.TakeProblems();
}

std::vector<std::string> EnvironmentOfProcess() {
  std::vector<std::string> entries;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    entries.emplace_back(*entry);
  }
  return entries;
}

}  // namespace bluemarble::ops
