/// Requests and folders that the persistence tests share.
#pragma once

#include <stdlib.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "persistence/sqlite_store.h"
#include "persistence/store.h"

namespace bluemarble::persistence {

class ManualClock final : public core::Clock {
 public:
  int64_t NowNs() const override { return now_ns; }
  int64_t WallUs() const override { return 1'700'000'000'000'000 + now_ns / 1000 + wall_jump_us; }
  int64_t now_ns = 1;
  int64_t wall_jump_us = 0;
};

class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "bluemarble_XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string database() const { return path_ + "/" + kSqliteFileName; }

 private:
  std::string path_;
};

inline PlayerState StateAt(double x) {
  PlayerState state;
  state.x_m = x;
  state.y_m = -2.5;
  state.z_m = 6'371'000.125;
  state.ground_height_m = 12.5;
  state.health = 77;
  state.yaw = 4242;
  return state;
}

inline IdempotencyKey Key(int64_t player_id, uint64_t number) {
  IdempotencyKey key{player_id, {}};
  std::memcpy(key.bytes.data(), &number, sizeof(number));
  return key;
}

inline DurableWrite Login(uint64_t number, std::string_view name, double x = 1.0,
                          core::Tick tick = 10) {
  DurableWrite write;
  write.key = Key(0, number);
  write.at_us = 1000 + static_cast<int64_t>(number);
  write.tick = tick;
  write.login = PlayerLogin{PlayerName::From(name), StateAt(x), {}, 0};
  return write;
}

inline DurableWrite Sample(uint64_t number, const PlayerRow& row, int64_t expected_version,
                           double x, core::Tick tick, EventKind kind = EventKind::kSample) {
  DurableWrite write;
  write.key = Key(row.player_id, number);
  write.at_us = 1000 + static_cast<int64_t>(number);
  write.tick = tick;
  write.updates.push_back({row.player_id, row.epoch, expected_version, StateAt(x), kind,
                           EncodePlayerState(StateAt(x))});
  return write;
}

inline ItemPlace PlaceAt(double x) { return {x, -2.5, 6'371'000.125, 12.5}; }

/// An action of the first player that rests on the ownership of all; items and postings are added
/// by the caller. Without a player: the zone's own.
inline DurableWrite Action(uint64_t number, std::initializer_list<PlayerRow> players) {
  DurableWrite write;
  write.key = Key(players.size() == 0 ? 0 : players.begin()->player_id, number);
  write.at_us = 1000 + static_cast<int64_t>(number);
  write.tick = 100;
  for (const PlayerRow& row : players) write.owners.push_back({row.player_id, row.epoch});
  std::ranges::sort(write.owners, {}, &Owner::player_id);
  return write;
}

inline ItemChange Create(uint32_t definition, uint32_t quantity, int64_t holder,
                         const ItemPlace& place = {}) {
  ItemChange change;
  change.op = ItemOp::kCreate;
  change.definition = definition;
  change.quantity = quantity;
  change.to_holder = holder;
  change.place = place;
  return change;
}

inline ItemChange Named(ItemOp op, const ItemRow& item) {
  ItemChange change;
  change.op = op;
  change.item_id = item.item_id;
  change.expected_version = item.version;
  change.from_holder = item.holder;
  return change;
}

inline ItemChange Move(const ItemRow& item, int64_t to_holder, const ItemPlace& place = {}) {
  ItemChange change = Named(ItemOp::kMove, item);
  change.to_holder = to_holder;
  change.place = place;
  return change;
}

inline ItemChange Split(const ItemRow& item, uint32_t quantity) {
  ItemChange change = Named(ItemOp::kSplit, item);
  change.to_holder = item.holder;
  change.quantity = quantity;
  return change;
}

inline ItemChange Merge(const ItemRow& into, const ItemRow& other) {
  ItemChange change = Named(ItemOp::kMerge, into);
  change.other_item_id = other.item_id;
  change.other_version = other.version;
  return change;
}

inline ItemChange Destroy(const ItemRow& item) { return Named(ItemOp::kDestroy, item); }

/// In account order, as a write wants them.
inline std::vector<Posting> Pay(int64_t from, int64_t to, int64_t amount) {
  std::vector<Posting> postings = {{from, -amount}, {to, amount}};
  std::ranges::sort(postings, {}, &Posting::account_id);
  return postings;
}

inline WriteResult CommitOne(Store& store, const DurableWrite& write) {
  WriteResult result;
  CommitReport report;
  const auto status = store.Commit({{&write, 1}, {}, 0}, {&result, 1}, report);
  if (!status.ok()) return {};
  return result;
}

inline std::unique_ptr<Store> OpenOrNull(const std::string& path, const core::Clock& clock) {
  SqliteStoreOptions options;
  options.data_dir = path;
  options.world_seed = 99;
  auto store = OpenSqliteStore(options, clock);
  return store.ok() ? std::move(*store) : nullptr;
}

}  // namespace bluemarble::persistence
