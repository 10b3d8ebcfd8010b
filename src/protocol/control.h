/// Control messages (channel 0) as plain structs; protobuf stays behind control.cc. Pure functions,
/// any thread; they allocate, so they run at login and goodbye, never per tick. Source:
/// proto/control.proto.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "bluemarble/wire.h"
#include "core/result.h"
#include "geo/planet.h"

namespace bluemarble::protocol {

inline constexpr size_t kMaxControlBytes = 1024;
inline constexpr size_t kMaxTokenBytes = 512;

struct Login {
  uint32_t protocol_version = kProtocolVersion;
  std::string token;
  std::string client_version;
  std::optional<geo::Geodetic> spawn;
};
struct ClientGoodbye {};

using ActionKey = std::array<std::byte, kActionKeyBytes>;

struct PickUp {
  uint32_t entity_id = 0;
  friend bool operator==(const PickUp&, const PickUp&) = default;
};
struct Drop {
  int64_t item_id = 0;
  friend bool operator==(const Drop&, const Drop&) = default;
};
struct Give {
  uint32_t entity_id = 0;
  std::vector<int64_t> item_ids;
  int64_t gold = 0;
  friend bool operator==(const Give&, const Give&) = default;
};
struct OfferTrade {
  uint32_t entity_id = 0;
  std::vector<int64_t> give_item_ids;
  int64_t give_gold = 0;
  std::vector<int64_t> want_item_ids;
  int64_t want_gold = 0;
  friend bool operator==(const OfferTrade&, const OfferTrade&) = default;
};
struct AcceptTrade {
  uint64_t trade_id = 0;
  friend bool operator==(const AcceptTrade&, const AcceptTrade&) = default;
};
struct Split {
  int64_t item_id = 0;
  uint32_t quantity = 0;
  friend bool operator==(const Split&, const Split&) = default;
};
struct Merge {
  int64_t item_id = 0;
  int64_t from_item_id = 0;
  friend bool operator==(const Merge&, const Merge&) = default;
};
/// Decoding checks only the form (key length, at most kMaxTradeItems ids a list); amounts of any
/// value pass, to be refused by name.
struct Action {
  ActionKey key{};
  std::variant<PickUp, Drop, Give, OfferTrade, AcceptTrade, Split, Merge> what;
  friend bool operator==(const Action&, const Action&) = default;
};
struct DeclineTrade {
  uint64_t trade_id = 0;  ///< Of an offer to this player; or 0 and
  ActionKey key{};        ///< of an own offer, the key of its OfferTrade; all zero: none.
  friend bool operator==(const DeclineTrade&, const DeclineTrade&) = default;
};
/// Decoding checks only the length; any bytes and any scope pass, to be refused by name.
struct ChatSay {
  ChatScope scope = ChatScope::kZone;
  std::string text;
  uint32_t number = 0;
  friend bool operator==(const ChatSay&, const ChatSay&) = default;
};
/// What an encoded ChatSay can have at most: a text of kMaxChatBytes, and everything else.
inline constexpr size_t kMaxChatSayBytes = kMaxChatBytes + 32;
using ClientControl = std::variant<Login, ClientGoodbye, Action, DeclineTrade, ChatSay>;

/// What a repeat of the same action has in common with it: its kind, items, sums; not the entity or
/// trade numbers, which a restart changes.
uint64_t DigestOf(const Action& action);

struct Welcome {
  uint32_t protocol_version = kProtocolVersion;
  uint32_t entity_id = 0;
  uint64_t tick = 0;
  uint32_t tick_hz = 30;
  geo::Vec3 position;
  double ground_height_m = 0;
  uint16_t yaw = 0;
  double max_speed_mps = 0;
  double acceleration_mps2 = 0;
  std::array<double, kReplicationClasses> class_radius_m{};
  std::array<uint32_t, kReplicationClasses> class_period_ticks{};
  std::string shard_id;
  int64_t player_id = 0;
  double lon_min_deg = -180, lon_max_deg = 180;
  bool resumed = false;
};
struct Refused {
  DisconnectReason reason = DisconnectReason::kNone;
  std::string text;
  std::string redirect;
  uint32_t version_min = 0, version_max = 0;
};
struct ServerGoodbye {
  DisconnectReason reason = DisconnectReason::kNone;
  std::string text;
};
struct ActionResult {
  ActionKey key{};
  ActionOutcome outcome = ActionOutcome::kOk;
  ActionReason reason = ActionReason::kNone;
  std::string text;
  bool repeated = false;
  int64_t item_id = 0;
  friend bool operator==(const ActionResult&, const ActionResult&) = default;
};
struct Item {
  int64_t item_id = 0;
  uint32_t definition = 0;
  uint32_t quantity = 0;
  friend bool operator==(const Item&, const Item&) = default;
};
/// At most this many items and gone ids together, so that a message stays below kMaxControlBytes.
inline constexpr size_t kItemsPerUpdate = 32;
struct InventoryUpdate {
  bool whole = false;
  bool complete = true;
  std::vector<Item> items;
  std::vector<int64_t> gone;
  int64_t gold = 0;
  friend bool operator==(const InventoryUpdate&, const InventoryUpdate&) = default;
};
struct TradeOffered {
  uint64_t trade_id = 0;
  uint32_t entity_id = 0;
  std::vector<Item> get;
  int64_t get_gold = 0;
  std::vector<int64_t> give_item_ids;
  int64_t give_gold = 0;
  friend bool operator==(const TradeOffered&, const TradeOffered&) = default;
};
struct TradeClosed {
  uint64_t trade_id = 0;
  ActionReason reason = ActionReason::kNone;
  friend bool operator==(const TradeClosed&, const TradeClosed&) = default;
};
struct ChatHeard {
  ChatScope scope = ChatScope::kZone;
  uint32_t entity_id = 0;
  int64_t player_id = 0;
  std::string name;
  std::string text;
  uint64_t tick = 0;
  friend bool operator==(const ChatHeard&, const ChatHeard&) = default;
};
struct ChatRefused {
  uint32_t number = 0;
  ChatReason reason = ChatReason::kNone;
  std::string text;
  uint32_t retry_ms = 0;
  friend bool operator==(const ChatRefused&, const ChatRefused&) = default;
};
using ServerControl = std::variant<Welcome, Refused, ServerGoodbye, ActionResult, InventoryUpdate,
                                   TradeOffered, TradeClosed, ChatHeard, ChatRefused>;

std::vector<std::byte> Encode(const ClientControl& message);
std::vector<std::byte> Encode(const ServerControl& message);

/// kInvalid: more than kMaxControlBytes, not protobuf, no body, or a field out of its bounds (the
/// context says which). From a server, no known body is kNotFound: a newer one may say what an
/// older client need not know.
core::Result<ClientControl> DecodeClientControl(std::span<const std::byte> bytes);
core::Result<ServerControl> DecodeServerControl(std::span<const std::byte> bytes);

}  // namespace bluemarble::protocol
