/// How many players, how much they may say, and how patient the zone is with them. Immutable after
/// start-up.
#pragma once

#include <cstdint>

#include "session/conduct_settings.h"

namespace bluemarble::session {

struct SessionSettings {
  /// Players in play at once; one more is refused as zone_full. About 45 kB each, viewer included.
  uint32_t max_players = 5000;
  /// Peers that are connected but not (or no longer) in play. Too low: a storm of logins is refused
  /// as zone_full; too high: only memory.
  uint32_t max_pending = 1024;
  /// Silence after which a player is taken out, milliseconds; three times that before its first
  /// word. Too low: a short outage costs the session; too high: ghosts stand around.
  uint32_t timeout_ms = 5000;
  /// A player whose connection was lost stays in play for so long, standing still, and whoever logs
  /// in as that player goes on where it stood; seconds, 0: taken out at once. Such a player counts
  /// against max_players and makes room for others when the zone is full. Too low: a tunnel costs
  /// the session; too high: the helpless stand around.
  uint32_t linger_s = 30;
  /// Peers must bring an identity (net/identity.h): set where datagrams are sealed, no setting.
  bool identity_required = false;
  /// From connecting to a finished login, milliseconds. Too low: a slow store refuses players; too
  /// high: idle peers hold slots.
  uint32_t login_timeout_ms = 5000;
  /// Logins that enter the world per tick, so that a storm of them cannot stall it (PITFALLS F-16).
  uint32_t enters_per_tick = 20;
  /// Inputs of one player that are taken per tick in the long run. Too low: players whose datagrams
  /// come doubled or in bursts are ended as rate_limited; too high: a flood costs CPU before it is
  /// ended.
  uint32_t inputs_per_tick = 4;
  /// Inputs at once on top of that, in seconds of one input a tick. Too low: who returns from an
  /// outage with all that waited is ended; too high: a flood lasts longer.
  uint32_t input_burst_s = 10;
  /// Control messages of one peer per second in the long run, and how many at once on top. Too low:
  /// an honest login and goodbye are ended as rate_limited; too high: logins cost the store.
  uint32_t controls_per_s = 1;
  uint32_t control_burst = 4;
  /// Actions (and declined offers) of one player per second in the long run, and how many at once
  /// on top. Too low: who sorts an inventory quickly, or asks again after an outage, is ended as
  /// rate_limited; too high: a flood costs the store a look-up each.
  uint32_t actions_per_s = 10;
  uint32_t action_burst = 40;
  /// Lines of chat of one player per second in the long run, and how many at once; one more is
  /// refused as too_fast, and who sends four times as many is ended. Too low: a lively talk is
  /// refused; too high: nobody can read what a few write.
  uint32_t chats_per_s = 1;
  uint32_t chat_burst = 5;
  /// Longest line of chat, bytes of UTF-8; at most kMaxChatBytes.
  uint32_t chat_max_bytes = 256;
  /// All sessions of one remote address together may say as much as so many, of each class of
  /// messages. Too low: players behind one NAT lose inputs; too high: who owns many accounts
  /// floods from one address. Addresses of this machine are not limited.
  uint32_t address_players = 256;
  /// After this long without the store's answer a player is told "unknown: ask again",
  /// milliseconds. Too low: a busy disk makes players ask twice; too high: they wait.
  uint32_t action_timeout_ms = 800;
  ConductSettings conduct;
};

}  // namespace bluemarble::session
