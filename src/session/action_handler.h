/// What players do that must be durable: sessions hand such messages over and say whose things come
/// and go; a service decides and answers through ControlSender. Implemented by services/items,
/// wired by app/. Zone thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "persistence/durable_queue.h"
#include "protocol/control.h"
#include "session/session_table.h"
#include "session/violation.h"

namespace bluemarble::session {

/// The way back to the players.
class ControlSender {
 public:
  virtual ~ControlSender() = default;
  /// Sends to a session in play; to any other it does nothing. A session whose queue is full is
  /// ended before the tick is over, since a lost answer would leave its client waiting.
  virtual void SendTo(SessionId session, const protocol::ServerControl& message) = 0;
  /// An encoded message that a player may miss. False: the session is not in play or its queue is
  /// full; it plays on.
  virtual bool SendEncoded(SessionId session, std::span<const std::byte> message) = 0;
  /// The store refused an action of that player, and of `partner` (0: of him alone), which memory
  /// had found right: what is stored of one of them is not what was loaded, or is damaged.
  virtual void OnDisagreement(SessionId session, int64_t partner) = 0;
  /// The player asked for something that an honest client cannot ask for, not even by a race with
  /// what it was not yet told. It was refused; this only keeps the
  /// books, where somebody keeps them.
  virtual void Report(SessionId /*session*/, Violation /*violation*/) {}
};

class ActionHandler {
 public:
  virtual ~ActionHandler() = default;

  /// What a player gets who logs in for the first time.
  virtual void DescribeNewPlayer(persistence::LoginRequest& request) = 0;
  /// One thing of the player that logs in; all come before OnLoaded, but a login that fails may
  /// leave some behind.
  virtual void OnLoginItem(const Session& session, const persistence::ItemRow& item) = 0;
  /// The login is done and the player known; older sessions of the same player have left.
  virtual void OnLoaded(const Session& session, int64_t gold) = 0;
  /// In play; the welcome has been sent.
  virtual void OnEntered(const Session& session) = 0;
  /// In play again over another connection, whose client knows nothing; a welcome has been sent.
  virtual void OnResumed(const Session& session) = 0;
  /// Out of play, or ended between OnLoaded and OnEntered. No message of it comes after this.
  virtual void OnLeft(const Session& session) = 0;

  /// Of a session in play.
  virtual void OnAction(const Session& session, const protocol::Action& action) = 0;
  virtual void OnDecline(const Session& session, const protocol::DeclineTrade& decline) = 0;

  /// kAction, kWorldItem and kWorldItemsEnd.
  virtual void OnCompletion(const persistence::Completion& completion) = 0;
};

}  // namespace bluemarble::session
