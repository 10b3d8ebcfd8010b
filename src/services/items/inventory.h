/// What the players in play own, in memory: a copy of the store's rows that only completions change
/// (DESIGN §6). An inventory belongs to a player; the session whose login loaded it shows it. Owned
/// by the zone thread; allocates at logins only, but for players who own more than game.max_items.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/ids.h"
#include "session/session_table.h"

namespace bluemarble::items {

struct HeldItem {
  int64_t item_id = 0;
  int64_t version = 0;
  uint32_t definition = 0;
  uint32_t quantity = 0;
  bool reserved = false;  ///< Part of an action under way: visible, not to be touched.
};

struct Inventory {
  int64_t player_id = 0;  ///< 0: free.
  int64_t epoch = 0;
  session::SessionId session;
  core::EntityId entity;  ///< None before the player is in play.
  int64_t gold = 0;
  int64_t reserved_gold = 0;    ///< Of `gold`.
  uint32_t incoming = 0;        ///< Places kept for items under way to here.
  std::vector<HeldItem> items;  ///< Ascending item_id.

  int64_t free_gold() const { return gold - reserved_gold; }
  /// Null when it is not here.
  HeldItem* Find(int64_t item_id);
  const HeldItem* Find(int64_t item_id) const;
  /// Replaces one of the same number.
  void Put(const HeldItem& item);
  bool Take(int64_t item_id);
  /// Was it among the last kLately things that went?
  bool HadLately(int64_t item_id) const;

  static constexpr size_t kLately = 32;
  std::array<int64_t, kLately> gone{};
  uint32_t gone_at = 0;
};

class Inventories {
 public:
  /// One place per session slot.
  Inventories(uint32_t sessions, uint32_t max_items);

  /// The inventory of a session that has logged in; `items` need not be sorted.
  Inventory& Open(const session::Session& session, int64_t gold, std::span<const HeldItem> items);
  void Enter(Inventory& inventory, core::EntityId entity);
  void Close(Inventory& inventory);

  /// Null when there is none.
  Inventory* OfPlayer(int64_t player_id);
  Inventory* OfSession(session::SessionId session);
  Inventory* OfEntity(core::EntityId entity);

  uint32_t size() const { return static_cast<uint32_t>(by_player_.size()); }
  /// Those in use and free ones, in slot order.
  std::span<const Inventory> slots() const { return std::span(slots_).first(used_); }
  uint64_t Hash() const;

 private:
  const uint32_t max_items_;
  uint32_t used_ = 0;
  std::vector<Inventory> slots_;  // by session index
  std::unordered_map<int64_t, uint32_t> by_player_;
  std::unordered_map<uint32_t, uint32_t> by_entity_;
};

}  // namespace bluemarble::items
