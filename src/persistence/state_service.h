/// A player's state for whoever asks from outside the zone, through three levels: 1 the living
/// (positions of this moment, inventories as of the last commit), 2 Redis (as of the last commit),
/// 3 the database. What comes from the database is put into Redis for the next one. Works without
/// the first two. Any thread; calls block on the network. Nothing here decides anything: logins
/// load from the store.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/result.h"
#include "persistence/connection_pool.h"
#include "persistence/live_inventories.h"
#include "persistence/reader.h"
#include "persistence/redis_cache.h"
#include "persistence/rows.h"
#include "persistence/write_through.h"

namespace bluemarble::persistence {

enum class Level : uint8_t { kNone = 0, kLive = 1, kRedis = 2, kStore = 3 };
inline constexpr int kLevels = 4;

struct PlayerView {
  PlayerRow row;  ///< `state` and `saved_tick` are the position's.
  PositionSave position;
  int64_t gold = 0;
  std::vector<ItemRow> items;  ///< Ascending item_id.
  /// From Redis only, a hint: epoch and begin of the running session; none: not known.
  struct Session {
    int64_t epoch = 0;
    int64_t since_us = 0;
  };
  std::optional<Session> session;

  Level row_level = Level::kNone;
  Level position_level = Level::kNone;
  Level inventory_level = Level::kNone;
};

// Values of the cache, as write_through.h lays them out. Decoding fails on a wrong length.
std::vector<std::byte> EncodeCachedPlayer(const PlayerRow& row);
std::vector<std::byte> EncodeCachedPosition(const PositionSave& position);
std::vector<std::byte> EncodeCachedInventory(int64_t gold, const std::vector<ItemRow>& items);
std::vector<std::byte> EncodeCachedSession(const PlayerView::Session& session);
bool DecodeCachedPlayer(const std::vector<std::byte>& bytes, PlayerRow& out);
bool DecodeCachedPosition(const std::vector<std::byte>& bytes, PositionSave& out);
bool DecodeCachedInventory(const std::vector<std::byte>& bytes, int64_t& gold,
                           std::vector<ItemRow>& items);
bool DecodeCachedSession(const std::vector<std::byte>& bytes, PlayerView::Session& out);

/// Which level answered, by kind of value ([CacheKind - 1][Level]; sessions are not counted).
using LevelCounts = std::array<std::array<std::atomic<uint64_t>, kLevels>, kCacheKinds>;

class StateService {
 public:
  using ReaderPool = ConnectionPool<StoreReader>;
  /// What is known of a player in play here; any thread. Null: not in level 1.
  struct Live {
    std::function<std::optional<PositionSave>(int64_t player_id)> position;
    std::function<std::optional<Inventory>(int64_t player_id)> inventory;
  };

  /// `cache` may be null. Both must outlive the service.
  StateService(Live live, RedisCache* cache, ReaderPool& readers)
      : live_(std::move(live)), cache_(cache), readers_(readers) {}

  /// kNotFound: no such player. kFull, kUnavailable: the database's line is full, or it is away and
  /// the caches do not have everything.
  core::Result<PlayerView> Read(int64_t player_id);
  core::Result<PlayerView> Read(std::string_view name);

  /// Loads into Redis what it lacks of the player: at login, so that the first questions are
  /// answered there. Ok when there is no cache.
  core::Status Prefetch(int64_t player_id);

  /// A player came into play under this name: so that he is found by it while the database is away.
  /// Any thread; does not block on anything outside.
  void NoteName(std::string_view name, int64_t player_id);

  const LevelCounts& answered() const { return answered_; }

 private:
  /// Fills what `view` has no level for yet; of positions the newest is kept.
  core::Status Complete(int64_t player_id, PlayerView& view);
  core::Status LoadRest(int64_t player_id, const std::vector<CacheLookup>& lookups, bool want_row,
                        bool want_inventory, PlayerView& view);
  core::Result<int64_t> IdOf(std::string_view name);

  Live live_;
  RedisCache* cache_;
  ReaderPool& readers_;
  LevelCounts answered_{};

  // A name keeps its number for ever, so what was found once needs no second look.
  static constexpr size_t kMaxNames = 50'000;
  std::mutex names_mutex_;
  std::unordered_map<std::string, int64_t> names_;
};

/// Hands what was committed on to the cache, and tells the service the names of its players: who
/// logged in is found by name while the database is away. Called by the committing thread.
class NameNotingCache final : public WriteThrough {
 public:
  explicit NameNotingCache(WriteThrough& cache) : cache_(cache) {}
  /// Before the first Put; outlives the last.
  void TellNames(StateService& service) { service_ = &service; }
  void Put(std::span<const CacheEntry> entries) noexcept override;

 private:
  WriteThrough& cache_;
  StateService* service_ = nullptr;
};

}  // namespace bluemarble::persistence
