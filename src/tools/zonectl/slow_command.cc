// zonectl slow: what the daemon kept of ticks that overran.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "ops/exit_codes.h"
#include "tools/zonectl/ask.h"
#include "tools/zonectl/commands.h"
#include "tools/zonectl/table.h"

namespace bluemarble::zonectl {
namespace {

using nlohmann::json;

constexpr size_t kTicksBefore = 2;  // the first slow one
constexpr size_t kMaxTicks = 16;
// Columns that are bytes of a kind of entity and a field have a table of their own.
constexpr std::array<const char*, 6> kKinds = {"none",     "player", "animal",
                                               "resource", "item",   "body"};

std::string_view KindOf(std::string_view column) {
  if (!column.ends_with("_bytes")) return {};
  for (const std::string_view kind : kKinds) {
    if (column.starts_with(kind) && column[kind.size()] == '_') return kind;
  }
  return {};
}

size_t ColumnOf(const json& columns, const char* name) {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] == name) return i;
  }
  throw json::other_error::create(501, std::string("no column ") + name, nullptr);
}

// Times in ms, everything else as it is.
std::string TickCell(const std::string& column, const json& value) {
  if (!column.ends_with("_us")) return value.dump();
  return fmt::format("{:.1f}", value.get<double>() / 1000);
}

std::string Head(std::string column) {
  if (column.ends_with("_us")) column.replace(column.size() - 3, 3, "_ms");
  std::transform(column.begin(), column.end(), column.begin(), [](unsigned char c) {
    return c == '_' ? ' ' : static_cast<char>(std::toupper(c));
  });
  return column;
}

json MedianOf(const json& ticks, size_t columns) {
  json median = json::array();
  for (size_t column = 0; column < columns; ++column) {
    std::vector<uint64_t> values;
    for (const json& tick : ticks) values.push_back(tick.at(column).get<uint64_t>());
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    median.push_back(*middle);
  }
  return median;
}

// The slow ticks, those just before, and what is usual; of the columns those that say something.
std::string TableOf(const json& columns, const json& ticks) {
  const size_t slow = ColumnOf(columns, "slow");
  size_t begin = 0, end = ticks.size();
  while (begin < end && ticks[begin].at(slow) == 0) ++begin;
  while (end > begin && ticks[end - 1].at(slow) == 0) --end;
  begin -= std::min(begin, kTicksBefore);
  const size_t left_out = end - begin > kMaxTicks ? end - begin - kMaxTicks : 0;
  std::vector<json> rows = {MedianOf(ticks, columns.size())};
  for (size_t i = begin; i < end - left_out; ++i) rows.push_back(ticks[i]);

  std::vector<std::vector<std::string>> cells(rows.size() + 1);
  for (size_t column = 0; column < columns.size(); ++column) {
    const bool says =
        std::any_of(rows.begin(), rows.end(), [&](const json& row) { return row.at(column) != 0; });
    const auto name = columns[column].get<std::string>();
    if (!says || column == slow || !KindOf(name).empty()) continue;
    cells[0].push_back(Head(name));
    for (size_t row = 0; row < rows.size(); ++row)
      cells[row + 1].push_back(row == 0 && name == "tick" ? "median"
                                                          : TickCell(name, rows[row].at(column)));
  }
  return Table(cells) + (left_out == 0 ? "" : fmt::format("... {} more ticks\n", left_out));
}

// What the parts sent in one tick were made of.
std::string FieldsOf(const json& columns, const json& tick) {
  std::vector<std::vector<std::string>> cells = {{"KIND", "FIELD", "BYTES"}};
  for (size_t column = 0; column < columns.size(); ++column) {
    std::string name = columns[column].get<std::string>();
    const std::string_view kind = KindOf(name);
    if (kind.empty() || tick.at(column) == 0) continue;
    const size_t field = kind.size() + 1;
    cells.push_back(
        {std::string(kind), name.substr(field, name.rfind('_') - field), tick.at(column).dump()});
  }
  return cells.size() == 1 ? "" : "of the worst, parts sent:\n" + Table(cells);
}

}  // namespace

int RunSlow(Source& source, const Options& options) {
  const auto text = AskText(source, "GET", "/v1/slow");
  if (!text.ok()) return Fail(text.status());
  if (options.json) {
    fmt::print("{}", *text);
    return ops::kExitOk;
  }
  try {
    const json answer = json::parse(*text);
    const json& columns = answer.at("columns");
    const size_t total = ColumnOf(columns, "total_us"), tick = ColumnOf(columns, "tick");
    fmt::print("{} slow ticks in {} incidents since the start\n", answer.at("slow_ticks").dump(),
               answer.at("slow_incidents").dump());
    for (const json& incident : answer.at("incidents")) {
      const json& worst = incident.at("worst");
      fmt::print("\n{}: {} slow ticks, the worst {} with {:.1f} ms\n{}{}",
                 incident.at("time").get<std::string>(), incident.at("slow_ticks").dump(),
                 worst.at(tick).dump(), worst.at(total).get<double>() / 1000,
                 TableOf(columns, incident.at("ticks")), FieldsOf(columns, worst));
    }
  } catch (const json::exception& error) {
    return Fail({core::Code::kInternal, "the answer is not what was expected", error.what()});
  }
  return ops::kExitOk;
}

}  // namespace bluemarble::zonectl
