/// What the scenarios with actions measured, and its JSON. Values.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/counters.h"
#include "core/result.h"
#include "tools/zonebot/choices.h"

namespace bluemarble::zonebot {

struct OpCounts {
  uint64_t begun = 0, ok = 0, refused = 0;
  uint64_t unknown = 0;  ///< In doubt for a time, whatever came of it.
};

struct RaceFigures {
  uint64_t rounds = 0;
  uint64_t without_one_winner = 0;  ///< Rounds with none or several.
  uint64_t losers_with_reason = 0;
};

/// What one bot tried that must be refused.
struct HostileCase {
  std::string what, answer;
  bool harmless = false;  ///< Refused, with a reason.
};

struct TradeReport {
  std::string scenario;
  uint64_t seed = 0;
  double seconds = 0;  ///< Of acting, without the time to settle.
  uint64_t wanted = 0, connected = 0, refused = 0, disconnected = 0, reconnected = 0;
  uint64_t playing_at_end = 0;
  std::map<std::string, uint64_t> refused_joins, ends;  ///< By reason.
  std::array<OpCounts, kOps> ops;
  std::map<std::string, uint64_t> refusals;  ///< By reason, all kinds of actions.
  uint64_t copies = 0;                       ///< Sent beyond the first, on purpose.
  uint64_t asked_again = 0;                  ///< Because in doubt.
  uint64_t asked_after_ok = 0;               ///< After a reconnect, what had been done before.
  uint64_t asked_after_answer = 0;
  uint64_t changed_answers = 0;  ///< Repeats that contradicted.
  uint64_t refused_locally = 0;  ///< By the client library.
  uint64_t unanswered = 0;       ///< At the end.
  double settle_s = 0;           ///< How long the end took.
  bool history_complete = true;
  core::Histogram took_us;  ///< All but offers, which wait for people.
  core::Histogram offer_us;
  core::Histogram unavailable_us;  ///< Until refused because the store was away.
  /// How far behind the last confirmed way a player was found after a reconnect.
  core::Histogram progress_lost_ms;
  uint64_t progress_unmatched = 0;  ///< Found at a place where it had not been in 10 s.
  RaceFigures race;
  std::vector<HostileCase> hostile;

  uint64_t answered() const;
};

std::string ToJson(const TradeReport& report);
/// kDenied names the file and the cause.
core::Status WriteReport(const TradeReport& report, const std::string& path);

}  // namespace bluemarble::zonebot
