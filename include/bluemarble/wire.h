/// Wire constants that a game client and the server share; proto/WIRE.md is the specification.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bluemarble {

/// Raised with every incompatible change. A server speaks kProtocolVersionMin..kProtocolVersion.
inline constexpr uint32_t kProtocolVersion = 1;
inline constexpr uint32_t kProtocolVersionMin = 1;

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
};
inline constexpr uint32_t kDisconnectReasons = 19;

/// snake_case name of a reason, for logs and metrics ("unknown" for numbers not in the table).
const char* DisconnectReasonName(DisconnectReason reason);

/// How near an entity is decides what travels of it and how often (DESIGN §4).
enum class ReplicationClass : uint8_t { kCombat = 0, kVisual = 1, kExtended = 2 };
inline constexpr int kReplicationClasses = 3;

/// A base may be at most this many ticks older than the block that names it.
inline constexpr int kBaseTicks = 32;
/// Acked ticks that the server remembers per viewer and part.
inline constexpr int kAckedBases = 4;
/// Datagrams that the server remembers per viewer, and that an ack covers.
inline constexpr int kAckWindow = 64;
/// Commands per input message, and the fewest that it repeats.
inline constexpr int kMaxInputCommands = 16;
inline constexpr int kMinInputCommands = 4;

}  // namespace bluemarble
