#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ops/exit_codes.h"
#include "tools/zonectl/ask.h"
#include "tools/zonectl/commands.h"
#include "tools/zonectl/table.h"

namespace bluemarble::zonectl {
namespace {

using nlohmann::json;

bool IsNumber(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

std::string CountsText(const json& counts) {
  std::string text;
  for (const auto& [kind, count] : counts.items())
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", kind, count.dump());
  return text;
}

}  // namespace

int RunConduct(Source& source, const Options& options) {
  std::string target = "/v1/admin/conduct";
  if (!options.aggregate.empty()) {
    target += IsNumber(options.aggregate) ? "?player=" : "?name=";
    target += Encoded(options.aggregate);
  }
  const auto text = AskText(source, "GET", target);
  if (!text.ok()) return Fail(text.status());
  if (options.json) {
    fmt::print("{}\n", *text);
    return ops::kExitOk;
  }
  try {
    const json answer = json::parse(*text);
    std::vector<std::vector<std::string>> rows = {
        {"PLAYER", "NAME", "SCORE", "FLAGGED", "KICKS", "LAST TICK", "COUNTS"}};
    for (const json& player : answer.at("players")) {
      rows.push_back({player.at("player").get<std::string>(), player.at("name").get<std::string>(),
                      player.at("score").dump(), player.at("flagged").get<bool>() ? "yes" : "no",
                      player.at("kicks").dump(), player.at("last_tick").dump(),
                      CountsText(player.at("counts"))});
    }
    fmt::print("tick {}, flagged from {} on, kicked from {} on\n{}", answer.at("tick").dump(),
               answer.at("flag_score").dump(), answer.at("kick_score").dump(), Table(rows));
  } catch (const json::exception& error) {
    return Fail({core::Code::kInternal, "the answer is not what was expected", error.what()});
  }
  return ops::kExitOk;
}

}  // namespace bluemarble::zonectl
