/// A client's whole logic without socket and clock: login, acks, server clock, input and its lead,
/// prediction, reconciliation, view. client.cc puts it on the network; tests put it on a simulated
/// one. One thread. In steady state nothing allocates (control messages and new entities do).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "bluemarble/client.h"
#include "client/ack_window.h"
#include "client/actions.h"
#include "client/chat.h"
#include "client/input_lead.h"
#include "client/inventory.h"
#include "client/link.h"
#include "client/own_player.h"
#include "client/remote_view.h"
#include "client/replica.h"
#include "client/server_clock.h"
#include "protocol/control.h"
#include "protocol/input.h"

namespace bluemarble::client {

class ClientCore {
 public:
  /// `link` must outlive the core. The faults in `options` belong to the link.
  ClientCore(const ClientOptions& options, Link& link, KeySource keys = RandomActionKey);

  /// The link has begun to connect.
  void Start(const std::string& token, int64_t now_ns);
  void OnConnected(int64_t now_ns);
  void OnMessage(net::Channel channel, std::span<const std::byte> bytes, int64_t now_ns);
  /// `reason`: the number that the server gave, 0 for a timeout or a refused connection.
  void OnDisconnected(uint32_t reason, int64_t now_ns);
  /// Advances clocks, simulates the ticks that are due and sends what is due; at least once per
  /// server tick.
  void Tick(int64_t now_ns);
  /// The next moment at which Tick has something to do though nothing arrives.
  int64_t NextDueNs() const;

  void SetInput(const PlayerInput& input);
  /// Sends `action` and returns its key; all zero when that is not possible, see error().
  ActionKey Act(Action action);
  /// The line's number; 0 when that is not possible, see error().
  uint32_t Say(ChatScope scope, std::string_view text);
  ChatLog& chat() { return chat_; }
  void DeclineTrade(uint64_t trade_id);
  void WithdrawOffer(const ActionKey& key);
  Actions& actions() { return actions_; }
  const Actions& actions() const { return actions_; }
  const Inventory& inventory() const { return inventory_; }
  void Quit();
  /// Ends without telling anybody (the socket failed).
  void Fail(DisconnectReason reason, std::string text);

  ClientState state() const { return state_; }
  DisconnectReason end_reason() const { return end_reason_; }
  const std::string& error() const { return error_; }
  const std::string& redirect() const { return redirect_; }
  /// Null before kPlaying.
  const protocol::Welcome* welcome() const { return welcome_ ? &*welcome_ : nullptr; }

  OwnView own() const;
  const OwnPlayer& player() const { return player_; }
  /// Null before kPlaying and when ClientOptions.decode is off.
  const Replica* replica() const { return replica_.get(); }
  const RemoteView* view() const { return view_.get(); }
  void ForEachEntity(int64_t now_ns, const std::function<void(const EntityView&)>& visit) const;
  bool FindEntity(uint32_t id, int64_t now_ns, EntityView& out) const;
  size_t entities_in_view() const;
  std::optional<Vector3> OwnPositionAt(core::Tick tick) const;
  double ServerTick(int64_t now_ns) const { return clock_.TickAt(now_ns); }
  double lead_ticks() const { return lead_.ticks(); }
  const AckWindow& acks() const { return acks_; }
  /// The counts of bytes and packets and the round trip are the link's and stay 0 here.
  const ClientStats& stats() const;

 private:
  void OnControl(std::span<const std::byte> bytes, int64_t now_ns);
  void OnWelcome(const protocol::Welcome& welcome, int64_t now_ns);
  void OnSnapshot(std::span<const std::byte> bytes, int64_t now_ns);
  void ApplyOwn(const protocol::PrivateBlock& own, core::Tick tick, int64_t now_ns);
  void NoteDepth(core::Tick tick, int depth, int64_t now_ns);
  void CheckTimeouts(int64_t now_ns);
  void StepAndSend(int64_t now_ns);
  void SendControl(const protocol::ClientControl& message);
  void SendInput();
  void End(DisconnectReason reason, std::string text);

  Link& link_;
  ClientOptions options_;
  ClientState state_ = ClientState::kIdle;
  DisconnectReason end_reason_ = DisconnectReason::kNone;
  std::string error_, redirect_, token_;
  std::optional<protocol::Welcome> welcome_;

  ServerClock clock_;
  InputLead lead_;
  OwnPlayer player_;
  std::unique_ptr<RemoteView> view_;
  std::unique_ptr<Replica> replica_;
  AckWindow acks_;
  Actions actions_;
  Inventory inventory_;
  ChatLog chat_;
  uint32_t said_ = 0;  // number of the last line

  motion::MotionInput wanted_;
  int changed_sends_left_ = 0;
  core::Tick sent_tick_ = 0;
  core::Tick snapshot_tick_ = 0;   // newest
  core::Tick held_by_server_ = 0;  // newest command tick that a snapshot told of
  int64_t started_ns_ = 0, connected_ns_ = 0, heard_ns_ = 0, now_ns_ = 0, path_sample_ns_ = 0;
  uint8_t health_ = 100;
  mutable ClientStats stats_;
};

}  // namespace bluemarble::client
