/// Answers POST /v1/join: may a player come, and at which port. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "api/endpoints.h"
#include "core/result.h"
#include "net/enet_transport.h"
#include "persistence/durable_queue.h"
#include "session/player_sessions.h"

namespace bluemarble::app {

class Admission {
 public:
  Admission(const net::EnetTransport& transport, const session::SessionStats& sessions,
            const persistence::DurableQueue& store, std::string address, uint32_t max_players,
            uint32_t max_peers_per_host);

  /// kUnavailable: stopping, or the store is not ready, so that the login would fail; kFull:
  /// session.max_players or every host's slots.
  core::Result<api::JoinAnswer> Join(const api::JoinRequest& request);
  void Stop() { stopping_.store(true, std::memory_order_relaxed); }

 private:
  const net::EnetTransport& transport_;
  const session::SessionStats& sessions_;
  const persistence::DurableQueue& store_;
  const std::string address_;
  const uint32_t max_players_;
  const uint32_t max_peers_per_host_;
  std::atomic<bool> stopping_{false};
  std::atomic<uint32_t> next_host_{0};
};

}  // namespace bluemarble::app
