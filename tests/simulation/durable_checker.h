/// What must hold of the durable world when everything is at rest: nothing made or lost, each
/// action done at most once, and the zone's memory a copy of the store. For tests; one thread.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bluemarble/client.h"
#include "support/sim_world.h"

namespace bluemarble::support {

/// What a player was told of an action.
struct ToldAction {
  int64_t player_id = 0;
  std::array<std::byte, 16> key{};
  ActionOutcome outcome = ActionOutcome::kUnknown;
};

/// Empty when all holds, else the first thing that does not.
std::string CheckConserved(const SimStore& store);
/// Every ok is in the store and happened once; no refused action left an event.
std::string CheckTold(SimStore& store, const std::vector<ToldAction>& told);
/// Inventories, gold and the ground are as stored, and nothing is reserved.
std::string CheckMemory(const app::Zone& zone, const SimStore& store);

}  // namespace bluemarble::support
