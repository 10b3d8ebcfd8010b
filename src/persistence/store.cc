#include "persistence/store.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/hash.h"
#include "core/text.h"

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Status;

constexpr std::byte kResultFormatOne{1};
constexpr std::byte kResultFormatTwo{2};
constexpr std::byte kResultFormat{3};
constexpr size_t kResultHead = 4;
// The last byte of the head, format 3: what follows it.
constexpr uint8_t kResultCreated = 1;
constexpr uint8_t kResultItem = 2;
constexpr uint8_t kResultVersion = 4;
constexpr uint8_t kResultRow = 8;
constexpr uint8_t kResultParts = 15;
constexpr uint32_t kMaxDefinition = std::numeric_limits<int32_t>::max();

uint64_t HashOf(const PlayerState& state, uint64_t seed) {
  return core::HashBytes(EncodePlayerState(state), seed);
}

template <typename... Values>
uint64_t HashAll(uint64_t seed, Values... values) {
  ((seed = core::HashCombine(seed, static_cast<uint64_t>(values))), ...);
  return seed;
}

uint64_t HashOf(const ItemChange& change, uint64_t seed) {
  seed = HashAll(seed, change.op, change.item_id, change.expected_version, change.from_holder,
                 change.to_holder, change.other_item_id, change.other_version, change.definition,
                 change.quantity);
  return core::HashBytes(std::as_bytes(std::span(&change.place, 1)), seed);
}

bool IsFinite(const ItemPlace& place) {
  return std::isfinite(place.x_m) && std::isfinite(place.y_m) && std::isfinite(place.z_m) &&
         std::isfinite(place.ground_height_m);
}

bool IsAccount(int64_t id) { return id >= kAdjustmentAccount && id != 0; }

/// Does the write rest on the ownership of that player? Holders and accounts that are no players
/// need no owner.
bool IsOwnedBy(const DurableWrite& write, int64_t id) {
  if (id <= 0) return true;
  auto is_player = [id](const auto& each) { return each.player_id == id; };
  return std::any_of(write.owners.begin(), write.owners.end(), is_player) ||
         std::any_of(write.updates.begin(), write.updates.end(), is_player);
}

Status CheckLogin(const DurableWrite& write) {
  const PlayerLogin& login = *write.login;
  if (!write.updates.empty() || !write.owners.empty() || !write.items.empty() ||
      !write.postings.empty()) {
    return {Code::kInvalid, "a login stands alone"};
  }
  if (auto status = core::ValidateName(login.name.view(), kMaxNameBytes); !status.ok())
    return status;
  if (!IsFinite(login.initial)) return {Code::kInvalid, "initial state is not finite"};
  if (login.starting_gold < 0) return {Code::kInvalid, "starting gold is negative"};
  if (login.starters.size() > kMaxStarters) return {Code::kInvalid, "too many starters"};
  for (const Starter& starter : login.starters) {
    if (starter.quantity != 0 && (starter.definition == 0 || starter.definition > kMaxDefinition))
      return {Code::kInvalid, "a starter's definition"};
  }
  return Status::Ok();
}

Status CheckPlayers(const DurableWrite& write) {
  int64_t last = 0;
  for (const PlayerUpdate& update : write.updates) {
    if (update.player_id <= last) return {Code::kInvalid, "updates are not in player order"};
    if (!IsFinite(update.state)) return {Code::kInvalid, "state is not finite"};
    if (update.kind != EventKind::kSample && update.kind != EventKind::kLogout &&
        update.kind != EventKind::kRolledBack) {
      return {Code::kInvalid, "an update of no kind of update"};
    }
    last = update.player_id;
  }
  last = 0;
  auto update = write.updates.begin();
  for (const Owner& owner : write.owners) {
    if (owner.player_id <= last) return {Code::kInvalid, "owners are not in player order"};
    while (update != write.updates.end() && update->player_id < owner.player_id) ++update;
    if (update != write.updates.end() && update->player_id == owner.player_id)
      return {Code::kInvalid, "an owner is updated as well"};
    last = owner.player_id;
  }
  return Status::Ok();
}

Status CheckItem(const ItemChange& change) {
  if (change.op == ItemOp::kCreate) {
    if (change.item_id != 0 || change.expected_version != 0)
      return {Code::kInvalid, "a new item is numbered by the store"};
    if (change.definition == 0 || change.definition > kMaxDefinition || change.quantity == 0)
      return {Code::kInvalid, "a new item needs definition and quantity"};
  } else if (change.item_id <= 0 || change.expected_version <= 0) {
    return {Code::kInvalid, "an item change names no item and version"};
  }
  const bool merges = change.op == ItemOp::kMerge;
  if (merges ? change.other_item_id <= 0 || change.other_version <= 0
             : change.other_item_id != 0 || change.other_version != 0) {
    return {Code::kInvalid, "a merge, and nothing else, names another item"};
  }
  switch (change.op) {
    case ItemOp::kCreate:
    case ItemOp::kMove:
      if (change.to_holder < kHeldByEscrow) return {Code::kInvalid, "no such holder"};
      if (change.to_holder == kHeldByWorld && !IsFinite(change.place))
        return {Code::kInvalid, "an item's place is not finite"};
      if (change.op == ItemOp::kMove && change.to_holder == change.from_holder)
        return {Code::kInvalid, "an item moves to its own holder"};
      return Status::Ok();
    case ItemOp::kSplit:
      if (change.to_holder != change.from_holder)
        return {Code::kInvalid, "a split stays with its holder"};
      if (change.quantity == 0) return {Code::kInvalid, "a split of nothing"};
      return Status::Ok();
    case ItemOp::kMerge:
    case ItemOp::kDestroy: return Status::Ok();
  }
  return {Code::kInvalid, "no such operation on an item"};
}

Status CheckItems(const DurableWrite& write) {
  if (write.items.size() > kMaxItemChanges) return {Code::kInvalid, "too many item changes"};
  std::array<int64_t, 2 * kMaxItemChanges> named;
  size_t count = 0;
  auto name_once = [&](int64_t id) {
    if (id == 0) return true;
    if (std::find(named.begin(), named.begin() + count, id) != named.begin() + count) return false;
    named[count++] = id;
    return true;
  };
  for (const ItemChange& change : write.items) {
    if (Status status = CheckItem(change); !status.ok()) return status;
    if (!name_once(change.item_id) || !name_once(change.other_item_id))
      return {Code::kInvalid, "an item is named twice"};
    const bool gives = change.op == ItemOp::kCreate || change.op == ItemOp::kMove;
    if ((change.op != ItemOp::kCreate && !IsOwnedBy(write, change.from_holder)) ||
        (gives && !IsOwnedBy(write, change.to_holder))) {
      return {Code::kInvalid, "an item's holder is not among the owners"};
    }
  }
  return Status::Ok();
}

Status CheckPostings(const DurableWrite& write) {
  int64_t last = std::numeric_limits<int64_t>::min();
  int64_t sum = 0;
  for (const Posting& posting : write.postings) {
    if (!IsAccount(posting.account_id)) return {Code::kInvalid, "no such account"};
    if (posting.account_id <= last) return {Code::kInvalid, "postings are not in account order"};
    if (posting.amount == 0 || posting.amount == std::numeric_limits<int64_t>::min())
      return {Code::kInvalid, "a posting of nothing or without an opposite"};
    if (__builtin_add_overflow(sum, posting.amount, &sum))
      return {Code::kInvalid, "postings add up to too much"};
    if (!IsOwnedBy(write, posting.account_id))
      return {Code::kInvalid, "an account's player is not among the owners"};
    last = posting.account_id;
  }
  if (sum != 0) return {Code::kInvalid, "postings do not sum to zero"};
  return Status::Ok();
}

}  // namespace

uint64_t RequestDigest(const DurableWrite& write) {
  if (write.digest != 0) return write.digest;
  uint64_t digest = 0;
  if (write.login) {
    // The initial state does not count: a client that asks again may have been placed elsewhere.
    digest = core::HashBytes(std::as_bytes(std::span(write.login->name.bytes)), 1);
  }
  for (const PlayerUpdate& update : write.updates) {
    digest = core::HashCombine(digest, static_cast<uint64_t>(update.player_id));
    digest = core::HashCombine(digest, static_cast<uint64_t>(update.expected_version));
    digest = core::HashCombine(digest, static_cast<uint64_t>(update.kind));
    digest = HashOf(update.state, digest);
    digest = core::HashBytes(update.payload, digest);
  }
  for (const Owner& owner : write.owners) digest = HashAll(digest, 2, owner.player_id, owner.epoch);
  for (const ItemChange& change : write.items)
    digest = HashOf(change, core::HashCombine(digest, 3));
  for (const Posting& posting : write.postings)
    digest = HashAll(digest, 4, posting.account_id, posting.amount);
  return digest;
}

int64_t ShardPrefix(std::string_view shard_id) {
  const uint64_t hash = core::HashBytes(std::as_bytes(std::span(shard_id)));
  return static_cast<int64_t>(hash % ((1u << 22) - 1)) + 1;
}

bool IsFinite(const PlayerState& state) {
  return std::isfinite(state.x_m) && std::isfinite(state.y_m) && std::isfinite(state.z_m) &&
         std::isfinite(state.ground_height_m);
}

Status CheckWrite(const DurableWrite& write) {
  if (write.also.player_id < 0 || (write.key.player_id < 0 && write.key.player_id != kForeverKeys))
    return {Code::kInvalid, "a key of no player"};
  if (write.also.player_id != 0 && write.also == write.key)
    return {Code::kInvalid, "both keys are the same"};
  if (write.refuse_with != Refusal::kNone) {
    return static_cast<uint8_t>(write.refuse_with) < kRefusals
               ? Status::Ok()
               : Status(Code::kInvalid, "no such refusal");
  }
  if (write.login) return CheckLogin(write);
  if (write.updates.empty() && write.items.empty() && write.postings.empty())
    return {Code::kInvalid, "a write that writes nothing"};
  if (Status status = CheckPlayers(write); !status.ok()) return status;
  if (Status status = CheckItems(write); !status.ok()) return status;
  return CheckPostings(write);
}

std::vector<std::byte> EncodeResult(const WriteResult& result) {
  PlayerRow named;
  named.player_id = result.row.player_id;
  named.version = result.row.version;
  const bool has_item = result.item.item_id != 0;
  const bool has_version = result.row.player_id != 0 && result.row == named;
  const bool has_row = result.row.player_id != 0 && !has_version;
  std::vector<std::byte> bytes(kResultHead + (has_item ? 16 : 0) + (has_version ? 16 : 0) +
                               (has_row ? sizeof(PlayerRow) : 0));
  bytes[0] = kResultFormat;
  bytes[1] = static_cast<std::byte>(result.outcome);
  bytes[2] = static_cast<std::byte>(result.refusal);
  bytes[3] =
      static_cast<std::byte>((result.created ? kResultCreated : 0) | (has_item ? kResultItem : 0) |
                             (has_version ? kResultVersion : 0) | (has_row ? kResultRow : 0));
  std::byte* at = bytes.data() + kResultHead;
  auto put = [&at](const void* from, size_t size) {
    std::memcpy(at, from, size);
    at += size;
  };
  if (has_item) {
    put(&result.item.item_id, 8);
    put(&result.item.version, 8);
  }
  if (has_version) {
    put(&result.row.player_id, 8);
    put(&result.row.version, 8);
  }
  if (has_row) put(&result.row, sizeof(PlayerRow));
  return bytes;
}

core::Result<WriteResult> DecodeResult(std::span<const std::byte> bytes) {
  const Status corrupt(Code::kCorrupt, "stored result of an idempotency key");
  if (bytes.size() < kResultHead) return corrupt;
  const auto last = static_cast<uint8_t>(bytes[3]);
  uint8_t parts = last;
  if (bytes[0] == kResultFormatOne) {  // always a row, never an item
    parts = static_cast<uint8_t>(kResultRow | (last != 0 ? kResultCreated : 0));
  } else if (bytes[0] == kResultFormatTwo) {  // always an item, a row by the length
    const bool has_row = bytes.size() > kResultHead + 16;
    parts = static_cast<uint8_t>(kResultItem | (has_row ? kResultRow : 0) |
                                 (last != 0 ? kResultCreated : 0));
  } else if (bytes[0] != kResultFormat || last > kResultParts) {
    return corrupt;
  }
  const size_t size = kResultHead + (parts & kResultItem ? 16 : 0) +
                      (parts & kResultVersion ? 16 : 0) +
                      (parts & kResultRow ? sizeof(PlayerRow) : 0);
  if (bytes.size() != size ||
      static_cast<uint8_t>(bytes[1]) > static_cast<uint8_t>(Outcome::kUnknown) ||
      static_cast<uint8_t>(bytes[2]) >= kRefusals) {
    return corrupt;
  }
  WriteResult result;
  result.outcome = static_cast<Outcome>(bytes[1]);
  result.refusal = static_cast<Refusal>(bytes[2]);
  result.created = (parts & kResultCreated) != 0;
  result.repeated = true;
  const std::byte* at = bytes.data() + kResultHead;
  auto take = [&at](void* to, size_t count) {
    std::memcpy(to, at, count);
    at += count;
  };
  if (parts & kResultItem) {
    take(&result.item.item_id, 8);
    take(&result.item.version, 8);
  }
  if (parts & kResultVersion) {
    take(&result.row.player_id, 8);
    take(&result.row.version, 8);
  }
  if (parts & kResultRow) take(&result.row, sizeof(PlayerRow));
  return result;
}

}  // namespace bluemarble::persistence
