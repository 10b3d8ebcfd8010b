#include "api/admin_json.h"

#include <nlohmann/json.hpp>
#include <set>

#include "geo/planet.h"

namespace bluemarble::api {
namespace {

using nlohmann::json;
using persistence::AggregateType;
using persistence::DecodedEvent;

std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string Id(int64_t id) { return std::to_string(id); }

json Place(double x, double y, double z, double ground) {
  const geo::Geodetic at = geo::ToGeodetic({x, y, z});
  return {{"x_m", x},
          {"y_m", y},
          {"z_m", z},
          {"ground_height_m", ground},
          {"lon_deg", at.lon_deg},
          {"lat_deg", at.lat_deg}};
}

json OfPlayer(const persistence::PlayerState& state) {
  json value = Place(state.x_m, state.y_m, state.z_m, state.ground_height_m);
  value["health"] = state.health;
  value["yaw"] = state.yaw;
  return value;
}

json OfItem(const persistence::ItemRow& item) {
  json value = {{"definition", item.definition},
                {"quantity", item.quantity},
                {"holder", HolderText(item.holder)}};
  if (item.holder == persistence::kHeldByWorld && item.quantity > 0) {
    const auto& place = item.place;
    value["place"] = Place(place.x_m, place.y_m, place.z_m, place.ground_height_m);
  }
  return value;
}

json OfEvent(const DecodedEvent& event) {
  json value = {{"kind", persistence::EventKindName(event.row.kind)},
                {"version", event.row.version},
                {"seq", event.row.seq},
                {"epoch", event.row.epoch},
                {"tick", event.row.tick},
                {"time", persistence::TimeText(event.row.at_us)}};
  if (!event.readable) {
    value["unreadable"] = true;
    return value;
  }
  switch (event.row.aggregate_type) {
    case AggregateType::kPlayer: value["state"] = OfPlayer(event.player); return value;
    case AggregateType::kItem: value["state"] = OfItem(event.item); break;
    case AggregateType::kAccount:
      value["state"] = {{"balance", event.balance}};
      value["amount"] = event.amount;
      break;
  }
  value["cause"] = {{"player", Id(event.cause.player_id)},
                    {"key", persistence::KeyText(event.cause.key)}};
  return value;
}

json OfItems(const std::vector<persistence::ItemRow>& items) {
  json list = json::array();
  for (const persistence::ItemRow& item : items) {
    list.push_back({{"item", Id(item.item_id)},
                    {"version", item.version},
                    {"definition", item.definition},
                    {"quantity", item.quantity}});
  }
  return list;
}

const char* LevelName(persistence::Level level) {
  switch (level) {
    case persistence::Level::kNone: return "none";
    case persistence::Level::kLive: return "live";
    case persistence::Level::kRedis: return "redis";
    case persistence::Level::kStore: return "store";
  }
  return "none";
}

}  // namespace

std::string HolderText(int64_t holder) {
  if (holder == persistence::kHeldByWorld) return "world";
  if (holder == persistence::kHeldByEscrow) return "escrow";
  return ToString(persistence::AggregateId{AggregateType::kPlayer, holder});
}

std::string HistoryJson(persistence::AggregateId aggregate, const std::vector<DecodedEvent>& events,
                        std::optional<int64_t> next) {
  json list = json::array();
  for (const DecodedEvent& event : events) list.push_back(OfEvent(event));
  json value = {{"aggregate", ToString(aggregate)}, {"events", std::move(list)}};
  value["next"] = next ? json(*next) : json();
  return Dump(value);
}

std::string EventsJson(const std::vector<DecodedEvent>& events) {
  json list = json::array();
  for (const DecodedEvent& event : events) {
    json value = OfEvent(event);
    value["aggregate"] =
        ToString(persistence::AggregateId{event.row.aggregate_type, event.row.aggregate_id});
    list.push_back(std::move(value));
  }
  return Dump({{"events", std::move(list)}});
}

std::string StateJson(persistence::AggregateId aggregate, const persistence::Moment& at,
                      const DecodedEvent& event, const std::optional<Holdings>& holds) {
  json value = {
      {"aggregate", ToString(aggregate)}, {"at", ToString(at)}, {"event", OfEvent(event)}};
  if (holds) value["holds"] = {{"gold", holds->gold}, {"items", OfItems(holds->items)}};
  return Dump(value);
}

std::string ItemsJson(const persistence::ItemSearch& search) {
  json items = json::array();
  const std::set<int64_t> found(search.items.begin(), search.items.end());
  for (const int64_t item : found) items.push_back(Id(item));
  json value = {
      {"player", Id(search.player_id)}, {"items", std::move(items)}, {"newest", search.newest}};
  value["next"] = search.done() ? json() : json(search.after);
  return Dump(value);
}

std::string VerifyJson(const persistence::VerifyReport& report, const std::string& next) {
  json listed = json::array();
  for (const persistence::Finding& finding : report.listed) {
    listed.push_back({{"aggregate", ToString(finding.aggregate)},
                      {"version", finding.version},
                      {"what", finding.what}});
  }
  json value = {{"aggregates", report.aggregates},
                {"events", report.events},
                {"without_history", report.without_history},
                {"findings", report.findings},
                {"listed", std::move(listed)}};
  value["next"] = next.empty() ? json() : json(next);
  return Dump(value);
}

std::string NotesJson(const std::vector<persistence::NoteRow>& notes,
                      const std::map<int64_t, std::string>& names) {
  json list = json::array();
  for (const persistence::NoteRow& note : notes) {
    const auto name = names.find(note.player_id);
    list.push_back({{"run", note.run},
                    {"number", note.number},
                    {"time", persistence::TimeText(note.at_us)},
                    {"tick", note.tick},
                    {"player", std::to_string(note.player_id)},
                    {"name", name != names.end() ? json(name->second) : json()},
                    {"kind", persistence::NoteKindName(note.kind)},
                    {"code", note.code},
                    {"text", note.text}});
  }
  return Dump({{"notes", std::move(list)}});
}

std::string AuditJson(const std::vector<persistence::AuditLine>& lines) {
  json list = json::array();
  bool clean = true;
  for (const persistence::AuditLine& line : lines) {
    clean = clean && (!line.must_be_zero || line.value == 0);
    list.push_back({{"name", line.name},
                    {"value", line.value},
                    {"must_be_zero", line.must_be_zero},
                    {"what", line.what},
                    {"sql", line.sql}});
  }
  return Dump({{"clean", clean}, {"lines", std::move(list)}});
}

std::string RollbackJson(const persistence::RollbackPlan& plan, const persistence::Moment& to,
                         const persistence::RollbackDone* done) {
  json items = json::array();
  for (const persistence::RollbackItem& item : plan.items) {
    items.push_back({{"act", persistence::RollbackActName(item.act)},
                     {"item", Id(item.item_id)},
                     {"definition", item.definition},
                     {"quantity", item.quantity},
                     {"holder", HolderText(item.holder)}});
  }
  json value = {{"player", Id(plan.player.player_id)},
                {"name", plan.player.name.view()},
                {"to", ToString(to)},
                {"now", OfPlayer(plan.player.state)},
                {"then", OfEvent(plan.then)},
                {"version", plan.player.version},
                {"gold", {{"now", plan.gold_now}, {"then", plan.gold_then}}},
                {"items", std::move(items)},
                {"writes", plan.writes.size()},
                {"key", persistence::KeyText(plan.writes.front().key.bytes)},
                {"dry_run", done == nullptr}};
  if (done != nullptr) {
    value["done"] = {{"writes", done->writes}, {"version", done->version}};
    if (!done->status.ok())
      value["error"] = {{"code", core::CodeName(done->status.code())},
                        {"message", done->status.ToString()}};
  }
  return Dump(value);
}

std::string KeysJson(const std::vector<std::optional<persistence::WriteResult>>& results) {
  json list = json::array();
  for (const auto& result : results) {
    if (!result) {
      list.push_back(json());
      continue;
    }
    list.push_back({{"outcome", persistence::OutcomeName(result->outcome)},
                    {"refusal", persistence::RefusalName(result->refusal)}});
  }
  return Dump({{"results", std::move(list)}});
}

std::string PlayerJson(const persistence::PlayerView& view) {
  json value = {{"player", Id(view.row.player_id)},
                {"name", view.row.name.view()},
                {"version", view.row.version},
                {"created", persistence::TimeText(view.row.created_us)},
                {"tick", view.position.tick},
                {"state", OfPlayer(view.position.state)},
                {"gold", view.gold},
                {"items", OfItems(view.items)},
                {"from",
                 {{"player", LevelName(view.row_level)},
                  {"position", LevelName(view.position_level)},
                  {"inventory", LevelName(view.inventory_level)}}}};
  if (view.session) {
    value["session"] = {{"epoch", view.session->epoch},
                        {"since", persistence::TimeText(view.session->since_us)}};
  }
  return Dump(value);
}

std::string ErrorJson(const core::Status& status) {
  return Dump(
      {{"error", {{"code", core::CodeName(status.code())}, {"message", status.ToString()}}}});
}

}  // namespace bluemarble::api
