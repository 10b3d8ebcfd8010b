#include "tools/zonectl/history_check.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "core/text.h"

namespace bluemarble::zonectl {
namespace {

using nlohmann::json;

// 0: it is none.
int64_t IdOf(const json& value) {
  if (value.is_number_integer()) return value.get<int64_t>();
  if (!value.is_string()) return 0;
  const auto& text = value.get_ref<const std::string&>();
  int64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) return 0;
  return id;
}

bool IsKey(const std::string& key) {
  return key.size() == 32 && key.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string Said(const json& line, const char* name) {
  const auto found = line.find(name);
  return found != line.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string Name(const RequestName& name, const Told& told) {
  return fmt::format("{} {} player:{} key {}", core::EscapeForLog(told.bot),
                     core::EscapeForLog(told.op), name.first, name.second);
}

}  // namespace

core::Status HistoryCheck::Read(std::istream& in, const std::string& name) {
  std::string text;
  for (uint64_t number = 1; std::getline(in, text); ++number) {
    const bool ended = !in.eof();
    const json line = json::parse(text, nullptr, /*allow_exceptions=*/false);
    const int64_t player = line.is_object() && line.contains("player") ? IdOf(line["player"]) : 0;
    const std::string outcome = line.is_object() ? Said(line, "outcome") : "";
    const std::string key = line.is_object() ? Said(line, "key") : "";
    const bool known =
        outcome == "sent" || outcome == "ok" || outcome == "refused" || outcome == "unknown";
    if (player <= 0 || !known || !IsKey(key)) {
      if (!ended) {
        ++torn;
        return core::Status::Ok();
      }
      return {core::Code::kCorrupt, "not a line of a history", fmt::format("{}:{}", name, number)};
    }
    ++lines;
    Told& told = requests[{player, key}];
    told.ok_before = told.ok_before || (told.outcome == "ok" && outcome == "refused");
    // A repeat takes nothing back of what was told ok; a refused one may be done by it.
    if (told.outcome != "ok" || outcome == "refused") told.outcome = outcome;
    told.bot = Said(line, "bot");
    told.op = Said(line, "op");
    told.reason = Said(line, "reason");
    if (!line.contains("read") || !line["read"].is_object()) continue;
    for (const auto& [aggregate, version] : line["read"].items()) {
      if (!version.is_number_integer()) continue;
      int64_t& newest = newest_read_[{told.bot, aggregate}];
      if (version.get<int64_t>() < newest)
        findings.push_back(fmt::format("{}: read {} at version {} after version {}",
                                       Name({player, key}, told), core::EscapeForLog(aggregate),
                                       version.get<int64_t>(), newest));
      newest = std::max(newest, version.get<int64_t>());
    }
  }
  return core::Status::Ok();
}

void HistoryCheck::Compare(const RequestName& name, const Told& told,
                           const std::optional<Stored>& stored) {
  const bool done = stored && stored->outcome == "ok";
  const auto find = [&](const std::string& what) {
    findings.push_back(Name(name, told) + ": " + what);
  };
  if (told.ok_before) find("told ok, and later refused");
  if (told.outcome == "ok") {
    ++ok;
    if (!stored) find("told ok, and not in the database");
    if (stored && !done) find("told ok, and refused (" + stored->refusal + ") in the database");
  } else if (told.outcome == "refused") {
    ++refused;
    if (done) find("told refused (" + told.reason + "), and done in the database");
  } else {
    ++open;
    open_done += done ? 1 : 0;
  }
}

void HistoryCheck::CountEvent(const RequestName& name, const std::string& aggregate) {
  const auto told = requests.find(name);
  if (told == requests.end()) return;
  if (told->second.outcome == "refused")
    findings.push_back(Name(name, told->second) + ": told refused, and changed " + aggregate);
  if (!seen_.insert({name, aggregate}).second)
    findings.push_back(Name(name, told->second) + ": changed " + aggregate + " more than once");
}

}  // namespace bluemarble::zonectl
