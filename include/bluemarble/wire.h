/// Wire constants that a game client and the server share; proto/WIRE.md is the specification.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bluemarble/export.h"

namespace bluemarble {

/// Raised with every incompatible change. A server speaks kProtocolVersionMin..kProtocolVersion.
inline constexpr uint32_t kProtocolVersion = 2;
inline constexpr uint32_t kProtocolVersionMin = 2;

/// UDP payload that is never exceeded, and what ENet may fill of it (33 bytes are the seal's).
inline constexpr size_t kDatagramBytes = 1200;
inline constexpr size_t kEnetMtu = 1167;

/// First byte of a message on the unreliable channel.
enum class DatagramType : uint8_t { kInput = 1, kSnapshot = 2 };

/// Why a login was refused or a session ended; also ENet's 32-bit disconnect data. Never
/// renumbered.
enum class DisconnectReason : uint32_t {
  kNone = 0,            ///< No reason given (a timeout).
  kClientQuit = 1,      ///< The client said goodbye.
  kServerStopping = 2,  ///< The server is shutting down; try again later.
  kWrongVersion = 3,    ///< The protocol versions do not overlap.
  kBadToken = 4,        ///< The token is empty, malformed, unknown or used.
  kWrongShard = 5,      ///< The player's place belongs to another shard; its address is given.
  kZoneFull = 6,        ///< Capacity reached; the text names what is full.
  kMalformed = 7,       ///< A message could not be parsed.
  kOversized = 8,       ///< A message above its bound.
  kUnknownMessage = 9,  ///< A message type that does not exist.
  kOutOfState = 10,     ///< A message that is not allowed now (input before login, second login).
  kWrongChannel = 11,   ///< A message on a channel that it may not use.
  kRateLimited = 12,    ///< More messages than the settings allow.
  kTimeout = 13,        ///< Nothing heard for session.timeout_ms.
  kReplaced = 14,       ///< The same player logged in elsewhere.
  kQueueOverflow = 15,  ///< The peer does not read what it is sent.
  kStoreUnavailable = 16,  ///< The player could not be loaded or created; try again.
  kSpawnRefused = 17,      ///< A development spawn position that is not allowed here.
  kInternal = 18,          ///< Our own mistake; it is logged.
  kQuarantined = 19,       ///< What is stored of the player is damaged: tell the operator.
  kSessionUnknown =
      20,        ///< The server does not know the session any more: it was restarted. Join again.
  kKicked = 21,  ///< The player's conduct; the client library cannot cause it.
  kBanned = 22,  ///< An operator has banned the account; the next login tells until when.
};
inline constexpr uint32_t kDisconnectReasons = 23;

/// snake_case name of a reason, for logs and metrics ("unknown" for numbers not in the table).
BLUEMARBLE_API const char* DisconnectReasonName(DisconnectReason reason);

/// What a player is told about an action (proto/WIRE.md "Actions").
enum class ActionOutcome : uint8_t {
  kOk = 0,       ///< Done and durable: it will be found after any crash.
  kRefused = 1,  ///< Nothing changed; the reason says why.
  kUnknown = 2,  ///< It may or may not have happened: ask again with the same key.
};

/// Why an action was refused. Never renumbered; the same numbers as persistence::Refusal.
enum class ActionReason : uint8_t {
  kNone = 0,
  kVersion = 1,         ///< Somebody changed it in between.
  kNotOwner = 2,        ///< This server does not own the player (any more).
  kNotFound = 3,        ///< No such player.
  kKeyReused = 4,       ///< The key belongs to another action.
  kUnavailable = 5,     ///< The database is away or busy; try later, with the same key.
  kInvalid = 6,         ///< The action breaks a rule of the protocol.
  kNotHolder = 7,       ///< The item is not where the action says.
  kInsufficient = 8,    ///< Not enough gold.
  kTooFar = 9,          ///< Out of reach.
  kInventoryFull = 10,  ///< The receiver cannot carry more.
  kBusy = 11,           ///< Item, gold or offer is part of an action still under way.
  kOffline = 12,        ///< The other player is not in play here.
  kDeclined = 13,       ///< The other player said no, or the offer has expired.
  kBadAmount = 14,      ///< A quantity or sum that is zero, negative or too large.
  kNoSuchItem = 15,     ///< No such item, entity or offer.
};
inline constexpr uint32_t kActionReasons = 16;
/// snake_case name ("unknown" for numbers not in the table).
BLUEMARBLE_API const char* ActionReasonName(ActionReason reason);

/// Who hears what a player says.
enum class ChatScope : uint8_t {
  kZone = 1,   ///< Everybody in play on this server.
  kLocal = 2,  ///< Those nearby (chat.local_radius_m, 50 m unless set otherwise).
};

/// Why something that was said reached nobody. Never renumbered.
enum class ChatReason : uint8_t {
  kNone = 0,
  kTooFast = 1,      ///< More than the settings allow; the answer says how long to wait.
  kMuted = 2,        ///< An operator has silenced the player.
  kBadText = 3,      ///< Empty, not one line of UTF-8, or with characters that are not shown.
  kTooLong = 4,      ///< More bytes than session.chat_max_bytes.
  kBadScope = 5,     ///< A scope that the server does not know.
  kBusy = 6,         ///< Too much waits to be passed on; try later.
  kUnavailable = 7,  ///< What is said must be on record, and the database is away.
};
inline constexpr uint32_t kChatReasons = 8;
/// snake_case name ("unknown" for numbers not in the table).
BLUEMARBLE_API const char* ChatReasonName(ChatReason reason);
/// Most bytes of what is said at once; the server's own bound may be lower.
inline constexpr size_t kMaxChatBytes = 256;

/// Most items in one give, or on one side of a trade.
inline constexpr int kMaxTradeItems = 8;
/// Bytes of an action's key.
inline constexpr size_t kActionKeyBytes = 16;

/// How near an entity is decides what travels of it and how often (DESIGN §4).
enum class ReplicationClass : uint8_t { kCombat = 0, kVisual = 1, kExtended = 2 };
inline constexpr int kReplicationClasses = 3;

/// A base may be at most this many ticks older than the block that names it.
inline constexpr int kBaseTicks = 32;
/// Datagrams that the server remembers per viewer, and that an ack covers.
inline constexpr int kAckWindow = 64;
/// Commands per input message, and the fewest that it repeats.
inline constexpr int kMaxInputCommands = 16;
inline constexpr int kMinInputCommands = 4;

}  // namespace bluemarble
