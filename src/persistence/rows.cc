#include "persistence/rows.h"

#include <utility>

namespace bluemarble::persistence {
namespace {

constexpr std::byte kStateFormat{1};
constexpr std::byte kItemFormat{1};
constexpr std::byte kAccountFormat{1};
constexpr size_t kStateBytes = 1 + 4 * 8 + 4 + 2;
constexpr size_t kItemBytes = 1 + 4 + 4 + 8 + 4 * 8 + 8 + 16;
constexpr size_t kAccountBytes = 1 + 8 + 8 + 8 + 16;

/// Plain fields one after the other, as they lie in memory (little-endian on every machine we run
/// on).
class Writer {
 public:
  Writer(size_t bytes, std::byte format) : bytes_(bytes) { Put(format); }
  template <typename T>
  void Put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::memcpy(bytes_.data() + at_, &value, sizeof(T));
    at_ += sizeof(T);
  }
  std::vector<std::byte> Take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
  size_t at_ = 0;
};

class Reader {
 public:
  explicit Reader(const std::vector<std::byte>& bytes) : bytes_(bytes) {}
  template <typename T>
  void Get(T& value) {
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
  }

 private:
  const std::vector<std::byte>& bytes_;
  size_t at_ = 1;  // behind the format
};

}  // namespace

std::string_view AggregateTypeName(AggregateType type) {
  switch (type) {
    case AggregateType::kPlayer: return "player";
    case AggregateType::kItem: return "item";
    case AggregateType::kAccount: return "account";
  }
  return "unknown";
}

std::string_view EventKindName(EventKind kind) {
  switch (kind) {
    case EventKind::kPlayerCreated: return "player_created";
    case EventKind::kLogin: return "login";
    case EventKind::kLogout: return "logout";
    case EventKind::kSample: return "sample";
    case EventKind::kItemCreated: return "item_created";
    case EventKind::kItemMoved: return "item_moved";
    case EventKind::kItemReduced: return "item_reduced";
    case EventKind::kItemSplitOff: return "item_split_off";
    case EventKind::kItemMerged: return "item_merged";
    case EventKind::kItemEmptied: return "item_emptied";
    case EventKind::kItemDestroyed: return "item_destroyed";
    case EventKind::kPosted: return "posted";
    case EventKind::kRolledBack: return "rolled_back";
  }
  return "unknown";
}

std::vector<std::byte> EncodePlayerState(const PlayerState& state) {
  Writer out(kStateBytes, kStateFormat);
  out.Put(state.x_m);
  out.Put(state.y_m);
  out.Put(state.z_m);
  out.Put(state.ground_height_m);
  out.Put(state.health);
  out.Put(state.yaw);
  return out.Take();
}

bool DecodePlayerState(const std::vector<std::byte>& payload, PlayerState& out) {
  if (payload.size() != kStateBytes || payload[0] != kStateFormat) return false;
  Reader in(payload);
  PlayerState state;
  in.Get(state.x_m);
  in.Get(state.y_m);
  in.Get(state.z_m);
  in.Get(state.ground_height_m);
  in.Get(state.health);
  in.Get(state.yaw);
  out = state;
  return true;
}

std::vector<std::byte> EncodeItemEvent(const ItemRow& item, const Cause& cause) {
  Writer out(kItemBytes, kItemFormat);
  out.Put(item.definition);
  out.Put(item.quantity);
  out.Put(item.holder);
  out.Put(item.place.x_m);
  out.Put(item.place.y_m);
  out.Put(item.place.z_m);
  out.Put(item.place.ground_height_m);
  out.Put(cause.player_id);
  out.Put(cause.key);
  return out.Take();
}

bool DecodeItemEvent(const std::vector<std::byte>& payload, ItemRow& out, Cause& cause) {
  if (payload.size() != kItemBytes || payload[0] != kItemFormat) return false;
  Reader in(payload);
  in.Get(out.definition);
  in.Get(out.quantity);
  in.Get(out.holder);
  in.Get(out.place.x_m);
  in.Get(out.place.y_m);
  in.Get(out.place.z_m);
  in.Get(out.place.ground_height_m);
  in.Get(cause.player_id);
  in.Get(cause.key);
  return true;
}

std::vector<std::byte> EncodeAccountEvent(int64_t balance, int64_t amount, const Cause& cause) {
  Writer out(kAccountBytes, kAccountFormat);
  out.Put(balance);
  out.Put(amount);
  out.Put(cause.player_id);
  out.Put(cause.key);
  return out.Take();
}

bool DecodeAccountEvent(const std::vector<std::byte>& payload, int64_t& balance, int64_t& amount,
                        Cause& cause) {
  if (payload.size() != kAccountBytes || payload[0] != kAccountFormat) return false;
  Reader in(payload);
  in.Get(balance);
  in.Get(amount);
  in.Get(cause.player_id);
  in.Get(cause.key);
  return true;
}

}  // namespace bluemarble::persistence
