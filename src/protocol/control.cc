#include "protocol/control.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "control.pb.h"
#include "core/hash.h"

namespace bluemarble::protocol {
namespace {

using core::Code;

template <typename Message>
std::vector<std::byte> Serialize(const Message& message) {
  std::vector<std::byte> bytes(message.ByteSizeLong());
  message.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

// Size is checked before protobuf sees a byte: a few bytes can cost it a hundred times as many
// (PITFALLS B-1).
template <typename Message>
core::Status Parse(std::span<const std::byte> bytes, Message& message) {
  if (bytes.size() > kMaxControlBytes) return {Code::kInvalid, "control message is too long"};
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return {Code::kInvalid, "control message is not protobuf"};
  }
  return core::Status::Ok();
}

// For people, so a long one is cut rather than refused: what is longer than a few lines helps
// nobody.
constexpr size_t kMaxTextBytes = 512;
// Tag and length of a text field.
constexpr size_t kTextHeadBytes = 3;

// At most `limit` bytes of `text`, ending between two UTF-8 characters: protobuf refuses halves.
std::string Cut(std::string_view text, size_t limit) {
  if (text.size() <= limit) return std::string(text);
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0) == 0x80) --limit;
  return std::string(text.substr(0, limit));
}

// Fills in `body`'s text as far as the message stays within kMaxControlBytes; `whole` is the
// message around `body`, complete but for its text.
template <typename Body>
void SetText(const wire::ServerControl& whole, const std::string& text, Body& body) {
  // The body's own length may take a byte more once the text is in.
  const size_t used = whole.ByteSizeLong() + kTextHeadBytes + 1;
  const size_t left = used < kMaxControlBytes ? kMaxControlBytes - used : 0;
  body.set_text(Cut(text, std::min(left, kMaxTextBytes)));
}

template <typename Bytes>
void SetKey(const ActionKey& key, Bytes* out) {
  out->assign(reinterpret_cast<const char*>(key.data()), key.size());
}

bool ReadKey(const std::string& bytes, ActionKey& out) {
  if (bytes.size() != out.size()) return false;
  std::transform(bytes.begin(), bytes.end(), out.begin(),
                 [](char c) { return static_cast<std::byte>(c); });
  return std::any_of(out.begin(), out.end(), [](std::byte b) { return b != std::byte{0}; });
}

template <typename Field>
void AddAll(const std::vector<int64_t>& ids, Field* out) {
  out->Add(ids.begin(), ids.end());
}

template <typename Field>
std::vector<int64_t> ToVector(const Field& ids) {
  return {ids.begin(), ids.end()};
}

void SetItem(const Item& item, wire::Item* out) {
  out->set_item_id(item.item_id);
  out->set_definition(item.definition);
  out->set_quantity(item.quantity);
}

Item ReadItem(const wire::Item& in) { return {in.item_id(), in.definition(), in.quantity()}; }

// Enumerators of a newer server: an outcome that is not known is an unknown outcome, and a reason
// too large for its type stays one without a name.
ActionOutcome ReadOutcome(uint32_t value) {
  return value <= static_cast<uint32_t>(ActionOutcome::kUnknown) ? static_cast<ActionOutcome>(value)
                                                                 : ActionOutcome::kUnknown;
}
ActionReason ReadReason(uint32_t value) {
  return static_cast<ActionReason>(std::min<uint32_t>(value, 255));
}

// 0: one that does not exist.
ChatScope ReadScope(uint32_t value) { return static_cast<ChatScope>(value <= 255 ? value : 0); }

void Put(const Login& login, wire::ClientControl& out) {
  auto* body = out.mutable_login();
  body->set_protocol_version(login.protocol_version);
  body->set_token(login.token);
  body->set_client_version(login.client_version);
  if (login.spawn) {
    body->mutable_spawn()->set_lon_deg(login.spawn->lon_deg);
    body->mutable_spawn()->set_lat_deg(login.spawn->lat_deg);
    body->mutable_spawn()->set_alt_m(login.spawn->alt_m);
  }
}

void Put(const ClientGoodbye&, wire::ClientControl& out) { out.mutable_goodbye(); }

void Put(const DeclineTrade& decline, wire::ClientControl& out) {
  out.mutable_decline()->set_trade_id(decline.trade_id);
  if (decline.key != ActionKey{}) SetKey(decline.key, out.mutable_decline()->mutable_key());
}

void PutWhat(const PickUp& pick_up, wire::Action& out) {
  out.mutable_pick_up()->set_entity_id(pick_up.entity_id);
}
void PutWhat(const Drop& drop, wire::Action& out) { out.mutable_drop()->set_item_id(drop.item_id); }
void PutWhat(const Give& give, wire::Action& out) {
  out.mutable_give()->set_entity_id(give.entity_id);
  AddAll(give.item_ids, out.mutable_give()->mutable_item_ids());
  out.mutable_give()->set_gold(give.gold);
}
void PutWhat(const OfferTrade& offer, wire::Action& out) {
  auto* body = out.mutable_offer();
  body->set_entity_id(offer.entity_id);
  AddAll(offer.give_item_ids, body->mutable_give_item_ids());
  body->set_give_gold(offer.give_gold);
  AddAll(offer.want_item_ids, body->mutable_want_item_ids());
  body->set_want_gold(offer.want_gold);
}
void PutWhat(const AcceptTrade& accept, wire::Action& out) {
  out.mutable_accept()->set_trade_id(accept.trade_id);
}
void PutWhat(const Split& split, wire::Action& out) {
  out.mutable_split()->set_item_id(split.item_id);
  out.mutable_split()->set_quantity(split.quantity);
}
void PutWhat(const Merge& merge, wire::Action& out) {
  out.mutable_merge()->set_item_id(merge.item_id);
  out.mutable_merge()->set_from_item_id(merge.from_item_id);
}

void Put(const Action& action, wire::ClientControl& out) {
  wire::Action* body = out.mutable_action();
  SetKey(action.key, body->mutable_key());
  std::visit([body](const auto& what) { PutWhat(what, *body); }, action.what);
}

void Put(const ChatSay& say, wire::ClientControl& out) {
  auto* body = out.mutable_chat();
  body->set_scope(static_cast<uint32_t>(say.scope));
  body->set_text(say.text);
  body->set_number(say.number);
}

void Put(const Welcome& welcome, wire::ServerControl& out) {
  auto* body = out.mutable_welcome();
  body->set_protocol_version(welcome.protocol_version);
  body->set_entity_id(welcome.entity_id);
  body->set_tick(welcome.tick);
  body->set_tick_hz(welcome.tick_hz);
  body->set_x(welcome.position.x);
  body->set_y(welcome.position.y);
  body->set_z(welcome.position.z);
  body->set_ground_height_m(welcome.ground_height_m);
  body->set_yaw(welcome.yaw);
  body->set_max_speed_mps(welcome.max_speed_mps);
  body->set_acceleration_mps2(welcome.acceleration_mps2);
  for (double radius : welcome.class_radius_m) body->add_class_radius_m(radius);
  for (uint32_t period : welcome.class_period_ticks) body->add_class_period_ticks(period);
  body->set_shard_id(welcome.shard_id);
  body->set_player_id(welcome.player_id);
  body->set_lon_min_deg(welcome.lon_min_deg);
  body->set_lon_max_deg(welcome.lon_max_deg);
  body->set_resumed(welcome.resumed);
}

void Put(const Refused& refused, wire::ServerControl& out) {
  auto* body = out.mutable_refused();
  body->set_reason(static_cast<uint32_t>(refused.reason));
  // A cut address would be a wrong one.
  if (refused.redirect.size() <= kMaxTextBytes) body->set_redirect(refused.redirect);
  body->set_version_min(refused.version_min);
  body->set_version_max(refused.version_max);
  SetText(out, refused.text, *body);
}

void Put(const ServerGoodbye& goodbye, wire::ServerControl& out) {
  out.mutable_goodbye()->set_reason(static_cast<uint32_t>(goodbye.reason));
  SetText(out, goodbye.text, *out.mutable_goodbye());
}

void Put(const ActionResult& result, wire::ServerControl& out) {
  auto* body = out.mutable_action();
  SetKey(result.key, body->mutable_key());
  body->set_outcome(static_cast<uint32_t>(result.outcome));
  body->set_reason(static_cast<uint32_t>(result.reason));
  body->set_repeated(result.repeated);
  body->set_item_id(result.item_id);
  SetText(out, result.text, *body);
}

void Put(const InventoryUpdate& update, wire::ServerControl& out) {
  assert(update.items.size() + update.gone.size() <= kItemsPerUpdate);
  auto* body = out.mutable_inventory();
  body->set_whole(update.whole);
  body->set_complete(update.complete);
  for (const Item& item : update.items) SetItem(item, body->add_items());
  AddAll(update.gone, body->mutable_gone());
  body->set_gold(update.gold);
}

void Put(const TradeOffered& offered, wire::ServerControl& out) {
  assert(offered.get.size() <= kMaxTradeItems && offered.give_item_ids.size() <= kMaxTradeItems);
  auto* body = out.mutable_offered();
  body->set_trade_id(offered.trade_id);
  body->set_entity_id(offered.entity_id);
  for (const Item& item : offered.get) SetItem(item, body->add_get());
  body->set_get_gold(offered.get_gold);
  AddAll(offered.give_item_ids, body->mutable_give_item_ids());
  body->set_give_gold(offered.give_gold);
}

void Put(const TradeClosed& closed, wire::ServerControl& out) {
  out.mutable_closed()->set_trade_id(closed.trade_id);
  out.mutable_closed()->set_reason(static_cast<uint32_t>(closed.reason));
}

void Put(const ChatHeard& heard, wire::ServerControl& out) {
  auto* body = out.mutable_heard();
  body->set_scope(static_cast<uint32_t>(heard.scope));
  body->set_entity_id(heard.entity_id);
  body->set_player_id(heard.player_id);
  body->set_name(heard.name);
  body->set_text(heard.text);
  body->set_tick(heard.tick);
}

void Put(const ChatRefused& refused, wire::ServerControl& out) {
  auto* body = out.mutable_chat_refused();
  body->set_number(refused.number);
  body->set_reason(static_cast<uint32_t>(refused.reason));
  body->set_retry_ms(refused.retry_ms);
  SetText(out, refused.text, *body);
}

core::Result<ClientControl> ReadLogin(const wire::Login& body) {
  if (body.token().size() > kMaxTokenBytes) return {Code::kInvalid, "login token is too long"};
  if (body.client_version().size() > 64)
    return {Code::kInvalid, "login client_version is too long"};
  Login login{.protocol_version = body.protocol_version(),
              .token = body.token(),
              .client_version = body.client_version(),
              .spawn = std::nullopt};
  if (body.has_spawn()) {
    login.spawn =
        geo::Geodetic{body.spawn().lon_deg(), body.spawn().lat_deg(), body.spawn().alt_m()};
  }
  return ClientControl(std::move(login));
}

core::Result<ClientControl> ReadAction(const wire::Action& body) {
  Action action;
  if (!ReadKey(body.key(), action.key))
    return {Code::kInvalid, "action key is not 16 bytes or all zero"};
  switch (body.what_case()) {
    case wire::Action::kPickUp: action.what = PickUp{body.pick_up().entity_id()}; break;
    case wire::Action::kDrop: action.what = Drop{body.drop().item_id()}; break;
    case wire::Action::kGive:
      if (body.give().item_ids_size() > kMaxTradeItems)
        return {Code::kInvalid, "give has too many items"};
      action.what =
          Give{body.give().entity_id(), ToVector(body.give().item_ids()), body.give().gold()};
      break;
    case wire::Action::kOffer: {
      const wire::OfferTrade& offer = body.offer();
      if (offer.give_item_ids_size() > kMaxTradeItems ||
          offer.want_item_ids_size() > kMaxTradeItems) {
        return {Code::kInvalid, "trade has too many items"};
      }
      action.what =
          OfferTrade{offer.entity_id(), ToVector(offer.give_item_ids()), offer.give_gold(),
                     ToVector(offer.want_item_ids()), offer.want_gold()};
      break;
    }
    case wire::Action::kAccept: action.what = AcceptTrade{body.accept().trade_id()}; break;
    case wire::Action::kSplit:
      action.what = Split{body.split().item_id(), body.split().quantity()};
      break;
    case wire::Action::kMerge:
      action.what = Merge{body.merge().item_id(), body.merge().from_item_id()};
      break;
    case wire::Action::WHAT_NOT_SET: return {Code::kInvalid, "action has no known kind"};
  }
  return ClientControl(std::move(action));
}

core::Result<ClientControl> ReadDecline(const wire::DeclineTrade& body) {
  DeclineTrade decline{body.trade_id(), {}};
  if (!body.key().empty() && !ReadKey(body.key(), decline.key))
    return {Code::kInvalid, "decline key is not 16 bytes or all zero"};
  return ClientControl(decline);
}

core::Result<ClientControl> ReadChat(const wire::ChatSay& body) {
  if (body.text().size() > kMaxChatBytes) return {Code::kInvalid, "chat text is too long"};
  return ClientControl(ChatSay{ReadScope(body.scope()), body.text(), body.number()});
}

core::Result<ServerControl> ReadHeard(const wire::ChatHeard& body) {
  // A server may be trusted with more than an honest one says, but not with somebody's memory.
  if (body.text().size() > kMaxChatBytes) return {Code::kInvalid, "heard text is too long"};
  return ServerControl(ChatHeard{ReadScope(body.scope()), body.entity_id(), body.player_id(),
                                 body.name(), body.text(), body.tick()});
}

core::Result<ServerControl> ReadChatRefused(const wire::ChatRefused& body) {
  return ServerControl(ChatRefused{body.number(),
                                   static_cast<ChatReason>(std::min<uint32_t>(body.reason(), 255)),
                                   body.text(), body.retry_ms()});
}

core::Result<ServerControl> ReadWelcome(const wire::Welcome& body) {
  if (body.class_radius_m_size() != kReplicationClasses ||
      body.class_period_ticks_size() != kReplicationClasses) {
    return {Code::kInvalid, "welcome does not have three classes"};
  }
  if (body.tick_hz() < 1 || body.tick_hz() > 240)
    return {Code::kInvalid, "welcome tick_hz is out of range"};
  Welcome welcome;
  welcome.protocol_version = body.protocol_version();
  welcome.entity_id = body.entity_id();
  welcome.tick = body.tick();
  welcome.tick_hz = body.tick_hz();
  welcome.position = {body.x(), body.y(), body.z()};
  welcome.ground_height_m = body.ground_height_m();
  welcome.yaw = static_cast<uint16_t>(body.yaw());
  welcome.max_speed_mps = body.max_speed_mps();
  welcome.acceleration_mps2 = body.acceleration_mps2();
  for (int i = 0; i < kReplicationClasses; ++i) {
    welcome.class_radius_m[static_cast<size_t>(i)] = body.class_radius_m(i);
    welcome.class_period_ticks[static_cast<size_t>(i)] = body.class_period_ticks(i);
  }
  welcome.shard_id = body.shard_id();
  welcome.player_id = body.player_id();
  welcome.lon_min_deg = body.lon_min_deg();
  welcome.lon_max_deg = body.lon_max_deg();
  welcome.resumed = body.resumed();
  return ServerControl(std::move(welcome));
}

core::Result<ServerControl> ReadResult(const wire::ActionResult& body) {
  ActionResult result;
  if (!ReadKey(body.key(), result.key))
    return {Code::kInvalid, "action result key is not 16 bytes or all zero"};
  result.outcome = ReadOutcome(body.outcome());
  result.reason = ReadReason(body.reason());
  result.text = body.text();
  result.repeated = body.repeated();
  result.item_id = body.item_id();
  return ServerControl(std::move(result));
}

core::Result<ServerControl> ReadInventory(const wire::InventoryUpdate& body) {
  const auto entries =
      static_cast<size_t>(body.items_size()) + static_cast<size_t>(body.gone_size());
  if (entries > kItemsPerUpdate) return {Code::kInvalid, "inventory update has too many items"};
  InventoryUpdate update;
  update.whole = body.whole();
  update.complete = body.complete();
  for (const wire::Item& item : body.items()) update.items.push_back(ReadItem(item));
  update.gone = ToVector(body.gone());
  update.gold = body.gold();
  return ServerControl(std::move(update));
}

core::Result<ServerControl> ReadOffered(const wire::TradeOffered& body) {
  if (body.get_size() > kMaxTradeItems || body.give_item_ids_size() > kMaxTradeItems)
    return {Code::kInvalid, "offered trade has too many items"};
  TradeOffered offered;
  offered.trade_id = body.trade_id();
  offered.entity_id = body.entity_id();
  for (const wire::Item& item : body.get()) offered.get.push_back(ReadItem(item));
  offered.get_gold = body.get_gold();
  offered.give_item_ids = ToVector(body.give_item_ids());
  offered.give_gold = body.give_gold();
  return ServerControl(std::move(offered));
}

class ActionDigest {
 public:
  void Add(uint64_t value) { hash_ = core::HashCombine(hash_, value); }
  void Add(int64_t value) { Add(static_cast<uint64_t>(value)); }
  // With their number, so that an id cannot change sides unseen.
  void Add(const std::vector<int64_t>& ids) {
    Add(uint64_t{ids.size()});
    for (int64_t id : ids) Add(id);
  }

  void AddWhat(const PickUp&) {}
  void AddWhat(const Drop& drop) { Add(drop.item_id); }
  void AddWhat(const Give& give) {
    Add(give.item_ids);
    Add(give.gold);
  }
  void AddWhat(const OfferTrade& offer) {
    Add(offer.give_item_ids);
    Add(offer.give_gold);
    Add(offer.want_item_ids);
    Add(offer.want_gold);
  }
  void AddWhat(const AcceptTrade&) {}
  void AddWhat(const Split& split) {
    Add(split.item_id);
    Add(uint64_t{split.quantity});
  }
  void AddWhat(const Merge& merge) {
    Add(merge.item_id);
    Add(merge.from_item_id);
  }
  uint64_t value() const { return hash_; }

 private:
  uint64_t hash_ = 0;
};

}  // namespace

std::vector<std::byte> Encode(const ClientControl& message) {
  wire::ClientControl out;
  std::visit([&out](const auto& body) { Put(body, out); }, message);
  return Serialize(out);
}

std::vector<std::byte> Encode(const ServerControl& message) {
  wire::ServerControl out;
  std::visit([&out](const auto& body) { Put(body, out); }, message);
  return Serialize(out);
}

core::Result<ClientControl> DecodeClientControl(std::span<const std::byte> bytes) {
  wire::ClientControl in;
  if (core::Status status = Parse(bytes, in); !status.ok()) return status;
  switch (in.body_case()) {
    case wire::ClientControl::kLogin: return ReadLogin(in.login());
    case wire::ClientControl::kGoodbye: return ClientControl(ClientGoodbye{});
    case wire::ClientControl::kAction: return ReadAction(in.action());
    case wire::ClientControl::kDecline: return ReadDecline(in.decline());
    case wire::ClientControl::kChat: return ReadChat(in.chat());
    case wire::ClientControl::BODY_NOT_SET: break;
  }
  return {Code::kInvalid, "control message has no known body"};
}

core::Result<ServerControl> DecodeServerControl(std::span<const std::byte> bytes) {
  wire::ServerControl in;
  if (core::Status status = Parse(bytes, in); !status.ok()) return status;
  switch (in.body_case()) {
    case wire::ServerControl::kWelcome: return ReadWelcome(in.welcome());
    case wire::ServerControl::kRefused: {
      const auto& body = in.refused();
      return ServerControl(Refused{static_cast<DisconnectReason>(body.reason()), body.text(),
                                   body.redirect(), body.version_min(), body.version_max()});
    }
    case wire::ServerControl::kGoodbye:
      return ServerControl(
          ServerGoodbye{static_cast<DisconnectReason>(in.goodbye().reason()), in.goodbye().text()});
    case wire::ServerControl::kAction: return ReadResult(in.action());
    case wire::ServerControl::kInventory: return ReadInventory(in.inventory());
    case wire::ServerControl::kOffered: return ReadOffered(in.offered());
    case wire::ServerControl::kClosed:
      return ServerControl(TradeClosed{in.closed().trade_id(), ReadReason(in.closed().reason())});
    case wire::ServerControl::kHeard: return ReadHeard(in.heard());
    case wire::ServerControl::kChatRefused: return ReadChatRefused(in.chat_refused());
    case wire::ServerControl::BODY_NOT_SET: break;
  }
  return {Code::kNotFound, "control message has no known body"};
}

uint64_t DigestOf(const Action& action) {
  ActionDigest digest;
  digest.Add(uint64_t{action.what.index()});
  std::visit([&digest](const auto& what) { digest.AddWhat(what); }, action.what);
  return digest.value();
}

}  // namespace bluemarble::protocol
