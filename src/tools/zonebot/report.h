/// What a run measured, and its JSON. Values.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bluemarble/wire.h"
#include "core/result.h"
#include "tools/cheats/cheat_fleet.h"
#include "tools/zonebot/server_stats.h"
#include "tools/zonebot/told_dilation.h"
#include "tools/zonebot/view_probe.h"

namespace bluemarble::zonebot {

struct Traffic {
  double bytes_per_player_s = 0, packets_per_player_s = 0;
};

struct ClassFigures {
  double age_p50_ms = 0, age_p99_ms = 0, age_max_ms = 0;
  double error_p50_m = 0, error_p99_m = 0;
  uint64_t samples = 0;
};

/// Of the walkers of one style.
struct StyleFigures {
  size_t bots = 0, lost = 0;   ///< Lost: who was thrown out of play, however often.
  double corrected_share = 0;  ///< Of the inputs, as Report::corrected_share.
};

struct Report {
  std::string scenario;
  uint64_t seed = 0;
  double seconds = 0;
  size_t wanted = 0, connected = 0, refused = 0, disconnected = 0;
  uint64_t reconnected = 0, resumed = 0;  ///< Came back; of those to where they still stood.
  double away_p50_ms = 0, away_p99_ms = 0, away_max_ms = 0;  ///< From a loss to being back.
  double connect_s = 0;                       ///< From the first request to the last login.
  double login_p50_ms = 0, login_p99_ms = 0;  ///< From a player's first request to being in play.
  std::map<std::string, uint64_t> refused_by_reason, disconnected_by_reason;
  Traffic down, up;
  double bytes_per_entity_update = 0;
  double snapshots_per_player_s = 0;
  std::vector<ToldSpan> told;  ///< What snapshots said of a tick's length, ascending times.
  double gap_p50_ms = 0, gap_p99_ms = 0, gap_max_ms = 0;  ///< Between a player's snapshots.
  std::array<ClassFigures, kReplicationClasses> view;
  TargetCount targets;
  double correction_p50_m = 0, correction_p99_m = 0;
  double corrections_per_player_s = 0;
  double corrected_share = 0;                  ///< Corrections for each tick of each player.
  std::map<std::string, StyleFigures> styles;  ///< By name.
  std::map<std::string, cheats::CheatFigures> cheaters;  ///< By style.
  uint64_t missing_base = 0, malformed = 0;
  int moving_others_min = 0, moving_others_p50 = 0;
  size_t moving_others_checked = 0;
  uint64_t chat_said = 0, chat_heard = 0;  ///< Lines, since the start.
  std::map<std::string, uint64_t> chat_refused_by_reason;
  double chat_p50_ms = 0, chat_p99_ms = 0;  ///< From saying a line to hearing it oneself.
  double zonebot_cpu_s_per_s = 0;
  std::optional<ServerWindow> server;  ///< Nothing when the daemon did not answer.
};

std::string ToJson(const Report& report);
/// kDenied names the file and the cause.
core::Status WriteReport(const Report& report, const std::string& path);

}  // namespace bluemarble::zonebot
