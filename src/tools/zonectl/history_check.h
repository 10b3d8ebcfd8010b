/// Compares what bots were told with what is in the database: docs/testing.md "Histories". Pure
/// values; one thread.
#pragma once

#include <cstdint>
#include <istream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/result.h"

namespace bluemarble::zonectl {

/// A player's number and the key, 32 hexadecimal digits.
using RequestName = std::pair<int64_t, std::string>;

/// What a bot was told last of one request.
struct Told {
  std::string outcome;  ///< sent, unknown, refused, ok
  std::string bot;
  std::string op;
  std::string reason;
  bool ok_before = false;  ///< It had been told ok, and then something else.
};

/// What the database has.
struct Stored {
  std::string outcome;  ///< ok, refused
  std::string refusal;
};

struct HistoryCheck {
  uint64_t lines = 0;
  uint64_t torn = 0;  ///< Last lines without an end: the bot was killed.
  std::map<RequestName, Told> requests;
  std::vector<std::string> findings;
  uint64_t ok = 0, refused = 0, open = 0;  ///< Requests by what was told last.
  uint64_t open_done = 0;                  ///< Of the open ones, done in the database.

  /// Reads one file's lines. kCorrupt: a line that is no line of a history; detail says which.
  core::Status Read(std::istream& in, const std::string& name);
  /// Compares one request with what was found (nullopt: nothing).
  void Compare(const RequestName& name, const Told& told, const std::optional<Stored>& stored);
  /// Notes that a request changed an aggregate, once per event.
  void CountEvent(const RequestName& name, const std::string& aggregate);

 private:
  std::map<std::pair<std::string, std::string>, int64_t> newest_read_;  // bot, aggregate: version
  std::set<std::pair<RequestName, std::string>> seen_;
};

}  // namespace bluemarble::zonectl
