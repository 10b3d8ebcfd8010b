/// What a trading bot does next, from what it has and sees and a seeded sequence. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "bluemarble/client.h"
#include "core/hash.h"

namespace bluemarble::zonebot {

/// The kinds of actions, and saying no to an offer, which has no answer.
enum class Op : uint8_t { kPickUp, kDrop, kGive, kOffer, kAccept, kSplit, kMerge, kDecline };
inline constexpr size_t kOps = 8;
/// "pick_up" and so on, as in histories and reports.
const char* OpName(Op op);
Op OpOf(ActionKind kind);

/// A set of kinds, one bit each.
using OpSet = uint32_t;
inline constexpr OpSet kAllOps = (1u << kOps) - 1;
constexpr bool Contains(OpSet set, Op op) { return (set >> static_cast<unsigned>(op) & 1) != 0; }
/// "offer,accept"; nothing when a name is none.
std::optional<OpSet> ParseOps(std::string_view names);

/// Another bot within reach.
struct Neighbour {
  size_t bot = 0;
  uint32_t entity_id = 0;
  std::span<const InventoryItem> items;
  int64_t gold = 0;
};

struct Situation {
  std::span<const InventoryItem> items;  ///< Held, and in no action under way.
  int64_t gold = 0;
  std::span<const uint32_t> ground;  ///< Items that lie within reach, by entity.
  std::span<const Neighbour> others;
  std::span<const TradeOffer> offers;  ///< Not decided yet.
  bool offering = false;               ///< An own offer stands: no second one.
  OpSet allowed = kAllOps;
};

struct Choice {
  Op op = Op::kDecline;
  Action action;              ///< Without key; kDecline: `trade_id` only.
  size_t partner = SIZE_MAX;  ///< Of give and offer: the other bot.
};

/// Nothing when there is nothing to do: no items, no gold, nobody near.
std::optional<Choice> Choose(const Situation& situation, core::Random& random);

}  // namespace bluemarble::zonebot
