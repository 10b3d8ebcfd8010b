#include "api/console_endpoints.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/admin_endpoints.h"
#include "api/admin_json.h"
#include "api/auth_endpoints.h"
#include "core/log.h"
#include "core/text.h"
#include "persistence/history.h"

namespace bluemarble::api {
namespace {

using core::Code;
using core::Status;
using nlohmann::json;
using persistence::LoginEventKind;

constexpr size_t kMaxPlayersListed = 500;
constexpr size_t kMaxLeavesListed = 2000;
constexpr size_t kMaxActionsListed = 1000;
constexpr size_t kMaxReasonBytes = 200;
constexpr size_t kMaxAnnouncementBytes = 256;
constexpr size_t kMaxSearchBytes = 64;
constexpr double kMetresPerDegree = 111'320;

HttpResponse Json(const json& value, int status = 200) {
  return {.status = status,
          .content_type = "application/json",
          .body = value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"};
}

HttpResponse Refuse(const Status& status) {
  HttpResponse answer{.status = HttpStatusOf(status.code()),
                      .content_type = "application/json",
                      .body = ErrorJson(status)};
  if (answer.status == 503) answer.retry_after_s = 1;
  return answer;
}

double Rounded(double value, double scale) { return std::round(value * scale) / scale; }

json ConsolePlayerJson(const ConsolePlayer& player, bool with_address) {
  return {{"player", std::to_string(player.player_id)},
          {"name", player.name},
          {"entity", std::to_string(player.entity)},
          {"state", player.lingering ? "lingering" : "playing"},
          {"lat", Rounded(player.place.lat_deg, 1e7)},
          {"lon", Rounded(player.place.lon_deg, 1e7)},
          {"height", Rounded(player.place.alt_m, 100)},
          {"session_s", std::floor(player.session_s)},
          {"ack_age_ms", player.ack_age_ms ? json(Rounded(*player.ack_age_ms, 1)) : json()},
          {"ping_ms", player.ping_ms ? json(Rounded(*player.ping_ms, 1)) : json()},
          {"bytes_per_s", Rounded(player.bytes_per_s, 1)},
          {"address", with_address ? json(player.address) : json()}};
}

// West, south, east, north of a leaf's cube: of its corners.
json BoundsOf(geo::NodeKey key) {
  const geo::GridPoint corner = key.corner();
  const auto width = static_cast<int32_t>(std::min<int64_t>(key.width_cm(), INT32_MAX));
  const geo::Vec3 low = geo::FromGrid(corner);
  const geo::Geodetic first = geo::ToGeodetic(low);
  double west = 0, east = 0, south = first.lat_deg, north = first.lat_deg;
  for (int octant = 1; octant < 8; ++octant) {
    const double side = width / 100.0;
    const geo::Vec3 at{low.x + ((octant & 1) != 0 ? side : 0),
                       low.y + ((octant & 2) != 0 ? side : 0),
                       low.z + ((octant & 4) != 0 ? side : 0)};
    const geo::Geodetic place = geo::ToGeodetic(at);
    const double turned = geo::NormalizeLongitude(place.lon_deg - first.lon_deg);
    west = std::min(west, turned);
    east = std::max(east, turned);
    south = std::min(south, place.lat_deg);
    north = std::max(north, place.lat_deg);
  }
  return json::array(
      {Rounded(geo::NormalizeLongitude(first.lon_deg + west), 1e7), Rounded(south, 1e7),
       Rounded(geo::NormalizeLongitude(first.lon_deg + east), 1e7), Rounded(north, 1e7)});
}

core::Result<int64_t> WholeNumber(const std::string& text, const char* what, int64_t low,
                                  int64_t high) {
  int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end || value < low || value > high)
    return Status(Code::kInvalid, "a number is malformed or out of range", what);
  return value;
}

core::Result<double> Decimal(const std::string& text, const char* what) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end || !std::isfinite(value))
    return Status(Code::kInvalid, "a number is malformed or out of range", what);
  return value;
}

core::Result<int64_t> NumberIn(const HttpRequest& request, const char* name, int64_t absent,
                               int64_t low, int64_t high) {
  const std::string* const text = request.Query(name);
  if (text == nullptr) return absent;
  return WholeNumber(*text, name, low, high);
}

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

json ConsoleItemJson(const ConsoleItem& item) {
  return {{"item", std::to_string(item.item_id)},
          {"definition", item.definition},
          {"title", item.title.empty() ? json() : json(item.title)},
          {"quantity", item.quantity}};
}

// ?id= (an entity), ?player= or ?name=.
core::Result<ConsoleWho> WhoIn(const HttpRequest& request, bool entities) {
  const std::string* const id = entities ? request.Query("id") : nullptr;
  const std::string* const player = request.Query("player");
  const std::string* const name = request.Query("name");
  if ((id != nullptr) + (player != nullptr) + (name != nullptr) != 1) {
    return Status(Code::kInvalid, entities ? "expected one of ?id=, ?player= and ?name="
                                           : "expected one of ?player= and ?name=");
  }
  ConsoleWho who;
  if (id != nullptr) {
    const auto number = WholeNumber(*id, "id", 1, UINT32_MAX);
    if (!number.ok()) return number.status();
    who.entity = static_cast<uint32_t>(*number);
  } else if (player != nullptr) {
    const auto number = WholeNumber(*player, "player", 1, INT64_MAX);
    if (!number.ok()) return number.status();
    who.player_id = *number;
  } else {
    if (Status status = core::ValidateName(*name); !status.ok()) return status;
    who.name = *name;
  }
  return who;
}

/// The members of a body, by name.
class Body {
 public:
  /// `texts` and `numbers` may be there, nothing else.
  static core::Result<Body> Parse(const HttpRequest& request,
                                  std::initializer_list<std::string_view> texts,
                                  std::initializer_list<std::string_view> numbers = {}) {
    Body body;
    const json value = json::parse(request.body, nullptr, /*allow_exceptions=*/false);
    if (!value.is_object()) return Status(Code::kInvalid, "the body is not a JSON object");
    const auto in = [](std::initializer_list<std::string_view> names, const std::string& name) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    for (const auto& [name, member] : value.items()) {
      const std::string shown = core::EscapeForLog(std::string_view(name).substr(0, 40));
      if (in(texts, name)) {
        if (!member.is_string()) return Status(Code::kInvalid, "a member is not a text", shown);
        body.texts_[name] = member.get<std::string>();
      } else if (in(numbers, name)) {
        if (!member.is_number()) return Status(Code::kInvalid, "a member is not a number", shown);
        body.numbers_[name] = member.get<double>();
      } else {
        return Status(Code::kInvalid, "unknown member", shown);
      }
    }
    return body;
  }
  const std::string* Text(const char* name) const {
    const auto found = texts_.find(name);
    return found == texts_.end() ? nullptr : &found->second;
  }
  const double* Number(const char* name) const {
    const auto found = numbers_.find(name);
    return found == numbers_.end() ? nullptr : &found->second;
  }
  /// "player" or "name".
  core::Result<ConsoleWho> Who() const {
    ConsoleWho who;
    if ((Text("player") == nullptr) == (Text("name") == nullptr))
      return Status(Code::kInvalid, "expected either \"player\" or \"name\"");
    if (const std::string* player = Text("player")) {
      const auto number = WholeNumber(*player, "player", 1, INT64_MAX);
      if (!number.ok()) return number.status();
      who.player_id = *number;
    } else {
      if (Status status = core::ValidateName(*Text("name")); !status.ok()) return status;
      who.name = *Text("name");
    }
    return who;
  }

 private:
  std::map<std::string, std::string, std::less<>> texts_;
  std::map<std::string, double, std::less<>> numbers_;
};

class Console {
 public:
  Console(ConsoleProviders providers, const core::Clock& clock)
      : given_(std::move(providers)), clock_(clock) {}

  HttpResponse Session(const HttpRequest&, const Operator& who) const {
    json value = {{"name", who.name},
                  {"role", "operator"},
                  {"via", who.name.empty() ? "secret" : "token"},
                  {"expires_in", nullptr}};
    if (who.expires_s != 0)
      value["expires_in"] = std::max<int64_t>(0, who.expires_s - clock_.WallUs() / 1'000'000);
    return Json(value);
  }

  HttpResponse Overview(const HttpRequest&, const Operator&) const {
    const json health = json::parse(given_.health(), nullptr, false);
    return Json({{"version", given_.version()},
                 {"shard", given_.shard()},
                 {"uptime_s", std::floor(given_.uptime_s())},
                 {"ready", health.is_object() ? health.value("status", "not_ready") : "not_ready"},
                 {"sample", json::parse(given_.sample(), nullptr, false)}});
  }

  HttpResponse Players(const HttpRequest& request, const Operator&) const;
  HttpResponse Entity(const HttpRequest& request, const Operator&) const;
  HttpResponse Interest(const HttpRequest& request, const Operator&) const;
  HttpResponse Leaves(const HttpRequest& request, const Operator&) const;
  HttpResponse Shards(const HttpRequest&, const Operator&) const;
  HttpResponse Config(const HttpRequest&, const Operator&) const {
    return {.content_type = "application/json", .body = "{\"settings\":" + given_.config() + "}\n"};
  }
  HttpResponse Health(const HttpRequest&, const Operator&) const;
  HttpResponse Actions(const HttpRequest& request, const Operator&) const;
  HttpResponse Kick(const HttpRequest& request, const Operator& who) const;
  HttpResponse Teleport(const HttpRequest& request, const Operator& who) const;
  HttpResponse Announce(const HttpRequest& request, const Operator& who) const;

 private:
  core::Result<ConsolePlayer> InPlay(const ConsoleWho& who) const;
  /// Written down first: what cannot be is not done.
  Status NoteAndAct(LoginEventKind kind, const ConsoleAction& action, const ConsolePlayer& player,
                    const std::string& by, const std::string& detail) const;

  const ConsoleProviders given_;
  const core::Clock& clock_;
};

bool Before(const std::string& sort, const ConsolePlayer& a, const ConsolePlayer& b) {
  if (sort == "player") return a.player_id < b.player_id;
  if (sort == "age" && a.session_s != b.session_s) return a.session_s < b.session_s;
  if (sort == "bytes" && a.bytes_per_s != b.bytes_per_s) return a.bytes_per_s < b.bytes_per_s;
  if (sort == "ack_age" || sort == "ping") {
    const double none = std::numeric_limits<double>::infinity();
    const auto figure = sort == "ping" ? &ConsolePlayer::ping_ms : &ConsolePlayer::ack_age_ms;
    const double left = (a.*figure).value_or(none), right = (b.*figure).value_or(none);
    if (left != right) return left < right;
  }
  return a.name != b.name ? a.name < b.name : a.player_id < b.player_id;
}

HttpResponse Console::Players(const HttpRequest& request, const Operator&) const {
  const auto offset = NumberIn(request, "offset", 0, 0, INT32_MAX);
  const auto limit = NumberIn(request, "limit", 100, 1, kMaxPlayersListed);
  if (!offset.ok()) return Refuse(offset.status());
  if (!limit.ok()) return Refuse(limit.status());
  const std::string* const addresses = request.Query("addresses");
  if (addresses != nullptr && *addresses != "true" && *addresses != "false")
    return Refuse({Code::kInvalid, "?addresses= is true or false"});
  std::string sort = request.Query("sort") == nullptr ? "name" : *request.Query("sort");
  const bool backwards = sort.starts_with('-');
  if (backwards) sort.erase(0, 1);
  constexpr std::string_view kSorts[] = {"name", "player", "age", "ack_age", "ping", "bytes"};
  if (std::ranges::find(kSorts, sort) == std::end(kSorts))
    return Refuse({Code::kInvalid, "?sort= is name, player, age, ack_age, ping or bytes"});
  const std::string search =
      request.Query("search") == nullptr ? "" : Lower(*request.Query("search"));
  if (search.size() > kMaxSearchBytes) return Refuse({Code::kInvalid, "?search= is too long"});

  auto all = given_.players();
  if (!all.ok()) return Refuse(all.status());
  const size_t total = all->players.size();
  if (!search.empty()) {
    std::erase_if(all->players, [&](const ConsolePlayer& player) {
      return Lower(player.name).find(search) == std::string::npos &&
             std::to_string(player.player_id) != search && std::to_string(player.entity) != search;
    });
  }
  std::sort(all->players.begin(), all->players.end(),
            [&](const ConsolePlayer& a, const ConsolePlayer& b) {
              return backwards ? Before(sort, b, a) : Before(sort, a, b);
            });
  json listed = json::array();
  const auto begin = static_cast<size_t>(*offset);
  for (size_t i = begin; i < all->players.size() && listed.size() < static_cast<size_t>(*limit);
       ++i)
    listed.push_back(
        ConsolePlayerJson(all->players[i], addresses != nullptr && *addresses == "true"));
  return Json({{"tick", all->tick},
               {"total", total},
               {"matched", all->players.size()},
               {"offset", *offset},
               {"players", std::move(listed)}});
}

HttpResponse Console::Entity(const HttpRequest& request, const Operator&) const {
  const auto who = WhoIn(request, /*entities=*/true);
  if (!who.ok()) return Refuse(who.status());
  const auto seen = given_.entity(*who);
  if (!seen.ok()) return Refuse(seen.status());
  return Json({{"tick", seen->tick},
               {"entity", std::to_string(seen->id)},
               {"kind", seen->kind},
               {"lat", Rounded(seen->place.lat_deg, 1e7)},
               {"lon", Rounded(seen->place.lon_deg, 1e7)},
               {"height", Rounded(seen->place.alt_m, 100)},
               {"heading", Rounded(seen->heading_deg, 10)},
               {"speed", Rounded(seen->speed_mps, 100)},
               {"vertical_speed", Rounded(seen->vertical_speed_mps, 100)},
               {"health", seen->health},
               {"animation", seen->animation},
               {"leaf", std::to_string(seen->leaf.bits)},
               {"leaf_level", seen->leaf.bits == 0 ? 0 : seen->leaf.level()},
               {"part", seen->slot / 32},
               {"slot", seen->slot % 32},
               {"player", seen->player ? ConsolePlayerJson(*seen->player, false) : json()},
               {"item", seen->item ? ConsoleItemJson(*seen->item) : json()}});
}

HttpResponse Console::Interest(const HttpRequest& request, const Operator&) const {
  const auto who = WhoIn(request, /*entities=*/false);
  if (!who.ok()) return Refuse(who.status());
  const auto seen = given_.interest(*who);
  if (!seen.ok()) return Refuse(seen.status());
  constexpr const char* kClasses[] = {"combat", "visual", "extended"};
  json leaves = json::array();
  for (const ConsoleInterest::Leaf& leaf : seen->leaves) {
    leaves.push_back({{"leaf", std::to_string(leaf.key.bits)},
                      {"class", kClasses[std::clamp(leaf.cls, 0, 2)]},
                      {"parts", leaf.parts},
                      {"bounds", BoundsOf(leaf.key)}});
  }
  return Json({{"tick", seen->tick},
               {"player", std::to_string(seen->player.player_id)},
               {"name", seen->player.name},
               {"entity", std::to_string(seen->player.entity)},
               {"lat", Rounded(seen->player.place.lat_deg, 1e7)},
               {"lon", Rounded(seen->player.place.lon_deg, 1e7)},
               {"radius_m", seen->radius_m},
               {"leaves", std::move(leaves)}});
}

HttpResponse Console::Leaves(const HttpRequest& request, const Operator&) const {
  ConsoleRectangle rectangle;
  for (const auto& [name, side] : {std::pair{"west", &rectangle.west},
                                   {"south", &rectangle.south},
                                   {"east", &rectangle.east},
                                   {"north", &rectangle.north}}) {
    const std::string* const text = request.Query(name);
    if (text == nullptr)
      return Refuse({Code::kInvalid, "expected ?west=, south, east and north", name});
    const auto value = Decimal(*text, name);
    if (!value.ok()) return Refuse(value.status());
    *side = *value;
  }
  const auto limit = NumberIn(request, "limit", kMaxLeavesListed, 1, kMaxLeavesListed);
  if (!limit.ok()) return Refuse(limit.status());
  if (!rectangle.valid()) return Refuse({Code::kInvalid, "that is no rectangle on the Earth"});
  const ConsoleBall ball = BallAround(rectangle);
  if (static_cast<double>(ball.radius_cm) > kMaxCloseM / 2 * 100 * 1.5)
    return Refuse({Code::kInvalid, "the rectangle is larger than 20 km across"});
  const auto seen = given_.leaves(ball, static_cast<size_t>(*limit));
  if (!seen.ok()) return Refuse(seen.status());
  json leaves = json::array();
  for (const ConsoleLeaves::Leaf& leaf : seen->leaves) {
    leaves.push_back({{"leaf", std::to_string(leaf.key.bits)},
                      {"level", leaf.key.level()},
                      {"members", leaf.members},
                      {"bounds", BoundsOf(leaf.key)}});
  }
  return Json(
      {{"tick", seen->tick}, {"truncated", seen->truncated}, {"leaves", std::move(leaves)}});
}

HttpResponse Console::Shards(const HttpRequest&, const Operator&) const {
  json shards = json::array();
  std::string own;
  for (const ConsoleShard& shard : given_.shards()) {
    shards.push_back({{"id", shard.id},
                      {"lon_min", shard.lon_min},
                      {"lon_max", shard.lon_max},
                      {"address", shard.address},
                      {"own", shard.own}});
    if (shard.own) own = shard.id;
  }
  return Json({{"own", own}, {"shards", std::move(shards)}});
}

HttpResponse Console::Health(const HttpRequest&, const Operator&) const {
  json value = json::parse(given_.health(), nullptr, false);
  if (!value.is_object()) value = json::object();
  value["dependencies"] = json::array();
  for (const ConsoleDependency& dependency : given_.dependencies()) {
    value["dependencies"].push_back(
        {{"name", dependency.name}, {"state", dependency.state}, {"detail", dependency.detail}});
  }
  return Json(value);
}

HttpResponse Console::Actions(const HttpRequest& request, const Operator&) const {
  const auto limit = NumberIn(request, "limit", 100, 1, kMaxActionsListed);
  if (!limit.ok()) return Refuse(limit.status());
  const auto actions = given_.actions(static_cast<size_t>(*limit));
  if (!actions.ok()) return Refuse(actions.status());
  json listed = json::array();
  for (const persistence::LoginEvent& event : *actions) {
    listed.push_back({{"time", persistence::TimeText(event.at_us)},
                      {"action", persistence::LoginEventName(event.kind)},
                      {"target", event.name},
                      {"by", event.address},
                      {"detail", event.detail}});
  }
  return Json({{"actions", std::move(listed)}});
}

core::Result<ConsolePlayer> Console::InPlay(const ConsoleWho& who) const {
  const auto seen = given_.entity(who);
  if (!seen.ok()) return seen.status();
  if (!seen->player) return Status(Code::kNotFound, "the player is not in play");
  return *seen->player;
}

Status Console::NoteAndAct(LoginEventKind kind, const ConsoleAction& action,
                           const ConsolePlayer& player, const std::string& by,
                           const std::string& detail) const {
  if (Status noted = given_.note(kind, player.account_id, player.name, by, detail); !noted.ok())
    return noted;
  const Status acted = given_.act(action);
  core::Log(core::LogLevel::kWarn, "operator_action", "action={} player={} by=\"{}\" result={}",
            persistence::LoginEventName(kind), player.player_id, by, core::CodeName(acted.code()));
  return acted;
}

HttpResponse Console::Kick(const HttpRequest& request, const Operator& who) const {
  const auto body = Body::Parse(request, {"player", "name", "reason"});
  if (!body.ok()) return Refuse(body.status());
  const auto whom = body->Who();
  if (!whom.ok()) return Refuse(whom.status());
  const std::string reason = body->Text("reason") == nullptr ? "" : *body->Text("reason");
  if (!reason.empty()) {
    if (const Status status = core::ValidateText(reason, kMaxReasonBytes); !status.ok())
      return Refuse({Code::kInvalid, "the reason", status.ToString()});
  }
  const auto player = InPlay(*whom);
  if (!player.ok()) return Refuse(player.status());
  const Status done = NoteAndAct(LoginEventKind::kKicked,
                                 {.kind = ConsoleAction::Kind::kKick,
                                  .player_id = player->player_id,
                                  .place = {},
                                  .text = reason},
                                 *player, who.At(AddressKey(request.remote_address)), reason);
  if (!done.ok()) return Refuse(done);
  return Json({{"player", std::to_string(player->player_id)}, {"name", player->name}});
}

HttpResponse Console::Teleport(const HttpRequest& request, const Operator& who) const {
  const auto body = Body::Parse(request, {"player", "name"}, {"lat", "lon", "height"});
  if (!body.ok()) return Refuse(body.status());
  const auto whom = body->Who();
  if (!whom.ok()) return Refuse(whom.status());
  if (body->Number("lat") == nullptr || body->Number("lon") == nullptr)
    return Refuse({Code::kInvalid, "expected \"lat\" and \"lon\""});
  const bool with_height = body->Number("height") != nullptr;
  auto place = geo::ValidateGeodetic(
      {*body->Number("lon"), *body->Number("lat"), with_height ? *body->Number("height") : 0});
  if (!place.ok()) return Refuse(place.status());
  if (!given_.owns(place->lon_deg))
    return Refuse({Code::kConflict, "the place is another shard's"});
  const auto player = InPlay(*whom);
  if (!player.ok()) return Refuse(player.status());
  ConsoleAction action{.kind = ConsoleAction::Kind::kTeleport,
                       .player_id = player->player_id,
                       .place = *place,
                       .text = {}};
  const std::string detail = "to " + json(Rounded(place->lat_deg, 1e6)).dump() + ", " +
                             json(Rounded(place->lon_deg, 1e6)).dump() + " from " +
                             json(Rounded(player->place.lat_deg, 1e6)).dump() + ", " +
                             json(Rounded(player->place.lon_deg, 1e6)).dump();
  if (!with_height) action.place.alt_m = std::numeric_limits<double>::quiet_NaN();
  const Status done = NoteAndAct(LoginEventKind::kTeleported, action, *player,
                                 who.At(AddressKey(request.remote_address)), detail);
  if (!done.ok()) return Refuse(done);
  return Json({{"player", std::to_string(player->player_id)},
               {"name", player->name},
               {"lat", place->lat_deg},
               {"lon", place->lon_deg},
               {"height", with_height ? json(place->alt_m) : json()}});
}

HttpResponse Console::Announce(const HttpRequest& request, const Operator& who) const {
  const auto body = Body::Parse(request, {"text"});
  if (!body.ok()) return Refuse(body.status());
  const std::string* const text = body->Text("text");
  if (text == nullptr) return Refuse({Code::kInvalid, "expected \"text\""});
  if (const Status status = core::ValidateChat(*text, kMaxAnnouncementBytes); !status.ok())
    return Refuse({Code::kInvalid, "the text", status.ToString()});
  const auto all = given_.players();
  if (!all.ok()) return Refuse(all.status());
  const Status done = NoteAndAct(
      LoginEventKind::kAnnounced,
      {.kind = ConsoleAction::Kind::kAnnounce, .player_id = 0, .place = {}, .text = *text}, {},
      who.At(AddressKey(request.remote_address)), *text);
  if (!done.ok()) return Refuse(done);
  return Json({{"players", all->players.size()}});
}

}  // namespace

bool ConsoleRectangle::valid() const {
  for (const double side : {west, south, east, north}) {
    if (!std::isfinite(side)) return false;
  }
  return west >= -180 && west <= 180 && east >= -180 && east <= 180 && south >= -90 &&
         north <= 90 && south <= north;
}

bool ConsoleRectangle::Contains(double lat, double lon, double margin_deg) const {
  if (lat < south - margin_deg || lat > north + margin_deg) return false;
  const double wide = margin_deg / std::max(0.01, std::cos(lat * 3.14159265358979 / 180));
  if (width_deg() + 2 * wide >= 360) return true;
  double from_west = lon - (west - wide);
  while (from_west < 0) from_west += 360;
  while (from_west >= 360) from_west -= 360;
  return from_west <= width_deg() + 2 * wide;
}

ConsoleBall BallAround(const ConsoleRectangle& rectangle) {
  const double middle_lat = (rectangle.south + rectangle.north) / 2;
  const double middle_lon = geo::NormalizeLongitude(rectangle.west + rectangle.width_deg() / 2);
  const geo::Vec3 centre = geo::ToEcef({middle_lon, middle_lat, 0});
  double radius_m = 0;
  for (const double lat : {rectangle.south, middle_lat, rectangle.north}) {
    for (const double lon : {rectangle.west, rectangle.east}) {
      const geo::Vec3 way = geo::ToEcef({geo::NormalizeLongitude(lon), lat, 0}) - centre;
      radius_m = std::max(radius_m, std::sqrt(Dot(way, way)));
    }
  }
  // Three quarters of the world have all corners near: what is wider than half of it is all of it.
  if (rectangle.width_deg() * kMetresPerDegree > 2e7) radius_m = 1e7;
  return {geo::ToGrid(centre), static_cast<int64_t>(radius_m * 100)};
}

void AddConsoleEndpoints(Router& router, ConsoleProviders providers, AdminGuard& guard,
                         const core::Clock& clock) {
  const auto console = std::make_shared<const Console>(std::move(providers), clock);
  using Handler = HttpResponse (Console::*)(const HttpRequest&, const Operator&) const;
  const auto add = [&](const char* method, const char* path, Handler handler) {
    router.Add(
        method, path,
        [console, &guard, handler](const HttpRequest& request) -> HttpResponse {
          Operator who;
          if (auto refused = guard.Check(request, &who)) return std::move(*refused);
          return ((*console).*handler)(request, who);
        },
        RunsOn::kOwnThreads);
  };
  add("GET", "/v1/console/session", &Console::Session);
  add("GET", "/v1/console/status", &Console::Overview);
  add("GET", "/v1/console/players", &Console::Players);
  add("GET", "/v1/console/entity", &Console::Entity);
  add("GET", "/v1/console/interest", &Console::Interest);
  add("GET", "/v1/console/leaves", &Console::Leaves);
  add("GET", "/v1/console/shards", &Console::Shards);
  add("GET", "/v1/console/config", &Console::Config);
  add("GET", "/v1/console/health", &Console::Health);
  add("GET", "/v1/console/actions", &Console::Actions);
  add("POST", "/v1/console/kick", &Console::Kick);
  add("POST", "/v1/console/teleport", &Console::Teleport);
  add("POST", "/v1/console/announce", &Console::Announce);
}

}  // namespace bluemarble::api
