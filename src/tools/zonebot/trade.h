/// The scenarios with actions: trade (everybody acts without pause), race (all want one item) and
/// hostile (amounts and items that must be refused). Main thread.
#pragma once

#include <atomic>
#include <vector>

#include "tools/zonebot/options.h"
#include "tools/zonebot/placing.h"

namespace bluemarble::zonebot {

bool HasActions(Scenario scenario);

/// Connects, acts, settles and reports; the exit code: 0, one of ops/exit_codes.h, or 1 when a
/// promise was broken or an action was left without answer (said in a line on stderr). `stop`
/// turning true ends the acting; settling and report follow.
int RunActions(const Options& options, const std::vector<BotPlan>& plans,
               const std::atomic<bool>& stop);

}  // namespace bluemarble::zonebot
