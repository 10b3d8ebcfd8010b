/// Answers POST /v1/join: may a player come, and at which port. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "api/endpoints.h"
#include "app/join_pace.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/result.h"
#include "net/enet_transport.h"
#include "net/stream_transport.h"
#include "persistence/durable_queue.h"
#include "services/accounts/levels.h"
#include "session/player_sessions.h"

namespace bluemarble::app {

class Admission {
 public:
  /// `overloaded`: 1 while newcomers would make a zone worse that has no relief left
  /// (LoopStats::relief_exhausted). `entries_per_s`: how many players the zone takes in
  /// (session.enters_per_tick); a quarter of `max_pending` may be on their way at once.
  struct Limits {
    uint32_t max_players = 0;
    uint32_t max_pending = 0;
    uint32_t max_peers_per_host = 0;
    double entries_per_s = 600;
    int token_life_s = 0;
  };
  Admission(const net::EnetTransport& transport, const session::SessionStats& sessions,
            const session::Presence& presence, const persistence::DurableQueue& store,
            const core::Counter& overloaded, const core::Clock& clock, std::string address,
            const Limits& limits);

  /// From now on players may come over `streams` too, which outlives this. Before the first Join.
  void Offer(const net::StreamTransport& streams) { streams_ = &streams; }

  /// Sealed: with a connect token for the account; plain: the name is the token. Only a `wait_ms`
  /// when too many come at once. kUnavailable: stopping, or the store is not ready, so that the
  /// login would fail; kFull: session.max_players or relief at its end, unless the player is in
  /// play already, or every host's slots, or every WebSocket; kInvalid: a WebSocket where there are
  /// none.
  core::Result<api::JoinAnswer> Join(const api::JoinRequest& request);
  const core::Counter& paced() const { return paced_; }
  const core::Counter& overload_refused() const { return overload_refused_; }
  void Stop() { stopping_.store(true, std::memory_order_relaxed); }

 private:
  bool AsksTooOften(int64_t account_id);
  // Several api threads count; a Counter has one writer.
  void Count(core::Counter& counter);
  core::Result<int> ChooseHost();
  core::Result<api::JoinAnswer> Paced(const api::JoinRequest& request);

  const net::EnetTransport& transport_;
  const session::SessionStats& sessions_;
  const session::Presence& presence_;
  const persistence::DurableQueue& store_;
  const core::Counter& overloaded_;
  const core::Clock& clock_;
  const std::string address_;
  const Limits limits_;
  JoinPace pace_;
  std::mutex accounts_mutex_;
  accounts::Levels accounts_{65536};  // how often each has asked lately
  std::mutex counters_mutex_;
  core::Counter paced_, overload_refused_;
  std::atomic<bool> stopping_{false};
  std::atomic<uint32_t> next_host_{0};
  const net::StreamTransport* streams_ = nullptr;
};

}  // namespace bluemarble::app
