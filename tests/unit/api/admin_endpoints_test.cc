#include "api/admin_endpoints.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "api/url_query.h"
#include "becomes.h"
#include "raw_client.h"
#include "tests/unit/persistence/fake_reader.h"

namespace bluemarble::api {
namespace {

using nlohmann::json;
using persistence::EventKind;
using persistence::FakeReader;

constexpr int64_t kAda = (int64_t{77} << 40) | 17;  // more than 53 bits would be no number in JSON

class AdminEndpoints : public ::testing::Test {
 protected:
  AdminEndpoints() {
    reader.Player(kAda, "Ada", 1, EventKind::kPlayerCreated);
    reader.Player(kAda, "Ada", 2, EventKind::kLogin);
    reader.Post(persistence::kMintAccount, -100);
    reader.Post(kAda, 100);
    persistence::Cause cause;
    cause.player_id = kAda;
    cause.key.fill(std::byte{0x1f});
    reader.Item(5, kAda, 10, EventKind::kItemCreated, 7, cause);
    cause.key.fill(std::byte{0x2e});
    reader.Item(5, persistence::kHeldByWorld, 10, EventKind::kItemMoved, 7, cause);
  }

  AdminProviders Providers() {
    AdminProviders providers;
    providers.with_reader = [this](const AdminProviders::UseReader& use) { return use(reader); };
    if (in_doubt) providers.in_doubt = [this] { return *in_doubt; };
    providers.in_play = [this](int64_t id) { return id == in_play; };
    providers.tick = [] { return core::Tick{5000}; };
    providers.commit =
        [this](const persistence::DurableWrite& write) -> core::Result<persistence::WriteResult> {
      committed.push_back(write);
      return answer;
    };
    providers.taken_from_ground = [this](std::span<const int64_t> items) {
      taken.assign(items.begin(), items.end());
    };
    providers.player = [](const PlayerQuery& query) -> core::Result<persistence::PlayerView> {
      if (!query.id && query.name != "Ada")
        return core::Status(core::Code::kNotFound, "no such player");
      persistence::PlayerView view;
      view.row.player_id = kAda;
      view.row.name = persistence::PlayerName::From("Ada");
      view.gold = 12;
      view.position_level = persistence::Level::kLive;
      return view;
    };
    providers.items = [] { return std::string("{\"items\":[]}\n"); };
    return providers;
  }

  json Ask(const std::string& method, const std::string& target, const std::string& body = "") {
    Router router;
    AddAdminEndpoints(router, Providers(), nullptr, clock);
    HttpRequest request;
    request.method = method;
    const size_t question = target.find('?');
    request.path = target.substr(0, question);
    if (question != std::string::npos)
      request.query = *ParseQuery(std::string_view(target).substr(question + 1));
    request.body = body;
    std::string allow;
    const HttpResponse response = router.Route(request, &allow);
    status = response.status;
    return json::parse(response.body, nullptr, false);
  }
  json Get(const std::string& target) { return Ask("GET", target); }

  core::SystemClock clock;
  FakeReader reader;
  int64_t in_play = 0;
  std::optional<uint64_t> in_doubt;
  std::vector<persistence::DurableWrite> committed;
  core::Result<persistence::WriteResult> answer = [] {
    persistence::WriteResult done;
    done.outcome = persistence::Outcome::kOk;
    done.row.version = 3;
    return done;
  }();
  std::vector<int64_t> taken;
  int status = 0;
};

TEST_F(AdminEndpoints, TellHistories) {
  json history = Get("/v1/admin/history?aggregate=player:Ada");
  EXPECT_EQ(status, 200);
  EXPECT_EQ(history["aggregate"], "player:" + std::to_string(kAda));
  ASSERT_EQ(history["events"].size(), 2u);
  EXPECT_EQ(history["events"][1]["kind"], "login");
  EXPECT_EQ(history["events"][1]["state"]["x_m"], 2.0);
  EXPECT_EQ(history["events"][0]["time"], "2023-11-14T22:13:20.000000Z");
  EXPECT_TRUE(history["next"].is_null());

  history = Get("/v1/admin/history?aggregate=item:5&limit=1");
  ASSERT_EQ(history["events"].size(), 1u);
  EXPECT_EQ(history["events"][0]["state"]["holder"], "player:" + std::to_string(kAda));
  EXPECT_EQ(history["events"][0]["cause"]["player"], std::to_string(kAda));
  EXPECT_EQ(history["events"][0]["cause"]["key"], "1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f");
  EXPECT_EQ(history["next"], 2);
  history = Get("/v1/admin/history?aggregate=item:5&from=2");
  EXPECT_EQ(history["events"][0]["state"]["holder"], "world");
  EXPECT_EQ(history["events"][0]["state"]["place"]["x_m"], 5.0);
}

TEST_F(AdminEndpoints, TellAllEventsInTheirOrder) {
  const json page = Get("/v1/admin/events?after=3&limit=2");
  ASSERT_EQ(page["events"].size(), 2u);
  EXPECT_EQ(page["events"][0]["seq"], 4);
  EXPECT_EQ(page["events"][0]["epoch"], 7);
  EXPECT_EQ(page["events"][0]["aggregate"], "account:" + std::to_string(kAda));
  EXPECT_EQ(page["events"][1]["aggregate"], "item:5");
}

TEST_F(AdminEndpoints, TellTheStateOfAMoment) {
  EXPECT_EQ(Get("/v1/admin/state?aggregate=item:5&at=version:1")["event"]["version"], 1);
  EXPECT_EQ(Get("/v1/admin/state?aggregate=item:5")["event"]["version"], 2);
  EXPECT_EQ(Get("/v1/admin/state?aggregate=account:" + std::to_string(kAda))["event"]["amount"],
            100);
  Get("/v1/admin/state?aggregate=item:5&at=tick:1");
  EXPECT_EQ(status, 404);
}

TEST_F(AdminEndpoints, TellTheNewestNotesThatMatch) {
  for (int64_t number = 1; number <= 6; ++number) {
    persistence::NoteRow& note = reader.notes.emplace_back();
    note.run = 2;
    note.number = number;
    note.at_us = 1'700'000'000'000'000 + number * 1'000'000;
    note.player_id = number % 2 == 0 ? kAda : 99;
    note.tick = 10;
    note.kind = number > 4 ? persistence::NoteKind::kConduct : persistence::NoteKind::kChat;
    note.code = 2;
    note.text = "line " + std::to_string(number);
  }
  const auto numbers = [this](const std::string& query) {
    std::vector<int> found;
    const json notes = Get("/v1/admin/notes" + query);
    for (const json& note : notes["notes"]) found.push_back(note["number"].get<int>());
    return found;
  };
  using Numbers = std::vector<int>;
  EXPECT_EQ(numbers(""), (Numbers{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(numbers("?player=Ada"), (Numbers{2, 4, 6}));
  EXPECT_EQ(numbers("?player=player:" + std::to_string(kAda) + "&kind=chat"), (Numbers{2, 4}));
  EXPECT_EQ(numbers("?kind=conduct&limit=1"), (Numbers{6}));
  EXPECT_EQ(numbers("?since=1700000003&until=1700000005"), (Numbers{3, 4}));
  const json note = Get("/v1/admin/notes?player=99&limit=1")["notes"][0];
  EXPECT_EQ(note["player"], "99");
  EXPECT_TRUE(note["name"].is_null()) << "a player who is not stored has no name";
  EXPECT_EQ(note["kind"], "conduct");
  EXPECT_EQ(note["text"], "line 5");
  EXPECT_EQ(note["time"], "2023-11-14T22:13:25.000000Z");
  EXPECT_EQ(Get("/v1/admin/notes?player=Ada")["notes"][0]["name"], "Ada");
  for (const char* query : {"?kind=gossip", "?since=tick:5", "?since=soon", "?limit=1001",
                            "?limit=0", "?until=version:1"})
    EXPECT_EQ(Get(std::string("/v1/admin/notes") + query)["error"]["code"], "invalid") << query;
  EXPECT_EQ(Get("/v1/admin/notes?player=Nobody")["error"]["code"], "not_found");
}

TEST_F(AdminEndpoints, SayWhatIsWrongWithAQuestion) {
  const struct {
    const char* target;
    int status;
  } kCases[] = {{"/v1/admin/history", 400},
                {"/v1/admin/history?aggregate=17", 400},
                {"/v1/admin/history?aggregate=item:5&limit=0", 400},
                {"/v1/admin/history?aggregate=item:5&limit=1001", 400},
                {"/v1/admin/history?aggregate=item:5&from=x", 400},
                {"/v1/admin/history?aggregate=player:Bob", 404},
                {"/v1/admin/history?aggregate=item:404", 404},
                {"/v1/admin/state?aggregate=item:5&at=soon", 400},
                {"/v1/admin/verify?after=nowhere", 400},
                {"/v1/state/player", 400},
                {"/v1/state/player?id=0", 400},
                {"/v1/state/player?id=1&name=Ada", 400},
                {"/v1/state/player?name=a%00b", 400},
                {"/v1/state/player?name=Bob", 404}};
  for (const auto& c : kCases) {
    const json said = Get(c.target);
    EXPECT_EQ(status, c.status) << c.target;
    EXPECT_FALSE(said["error"]["message"].get<std::string>().empty()) << c.target;
  }
}

TEST_F(AdminEndpoints, TellWhichItemsAPlayerEverHad) {
  json held = Get("/v1/admin/items?player=player:Ada");
  EXPECT_EQ(status, 200) << held;
  EXPECT_EQ(held["player"], std::to_string(kAda));
  EXPECT_EQ(held["items"], json::array({"5"})) << "it lies on the ground now";
  EXPECT_TRUE(held["next"].is_null());
  held = Get("/v1/admin/items?player=player:Ada&after=" + held["newest"].dump());
  EXPECT_TRUE(held["items"].empty());
  const std::pair<const char*, int> kWrong[] = {{"account:17", 400},
                                                {"item:5", 400},
                                                {"player:404", 404},
                                                {"player:Bob", 404},
                                                {"player:Ada&after=-1", 400}};
  for (const auto& [player, expected] : kWrong) {
    Get(std::string("/v1/admin/items?player=") + player);
    EXPECT_EQ(status, expected) << player;
  }
}

TEST_F(AdminEndpoints, VerifyAndSayWhetherThereIsMore) {
  json report = Get("/v1/admin/verify");
  EXPECT_EQ(report["findings"], 0) << report;
  EXPECT_EQ(report["aggregates"], 4);
  EXPECT_TRUE(report["next"].is_null());
  reader.accounts[kAda].balance = 5;
  report = Get("/v1/admin/verify?aggregate=account:" + std::to_string(kAda));
  EXPECT_EQ(report["findings"], 1);
  EXPECT_EQ(report["aggregates"], 1);
  EXPECT_EQ(report["listed"][0]["what"], "the row says 5, the events 100");
  EXPECT_EQ(Get("/v1/admin/verify?after=events:0")["findings"], 0);
}

TEST_F(AdminEndpoints, TellTheAudit) {
  reader.audit = {{"gold_sum", 0, true, "gold", "SELECT 0"}, {"players", 3, false, "", ""}};
  EXPECT_EQ(Get("/v1/admin/audit")["clean"], true);
  reader.audit[0].value = -4;
  const json audit = Get("/v1/admin/audit");
  EXPECT_EQ(audit["clean"], false);
  EXPECT_EQ(audit["lines"][0]["value"], -4);
}

TEST_F(AdminEndpoints, TellInTheAuditWhatTheCommitterHasInDoubt) {
  reader.audit = {{"gold_sum", 0, true, "gold", "SELECT 0"}};
  in_doubt = 0;
  json audit = Get("/v1/admin/audit");
  EXPECT_EQ(audit["lines"][1]["name"], "groups_in_doubt");
  EXPECT_EQ(audit["clean"], true);
  in_doubt = 1;
  audit = Get("/v1/admin/audit");
  EXPECT_EQ(audit["lines"][1]["value"], 1);
  EXPECT_EQ(audit["clean"], false);
}

TEST_F(AdminEndpoints, LookKeysUp) {
  persistence::IdempotencyKey key{17, {}};
  key.bytes.fill(std::byte{0xcd});
  reader.results[key].outcome = persistence::Outcome::kRefused;
  reader.results[key].refusal = persistence::Refusal::kTooFar;
  const std::string hex(32, 'c');
  const json found =
      Ask("POST", "/v1/admin/keys",
          R"({"keys":[["17","cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"],["17",")" + hex + R"("]]})");
  EXPECT_EQ(found["results"][0]["outcome"], "refused");
  EXPECT_EQ(found["results"][0]["refusal"], "too_far");
  EXPECT_TRUE(found["results"][1].is_null());
  for (const char* bad : {"", "[]", "{}", R"({"keys":[["x","00"]]})", R"({"keys":[[1,2]]})",
                          R"({"keys":[["17","zz"]]})"}) {
    Ask("POST", "/v1/admin/keys", bad);
    EXPECT_EQ(status, 400) << bad;
  }
}

TEST_F(AdminEndpoints, PlanARollbackUnlessToldToDoIt) {
  const json plan = Ask("POST", "/v1/admin/rollback", R"({"player":"Ada","to":"version:2"})");
  EXPECT_EQ(status, 200);
  EXPECT_EQ(plan["dry_run"], true);
  EXPECT_EQ(plan["gold"]["now"], 100);
  EXPECT_EQ(plan["gold"]["then"], 0);
  EXPECT_TRUE(committed.empty());
  for (const char* bad :
       {"", "{}", R"({"player":"Ada"})", R"({"player":17,"to":"tick:1"})",
        R"({"player":"Ada","to":"soon"})", R"({"player":"Ada","to":"tick:1","dry_run":"no"})"}) {
    Ask("POST", "/v1/admin/rollback", bad);
    EXPECT_EQ(status, 400) << bad;
  }
  Ask("POST", "/v1/admin/rollback", R"({"player":"Bob","to":"version:2"})");
  EXPECT_EQ(status, 404);
  Ask("POST", "/v1/admin/rollback", R"({"player":"Ada","to":"version:3"})");
  EXPECT_EQ(status, 404);
}

TEST_F(AdminEndpoints, RollNobodyBackToTheFuture) {
  for (const char* future : {"9999-01-01T00:00:00Z", "tick:5001"}) {
    const json refused = Ask("POST", "/v1/admin/rollback",
                             std::string(R"({"player":"Ada","to":")") + future + R"("})");
    EXPECT_EQ(status, 400) << future;
    EXPECT_NE(refused["error"]["message"].get<std::string>().find("in the future"),
              std::string::npos)
        << refused;
  }
  Ask("POST", "/v1/admin/rollback", R"({"player":"Ada","to":"tick:5000"})");
  EXPECT_EQ(status, 200);
}

TEST_F(AdminEndpoints, CarryARollbackOut) {
  const auto held = reader.events[4].at_us;
  const json done =
      Ask("POST", "/v1/admin/rollback",
          R"({"player":"Ada","to":")" + persistence::TimeText(held) + R"(","dry_run":false})");
  EXPECT_EQ(status, 200) << done;
  EXPECT_EQ(done["done"]["writes"], 1);
  ASSERT_EQ(committed.size(), 1u);
  EXPECT_EQ(committed[0].updates[0].expected_version, 2);
  EXPECT_EQ(committed[0].tick, 5000u);
  ASSERT_EQ(committed[0].items.size(), 1u);
  EXPECT_EQ(committed[0].items[0].to_holder, kAda);
  EXPECT_EQ(taken, std::vector<int64_t>{5});
}

TEST_F(AdminEndpoints, RollNobodyBackWhoIsInPlay) {
  in_play = kAda;
  const char* body = R"({"player":"Ada","to":"version:2","dry_run":false})";
  const json refused = Ask("POST", "/v1/admin/rollback", body);
  EXPECT_EQ(status, 409);
  EXPECT_NE(refused["error"]["message"].get<std::string>().find("in play"), std::string::npos);
  in_play = 0;
  answer->outcome = persistence::Outcome::kRefused;
  answer->refusal = persistence::Refusal::kVersion;
  const json late = Ask("POST", "/v1/admin/rollback", body);
  EXPECT_EQ(status, 409);
  EXPECT_EQ(late["done"]["writes"], 0);
  EXPECT_TRUE(taken.empty());
}

TEST_F(AdminEndpoints, SayThatTheDatabaseIsAway) {
  reader.failure = {core::Code::kUnavailable, "the database is away"};
  for (const char* target : {"/v1/admin/history?aggregate=item:5", "/v1/admin/verify",
                             "/v1/admin/audit", "/v1/admin/state?aggregate=item:5"}) {
    Get(target);
    EXPECT_EQ(status, 503) << target;
  }
}

TEST_F(AdminEndpoints, TellAPlayerOfNow) {
  const json player = Get("/v1/state/player?name=Ada");
  EXPECT_EQ(player["player"], std::to_string(kAda));
  EXPECT_EQ(player["gold"], 12);
  EXPECT_EQ(player["from"]["position"], "live");
  EXPECT_EQ(Get("/v1/state/player?id=17")["name"], "Ada");
}

// Over a socket: what the guard and the threads are for.
class AdminServer : public AdminEndpoints {
 protected:
  void Start(AdminProviders providers, HttpSettings settings = {}) {
    Router router;
    router.Add("GET", "/healthz", [](const HttpRequest&) { return HttpResponse{.body = "ok\n"}; });
    AddAdminEndpoints(router, std::move(providers), &guard, clock);
    settings.port = 0;
    server = std::make_unique<HttpServer>(settings);
    ASSERT_TRUE(server->Bind().ok());
    server->Serve(std::move(router));
  }
  static std::string Request(const std::string& path, const std::string& secret = "") {
    return "GET " + path + " HTTP/1.1\r\nHost: x\r\n" +
           (secret.empty() ? "" : "Authorization: Bearer " + secret + "\r\n") + "\r\n";
  }
  std::string Answer(const std::string& path, const std::string& secret = "") {
    RawClient client(server->bound_port());
    EXPECT_TRUE(client.Send(Request(path, secret)));
    return client.ReadAnswer();
  }

  const std::string kSecret = "0123456789abcdef";
  AdminGuard guard{kSecret, clock};
  std::unique_ptr<HttpServer> server;
};

TEST_F(AdminServer, AsksForTheSecretEverywhereButAtTheCatalogue) {
  AdminProviders providers = Providers();
  providers.slow = [] { return std::string("{}"); };
  Start(std::move(providers));
  for (const char* path :
       {"/v1/admin/history?aggregate=item:5", "/v1/admin/state?aggregate=item:5",
        "/v1/admin/verify", "/v1/admin/audit", "/v1/state/player?name=Ada", "/v1/slow"}) {
    EXPECT_EQ(StatusOf(Answer(path)), 401) << path;
    EXPECT_EQ(StatusOf(Answer(path, kSecret)), 200) << path;
  }
  EXPECT_EQ(StatusOf(Answer("/v1/items")), 200);
}

TEST_F(AdminServer, AnswersProbesWhileTheDatabaseIsFrozen) {
  std::promise<void> thaw;
  const std::shared_future<void> thawed = thaw.get_future().share();
  std::atomic<int> frozen{0};
  AdminProviders providers = Providers();
  providers.with_reader = [&](const AdminProviders::UseReader& use) {
    ++frozen;
    thawed.wait();
    return use(reader);
  };
  // The freeze is longer: a connection that waits for its answer is not cut.
  HttpSettings settings;
  settings.blocking_threads = 2;
  settings.blocking_queue = 3;
  settings.timeout_ms = 1000;
  Start(std::move(providers), settings);
  std::vector<std::unique_ptr<RawClient>> waiting;
  const auto ask = [&] {
    waiting.push_back(std::make_unique<RawClient>(server->bound_port()));
    ASSERT_TRUE(waiting.back()->Send(Request("/v1/admin/audit", kSecret)));
  };
  ask();
  ask();
  EXPECT_TRUE(Becomes([&] { return frozen == 2; }));
  for (int i = 0; i < 3; ++i) ask();

  // The three are in the line once the server has read them.
  const size_t asked_bytes = 5 * Request("/v1/admin/audit", kSecret).size();
  EXPECT_TRUE(Becomes([&] { return server->stats().received_bytes.Get() >= asked_bytes; }));
  const auto waiting_since = std::chrono::steady_clock::now();
  const std::string refused = Answer("/v1/admin/audit", kSecret);
  EXPECT_EQ(StatusOf(refused), 503);
  EXPECT_NE(refused.find("Retry-After: 1\r\n"), std::string::npos);
  EXPECT_NE(refused.find("http.blocking_queue"), std::string::npos);
  EXPECT_EQ(server->stats().refused_blocking.Get(), 1u);

  // Before the thaw: whatever waits for the database does not answer until then.
  for (int i = 0; i < 20 && !HasFailure(); ++i) EXPECT_EQ(StatusOf(Answer("/healthz")), 200);
  std::this_thread::sleep_until(waiting_since +
                                std::chrono::milliseconds(settings.timeout_ms + 300));
  thaw.set_value();
  for (auto& client : waiting) EXPECT_EQ(StatusOf(client->ReadAnswer()), 200);
}

TEST_F(AdminServer, StopsWithRequestsInTheLine) {
  std::promise<void> thaw;
  const std::shared_future<void> thawed = thaw.get_future().share();
  std::atomic<int> frozen{0};
  AdminProviders providers = Providers();
  providers.with_reader = [&](const AdminProviders::UseReader& use) {
    ++frozen;
    thawed.wait();
    return use(reader);
  };
  Start(std::move(providers), {.blocking_threads = 1});
  RawClient first(server->bound_port()), second(server->bound_port());
  ASSERT_TRUE(first.Send(Request("/v1/admin/audit", kSecret)));
  while (frozen < 1) std::this_thread::yield();
  ASSERT_TRUE(second.Send(Request("/v1/admin/audit", kSecret)));
  std::thread stopper([&] { server->Stop(); });
  thaw.set_value();
  stopper.join();
  EXPECT_LE(frozen, 2);
}

}  // namespace
}  // namespace bluemarble::api
