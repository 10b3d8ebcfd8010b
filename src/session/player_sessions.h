/// The lives of all players on this shard, from connecting to the last save: takes what the
/// transport delivers, logs players in through the durable queue, feeds inputs to the game and
/// snapshots to the peers, and decides in one place why a session ends. proto/SESSION.md draws the
/// states. Owned by the zone thread; the phases of the tick call it in the order of the
/// declarations.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "bluemarble/wire.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/log.h"
#include "core/look_ahead.h"
#include "core/worker_pool.h"
#include "net/transport.h"
#include "persistence/durable_queue.h"
#include "protocol/control.h"
#include "replication/replicator.h"
#include "session/action_handler.h"
#include "session/ban_order.h"
#include "session/chat_handler.h"
#include "session/conduct.h"
#include "session/dispatch.h"
#include "session/operator_order.h"
#include "session/quarantine.h"
#include "session/recent_table.h"
#include "session/session_table.h"
#include "session/settings.h"
#include "session/zone_access.h"

namespace bluemarble::session {

struct SessionStats {
  std::array<core::Counter, kDisconnectReasons>
      ended;  ///< Sessions ended by us or the peer, by reason.
  std::array<core::Counter, kDisconnectReasons>
      refused_messages;  ///< Messages that ended their session.
  /// The same by what the message said it was.
  std::array<std::array<core::Counter, kDisconnectReasons>, kMessageNames> refused_by_message;
  core::Counter
      ignored_messages;  ///< Left out because all sessions of their address said too much.
  core::Counter addresses_forgotten;  ///< Addresses whose buckets made room for others.
  std::array<core::Counter, kViolations> violations;
  core::Counter flagged;            ///< Times that a player's score reached conduct.flag_score.
  core::Counter kicked;             ///< Sessions ended at conduct.kick_score.
  core::Counter put_back;           ///< Bodies put back where they were.
  core::Counter conduct_players;    ///< Whose violations are remembered; a level.
  core::Counter notes_refused;      ///< Conduct events that the store would not take.
  core::Counter connected;          ///< Peers that connected.
  core::Counter logins;             ///< Welcomes sent.
  core::Counter refused_no_slot;    ///< Peers sent away because the table was full.
  core::Counter players;            ///< In play now and connected.
  core::Counter pending;            ///< Sessions not in play now.
  core::Counter lingering;          ///< Of those in play, whose connection is lost, now.
  core::Counter resumed;            ///< Welcomes back to a lingering player, or to one who
                                    ///< moved to another connection.
  core::Counter lingers_expired;    ///< Lingering players who did not come back in time,
  core::Counter lingers_evicted;    ///< and those who made room in a full zone.
  core::Counter snapshots_dropped;  ///< The queue to the net thread was full.
  core::Counter snapshot_bytes_dropped;
  core::Counter save_queue_full;  ///< Saves and events put off because the durable queue was full.
  core::Counter
      logouts_refused;  ///< Logout events that the store would not take; the position save stands.
  core::Counter quarantined;          ///< Players kept out because of damaged rows,
  core::Counter quarantine_refusals;  ///< and logins refused meanwhile, without asking the store.
  core::Counter stray_messages;       ///< From peers that have no session (any more).
  InputStats input;
};

/// The shard's rhythm, and what its bodies may do.
struct SessionTiming {
  int tick_hz = 30;
  int position_interval_ms = 1000;
  int sample_interval_s = 60;
  MovementRules movement;  ///< Its tick_hz is this one's.
};

/// What the sessions work with; all of it outlives them.
struct SessionParts {
  net::Transport& transport;
  persistence::DurableQueue& store;
  replication::Replicator& replicator;
  ZoneAccess& zone;
  const core::Clock& clock;  ///< For rate-limiting the log only.
  ActionHandler& actions;    ///< Not called by the constructor.
  ChatHandler& chat;
};

class PlayerSessions final : public ControlSender {
 public:
  PlayerSessions(const SessionSettings& settings, const SessionTiming& timing,
                 const SessionParts& parts);

  // Receive.
  /// Ends all sessions of the account, lingering ones too, and lets it in again only when the order
  /// is over or lifted.
  void Obey(const BanOrder& order, core::Tick now);
  /// Kicks and teleports of whoever is in play; without effect for others.
  void Obey(const OperatorOrder& order, core::Tick now);
  void ReceiveMessages(core::Tick now);
  /// Lets lost players come back, then takes store completions; `reserved` is called with each
  /// confirmed tick reservation.
  void ReceiveCompletions(core::Tick now, core::FunctionRef<void(core::Tick)> reserved);
  /// Ends sessions that are silent, slow to log in or lingering for too long. Nobody is slow whose
  /// answer may be among the completions that session.enters_per_tick holds back.
  void Expire(core::Tick now);
  /// The answer to ZoneAccess::RequestEntity: the entity is in the world, and the player gets its
  /// welcome.
  void OnCreated(SessionId session, const core::Result<core::EntityId>& entity, core::Tick now);

  // Simulate: `apply` gets each player's command for `now`; afterwards the results are compared
  // with the clients' predictions (`digest` is motion::PositionDigest).
  void ApplyInputs(core::Tick now,
                   core::FunctionRef<void(core::EntityId, const protocol::Command&)> apply);
  void CompareResults(core::Tick now, uint16_t (*digest)(geo::Vec3));

  // Replicate: hands each viewer's snapshot to the transport.
  void SendSnapshots();

  // Commit: position saves, samples and logouts to the durable queue, conduct to its board.
  void Save(core::Tick now);

  /// Tells everybody that the server stops; their last states go out with the next Save.
  void EndAll(core::Tick now, DisconnectReason reason, const char* text);
  /// Nobody left whose logout is not done.
  bool empty() const { return table_.size() == 0; }

  SessionTable& table() { return table_; }
  /// Any thread may ask it.
  const Presence& presence() const { return table_.presence(); }
  const SessionStats& stats() const { return stats_; }
  ConductLedger& conduct() { return conduct_; }
  const ConductLedger& conduct() const { return conduct_; }

  // For the handlers of the dispatch table.
  DisconnectReason Login(Session& session, const protocol::Login& login);
  DisconnectReason Goodbye(Session& session);
  DisconnectReason Input(Session& session, const protocol::InputMessage& message);
  DisconnectReason Act(Session& session, const protocol::Action& action);
  DisconnectReason Decline(Session& session, const protocol::DeclineTrade& decline);
  DisconnectReason Say(Session& session, const protocol::ChatSay& say);

  void SendTo(SessionId session, const protocol::ServerControl& message) override;
  bool SendEncoded(SessionId session, std::span<const std::byte> message) override;
  void OnDisagreement(SessionId session, int64_t partner) override;
  void Report(SessionId session, Violation violation) override;

 private:
  static constexpr const char* kQuarantineText =
      "what is stored of this player is damaged: an operator has to look at it";

  static constexpr const char* kNotOursText = "this shard does not own the player";

  static constexpr const char* kBannedText = "the account is banned";

  struct Ending {
    DisconnectReason reason = DisconnectReason::kNone;
    const char* text = "";
    std::string redirect = {};
  };

  void FetchUpcoming();
  static void FetchNext(const Session& session, std::span<const Session> slots);
  void OnConnected(const net::Inbound& inbound);
  void OnDisconnected(Session& session, uint32_t reason);
  void OnMessage(Session& session, const net::Inbound& inbound);
  /// The buckets that the session shares with its address; null: addresses of this machine, where
  /// the bots of a whole test live, are not limited.
  RateBuckets* AddressOf(const Session& session);
  /// Books a violation, and does what follows from the score.
  void Note(Session& session, Violation violation);
  void NoteRefusal(Session& session, const Verdict& verdict);
  void NoteInput(Session& session, InputViolations found);
  /// The result of this tick, or what was put in its place.
  void WatchMovement(Session& session, world::Body& body);
  void Audit(const Session& session, ConductResponse response, Violation violation);
  void OnCompletion(const persistence::Completion& completion);
  void OnLoginDone(Session& session, const persistence::Completion& completion);
  void OnEventDone(Session& session, const persistence::Completion& completion);
  /// Of who plays on: the refusal says what is wrong with his rows.
  void OnSampleRefused(Session& session, persistence::Refusal refusal);
  void NoteQuarantined(const Session& session, std::string_view cause);
  /// Keeps the player out from now on, and ends this session.
  void PutInQuarantine(Session& session, std::string_view cause);
  /// Ends the same player's other sessions. True when one had a state newer than the store's.
  bool EndReplaced(const Session& newer, persistence::PlayerState& taken_over);
  /// Another session of the same player in that state, or null.
  Session* FindNamed(const Session& session, SessionState state);
  /// Whom the session is: by its token's identity, or by the message where there is none. False:
  /// nobody.
  bool TakeName(Session& session, const protocol::Login& login);
  bool IsBanned(const Session& session);
  void PutAt(Session& session, const OperatorOrder& order);
  void AskStore(Session& session);
  /// Makes room for one more player if need be. False: the zone is full.
  bool HasRoom();
  void Enter(Session& session);
  void Welcome(Session& session, bool resumed);

  // Lingering (lingering.cc).
  /// Was the connection of somebody in play lost, rather than ended?
  bool Lingers(const Session& session, DisconnectReason reason) const;
  void Linger(Session& session);
  /// The session that this login goes on with; null: it has to be loaded.
  Session* FindResumable(const Session& newer);
  void ResumeWaiting();
  /// `newer`, which is closed, hands its peer to `kept`.
  void Resume(Session& kept, Session& newer);
  Session* LongestLingering();

  /// The one place where a session ends: records, tells the peer (unless it is gone), then takes
  /// the player out. The session is closed now, or when its logout is done.
  void End(Session& session, const Ending& ending);
  void Record(const Session& session, const Ending& ending);
  void Tell(Session& session, const Ending& ending);
  void TakeOut(Session& session, bool keep_state);
  bool SendControl(Session& session, const protocol::ServerControl& message);

  void SavePositions();
  void AppendSample(Session& session);
  /// True: the store takes no logout any more. Else the session stays until its logout is done.
  bool AppendLogout(Session& session);
  core::Status AppendEvent(Session& session, persistence::EventKind kind,
                           const persistence::PlayerState& state);
  persistence::PlayerState StateOf(const Session& session) const;
  uint64_t NextRequestId(const Session& session);
  Session* FindByRequest(uint64_t request_id);
  uint32_t CountPlaying() const { return playing_; }

  const SessionSettings settings_;
  const SessionTiming timing_;
  const Rates rates_;
  const core::Tick timeout_ticks_;
  const core::Tick linger_ticks_;
  const core::Tick login_timeout_ticks_;
  const core::Tick save_ticks_;
  const core::Tick sample_ticks_;
  SessionParts parts_;
  SessionTable table_;
  Quarantine quarantine_;
  SessionStats stats_;
  RecentTable<RateBuckets> addresses_;
  RecentTable<core::Tick> banned_;  // by account: refused up to this tick
  ConductLedger conduct_;
  Message message_;
  core::LookAhead<core::PeerId> upcoming_;
  std::vector<persistence::PositionSave> saves_;
  std::vector<uint32_t> saving_;  // session index of each save
  core::Tick now_ = 0;
  uint32_t playing_ = 0;
  uint32_t lingering_ = 0;
  uint32_t entering_ = 0;
  std::deque<SessionId> resuming_;  // whose turn to resume has not come, in order
  bool store_away_ = false;         // as this Save found it
  bool held_back_ = false;          // this tick's last completions wait for the next one
  uint64_t requests_ = 0;
  core::RateLimit end_log_;
  core::RateLimit quarantine_log_;
  core::RateLimit conduct_log_;
};

}  // namespace bluemarble::session
