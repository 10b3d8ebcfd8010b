/// Settings from files, environment and command line into plain structs that the folders own. Knows
/// no setting by itself: app/ binds every field to a section and key. Used by the main thread at
/// start-up, before other threads exist; the bound structs must outlive the schema.
///
/// Order, the later wins: defaults < TOML files < environment < `--set section.key=value`.
/// Environment: BLUEMARBLE_<SECTION>_<KEY>, or the same with _FILE to read the value from a file
/// (one trailing newline is cut). Lists there and in --set: comma-separated, or a TOML array in
/// brackets.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace bluemarble::ops {

/// What is known of a setting besides its type and default. Bounds are inclusive; for a string they
/// bound its bytes, for a list its entries.
struct FieldOptions {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  std::string unit = {};  ///< "ms", "bytes"; named in messages and in the default file
  std::string help = {};  ///< what it does, what goes wrong too low and too high
  bool secret = false;    ///< never printed, neither value nor part of it
  std::vector<std::string> choices = {};  ///< a string setting's only legal values
  std::string env_alias = {};             ///< a second environment name; the own name wins
};
/// "1..65535 ms", "at least 1", "one of a, b": empty when anything goes.
std::string LegalValues(const FieldOptions& options);

namespace internal {

/// Any integer field behind one type: no template per integer kind in the loader.
struct IntTarget {
  std::function<void(int64_t)> set;
  std::function<int64_t()> get;
  int64_t lowest = 0;
  int64_t highest = 0;
};
using Target = std::variant<bool*, double*, std::string*, std::vector<std::string>*, IntTarget>;

struct Field {
  std::string key;
  Target target;
  FieldOptions options;
  std::string default_toml;  // the value at binding, as TOML text
  std::string source = "default";
};

/// TOML text of the field's present value.
std::string ToToml(const Target& target);
/// A bound for people: without a fraction when it has none.
std::string BoundText(double bound);

}  // namespace internal

/// One [section] of the file, or one table of a table array.
class ConfigSection {
 public:
  /// Binds `key` to `target`, whose present value is the default. Types: bool, any integer, double,
  /// std::string, std::vector<std::string>. A key twice in a section is a programming error
  /// (assert).
  template <typename T>
  void Add(std::string key, T* target, FieldOptions options = {}) {
    if constexpr (std::integral<T> && !std::same_as<T, bool>) {
      // TOML integers are int64: the upper half of uint64 cannot be written in a file.
      constexpr auto kHighest = std::numeric_limits<int64_t>::max();
      AddField(std::move(key),
               internal::IntTarget{[target](int64_t v) { *target = static_cast<T>(v); },
                                   [target] { return static_cast<int64_t>(*target); },
                                   static_cast<int64_t>(std::numeric_limits<T>::lowest()),
                                   std::cmp_greater(std::numeric_limits<T>::max(), kHighest)
                                       ? kHighest
                                       : static_cast<int64_t>(std::numeric_limits<T>::max())},
               std::move(options));
    } else {
      AddField(std::move(key), target, std::move(options));
    }
  }

 private:
  friend class ConfigSchema;
  friend class ConfigLoad;
  void AddField(std::string key, internal::Target target, FieldOptions options);

  std::string name_;
  std::string help_;
  std::vector<internal::Field> fields_;
};

/// What a load reads. Nothing is taken from the process itself, so that tests can say what is
/// there.
struct ConfigSources {
  /// TOML that is at hand, with the name it goes by in problems; before the files.
  std::vector<std::pair<std::string, std::string>> texts = {};
  std::vector<std::string> files = {};        ///< later files win, key by key
  std::vector<std::string> environment = {};  ///< "NAME=value"; EnvironmentOfProcess()
  std::vector<std::string> sets = {};         ///< "section.key=value"
  /// BLUEMARBLE_ names that are no settings: the test runner's own, and crash points of test
  /// builds.
  std::vector<std::string> other_environment = {"BLUEMARBLE_SOURCE_DIR", "BLUEMARBLE_BIN_DIR",
                                                "BLUEMARBLE_CRASH_AT"};
};

/// The process's environment as "NAME=value".
std::vector<std::string> EnvironmentOfProcess();

class ConfigSchema {
 public:
  ConfigSchema();
  ~ConfigSchema();
  ConfigSchema(const ConfigSchema&) = delete;
  ConfigSchema& operator=(const ConfigSchema&) = delete;

  /// A [name] section, created on first use; `help` may span lines. The reference stays valid.
  ConfigSection& Section(std::string_view name, std::string_view help = {});

  /// Binds [[name]] tables: each makes a default Row, `bind` adds the row's fields to a section,
  /// and the filled row is appended. A source that has the array replaces all rows of earlier ones;
  /// environment and --set take it as a TOML array: shards=[{id = "west", lon_min = -180.0}].
  template <typename Row>
  void AddTableArray(std::string name, std::string help, std::vector<Row>* rows,
                     std::function<void(ConfigSection&, Row&)> bind) {
    TableArray array;
    array.name = std::move(name);
    array.help = std::move(help);
    array.clear = [rows] { rows->clear(); };
    array.append = [rows, bind](const Visit& visit) {
      Row row{};
      ConfigSection section;
      bind(section, row);
      visit(section);
      rows->push_back(std::move(row));
    };
    array.each = [rows, bind](const Visit& visit) {
      for (Row& row : *rows) {
        ConfigSection section;
        bind(section, row);
        visit(section);
      }
    };
    array.example = [bind](const Visit& visit) {
      Row row{};
      ConfigSection section;
      bind(section, row);
      visit(section);
    };
    AddArray(std::move(array));
  }

  /// Reads all sources into the bound fields. Returns every problem found, one line each, with its
  /// place ("config/zoned.toml:12: ...", "environment NAME: ...", "--set net.port: ..."); empty:
  /// fine. A field whose value is refused keeps its former one. Call once.
  std::vector<std::string> Load(const ConfigSources& sources);

  /// Effective values as TOML, each with its source behind it; secrets as "(set)" or "".
  std::string Print() const;

  /// The same for programs: a JSON array of {"name", "value", "default", "source", "unit", "help",
  /// "secret"}, values as TOML text.
  std::string ReportJson() const;
  /// Likewise, with what `newer`, a schema of the same settings, has for `names` ("section.key").
  std::string ReportJson(const ConfigSchema& newer, std::span<const std::string_view> names) const;

  /// The commented TOML file of all settings at their defaults; `head` becomes its first comment.
  /// Call before Load.
  std::string DefaultFile(std::string_view head) const;

  /// Where the value of "section.key" comes from ("default", "config/zoned.toml:12"); for the
  /// checks across settings that the folders' own Validate() does. Unknown name: empty.
  std::string SourceOf(std::string_view dotted) const;

 private:
  friend class ConfigLoad;
  using Visit = std::function<void(ConfigSection&)>;
  struct TableArray {
    std::string name;
    std::string help;
    std::function<void()> clear;
    std::function<void(const Visit&)> append;
    std::function<void(const Visit&)> each;
    std::function<void(const Visit&)> example;
    std::string source = "default";
  };
  void AddArray(TableArray array);

  std::vector<std::unique_ptr<ConfigSection>> sections_;  // in the order of the default file
  std::vector<TableArray> arrays_;
};

}  // namespace bluemarble::ops
