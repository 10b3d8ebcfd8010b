/// What the items service counts. Written by the zone thread, read by any.
#pragma once

#include <array>
#include <cstdint>

#include "bluemarble/wire.h"
#include "core/counters.h"

namespace bluemarble::items {

enum class ActionKind : uint8_t {
  kMint = 0,  ///< The zone's own: a thing that lies around in a new world.
  kPickUp = 1,
  kDrop = 2,
  kGive = 3,
  kOfferTrade = 4,
  kAcceptTrade = 5,
  kSplit = 6,
  kMerge = 7,
};
inline constexpr uint32_t kActionKinds = 8;
/// snake_case, for metrics.
const char* ActionKindName(ActionKind kind);

inline constexpr uint32_t kActionOutcomes = 3;

struct ItemStats {
  /// Answers given, by kind and ActionOutcome; repeats included.
  std::array<std::array<core::Counter, kActionOutcomes>, kActionKinds> answers;
  std::array<core::Counter, kActionReasons> refusals;  ///< Of the answers, by ActionReason.
  core::Counter repeated;                              ///< Answers that were found by their key.
  core::Counter in_flight;       ///< Now: asked of the store and not yet answered by it.
  core::Counter queue_refused;   ///< Refused at once: the store was away or its queue full.
  core::Counter late;            ///< Store's answers that came after the player was told "unknown".
  core::Counter lost_answers;    ///< Whoever asked had left when the answer came.
  core::Counter disagreements;   ///< The store refused what memory had found right.
  core::Counter offers_open;     ///< Now.
  core::Counter offers_made;     ///< Trades offered,
  core::Counter offers_done;     ///< and how they ended: durable,
  core::Counter offers_expired;  ///< not accepted in game.trade_offer_s,
  core::Counter offers_declined;  ///< declined or taken back,
  core::Counter offers_dropped;   ///< one side left, or could no longer keep it.
  core::Counter inventories;      ///< Now: players whose things are in memory.
  core::Counter ground_items;     ///< Now: entities on the ground.
  core::Counter ground_waiting;   ///< Now: stored on the ground without room (world.max_entities).
  core::Counter minted;           ///< First items of this world that were made in this run.
  core::Counter unknown_definitions;  ///< Items loaded that the catalogue does not know.
};

}  // namespace bluemarble::items
