// Covers src/api/url_query.cc, src/api/router.cc, src/api/endpoints.cc, src/api/auth_endpoints.cc,
// src/api/admin_endpoints.cc, src/api/admin_guard.cc, src/client/join_reply.cc.
// Not parsers in src/api/router.cc: Endpoints.
//
// Requests to one zone with accounts, one after the other, divided by a line "---":
//   METHOD /path?query
//   Authorization: ...         the header; lines of this kind may be left out
//   From: 192.0.2.1
//   After: 10                  seconds since the last one
//   the body, where $ACCESS and $REFRESH stand for the tokens that were given out last
// Two handlers throw. What is answered to a join is read as the client library reads it.
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "api/admin_endpoints.h"
#include "api/auth_endpoints.h"
#include "api/endpoints.h"
#include "api/url_query.h"
#include "client/join_reply.h"
#include "core/text.h"
#include "fuzz_target.h"
#include "memory_accounts.h"
#include "tests/unit/persistence/fake_reader.h"

namespace api = bluemarble::api;
namespace core = bluemarble::core;
namespace accounts = bluemarble::accounts;
namespace persistence = bluemarble::persistence;

namespace {

constexpr std::string_view kBetween = "\n---\n";
constexpr const char* kSecret = "0123456789abcdef0123456789abcdef";

struct HandClock final : core::Clock {
  int64_t NowNs() const override { return now_s * 1'000'000'000; }
  int64_t WallUs() const override { return now_s * 1'000'000; }
  int64_t now_s = persistence::FakeReader::kStartUs / 1'000'000 + 100;
};

std::string_view NextLine(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

void ReplaceAll(std::string& text, std::string_view name, const std::string& value) {
  for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at)) {
    text.replace(at, name.size(), value);
    at += value.size();
  }
}

class Zone {
 public:
  Zone() {
    FillStore();
    accounts::AccountSettings settings;
    settings.hash_memory_kib = 8;
    settings.hash_passes = 1;
    settings.min_password_bytes = 1;
    settings.address_requests_per_s = 1;
    static const accounts::KeyRing ring = *accounts::KeyRing::Parse(
        "ed25519 1700000000 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n");
    auto opened = accounts::Accounts::Open(
        settings, ring, std::make_unique<bluemarble::fuzz::MemoryAccounts>(), clock_);
    accounts_ = std::move(*opened);
    router_ = api::BuildRouter(Endpoints(false));
    with_accounts_ = api::BuildRouter(Endpoints(true));
    api::AddAuthEndpoints(router_, *accounts_);
    api::AddAccountAdminEndpoints(router_, *accounts_, guard_);
    api::AddAdminEndpoints(router_, Admin(), &guard_, clock_);
  }

  void Ask(std::string_view text) {
    api::HttpRequest request;
    if (!Read(text, request)) return;
    bluemarble::fuzz::Require(nobody_.Check(request)->status == 403);
    // A join with a token is asked of a zone that wants one.
    const bool named = request.authorization.empty();
    const api::Router& router = named || request.path != "/v1/join" ? router_ : with_accounts_;
    bluemarble::fuzz::Require(router.Where(request) <= api::RunsOn::kHashThread);
    std::string allow;
    auto refused = router.Refused(request);
    const api::HttpResponse response =
        refused ? std::move(*refused) : router.Route(request, &allow);
    bluemarble::fuzz::Require(response.status >= 200 && response.status < 600);
    const bool throws =
        (request.path == "/v1/stats" || request.path == "/metrics") && IsText(request);
    bluemarble::fuzz::Require((response.status == 500) == (throws && allow.empty()));
    bluemarble::fuzz::Require((response.status == 405) == !allow.empty());
    bluemarble::fuzz::Require(IsText(request) || response.status >= 400);
    Keep(response);
    ReadAsClient(request, response);
  }

 private:
  static bool IsText(const api::HttpRequest& request) {
    return core::IsUtf8(request.body) && std::ranges::all_of(request.query, [](const auto& member) {
             return core::IsUtf8(member.first) && core::IsUtf8(member.second);
           });
  }

  static constexpr int64_t kAda = (int64_t{77} << 40) | 17;

  void FillStore() {
    using persistence::EventKind;
    reader_.Player(kAda, "Ada", 1, EventKind::kPlayerCreated);
    reader_.Player(kAda, "Ada", 2, EventKind::kLogin);
    reader_.Post(persistence::kMintAccount, -100);
    reader_.Post(kAda, 100);
    persistence::Cause cause;
    cause.player_id = kAda;
    cause.key.fill(std::byte{0x1f});
    reader_.Item(5, kAda, 10, EventKind::kItemCreated, 7, cause);
    reader_.Item(5, persistence::kHeldByWorld, 10, EventKind::kItemMoved, 7, cause);
    reader_.audit = {{"gold_sum", 0, true, "gold", "SELECT 0"}};
    persistence::IdempotencyKey key{17, {}};
    key.bytes.fill(std::byte{0xcd});
    reader_.results[key].outcome = persistence::Outcome::kRefused;
    for (int64_t player : {kAda, int64_t{99}}) {
      persistence::NoteRow& note = reader_.notes.emplace_back();
      note.number = player;
      note.at_us = persistence::FakeReader::kStartUs;
      note.player_id = player;
      note.kind = persistence::NoteKind::kChat;
      note.text = "line";
    }
  }

  api::EndpointProviders Endpoints(bool with_accounts) {
    api::EndpointProviders providers;
    providers.metrics = []() -> std::string { throw 1; };
    providers.live = [] { return api::Probe{true, "ok"}; };
    providers.ready = [](bool verbose) { return api::Probe{verbose, "{}"}; };
    providers.join = [](const api::JoinRequest& wanted) -> core::Result<api::JoinAnswer> {
      bluemarble::fuzz::Require(!wanted.name.empty() && wanted.name.size() <= 32);
      if (wanted.name == "full") return core::Status(core::Code::kFull, "full");
      api::JoinAnswer answer{.address = "192.0.2.1", .port = 7777, .token = wanted.name};
      if (wanted.account_id != 0) answer.expires_s = 30;
      if (wanted.name == "later") answer.wait_ms = 1500;
      return answer;
    };
    providers.stats = []() -> std::string { throw std::runtime_error("away"); };
    if (with_accounts) {
      providers.authenticate = [this](const api::HttpRequest& request) {
        return api::Authenticate(*accounts_, request);
      };
    }
    return providers;
  }

  api::AdminProviders Admin() {
    api::AdminProviders providers;
    providers.with_reader = [this](const api::AdminProviders::UseReader& use) {
      return use(reader_);
    };
    providers.in_doubt = [] { return uint64_t{0}; };
    providers.in_play = [](int64_t player_id) { return player_id != kAda; };
    providers.tick = [] { return core::Tick{5000}; };
    providers.commit = [](const persistence::DurableWrite& write) {
      bluemarble::fuzz::Require(!write.updates.empty());
      persistence::WriteResult done;
      done.outcome = persistence::Outcome::kOk;
      done.row.version = 3;
      return core::Result<persistence::WriteResult>(done);
    };
    providers.taken_from_ground = [](std::span<const int64_t> items) {
      bluemarble::fuzz::Require(!items.empty());
    };
    providers.player =
        [this](const api::PlayerQuery& query) -> core::Result<persistence::PlayerView> {
      auto row = query.id ? reader_.LoadPlayer(*query.id) : reader_.LoadPlayer(query.name);
      if (!row.ok()) return row.status();
      persistence::PlayerView view;
      view.row = *row;
      return view;
    };
    providers.items = [] { return std::string("{\"items\":[]}\n"); };
    return providers;
  }

  bool Read(std::string_view text, api::HttpRequest& request) {
    const std::string_view line = NextLine(text);
    request.method = std::string(line.substr(0, line.find(' ')));
    const std::string_view target = line.substr(std::min(line.find(' '), line.size() - 1) + 1);
    const size_t question = std::min(target.find('?'), target.size());
    request.path = std::string(target.substr(0, question));
    const auto query = api::ParseQuery(target.substr(std::min(question + 1, target.size())));
    if (!query) return false;
    request.query = *query;
    request.remote_address = "192.0.2.1";
    ReadHead(text, request);
    request.body = std::string(text);
    for (std::string* part : {&request.body, &request.authorization}) {
      ReplaceAll(*part, "$ACCESS", access_);
      ReplaceAll(*part, "$REFRESH", refresh_);
    }
    return true;
  }

  void ReadHead(std::string_view& text, api::HttpRequest& request) {
    while (true) {
      std::string_view rest = text;
      std::string_view line = NextLine(rest);
      const auto is = [&line](std::string_view name) {
        if (!line.starts_with(name)) return false;
        line.remove_prefix(name.size());
        return true;
      };
      if (is("Authorization: ")) {
        request.authorization = std::string(line);
      } else if (is("From: ")) {
        request.remote_address = std::string(line);
      } else if (is("After: ")) {
        uint16_t seconds = 0;
        std::from_chars(line.data(), line.data() + line.size(), seconds);
        clock_.now_s += seconds;
      } else {
        return;
      }
      text = rest;
    }
  }

  void Keep(const api::HttpResponse& response) {
    const auto body = nlohmann::json::parse(response.body, nullptr, false);
    if (!body.is_object() || !body.contains("refresh_token")) return;
    access_ = body["access_token"].get<std::string>();
    refresh_ = body["refresh_token"].get<std::string>();
  }

  static void ReadAsClient(const api::HttpRequest& request, const api::HttpResponse& response) {
    namespace client = bluemarble::client;
    const client::HttpReply reply{response.status, response.body, response.retry_after_s};
    const client::Failure failure = client::FailureOf(reply, 200, "join");
    using Failure = bluemarble::RequestFailure;
    bluemarble::fuzz::Require((failure.failure == Failure::kNone) == (reply.status == 200));
    if (request.path == "/v1/join" && request.method == "POST" && reply.status == 200)
      bluemarble::fuzz::Require(client::ReadJoin(reply, "http://zone").ok);
    // What anybody may send who is asked instead of the zone.
    const client::HttpReply strange{200, request.body, 0};
    const auto join = client::ReadJoin(strange, client::TrimmedUrl(request.path));
    bluemarble::fuzz::Require(join.ok || !join.error.empty());
    for (const int status : {401, 503}) {
      const auto said = client::Failed(client::FailureOf({{status, request.body, 1}}, 200, "join"));
      bluemarble::fuzz::Require(!said.ok && said.retry_after_ms >= 0);
    }
  }

  HandClock clock_;
  persistence::FakeReader reader_;
  api::AdminGuard guard_{kSecret, clock_}, nobody_{"", clock_};
  std::unique_ptr<accounts::Accounts> accounts_;
  api::Router router_, with_accounts_;
  std::string access_, refresh_;
};

}  // namespace

FUZZ_TARGET(rest) {
  Zone zone;
  std::string_view text = bluemarble::fuzz::TextOf(bytes);
  for (int asked = 0; asked < 64 && !text.empty(); ++asked) {
    const size_t end = std::min(text.find(kBetween), text.size());
    zone.Ask(text.substr(0, end));
    text.remove_prefix(std::min(end + kBetween.size(), text.size()));
  }
}
