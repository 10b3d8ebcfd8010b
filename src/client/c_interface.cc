// The C interface over Connection and Account. Every function that may throw ends in a catch: an
// exception must not cross into C.
#include "bluemarble/bluemarble.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "bluemarble/account.h"
#include "bluemarble/connection.h"
#include "geo/planet.h"

namespace {

using namespace bluemarble;

constexpr size_t kMostEvents = 4096;
constexpr size_t kMostActions = 64;  // client/actions.cc

static_assert(BM_KEY_BYTES == kActionKeyBytes && BM_MAX_TRADE_ITEMS == kMaxTradeItems);
static_assert(BM_ACTION_MERGE == static_cast<int>(ActionKind::kMerge));

struct OwnedEvent {
  bm_event event{};
  std::string name, text;
};

/// One pool for all handles; it ends with the last of them.
std::shared_ptr<RequestPool> SharedPool() {
  static std::mutex mutex;
  static std::weak_ptr<RequestPool> shared;
  const std::lock_guard lock(mutex);
  std::shared_ptr<RequestPool> pool = shared.lock();
  if (!pool) shared = pool = std::make_shared<RequestPool>();
  return pool;
}

std::string TextOf(const char* text) { return text != nullptr ? text : ""; }

JoinResult FailedJoin(const AccountResult& result) {
  JoinResult out;
  out.error = result.error;
  out.failure = result.failure;
  out.retry_after_ms = result.retry_after_ms;
  return out;
}

/// What one handle asks the HTTP interface for. Shared with the pool's threads, which may be at it
/// when the handle is closed.
struct Login {
  Login(const bm_options& options, HttpOptions http)
      : url(TextOf(options.server_url)),
        name(TextOf(options.name)),
        password(TextOf(options.password)),
        resume_with(TextOf(options.refresh_token)),
        register_unknown(options.register_unknown != 0),
        trust(std::move(http)),
        account(url, trust) {}

  JoinResult Join() {
    if (password.empty() && resume_with.empty()) return bluemarble::Join(url, name, trust);
    if (!account.logged_in()) {
      AccountResult result =
          resume_with.empty() ? account.LogIn(name, password) : account.Resume(resume_with);
      if (result.failure == RequestFailure::kDenied && register_unknown && !password.empty()) {
        // A taken name says that the password was wrong, which the first answer has told better.
        if (const AccountResult made = account.Register(name, password);
            made.ok || made.failure != RequestFailure::kRefused)
          result = made;
      }
      if (!result.ok) return FailedJoin(result);
      resume_with.clear();
    }
    return account.Join();
  }

  const std::string url, name, password;
  std::string resume_with;  // of the pool's thread: one join is under way at a time
  const bool register_unknown;
  const HttpOptions trust;
  Account account;
};

ConnectionOptions OptionsOf(const bm_options& options) {
  ConnectionOptions out;
  out.reconnect = options.no_reconnect == 0;
  out.client.client_version = "bluemarble-c";
  out.client.interpolation_ms = options.interpolation_ms;
  if (options.has_spawn != 0)
    out.client.spawn = GeoPosition{options.spawn_lon_deg, options.spawn_lat_deg, 0};
  return out;
}

bm_state StateOf(ConnectionState state) {
  switch (state) {
    case ConnectionState::kIdle:
    case ConnectionState::kWaiting: return BM_STATE_WAITING;
    case ConnectionState::kJoining: return BM_STATE_JOINING;
    case ConnectionState::kConnecting: return BM_STATE_CONNECTING;
    case ConnectionState::kPlaying: return BM_STATE_PLAYING;
    case ConnectionState::kStopped: return BM_STATE_ENDED;
  }
  return BM_STATE_ENDED;
}

bm_vector3 VectorOf(const Vector3& from) { return {from.x, from.y, from.z}; }

void Fill(bm_entity& out, const EntityView& from) {
  out.id = from.id;
  out.kind = from.kind;
  out.detail = static_cast<uint8_t>(from.cls);
  out.health = from.health;
  out.animation = from.animation;
  out.definition = from.definition;
  out.position = VectorOf(from.position);
  out.yaw_turns = from.yaw_turns;
  out.drawn_tick = from.drawn_tick;
}

std::vector<int64_t> ItemsOf(const int64_t (&items)[BM_MAX_TRADE_ITEMS]) {
  const auto end = std::find(std::begin(items), std::end(items), 0);
  return {std::begin(items), end};
}

}  // namespace

struct bm_session {
  bm_session(const bm_options& options, std::shared_ptr<Login> who)
      : pool(SharedPool()),
        login(std::move(who)),
        connection([login = login] { return login->Join(); }, *pool, OptionsOf(options)) {}

  bool playing() const { return connection.state() == ConnectionState::kPlaying; }

  bm_result Fail(bm_result result, std::string why) {
    error = std::move(why);
    return result;
  }

  OwnedEvent& Add(bm_event_kind kind) {
    if (events.size() == kMostEvents) events.pop_front();
    events.emplace_back().event.kind = kind;
    return events.back();
  }

  void TellState() {
    const bm_state now = StateOf(connection.state());
    if (now == told_state) return;
    told_state = now;
    OwnedEvent& told = Add(BM_EVENT_STATE);
    told.event.state = now;
    if (now == BM_STATE_WAITING || now == BM_STATE_ENDED) {
      told.event.reason = static_cast<int>(connection.reason());
      told.text = connection.error();
      error = connection.error();
    }
  }

  void TellView(int64_t now_ns) {
    seen.clear();
    if (playing())
      connection.client().ForEachEntity(now_ns,
                                        [this](const EntityView& e) { seen.push_back(e.id); });
    std::sort(seen.begin(), seen.end());
    auto before = in_view.begin();
    auto now = seen.begin();
    while (before != in_view.end() || now != seen.end()) {
      if (now == seen.end() || (before != in_view.end() && *before < *now)) {
        Add(BM_EVENT_ENTITY_LEAVE).event.entity_id = *before++;
      } else if (before == in_view.end() || *now < *before) {
        Add(BM_EVENT_ENTITY_ENTER).event.entity_id = *now++;
      } else {
        ++before, ++now;
      }
    }
    in_view.swap(seen);
  }

  void TellTalk() {
    for (ChatLine line; connection.client().NextChat(line);) {
      const bool heard = line.refused == ChatReason::kNone;
      OwnedEvent& told = Add(heard ? BM_EVENT_CHAT : BM_EVENT_CHAT_REFUSED);
      told.event.reason = static_cast<int>(line.refused);
      told.event.scope = static_cast<int>(line.scope);
      told.event.entity_id = line.entity_id;
      told.event.player_id = line.player_id;
      told.event.tick = line.tick;
      told.event.number = line.number;
      told.event.retry_ms = line.retry_ms;
      told.name = std::move(line.name);
      told.text = std::move(line.text);
    }
    for (ActionAnswer answer; connection.NextAnswer(answer);) {
      OwnedEvent& told = Add(BM_EVENT_ANSWER);
      told.event.outcome = static_cast<int>(answer.outcome);
      told.event.reason = static_cast<int>(answer.reason);
      told.event.item_id = answer.item_id;
      std::copy(answer.key.begin(), answer.key.end(), told.event.key);
      told.text = std::move(answer.text);
    }
  }

  std::shared_ptr<RequestPool> pool;  // outlives the connection
  std::shared_ptr<Login> login;
  Connection connection;
  std::deque<OwnedEvent> events;
  OwnedEvent taken;
  std::vector<uint32_t> in_view, seen;
  std::string error, refresh_token;
  bm_state told_state = BM_STATE_WAITING;
};

namespace {

/// Runs the body of a function with a handle; what it throws becomes a result.
template <typename Body>
bm_result Guarded(bm_session* session, Body body) noexcept {
  if (session == nullptr) return BM_ERR_ARGUMENT;
  try {
    return body(*session);
  } catch (const std::bad_alloc&) {
    return BM_ERR_MEMORY;
  } catch (...) {
    return BM_ERR_INTERNAL;
  }
}

template <typename Struct>
bool Sized(const Struct* value) {
  return value != nullptr && value->size == sizeof(Struct);
}

}  // namespace

extern "C" {

int bm_api_version(void) { return BM_API_VERSION; }

int64_t bm_now_ns(void) {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

const char* bm_result_name(int result) {
  constexpr const char* kNames[] = {"ok", "argument", "state", "limit", "memory", "internal"};
  return result >= BM_OK && result <= BM_ERR_INTERNAL ? kNames[result] : "unknown";
}

const char* bm_state_name(int state) {
  constexpr const char* kNames[] = {"waiting", "joining", "connecting", "playing", "ended"};
  return state >= BM_STATE_WAITING && state <= BM_STATE_ENDED ? kNames[state - 1] : "unknown";
}

const char* bm_reason_name(int reason) {
  return DisconnectReasonName(static_cast<DisconnectReason>(reason));
}

const char* bm_chat_reason_name(int reason) {
  return reason >= 0 && reason < static_cast<int>(kChatReasons)
             ? ChatReasonName(static_cast<ChatReason>(reason))
             : "unknown";
}

const char* bm_action_reason_name(int reason) {
  return reason >= 0 && reason < static_cast<int>(kActionReasons)
             ? ActionReasonName(static_cast<ActionReason>(reason))
             : "unknown";
}

bm_result bm_open(const bm_options* options, bm_session** out) {
  if (out == nullptr) return BM_ERR_ARGUMENT;
  *out = nullptr;
  if (!Sized(options) || options->server_url == nullptr || options->name == nullptr)
    return BM_ERR_ARGUMENT;
  try {
    HttpOptions trust;
    trust.ca_file = TextOf(options->ca_file);
    auto session = std::make_unique<bm_session>(*options, std::make_shared<Login>(*options, trust));
    session->connection.Start(bm_now_ns());
    session->TellState();  // before the first poll may find that the try has failed
    *out = session.release();
    return BM_OK;
  } catch (const std::bad_alloc&) {
    return BM_ERR_MEMORY;
  } catch (...) {
    return BM_ERR_INTERNAL;
  }
}

bm_result bm_leave(bm_session* session) {
  return Guarded(session, [](bm_session& self) {
    self.connection.Disconnect();
    return BM_OK;
  });
}

void bm_close(bm_session* session) { delete session; }

bm_result bm_poll(bm_session* session, int64_t now_ns) {
  return Guarded(session, [&](bm_session& self) {
    self.connection.Poll(now_ns);
    self.TellState();
    self.TellView(now_ns);
    self.TellTalk();
    return BM_OK;
  });
}

bm_state bm_session_state(const bm_session* session) {
  return session != nullptr ? StateOf(session->connection.state()) : BM_STATE_ENDED;
}

int bm_reason(const bm_session* session) {
  return session != nullptr ? static_cast<int>(session->connection.reason()) : 0;
}

const char* bm_error(bm_session* session) {
  return session != nullptr ? session->error.c_str() : "no session";
}

int bm_next_event(bm_session* session, bm_event* out) {
  if (session == nullptr || !Sized(out) || session->events.empty()) return 0;
  session->taken = std::move(session->events.front());
  session->events.pop_front();
  *out = session->taken.event;
  out->size = sizeof(bm_event);
  out->name = session->taken.name.c_str();
  out->text = session->taken.text.c_str();
  return 1;
}

bm_result bm_set_input(bm_session* session, const bm_input* input) {
  if (!Sized(input)) return BM_ERR_ARGUMENT;
  return Guarded(session, [&](bm_session& self) {
    self.connection.client().SetInput({.move_east = input->move_east,
                                       .move_north = input->move_north,
                                       .yaw_turns = input->yaw_turns,
                                       .buttons = input->buttons});
    return BM_OK;
  });
}

bm_result bm_get_own(bm_session* session, bm_own* out) {
  if (!Sized(out)) return BM_ERR_ARGUMENT;
  return Guarded(session, [&](bm_session& self) {
    if (!self.playing()) return self.Fail(BM_ERR_STATE, "not in play");
    const Client& client = self.connection.client();
    const OwnView own = client.own();
    *out = {.size = sizeof(bm_own),
            .id = own.id,
            .health = own.health,
            .position = VectorOf(own.position),
            .confirmed = VectorOf(own.confirmed),
            .yaw_turns = own.yaw_turns,
            .predicted_tick = own.predicted_tick,
            .confirmed_tick = own.confirmed_tick,
            .player_id = client.player_id(),
            .gold = client.gold()};
    return BM_OK;
  });
}

size_t bm_get_entities(bm_session* session, int64_t now_ns, bm_entity* out, size_t capacity) {
  if (capacity > 0 && !Sized(out)) return 0;
  size_t count = 0;
  const bm_result result = Guarded(session, [&](bm_session& self) {
    if (!self.playing()) return BM_ERR_STATE;
    self.connection.client().ForEachEntity(now_ns, [&](const EntityView& entity) {
      if (count < capacity) {
        out[count].size = sizeof(bm_entity);
        Fill(out[count], entity);
      }
      ++count;
    });
    return BM_OK;
  });
  return result == BM_OK ? count : 0;
}

bm_result bm_get_entity(bm_session* session, uint32_t id, int64_t now_ns, bm_entity* out) {
  if (!Sized(out)) return BM_ERR_ARGUMENT;
  return Guarded(session, [&](bm_session& self) {
    if (!self.playing()) return self.Fail(BM_ERR_STATE, "not in play");
    EntityView entity;
    if (!self.connection.client().FindEntity(id, now_ns, entity))
      return self.Fail(BM_ERR_ARGUMENT, "no such entity in view");
    Fill(*out, entity);
    return BM_OK;
  });
}

double bm_server_tick(bm_session* session, int64_t now_ns) {
  return session != nullptr && session->playing() ? session->connection.client().ServerTick(now_ns)
                                                  : 0;
}

bm_result bm_get_stats(bm_session* session, bm_stats* out) {
  if (!Sized(out)) return BM_ERR_ARGUMENT;
  return Guarded(session, [&](bm_session& self) {
    const ClientStats& stats = self.connection.client().stats();
    *out = {.size = sizeof(bm_stats),
            .down_bytes = stats.down_bytes,
            .up_bytes = stats.up_bytes,
            .rtt_ms = stats.rtt_ms,
            .corrections = stats.corrections,
            .times_lost = self.connection.times_lost()};
    return BM_OK;
  });
}

bm_result bm_say(bm_session* session, int scope, const char* text, uint32_t* number) {
  if (text == nullptr || (scope != BM_SCOPE_ZONE && scope != BM_SCOPE_LOCAL))
    return BM_ERR_ARGUMENT;
  return Guarded(session, [&](bm_session& self) {
    if (!self.playing()) return self.Fail(BM_ERR_STATE, "not in play");
    Client& client = self.connection.client();
    const uint32_t said = client.Say(static_cast<ChatScope>(scope), text);
    if (said == 0) return self.Fail(BM_ERR_ARGUMENT, client.error());
    if (number != nullptr) *number = said;
    return BM_OK;
  });
}

size_t bm_get_inventory(bm_session* session, bm_item* out, size_t capacity) {
  if (session == nullptr || (capacity > 0 && out == nullptr)) return 0;
  const std::vector<InventoryItem>& items = session->connection.client().inventory();
  for (size_t i = 0; i < std::min(capacity, items.size()); ++i)
    out[i] = {items[i].item_id, items[i].definition, items[i].quantity};
  return items.size();
}

bm_result bm_act(bm_session* session, bm_action* action) {
  if (!Sized(action) || action->kind < BM_ACTION_PICK_UP || action->kind > BM_ACTION_MERGE)
    return BM_ERR_ARGUMENT;
  return Guarded(session, [&](bm_session& self) {
    if (!self.playing()) return self.Fail(BM_ERR_STATE, "not in play");
    Action wanted{.kind = static_cast<ActionKind>(action->kind),
                  .entity_id = action->entity_id,
                  .items = ItemsOf(action->items),
                  .gold = action->gold,
                  .want_items = ItemsOf(action->want_items),
                  .want_gold = action->want_gold,
                  .trade_id = action->trade_id,
                  .quantity = action->quantity};
    std::copy(std::begin(action->key), std::end(action->key), wanted.key.begin());
    Client& client = self.connection.client();
    const ActionKey key = client.Act(std::move(wanted));
    if (key == ActionKey{}) {
      const bool full = client.unanswered().size() >= kMostActions;
      return self.Fail(full ? BM_ERR_LIMIT : BM_ERR_ARGUMENT, client.error());
    }
    std::copy(key.begin(), key.end(), action->key);
    return BM_OK;
  });
}

const char* bm_refresh_token(bm_session* session) {
  const bm_result result = Guarded(session, [](bm_session& self) {
    self.refresh_token = self.login->account.refresh_token();
    return BM_OK;
  });
  return result == BM_OK ? session->refresh_token.c_str() : "";
}

bm_vector3 bm_to_local(bm_vector3 origin, bm_vector3 point) {
  const geo::LocalFrame frame = geo::FrameAt({origin.x, origin.y, origin.z});
  const geo::Vec3 away{point.x - origin.x, point.y - origin.y, point.z - origin.z};
  return {geo::Dot(away, frame.east), geo::Dot(away, frame.north), geo::Dot(away, frame.up)};
}

bm_vector3 bm_to_geodetic(bm_vector3 ecef) {
  try {
    const geo::Geodetic at = geo::ToGeodetic({ecef.x, ecef.y, ecef.z});
    return {at.lon_deg, at.lat_deg, at.alt_m};
  } catch (...) {
    return {};
  }
}

}  // extern "C"
