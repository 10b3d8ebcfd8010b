#include "persistence/state_service.h"

#include <cstring>
#include <type_traits>
#include <utility>

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Status;

// A trade changes gold and items in one commit, but they are read one after the other: when the
// account moved in between, both are read again.
constexpr int kInventoryTries = 3;

template <typename T>
void AppendValue(std::vector<std::byte>& out, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  const auto* begin = reinterpret_cast<const std::byte*>(&value);
  out.insert(out.end(), begin, begin + sizeof(T));
}

template <typename T>
bool DecodeValue(const std::vector<std::byte>& bytes, T& out) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (bytes.size() != sizeof(T)) return false;
  std::memcpy(&out, bytes.data(), sizeof(T));
  return true;
}

constexpr CacheKind kKinds[] = {CacheKind::kPlayer, CacheKind::kInventory, CacheKind::kPosition,
                                CacheKind::kSession};

size_t Index(CacheKind kind) { return static_cast<size_t>(kind) - 1; }

PositionSave PositionOf(const PlayerRow& row) {
  return {row.player_id, row.epoch, row.saved_tick, row.state};
}

void TakeIfNewer(const PositionSave& position, Level level, PlayerView& view) {
  if (view.position_level != Level::kNone && position.tick <= view.position.tick) return;
  view.position = position;
  view.position_level = level;
}

core::Result<std::pair<int64_t, uint64_t>> LoadGold(StoreReader& reader, int64_t player_id) {
  const auto account = reader.LoadAccount(player_id);
  if (account.ok()) return std::pair{account->balance, static_cast<uint64_t>(account->version)};
  if (account.status().code() == Code::kNotFound) return std::pair<int64_t, uint64_t>{0, 0};
  return account.status();
}

Status LoadInventory(StoreReader& reader, int64_t player_id, PlayerView& view) {
  auto before = LoadGold(reader, player_id);
  for (int tries = 0; tries < kInventoryTries; ++tries) {
    if (!before.ok()) return before.status();
    auto items = reader.ItemsOf(player_id);
    if (!items.ok()) return items.status();
    auto after = LoadGold(reader, player_id);
    if (!after.ok()) return after.status();
    view.gold = after->first;
    view.items = std::move(*items);
    if (before->second == after->second) break;
    before = std::move(after);
  }
  return {};
}

}  // namespace

std::vector<std::byte> EncodeCachedPlayer(const PlayerRow& row) {
  std::vector<std::byte> out;
  AppendValue(out, row);
  return out;
}

std::vector<std::byte> EncodeCachedPosition(const PositionSave& position) {
  std::vector<std::byte> out;
  AppendValue(out, position);
  return out;
}

std::vector<std::byte> EncodeCachedInventory(int64_t gold, const std::vector<ItemRow>& items) {
  std::vector<std::byte> out;
  out.reserve(sizeof(gold) + items.size() * sizeof(ItemRow));
  AppendValue(out, gold);
  for (const ItemRow& item : items) AppendValue(out, item);
  return out;
}

std::vector<std::byte> EncodeCachedSession(const PlayerView::Session& session) {
  std::vector<std::byte> out;
  AppendValue(out, session.epoch);
  AppendValue(out, session.since_us);
  return out;
}

bool DecodeCachedPlayer(const std::vector<std::byte>& bytes, PlayerRow& out) {
  return DecodeValue(bytes, out);
}

bool DecodeCachedPosition(const std::vector<std::byte>& bytes, PositionSave& out) {
  return DecodeValue(bytes, out);
}

bool DecodeCachedInventory(const std::vector<std::byte>& bytes, int64_t& gold,
                           std::vector<ItemRow>& items) {
  if (bytes.size() < sizeof(gold) || (bytes.size() - sizeof(gold)) % sizeof(ItemRow) != 0) {
    return false;
  }
  std::memcpy(&gold, bytes.data(), sizeof(gold));
  items.resize((bytes.size() - sizeof(gold)) / sizeof(ItemRow));
  if (!items.empty()) {
    std::memcpy(items.data(), bytes.data() + sizeof(gold), bytes.size() - sizeof(gold));
  }
  return true;
}

bool DecodeCachedSession(const std::vector<std::byte>& bytes, PlayerView::Session& out) {
  static_assert(sizeof(PlayerView::Session) == 16);
  return DecodeValue(bytes, out);
}

core::Result<PlayerView> StateService::Read(int64_t player_id) {
  PlayerView view;
  if (live_.position) {
    if (const auto position = live_.position(player_id)) TakeIfNewer(*position, Level::kLive, view);
  }
  if (live_.inventory) {
    if (auto inventory = live_.inventory(player_id)) {
      view.gold = inventory->gold;
      view.items = std::move(inventory->items);
      view.inventory_level = Level::kLive;
    }
  }
  auto status = Complete(player_id, view);
  if (!status.ok()) return status;
  answered_[Index(CacheKind::kPlayer)][static_cast<size_t>(view.row_level)].fetch_add(1);
  answered_[Index(CacheKind::kInventory)][static_cast<size_t>(view.inventory_level)].fetch_add(1);
  answered_[Index(CacheKind::kPosition)][static_cast<size_t>(view.position_level)].fetch_add(1);
  return view;
}

core::Result<PlayerView> StateService::Read(std::string_view name) {
  const auto player_id = IdOf(name);
  if (!player_id.ok()) return player_id.status();
  return Read(*player_id);
}

Status StateService::Prefetch(int64_t player_id) {
  if (cache_ == nullptr) return {};
  PlayerView view;
  return Complete(player_id, view);
}

Status StateService::Complete(int64_t player_id, PlayerView& view) {
  bool have_row = false, have_position = false;
  bool have_inventory = view.inventory_level != Level::kNone;
  std::vector<CacheLookup> lookups;
  if (cache_ != nullptr) {
    CacheKey keys[kCacheKinds];
    for (const CacheKind kind : kKinds) keys[Index(kind)] = {kind, player_id};
    auto many = cache_->GetMany(keys);
    if (many.ok()) lookups = std::move(*many);
  }
  if (!lookups.empty()) {
    const auto value = [&](CacheKind kind) -> const std::vector<std::byte>* {
      const auto& found = lookups[Index(kind)].found;
      return found ? &found->bytes : nullptr;
    };
    if (const auto* bytes = value(CacheKind::kPlayer)) {
      have_row = DecodeCachedPlayer(*bytes, view.row) && view.row.player_id == player_id;
    }
    if (const auto* bytes = value(CacheKind::kInventory); bytes != nullptr && !have_inventory) {
      have_inventory = DecodeCachedInventory(*bytes, view.gold, view.items);
      if (have_inventory) view.inventory_level = Level::kRedis;
    }
    PositionSave position;
    if (const auto* bytes = value(CacheKind::kPosition)) {
      have_position = DecodeCachedPosition(*bytes, position) && position.player_id == player_id;
    }
    PlayerView::Session session;
    if (const auto* bytes = value(CacheKind::kSession);
        bytes != nullptr && DecodeCachedSession(*bytes, session)) {
      view.session = session;
    }
    if (have_row) view.row_level = Level::kRedis;
    // A row by itself says nothing of the newest position: saves do not change its version.
    if (have_position) TakeIfNewer(position, Level::kRedis, view);
    if (have_position && have_row) TakeIfNewer(PositionOf(view.row), Level::kRedis, view);
  }

  const bool want_row = !have_row || view.position_level == Level::kNone;
  if (want_row || !have_inventory) {
    const Status status = LoadRest(player_id, lookups, want_row, !have_inventory, view);
    if (!status.ok()) return status;
  }
  view.row.state = view.position.state;
  view.row.saved_tick = view.position.tick;
  return {};
}

Status StateService::LoadRest(int64_t player_id, const std::vector<CacheLookup>& lookups,
                              bool want_row, bool want_inventory, PlayerView& view) {
  auto reader = readers_.Acquire();
  if (!reader.ok()) return reader.status();
  const auto failed = [&](Status status) {
    if (status.code() != Code::kNotFound) reader->Drop();
    return status;
  };
  // Before the rows: they are at least as new as this, and what is put later replaces them.
  const auto version = (*reader)->LastSeq();
  if (!version.ok()) return failed(version.status());
  const auto fill = [&](CacheKind kind, uint64_t at, const std::vector<std::byte>& bytes) {
    if (!lookups.empty()) cache_->Fill({kind, player_id}, at, bytes, lookups[Index(kind)].permit);
  };
  const auto seq = static_cast<uint64_t>(*version);
  std::vector<std::byte> row_bytes, position_bytes, inventory_bytes;
  if (want_row) {
    auto row = (*reader)->LoadPlayer(player_id);
    if (!row.ok()) return failed(row.status());
    view.row = *row;
    view.row_level = Level::kStore;
    TakeIfNewer(PositionOf(*row), Level::kStore, view);
    row_bytes = EncodeCachedPlayer(*row);
    position_bytes = EncodeCachedPosition(PositionOf(*row));
  }
  const auto position_version = static_cast<uint64_t>(view.row.saved_tick);
  if (want_inventory) {
    if (auto status = LoadInventory(**reader, player_id, view); !status.ok()) {
      return failed(std::move(status));
    }
    view.inventory_level = Level::kStore;
    inventory_bytes = EncodeCachedInventory(view.gold, view.items);
  }
  { const auto done = std::move(*reader); }  // others wait for it; Redis may take its time
  if (want_row) {
    fill(CacheKind::kPlayer, seq, row_bytes);
    fill(CacheKind::kPosition, position_version, position_bytes);
  }
  if (want_inventory) fill(CacheKind::kInventory, seq, inventory_bytes);
  return {};
}

core::Result<int64_t> StateService::IdOf(std::string_view name) {
  {
    const std::lock_guard lock(names_mutex_);
    const auto found = names_.find(std::string(name));
    if (found != names_.end()) return found->second;
  }
  auto reader = readers_.Acquire();
  if (!reader.ok()) return reader.status();
  const auto row = (*reader)->LoadPlayer(name);
  if (!row.ok()) {
    if (row.status().code() != Code::kNotFound) reader->Drop();
    return row.status();
  }
  NoteName(name, row->player_id);
  return row->player_id;
}

void StateService::NoteName(std::string_view name, int64_t player_id) {
  const std::lock_guard lock(names_mutex_);
  if (const auto known = names_.find(std::string(name)); known != names_.end()) {
    known->second = player_id;
    return;
  }
  if (names_.size() >= kMaxNames) names_.erase(names_.begin());
  names_.emplace(name, player_id);
}

void NameNotingCache::Put(std::span<const CacheEntry> entries) noexcept {
  cache_.Put(entries);
  if (service_ == nullptr) return;
  for (const CacheEntry& entry : entries) {
    PlayerRow row;
    if (entry.kind == CacheKind::kPlayer && !entry.gone && DecodeCachedPlayer(entry.value, row))
      service_->NoteName(row.name.view(), row.player_id);
  }
}

}  // namespace bluemarble::persistence
