/// What the sealed transport counts, by reason.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace bluemarble::net {

enum class SealEvent : uint8_t {
  kUnknownType,      ///< Refused: the first byte is of no datagram that a server takes.
  kTooShort,         ///< Refused: sealed, yet shorter than an empty one.
  kUnknownSession,   ///< Refused: its session does not exist.
  kReplayed,         ///< Refused: its sequence has been seen.
  kBadTag,           ///< Refused: not sealed with the session's key.
  kSessionEnding,    ///< Refused: its session has ended a moment ago.
  kBadControl,       ///< Refused: sealed, yet no control message.
  kSecondConnect,    ///< Refused: another ENet CONNECT in the same session.
  kBadRequest,       ///< Refused: not of this version or size.
  kBadCookie,        ///< Not the cookie of this address, token and time; challenged again.
  kRequestLimited,   ///< Not answered: net.requests_per_s or its limit for one address.
  kChallenged,       ///< Requests answered with a cookie.
  kTokenUnknownKey,  ///< Token refused: another shard's, or an older process's.
  kTokenForged,      ///< Token refused: its tag is wrong.
  kTokenExpired,
  kTokenEarly,
  kTokenWrongHost,
  kTokenUnproven,  ///< Token refused: its bearer does not know its keys.
  kTokenUsed,      ///< Token refused: its session has been.
  kTokenStolen,    ///< Token refused without a word: shown from a second address.
  kNoCipher,       ///< Request refused: no cipher in common (net.cipher).
  kFull,           ///< Request refused: net.max_peers_per_host.
  kAddressFull,    ///< Request refused: net.max_peers_per_address.
  kAccepted,
  kAcceptRepeated,
  kResetSent,
  kResetLimited,    ///< Not answered: net.resets_per_s or its limit for one address.
  kPathChallenged,  ///< A session was heard from a new address, which was asked for proof.
  kPathMoved,       ///< It proved it.
  kPathUnproven,    ///< Refused: a wrong or late proof.
  kRekeyed,
  kClientGoodbye,   ///< Sessions that ended by the client's sealed goodbye.
  kHalfOpenFreed,   ///< Sessions freed since ENet never connected: net.half_open_ms.
  kIdleFreed,       ///< Sessions freed since nothing was heard.
  kMalformedEnded,  ///< Sessions ended for what they sealed: ENet commands that are none.
  kCount
};
inline constexpr int kSealEvents = static_cast<int>(SealEvent::kCount);

constexpr std::string_view SealEventName(SealEvent event) {
  constexpr std::array<std::string_view, kSealEvents> kNames{
      "unknown_type",      "too_short",      "unknown_session", "replayed",
      "bad_tag",           "session_ending", "bad_control",     "second_connect",
      "bad_request",       "bad_cookie",     "request_limited", "challenged",
      "token_unknown_key", "token_forged",   "token_expired",   "token_early",
      "token_wrong_host",  "token_unproven", "token_used",      "token_stolen",
      "no_cipher",         "full",           "address_full",    "accepted",
      "accept_repeated",   "reset_sent",     "reset_limited",   "path_challenged",
      "path_moved",        "path_unproven",  "rekeyed",         "client_goodbye",
      "half_open_freed",   "idle_freed",     "malformed_ended"};
  return kNames[static_cast<size_t>(event)];
}

}  // namespace bluemarble::net
