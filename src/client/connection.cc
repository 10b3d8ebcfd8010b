#include "bluemarble/connection.h"

#include <algorithm>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "client/backoff.h"
#include "client/resend.h"
#include "core/hash.h"

namespace bluemarble {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kPollMs = 10;
// Who was in play for less than this had no working connection: the waits go on growing.
constexpr int64_t kSettledMs = 5000;
// Logins that the server's store had no time for, and that are tried again all the same.
constexpr int kBusyLogins = 5;

/// May the same player come back by itself?
bool IsPassing(DisconnectReason reason) {
  switch (reason) {
    case DisconnectReason::kNone:
    case DisconnectReason::kServerStopping:
    case DisconnectReason::kBadToken:  // used or too old: the next join gives another
    case DisconnectReason::kZoneFull:
    case DisconnectReason::kTimeout:
    case DisconnectReason::kQueueOverflow:
    case DisconnectReason::kStoreUnavailable:
    case DisconnectReason::kInternal:
    case DisconnectReason::kSessionUnknown: return true;
    default: return false;
  }
}

/// A join on its way: the pool's thread writes, the connection's reads.
struct Pending {
  std::mutex mutex;
  std::optional<JoinResult> result;
};

}  // namespace

const char* ConnectionStateName(ConnectionState state) {
  switch (state) {
    case ConnectionState::kIdle: return "idle";
    case ConnectionState::kWaiting: return "waiting";
    case ConnectionState::kJoining: return "joining";
    case ConnectionState::kConnecting: return "connecting";
    case ConnectionState::kPlaying: return "playing";
    case ConnectionState::kStopped: return "stopped";
  }
  return "unknown";
}

struct Connection::Impl {
  Impl(JoinCall call, RequestPool& requests, const ConnectionOptions& wanted)
      : join(std::move(call)),
        pool(requests),
        options(wanted),
        backoff(options.first_wait_ms, options.most_wait_ms,
                core::HashCombine(options.client.seed, 0x6a6f696e)),
        client(options.client) {}

  void Ask() {
    pending = std::make_shared<Pending>();
    state = ConnectionState::kJoining;
    pool.Run([call = join, slot = pending] {
      JoinResult result = call();
      const std::lock_guard lock(slot->mutex);
      slot->result = std::move(result);
    });
  }

  void TakeJoin(int64_t now_ns) {
    std::optional<JoinResult> result;
    {
      const std::lock_guard lock(pending->mutex);
      result.swap(pending->result);
    }
    join_look_ns = now_ns + kPollMs * kMs;
    if (!result) return;
    pending.reset();
    join_failure = result->failure;
    if (!result->ok) {
      reason = DisconnectReason::kNone;
      error = std::move(result->error);
      const bool hopeless =
          result->failure == RequestFailure::kDenied || result->failure == RequestFailure::kRefused;
      if (hopeless) {
        state = ConnectionState::kStopped;
      } else {
        TryLater(now_ns, result->retry_after_ms, result->retry_after_ms > 0);
      }
      return;
    }
    if (used) Renew();
    used = true;
    ++connects;
    state = ConnectionState::kConnecting;
    if (!client.Connect(result->ticket)) Lose(now_ns);
  }

  // The client that ended leaves its unanswered actions and untaken answers behind.
  void Renew() {
    ActionAnswer answer;
    while (client.NextAnswer(answer)) answers.push_back(std::move(answer));
    resend.Keep(client.unanswered());
    if (was_in) options.client.spawn.reset();  // has a place by now
    client = Client(options.client);
  }

  void Lose(int64_t now_ns) {
    const bool played = state == ConnectionState::kPlaying;
    reason = client.end_reason();
    error = client.error();
    if (played) {
      ++times_lost;
      if (now_ns - playing_since_ns >= kSettledMs * kMs) backoff.Reset();
    }
    if (!IsPassing(reason)) {
      state = ConnectionState::kStopped;
    } else {
      // "Try again", the server says of a login that its store had no time for.
      const bool busy = !played && reason == DisconnectReason::kStoreUnavailable;
      TryLater(now_ns, 0, busy && ++busy_logins <= kBusyLogins);
    }
  }

  void TryLater(int64_t now_ns, int told_ms, bool asked_to) {
    if (!options.reconnect && !asked_to) {
      state = ConnectionState::kStopped;
      return;
    }
    state = ConnectionState::kWaiting;
    next_try_ns = now_ns + backoff.NextMs(told_ms) * kMs;
  }

  void PollClient(int64_t now_ns, bool readable) {
    client.Poll(now_ns, readable);
    if (client.state() == ClientState::kEnded) {
      Lose(now_ns);
      return;
    }
    if (client.state() != ClientState::kPlaying) return;
    if (state == ConnectionState::kConnecting) {
      state = ConnectionState::kPlaying;
      playing_since_ns = now_ns;
      was_in = true;
      // Numbers of entities are of one life of the server.
      resend.Begin(client.resumed(), now_ns);
    }
    if (options.resend) resend.Send(client, now_ns);
  }

  JoinCall join;
  RequestPool& pool;
  ConnectionOptions options;
  client::Backoff backoff;
  Client client;
  client::Resend resend;
  std::shared_ptr<Pending> pending;
  std::deque<ActionAnswer> answers;
  ConnectionState state = ConnectionState::kIdle;
  DisconnectReason reason = DisconnectReason::kNone;
  RequestFailure join_failure = RequestFailure::kNone;
  std::string error;
  int64_t next_try_ns = 0, join_look_ns = 0, playing_since_ns = 0;
  uint64_t times_lost = 0, connects = 0;
  int busy_logins = 0;
  bool used = false, was_in = false;
};

Connection::Connection(JoinCall join, RequestPool& pool, ConnectionOptions options)
    : impl_(std::make_unique<Impl>(std::move(join), pool, options)) {}
Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

void Connection::Start(int64_t) {
  if (impl_->state == ConnectionState::kIdle) impl_->Ask();
}

void Connection::Poll(int64_t now_ns, bool readable) {
  Impl& self = *impl_;
  if (self.state == ConnectionState::kWaiting && now_ns >= self.next_try_ns) self.Ask();
  if (self.state == ConnectionState::kJoining) self.TakeJoin(now_ns);
  if (self.state == ConnectionState::kConnecting || self.state == ConnectionState::kPlaying) {
    self.PollClient(now_ns, readable);
  } else if (self.used) {
    self.client.Poll(now_ns, readable);  // a goodbye may be on its way
  }
}

int64_t Connection::NextDueNs() const {
  const Impl& self = *impl_;
  switch (self.state) {
    case ConnectionState::kIdle: return INT64_MAX;
    case ConnectionState::kJoining: return self.join_look_ns;
    case ConnectionState::kWaiting: return std::min(self.next_try_ns, self.client.NextDueNs());
    default: return std::min(self.client.NextDueNs(), self.resend.next_due_ns());
  }
}

void Connection::Disconnect() {
  Impl& self = *impl_;
  self.client.Disconnect();
  self.pending.reset();
  self.reason = DisconnectReason::kClientQuit;
  self.error.clear();
  self.state = ConnectionState::kStopped;
}

ConnectionState Connection::state() const { return impl_->state; }
bool Connection::reconnecting() const {
  return impl_->was_in && impl_->state != ConnectionState::kPlaying &&
         impl_->state != ConnectionState::kStopped;
}
DisconnectReason Connection::reason() const { return impl_->reason; }
const std::string& Connection::error() const { return impl_->error; }
RequestFailure Connection::join_failure() const { return impl_->join_failure; }
int64_t Connection::next_try_ns() const { return impl_->next_try_ns; }
uint64_t Connection::times_lost() const { return impl_->times_lost; }
uint64_t Connection::connects() const { return impl_->connects; }
Client& Connection::client() { return impl_->client; }
const Client& Connection::client() const { return impl_->client; }

bool Connection::NextAnswer(ActionAnswer& out) {
  if (!impl_->answers.empty()) {
    out = std::move(impl_->answers.front());
    impl_->answers.pop_front();
    return true;
  }
  return impl_->client.NextAnswer(out);
}

std::vector<Action> Connection::unanswered() const {
  std::vector<Action> all = impl_->resend.kept();
  const std::vector<Action>& own = impl_->client.unanswered();
  all.insert(all.end(), own.begin(), own.end());
  return all;
}

}  // namespace bluemarble
