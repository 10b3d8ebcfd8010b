/// Passes on what players say: to everybody in the zone, or to those nearby. Every line is in the
/// durable queue as a note before anybody hears it, and is refused when it cannot be. A line to
/// thousands is spread over ticks, in the order of saying: everybody hears the lines of one scope
/// in the same order. Deterministic: no clock, only ticks. Owned by the zone thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/counters.h"
#include "geo/vec3.h"
#include "persistence/durable_queue.h"
#include "protocol/control.h"
#include "services/chat/settings.h"
#include "session/action_handler.h"
#include "session/chat_handler.h"
#include "session/rates.h"
#include "world/world.h"

namespace bluemarble::chat {

inline constexpr size_t kScopes = 2;
/// "zone", "local".
const char* ScopeName(ChatScope scope);

/// Written by the zone thread, read by any.
struct ChatStats {
  std::array<core::Counter, kScopes> said;          ///< Lines taken, by scope.
  std::array<core::Counter, kChatReasons> refused;  ///< By reason.
  core::Counter heard;                              ///< Lines handed to players.
  core::Counter missed;                             ///< Lines that a player's full queue cost him.
  core::Counter waiting;                            ///< Lines on their way now.
  core::Counter delayed;  ///< Lines that some heard in a later tick than that of the saying.
};

/// Of the zone; the limits of the players are the sessions' settings.
struct ChatRules {
  ChatSettings chat;
  session::SessionSettings session;
  int tick_hz = 30;
};

/// What it works with; all of it outlives it.
struct ChatParts {
  persistence::DurableQueue& store;
  const world::World& world;
};

class Chat final : public session::ChatHandler {
 public:
  Chat(const ChatRules& rules, const ChatParts& parts);

  /// The way to the players; before the first tick, and both outlive the ticks.
  void SendThrough(session::ControlSender& sender, session::SessionTable& sessions) {
    sender_ = &sender;
    sessions_ = &sessions;
  }

  /// Before the tick's messages.
  void BeginTick(core::Tick now) { now_ = now; }
  void OnSay(const session::Session& session, const protocol::ChatSay& say) override;
  /// A line of the operator's, to everybody: of player 0, who has no entity. `text` has passed
  /// core::ValidateChat. Before EndReceive.
  void Announce(std::string_view text);
  /// After them: passes on what waits, as much as a tick may.
  void EndReceive();

  const ChatStats& stats() const { return stats_; }
  /// Of everything that it remembers; O(lines waiting).
  uint64_t Hash() const;

 private:
  struct Line {
    ChatScope scope = ChatScope::kZone;
    session::SessionId speaker;
    core::Tick said = 0;
    geo::Vec3 from;
    std::vector<std::byte> message;  // encoded once for all
    uint32_t next = 0;               // session place to go on at
  };
  struct Speaker {
    uint32_t generation = 0;
    uint32_t waiting = 0;  // lines to the zone
    session::RateBucket bucket;
  };
  struct Listener {
    session::SessionId session;
    core::Tick entered = 0;
    geo::Vec3 at;
  };

  /// kNone, or why the line goes nowhere; `text` and `retry_ms` for the answer.
  ChatReason Check(const session::Session& session, const protocol::ChatSay& say, const char*& text,
                   uint32_t& retry_ms);
  bool MaySpeak(const session::Session& session, uint32_t& retry_ms);
  std::deque<Line>& QueueOf(ChatScope scope) { return scope == ChatScope::kLocal ? local_ : zone_; }
  void FindListeners();
  /// Passes lines on until `budget` or the queue is used up.
  void PassOn(std::deque<Line>& queue, uint32_t& budget);
  /// False: the budget is used up before the line is.
  bool PassOn(Line& line, uint32_t& budget);

  const ChatRules rules_;
  const session::Rate rate_;
  const double reach_sq_m2_;
  ChatParts parts_;
  session::ControlSender* sender_ = nullptr;
  session::SessionTable* sessions_ = nullptr;
  std::unordered_set<int64_t> muted_;
  std::vector<Speaker> speakers_;  // by session place
  std::vector<Listener> listeners_;
  std::deque<Line> zone_, local_;
  core::Tick now_ = 0;
  ChatStats stats_;
};

}  // namespace bluemarble::chat
