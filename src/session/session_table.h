/// All sessions in a table of fixed capacity, found by handle or by peer. A session is one peer's
/// time from connecting until its last state is safe (proto/SESSION.md). Owned by the zone thread;
/// allocates nothing after construction.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/ids.h"
#include "geo/planet.h"
#include "persistence/rows.h"
#include "replication/replicator.h"
#include "session/input_buffer.h"
#include "session/movement_watch.h"
#include "session/presence.h"
#include "session/rates.h"

namespace bluemarble::session {

enum class SessionState : uint8_t {
  kFree = 0,
  kConnected,  ///< The peer is there and has not logged in.
  kLoading,    ///< The store was asked for the player.
  kEntering,   ///< The player is known; its entity is made at the end of this Receive phase.
  kPlaying,    ///< Entity, viewer and inputs.
  kLingering,  ///< The entity stands still; the peer was lost and may come back.
  kLeaving,    ///< The peer is gone or told to go; the logout is not yet durable.
};
const char* SessionStateName(SessionState state);
/// The player's entity is in the world.
constexpr bool HasEntity(SessionState state) {
  return state == SessionState::kPlaying || state == SessionState::kLingering;
}

struct SessionId {
  uint32_t index = 0;
  uint32_t generation = 0;  ///< 0: none.
  friend constexpr bool operator==(const SessionId&, const SessionId&) = default;
};

struct alignas(64) Session {
  // What every tick asks of every session comes first, in two cache lines.
  SessionId id;
  SessionState state = SessionState::kFree;
  bool acked = false;       ///< Has acknowledged some snapshot.
  bool overflowed = false;  ///< A control message did not fit: Expire ends it.
  bool damaged = false;     ///< The player is held in quarantine: Expire ends it.
  bool kicked = false;      ///< By its conduct: Expire ends it.
  bool took_over = false;  ///< `state_now` came from a replaced session; the store may not have it.
  replication::ViewerSlot viewer = 0;
  core::PeerId peer;  ///< None once the peer is gone.
  core::EntityId entity;
  core::Tick since = 0;  ///< When `state` was entered.
  core::Tick heard = 0;  ///< When the peer last said something.
  core::Tick entered = 0;
  core::Tick saved_tick = 0;
  core::Tick sampled_tick = 0;
  uint64_t snapshot_bytes = 0;  ///< Sent, since the session began; for operators.
  uint64_t request_id = 0;      ///< Outstanding at the store; 0: none.
  int64_t player_id = 0;
  uint32_t address_v4 = 0;
  InputViolations noted = 0;  ///< Of `noted_tick`: each kind counts once a tick.
  core::Tick noted_tick = 0;
  RateBuckets rates;
  InputBuffer input;
  MovementWatch watch;

  // What logins, saves and logouts ask.
  /// Whom the connect token names; none: plain mode, the login message says.
  std::optional<persistence::PlayerName> identity;
  int64_t account_id = 0;  ///< Of the connect token; 0: plain mode.
  persistence::PlayerName name;
  std::optional<geo::Geodetic> spawn;
  int64_t epoch = 0;
  int64_t version = 0;                 ///< That the next event expects.
  persistence::PlayerState state_now;  ///< Entering: where to appear. Leaving: what is to be kept.
  std::optional<persistence::PlayerState> saved;  ///< What the store has; none: not known.
};

class SessionTable {
 public:
  explicit SessionTable(uint32_t capacity);

  /// A session in kConnected for a peer that has none; null when the table is full.
  Session* Open(core::PeerId peer, core::Tick now);
  /// Frees the slot; the handle is stale from now on.
  void Close(Session& session);
  /// The peer is gone: it is not found by it any more, the session stays.
  void Detach(Session& session);
  /// The peer of `from` is that of `to` from now on; `to` has none before, `from` none afterwards.
  void MovePeer(Session& from, Session& to);

  Session* Find(SessionId id);
  Session* FindByPeer(core::PeerId peer);
  /// What a message of the peer touches is fetched into the cache.
  void Fetch(core::PeerId peer) const;
  /// Names a session of the table; once. O(1), as the search below.
  void SetName(Session& session, const persistence::PlayerName& name);
  /// The sessions of a player: the first one of that name, and the next after one of them; null at
  /// the end. Closing a session ends the walk at it: fetch the next one before.
  Session* FirstNamed(const persistence::PlayerName& name);
  Session* NextNamed(const Session& session);
  /// The session's player is in play from now until the session is closed, leaving included.
  void SetPresent(const Session& session);
  const Presence& presence() const { return presence_; }
  Session* AtIndex(uint32_t index);  ///< Null when free.
  uint32_t size() const { return size_; }
  uint32_t capacity() const { return static_cast<uint32_t>(slots_.size()); }
  /// The slots that were ever used, free ones included, in index order: the order in which
  /// everything is done. Low slots are taken first, so a table for thousands costs little while few
  /// are in it.
  std::span<Session> slots() { return std::span(slots_).first(used_); }

 private:
  size_t BucketOf(core::PeerId peer) const;
  void Link(core::PeerId peer, uint32_t index);
  void Unlink(core::PeerId peer);
  uint32_t& NameHead(const persistence::PlayerName& name);
  void UnlinkName(const Session& session);
  Session* FindInChain(uint32_t link, const persistence::PlayerName& name);

  std::vector<Session> slots_;
  std::vector<uint32_t> free_;        // as a stack
  std::vector<uint32_t> buckets_;     // open addressing by peer: slot index + 1, 0 free
  std::vector<uint32_t> name_heads_;  // chains by name: slot index + 1, 0 ends
  std::vector<uint32_t> name_next_;   // by slot
  Presence presence_;                 // by slot
  uint32_t size_ = 0;
  uint32_t used_ = 0;
};

}  // namespace bluemarble::session
