// zonectl notes: chat and conduct, for whoever must judge them.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/url_query.h"
#include "ops/exit_codes.h"
#include "tools/zonectl/ask.h"
#include "tools/zonectl/commands.h"
#include "tools/zonectl/table.h"

namespace bluemarble::zonectl {
namespace {

using nlohmann::json;

std::string Cell(const json& note, const char* name) {
  const json& value = note.at(name);
  if (value.is_null()) return "-";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// Of chat the scope, of anything else the bare number.
std::string CodeCell(const json& note) {
  if (note.at("kind") == "chat" && note.at("code") == 1) return "zone";
  if (note.at("kind") == "chat" && note.at("code") == 2) return "local";
  return Cell(note, "code");
}

}  // namespace

int RunNotes(Source& source, const Options& options) {
  std::string target =
      fmt::format("/v1/admin/notes?player={}&kind={}&since={}&until={}", Encoded(options.aggregate),
                  options.kind, Encoded(options.since), Encoded(options.at));
  if (options.limit != 0) target += fmt::format("&limit={}", options.limit);
  const auto text = AskText(source, "GET", target);
  if (!text.ok()) return Fail(text.status());
  try {
    const json answer = json::parse(*text);
    if (options.json) {
      fmt::print("{}\n", answer.dump(-1, ' ', false, json::error_handler_t::replace));
      return ops::kExitOk;
    }
    std::vector<std::vector<std::string>> rows = {
        {"TIME", "PLAYER", "NAME", "KIND", "CODE", "TEXT"}};
    for (const json& note : answer.at("notes")) {
      rows.push_back({Cell(note, "time"), Cell(note, "player"), Cell(note, "name"),
                      Cell(note, "kind"), CodeCell(note), Cell(note, "text")});
    }
    fmt::print("{}", Table(rows));
    return ops::kExitOk;
  } catch (const json::exception& error) {
    return Fail({core::Code::kInternal, "the answer is not what was expected", error.what()});
  }
}

}  // namespace bluemarble::zonectl
