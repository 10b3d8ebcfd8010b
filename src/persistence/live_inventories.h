/// Level 1 of reads: what each player in play here holds, as of the last commit that was answered.
/// Changed by the committing thread with every durable write, read by any thread. What is here is
/// always what the store says; where that cannot be known, a player is not here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/counters.h"
#include "persistence/rows.h"
#include "persistence/store.h"

namespace bluemarble::persistence {

struct Inventory {
  int64_t gold = 0;
  std::vector<ItemRow> items;  ///< Ascending item_id.
  friend bool operator==(const Inventory&, const Inventory&) = default;
};

class LiveInventories {
 public:
  /// Twice the players in play by default; some 30 MB at 20 items each. Needed for those who log in
  /// and leave before they are in play: no logout follows.
  static constexpr size_t kMaxPlayers = 10'000;

  /// When there are more, those who logged in first are left out.
  explicit LiveInventories(size_t max_players = kMaxPlayers) : max_players_(max_players) {}

  /// Any thread; whole groups only. Nothing when the player is not in play here.
  std::optional<Inventory> Find(int64_t player_id) const;
  size_t Size() const;

  // The committing thread:

  /// One write of a durable group, in commit order: a login sets its player's inventory, items and
  /// postings change those that are here, a logout (or an owner that is not this shard) removes. A
  /// change that does not fit what is here removes its player, and is counted.
  void Apply(const DurableWrite& write, const WriteResult& result);
  void Remove(int64_t player_id);

  struct Change {
    int64_t player_id = 0;
    int64_t seq = 0;                 ///< Of the last write that changed it.
    const Inventory* now = nullptr;  ///< Null: not known. Until the next call.
  };
  /// Shows what Apply did since the last Publish. Whose inventory changed, also of players who are
  /// not here; ascending.
  std::span<const Change> Publish();
  /// What is stored is not known any more.
  void Clear();

  /// Players removed because of a change that did not fit. Any thread.
  uint64_t misfits() const { return misfits_.Get(); }

 private:
  struct Entry {
    Inventory inventory;
    uint64_t login = 0;  // in by_login_
  };
  struct Staged {
    bool known = false;
    bool changed = false;
    bool login = false;
    int64_t seq = 0;
    Inventory now;
  };
  struct Stripe {
    mutable std::mutex mutex;
    std::unordered_map<int64_t, Entry> entries;
  };
  static constexpr size_t kStripes = 16;
  Stripe& StripeOf(int64_t player_id);
  const Stripe& StripeOf(int64_t player_id) const;

  Staged& Stage(int64_t player_id);
  Staged* StageChange(int64_t holder, int64_t seq);
  void Take(int64_t holder, int64_t item_id, int64_t version, int64_t seq);
  void Give(const ItemRow& row, int64_t seq);
  void Pay(const Posting& posting, int64_t seq);
  void Misfit(Staged& staged);
  void Erase(int64_t player_id);
  void Show(int64_t player_id, Staged& staged);

  const size_t max_players_;
  std::array<Stripe, kStripes> stripes_;
  core::Counter misfits_;
  // The committing thread's:
  std::map<int64_t, Staged> staged_;
  std::map<uint64_t, int64_t> by_login_;
  uint64_t logins_ = 0;
  std::vector<Change> changes_;
};

}  // namespace bluemarble::persistence
