/// Setting one player back to a past moment: a plan that people can read first, and the durable
/// writes that carry it out. It is a compensating change: nothing is deleted, the history grows by
/// events of kind rolled_back, item_moved and so on. docs/operations.md "Setting a player back"
/// says what an operator may expect. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "core/ids.h"
#include "core/result.h"
#include "persistence/history.h"
#include "persistence/reader.h"
#include "persistence/store.h"

namespace bluemarble::persistence {

/// What happens to one item or stack.
enum class RollbackAct : uint8_t {
  kMovedBack = 1,     ///< It lay on the ground or in escrow; `holder` says where.
  kCreatedAnew = 2,   ///< Used up since, or lost in other stacks: a new item; the supply grows.
  kToEscrow = 3,      ///< Held now and not then.
  kCutDown = 4,       ///< A stack that has grown: `quantity` of it goes to escrow, as a new
                      ///< item, or makes up for what is created anew.
  kWithOther = 5,     ///< Another player, `holder`, has it now: not touched.
  kNotInHistory = 6,  ///< Where it was then has been archived: not touched.
};
std::string_view RollbackActName(RollbackAct act);

struct RollbackItem {
  RollbackAct act = RollbackAct::kMovedBack;
  int64_t item_id = 0;  ///< As of before; of kCreatedAnew the one it replaces.
  uint32_t definition = 0;
  uint32_t quantity = 0;
  int64_t holder = 0;  ///< Now.
};

struct RollbackRequest {
  int64_t player_id = 0;
  Moment to;
  int64_t now_us = 0;
  core::Tick tick = 0;              ///< The zone's; must not be older than the player's last save.
  std::array<std::byte, 16> key{};  ///< Random: the same key carries the plan out once only.
  /// How far back the event table is read, in events; more are kFull.
  uint64_t max_events = 5'000'000;
};

struct RollbackPlan {
  PlayerRow player;   ///< As it is now.
  DecodedEvent then;  ///< The player's newest event at or before the moment.
  int64_t gold_now = 0;
  int64_t gold_then = 0;
  std::vector<RollbackItem> items;
  /// In order: what is taken, what is cut, what is moved back, what is made; so whoever is
  /// interrupted has too little and not too much. Each sets the player's row and is refused when
  /// the player has logged in since. The first holds the gold. More than one when there are more
  /// than kMaxItemChanges changes of items: then others may see the player between two of them.
  std::vector<DurableWrite> writes;
  std::vector<int64_t> taken_from_ground;  ///< Items that the live world must not show any more.
};

/// Reads only. kNotFound: no such player, or no event of its at or before the moment.
core::Result<RollbackPlan> PlanRollback(StoreReader& reader, const RollbackRequest& request);

/// Commits one write and waits for it; a Status only when nothing can be said of it (kUnknown) or
/// nothing was tried (kUnavailable).
using CommitFunction = std::function<core::Result<WriteResult>(const DurableWrite&)>;

struct RollbackDone {
  size_t writes = 0;    ///< Done, of the plan's.
  core::Status status;  ///< Of the one that failed: kStale (something has changed since the plan),
                        ///< kUnavailable, or kUnknown, whose detail names the key.
  int64_t version = 0;  ///< Of the player, after it.
};
/// Carries the plan out until the first write that fails. An unknown outcome is asked for again
/// with the same key.
RollbackDone CarryOut(const RollbackPlan& plan, const CommitFunction& commit);

}  // namespace bluemarble::persistence
