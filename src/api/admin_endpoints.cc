#include "api/admin_endpoints.h"

#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <type_traits>
#include <utility>

#include "api/admin_json.h"
#include "core/log.h"
#include "core/text.h"

namespace bluemarble::api {
namespace {

using core::Code;
using core::Status;
using nlohmann::json;
using persistence::StoreReader;

constexpr const char* kJson = "application/json";
constexpr uint64_t kVerifyBudget = 500;  // events between two looks at the clock
constexpr size_t kDefaultHistory = 100;

HttpResponse JsonText(std::string body, int status = 200) {
  return {.status = status, .content_type = kJson, .body = std::move(body)};
}

HttpResponse Refusal(const Status& status) {
  HttpResponse answer = JsonText(ErrorJson(status), HttpStatusOf(status.code()));
  if (answer.status == 503) answer.retry_after_s = 1;
  return answer;
}

const std::string& Parameter(const HttpRequest& request, std::string_view name) {
  static const std::string kNone;
  const std::string* value = request.Query(name);
  return value == nullptr ? kNone : *value;
}

core::Result<int64_t> Number(const HttpRequest& request, std::string_view name, int64_t absent,
                             int64_t low, int64_t high) {
  const std::string& text = Parameter(request, name);
  if (text.empty()) return absent;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < low || value > high)
    return Status(Code::kInvalid, "a number in the query is malformed or out of range",
                  std::string(name));
  return value;
}

std::array<std::byte, 16> RandomKey() {
  std::random_device source;
  std::array<std::byte, 16> key{};
  for (std::byte& byte : key) byte = static_cast<std::byte>(source());
  return key;
}

class Admin {
 public:
  Admin(AdminProviders providers, const core::Clock& clock)
      : providers_(std::move(providers)), clock_(clock) {}

  // Runs `shape` with a reader; what it returns is the body.
  template <typename Shape>
  HttpResponse Read(Shape shape) const {
    std::string body;
    const Status status = providers_.with_reader([&](StoreReader& reader) -> Status {
      core::Result<std::string> shaped = shape(reader);
      if (shaped.ok()) body = std::move(*shaped);
      return shaped.status();
    });
    return status.ok() ? JsonText(std::move(body)) : Refusal(status);
  }

  HttpResponse History(const HttpRequest& request) const;
  HttpResponse Events(const HttpRequest& request) const;
  HttpResponse Items(const HttpRequest& request) const;
  HttpResponse State(const HttpRequest& request) const;
  HttpResponse Notes(const HttpRequest& request) const;
  HttpResponse Verify(const HttpRequest& request) const;
  HttpResponse Audit() const;
  HttpResponse Keys(const HttpRequest& request) const;
  HttpResponse Rollback(const HttpRequest& request, const std::string& by) const;
  HttpResponse Player(const HttpRequest& request) const;
  const AdminProviders& providers() const { return providers_; }

 private:
  core::Result<std::string> VerifySlice(StoreReader& reader, const HttpRequest& request) const;
  core::Result<persistence::RollbackPlan> Plan(StoreReader& reader, const std::string& player,
                                               const persistence::Moment& to) const;

  const AdminProviders providers_;
  const core::Clock& clock_;
};

HttpResponse Admin::History(const HttpRequest& request) const {
  const auto from = Number(request, "from", 0, 0, INT64_MAX);
  const auto limit = Number(request, "limit", kDefaultHistory, 1, kMaxHistoryEvents);
  if (!from.ok()) return Refusal(from.status());
  if (!limit.ok()) return Refusal(limit.status());
  return Read([&](StoreReader& reader) -> core::Result<std::string> {
    const auto aggregate = persistence::ResolveAggregate(reader, Parameter(request, "aggregate"));
    if (!aggregate.ok()) return aggregate.status();
    const auto count = static_cast<size_t>(*limit);
    const auto events = persistence::History(reader, *aggregate, *from, count);
    if (!events.ok()) return events.status();
    if (events->empty() && *from == 0)
      return Status(Code::kNotFound, "no events", ToString(*aggregate));
    std::optional<int64_t> next;
    if (events->size() == count) next = events->back().row.version + 1;
    return HistoryJson(*aggregate, *events, next);
  });
}

HttpResponse Admin::Events(const HttpRequest& request) const {
  const auto after = Number(request, "after", 0, 0, INT64_MAX);
  const auto limit = Number(request, "limit", kDefaultHistory, 1, kMaxHistoryEvents);
  if (!after.ok()) return Refusal(after.status());
  if (!limit.ok()) return Refusal(limit.status());
  return Read([&](StoreReader& reader) -> core::Result<std::string> {
    auto rows = reader.ReadEventsAfter(*after, static_cast<size_t>(*limit));
    if (!rows.ok()) return rows.status();
    std::vector<persistence::DecodedEvent> events;
    for (persistence::EventRow& row : *rows)
      events.push_back(persistence::DecodeEvent(std::move(row)));
    return EventsJson(events);
  });
}

HttpResponse Admin::State(const HttpRequest& request) const {
  const std::string& at = Parameter(request, "at");
  const auto moment = at.empty() ? persistence::Moment{StoreReader::Moment::kTime, clock_.WallUs()}
                                 : persistence::ParseMoment(at);
  if (!moment.ok()) return Refusal(moment.status());
  return Read([&](StoreReader& reader) -> core::Result<std::string> {
    const auto aggregate = persistence::ResolveAggregate(reader, Parameter(request, "aggregate"));
    if (!aggregate.ok()) return aggregate.status();
    const auto event = persistence::StateAt(reader, *aggregate, *moment);
    if (!event.ok()) return event.status();
    std::optional<Holdings> holds;
    if (at.empty() && aggregate->type == persistence::AggregateType::kPlayer) {
      const auto account = reader.LoadAccount(aggregate->id);
      if (!account.ok() && account.status().code() != Code::kNotFound) return account.status();
      auto items = reader.ItemsOf(aggregate->id);
      if (!items.ok()) return items.status();
      holds = {account.ok() ? account->balance : 0, std::move(*items)};
    }
    return StateJson(*aggregate, *moment, *event, holds);
  });
}

// A moment of time in the query, as microseconds.
core::Result<int64_t> TimeOf(const HttpRequest& request, std::string_view name, int64_t absent) {
  const std::string& text = Parameter(request, name);
  if (text.empty()) return absent;
  const auto moment = persistence::ParseMoment(text);
  if (!moment.ok()) return moment.status();
  if (moment->by != StoreReader::Moment::kTime)
    return Status(Code::kInvalid, "notes are found by time", std::string(name));
  return moment->at;
}

HttpResponse Admin::Notes(const HttpRequest& request) const {
  persistence::NoteQuery query;
  const auto since = TimeOf(request, "since", 0);
  const auto until = TimeOf(request, "until", INT64_MAX);
  const auto limit = Number(request, "limit", kDefaultHistory, 1, kMaxNotes);
  if (!since.ok()) return Refusal(since.status());
  if (!until.ok()) return Refusal(until.status());
  if (!limit.ok()) return Refusal(limit.status());
  query.since_us = *since;
  query.until_us = *until;
  query.limit = static_cast<size_t>(*limit);
  if (const std::string& kind = Parameter(request, "kind"); !kind.empty()) {
    query.kind = persistence::ParseNoteKind(kind);
    if (!query.kind) return Refusal({Code::kInvalid, "notes are of the kind chat or conduct"});
  }
  std::string player = Parameter(request, "player");
  if (!player.empty() && !player.starts_with("player:")) player.insert(0, "player:");
  return Read([&](StoreReader& reader) -> core::Result<std::string> {
    if (!player.empty()) {
      const auto aggregate = persistence::ResolveAggregate(reader, player);
      if (!aggregate.ok()) return aggregate.status();
      query.player_id = aggregate->id;
    }
    const auto notes = reader.ReadNotes(query);
    if (!notes.ok()) return notes.status();
    std::map<int64_t, std::string> names;
    for (const persistence::NoteRow& note : *notes) {
      const auto [name, unknown] = names.try_emplace(note.player_id);
      if (!unknown) continue;
      const auto row = reader.LoadPlayer(note.player_id);
      if (!row.ok() && row.status().code() != Code::kNotFound) return row.status();
      if (row.ok()) name->second = row->name.view();
    }
    std::erase_if(names, [](const auto& entry) { return entry.second.empty(); });
    return NotesJson(*notes, names);
  });
}

HttpResponse Admin::Items(const HttpRequest& request) const {
  const auto after = Number(request, "after", -1, 0, INT64_MAX);
  if (!after.ok()) return Refusal(after.status());
  return Read([&](StoreReader& reader) -> core::Result<std::string> {
    const auto aggregate = persistence::ResolveAggregate(reader, Parameter(request, "player"));
    if (!aggregate.ok()) return aggregate.status();
    if (aggregate->type != persistence::AggregateType::kPlayer)
      return Status(Code::kInvalid, "only a player holds items", ToString(*aggregate));
    if (const auto row = reader.LoadPlayer(aggregate->id); !row.ok()) {
      if (row.status().code() != Code::kNotFound) return row.status();
      return Status(Code::kNotFound, "no such player", ToString(*aggregate));
    }
    persistence::ItemSearch search;
    search.player_id = aggregate->id;
    search.after = *after;
    const int64_t deadline_ns = clock_.NowNs() + kVerifySliceNs;
    do {
      if (Status status = SearchItems(reader, search); !status.ok()) return status;
    } while (!search.done() && clock_.NowNs() < deadline_ns);
    return ItemsJson(search);
  });
}

core::Result<std::string> Admin::VerifySlice(StoreReader& reader,
                                             const HttpRequest& request) const {
  persistence::Verifier verifier(reader);
  if (const std::string& text = Parameter(request, "aggregate"); !text.empty()) {
    const auto aggregate = persistence::ResolveAggregate(reader, text);
    if (!aggregate.ok()) return aggregate.status();
    if (Status status = verifier.VerifyOne(*aggregate); !status.ok()) return status;
    return VerifyJson(verifier.report(), "");
  }
  persistence::VerifyCursor cursor;
  if (const std::string& after = Parameter(request, "after"); !after.empty()) {
    const auto parsed = persistence::ParseVerifyCursor(after);
    if (!parsed.ok()) return parsed.status();
    cursor = *parsed;
  }
  const int64_t deadline_ns = clock_.NowNs() + kVerifySliceNs;
  do {
    if (Status status = verifier.Step(cursor, kVerifyBudget); !status.ok()) return status;
  } while (cursor.stage != persistence::VerifyCursor::Stage::kDone && clock_.NowNs() < deadline_ns);
  const bool done = cursor.stage == persistence::VerifyCursor::Stage::kDone;
  return VerifyJson(verifier.report(), done ? "" : ToString(cursor));
}

HttpResponse Admin::Verify(const HttpRequest& request) const {
  return Read([&](StoreReader& reader) { return VerifySlice(reader, request); });
}

HttpResponse Admin::Audit() const {
  return Read([&](StoreReader& reader) -> core::Result<std::string> {
    auto lines = reader.Audit();
    if (!lines.ok()) return lines.status();
    if (providers_.in_doubt) {
      lines->push_back({.name = "groups_in_doubt",
                        .value = static_cast<int64_t>(providers_.in_doubt()),
                        .must_be_zero = true,
                        .what = "groups whose commit was sent and whose outcome is not known",
                        .sql = ""});
    }
    return AuditJson(*lines);
  });
}

core::Result<std::vector<persistence::IdempotencyKey>> ParseKeys(const std::string& body) {
  const json value = json::parse(body, nullptr, /*allow_exceptions=*/false);
  const Status expected(Code::kInvalid,
                        "expected {\"keys\": [[\"player number\", \"32 hex digits\"], ...]}");
  if (!value.is_object() || !value.contains("keys") || !value["keys"].is_array()) return expected;
  std::vector<persistence::IdempotencyKey> keys;
  for (const json& entry : value["keys"]) {
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_string())
      return expected;
    const auto player = persistence::ParseAggregate("player:" + entry[0].get<std::string>());
    const auto key = persistence::ParseKey(entry[1].get<std::string>());
    if (!player.ok() || !key) return expected;
    keys.push_back({player->id, *key});
  }
  if (keys.size() > kMaxKeys) return Status(Code::kInvalid, "more than 500 keys in one request");
  return keys;
}

HttpResponse Admin::Keys(const HttpRequest& request) const {
  const auto keys = ParseKeys(request.body);
  if (!keys.ok()) return Refusal(keys.status());
  return Read([&](StoreReader& reader) -> core::Result<std::string> {
    std::vector<std::optional<persistence::WriteResult>> results;
    for (const persistence::IdempotencyKey& key : *keys) {
      auto result = reader.FindResult(key);
      if (!result.ok()) return result.status();
      results.push_back(std::move(*result));
    }
    return KeysJson(results);
  });
}

core::Result<persistence::RollbackPlan> Admin::Plan(StoreReader& reader, const std::string& player,
                                                    const persistence::Moment& to) const {
  auto aggregate = persistence::ResolveAggregate(reader, player);
  if (!aggregate.ok()) return aggregate.status();
  if (aggregate->type != persistence::AggregateType::kPlayer)
    return Status(Code::kInvalid, "only a player can be rolled back");
  if (providers_.in_play(aggregate->id))
    return Status(Code::kConflict, "the player is in play: try again after the logout");
  persistence::RollbackRequest request;
  request.player_id = aggregate->id;
  request.to = to;
  request.now_us = clock_.WallUs();
  request.tick = providers_.tick();
  request.key = RandomKey();
  return persistence::PlanRollback(reader, request);
}

HttpResponse Admin::Rollback(const HttpRequest& request, const std::string& by) const {
  const json body = json::parse(request.body, nullptr, /*allow_exceptions=*/false);
  if (!body.is_object() || !body.contains("player") || !body["player"].is_string() ||
      !body.contains("to") || !body["to"].is_string() ||
      (body.contains("dry_run") && !body["dry_run"].is_boolean())) {
    return Refusal({Code::kInvalid,
                    "expected {\"player\": \"player:NAME\", \"to\": \"TIME\", \"dry_run\": true}"});
  }
  std::string player = body["player"].get<std::string>();
  if (!player.starts_with("player:")) player.insert(0, "player:");
  const auto to = persistence::ParseMoment(body["to"].get<std::string>());
  if (!to.ok()) return Refusal(to.status());
  const auto tick = static_cast<int64_t>(providers_.tick());
  if ((to->by == StoreReader::Moment::kTime && to->at > clock_.WallUs()) ||
      (to->by == StoreReader::Moment::kTick && to->at > tick)) {
    return Refusal({Code::kInvalid, "the moment to go back to is in the future",
                    ToString(*to) + "; now is " + persistence::TimeText(clock_.WallUs()) +
                        ", tick:" + std::to_string(tick)});
  }

  core::Result<persistence::RollbackPlan> plan = Status(Code::kInternal, "no plan");
  const Status read = providers_.with_reader([&](StoreReader& reader) {
    plan = Plan(reader, player, *to);
    return plan.status();
  });
  if (!read.ok()) return Refusal(read);
  // What would change something must be asked for.
  if (body.value("dry_run", true)) return JsonText(RollbackJson(*plan, *to, nullptr));
  // Planning may have taken a while. Who logs in after this line is found by the version.
  if (providers_.in_play(plan->player.player_id))
    return Refusal({Code::kConflict, "the player has come into play meanwhile"});
  const persistence::RollbackDone done = persistence::CarryOut(*plan, providers_.commit);
  core::Log(core::LogLevel::kWarn, "player_rolled_back",
            "player={} to={} version={} writes={}/{} key={} by=\"{}\" result={}",
            plan->player.player_id, ToString(*to), done.version, done.writes, plan->writes.size(),
            persistence::KeyText(plan->writes.front().key.bytes), by,
            core::CodeName(done.status.code()));
  if (done.writes > 0 && providers_.taken_from_ground && !plan->taken_from_ground.empty())
    providers_.taken_from_ground(plan->taken_from_ground);
  return JsonText(RollbackJson(*plan, *to, &done),
                  done.status.ok() ? 200 : HttpStatusOf(done.status.code()));
}

HttpResponse Admin::Player(const HttpRequest& request) const {
  PlayerQuery query;
  query.name = Parameter(request, "name");
  const bool by_id = request.Query("id") != nullptr;
  if (by_id == !query.name.empty())
    return Refusal({Code::kInvalid, "expected either ?id=NUMBER or ?name=NAME"});
  if (by_id) {
    const auto id = Number(request, "id", 0, 1, INT64_MAX);
    if (!id.ok() || *id == 0) return Refusal({Code::kInvalid, "?id= is not a player's number"});
    query.id = *id;
  } else if (Status status = core::ValidateName(query.name); !status.ok()) {
    return Refusal(status);
  }
  const auto view = providers_.player(query);
  return view.ok() ? JsonText(PlayerJson(*view)) : Refusal(view.status());
}

}  // namespace

int HttpStatusOf(core::Code code) {
  switch (code) {
    case Code::kOk: return 200;
    case Code::kInvalid: return 400;
    case Code::kDenied: return 403;
    case Code::kNotFound: return 404;
    case Code::kConflict:
    case Code::kStale: return 409;
    case Code::kNoSpace: return 429;
    case Code::kFull:
    case Code::kUnavailable: return 503;
    case Code::kUnknown: return 504;
    default: return 500;
  }
}

void AddAdminEndpoints(Router& router, AdminProviders providers, AdminGuard* guard,
                       const core::Clock& clock) {
  const auto admin = std::make_shared<const Admin>(std::move(providers), clock);
  const auto add = [&](const char* method, const char* path, auto handler) {
    router.Add(
        method, path,
        [admin, guard, handler](const HttpRequest& request) -> HttpResponse {
          Operator who;
          if (guard != nullptr) {
            if (auto refused = guard->Check(request, &who)) return std::move(*refused);
          }
          if constexpr (std::is_invocable_v<decltype(handler), const Admin&, const HttpRequest&,
                                            const std::string&>) {
            return handler(*admin, request, who.At(request.remote_address));
          } else {
            return handler(*admin, request);
          }
        },
        RunsOn::kOwnThreads);
  };
  const AdminProviders& given = admin->providers();
  if (given.with_reader) {
    add("GET", "/v1/admin/history",
        [](const Admin& a, const HttpRequest& request) { return a.History(request); });
    add("GET", "/v1/admin/events",
        [](const Admin& a, const HttpRequest& request) { return a.Events(request); });
    add("GET", "/v1/admin/items",
        [](const Admin& a, const HttpRequest& request) { return a.Items(request); });
    add("GET", "/v1/admin/state",
        [](const Admin& a, const HttpRequest& request) { return a.State(request); });
    add("GET", "/v1/admin/notes",
        [](const Admin& a, const HttpRequest& request) { return a.Notes(request); });
    add("GET", "/v1/admin/verify",
        [](const Admin& a, const HttpRequest& request) { return a.Verify(request); });
    add("GET", "/v1/admin/audit", [](const Admin& a, const HttpRequest&) { return a.Audit(); });
    add("POST", "/v1/admin/keys",
        [](const Admin& a, const HttpRequest& request) { return a.Keys(request); });
  }
  if (given.with_reader && given.in_play && given.tick && given.commit) {
    add("POST", "/v1/admin/rollback",
        [](const Admin& a, const HttpRequest& request, const std::string& by) {
          return a.Rollback(request, by);
        });
  }
  if (given.player) {
    add("GET", "/v1/state/player",
        [](const Admin& a, const HttpRequest& request) { return a.Player(request); });
  }
  if (given.slow) {
    add("GET", "/v1/slow",
        [](const Admin& a, const HttpRequest&) { return JsonText(a.providers().slow()); });
  }
  if (given.items) {
    router.Add("GET", "/v1/items",
               [admin](const HttpRequest&) { return JsonText(admin->providers().items()); });
  }
}

}  // namespace bluemarble::api
