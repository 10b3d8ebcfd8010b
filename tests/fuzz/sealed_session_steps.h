/// The script that sealed_session_fuzz.cc reads, byte by byte, and seeds.cc writes.
#pragma once

#include <cstdint>

namespace bluemarble::fuzz {

/// A step's first byte: this in the low four bits, which of kSessionClients it is about in the next
/// two, the variant in the last two. What follows it stands in brackets; TEXT: [length][bytes].
enum class Step : uint8_t {
  kAsk = 0,          ///< [TokenKind][ciphers] A new client begins.
  kPoll = 1,         ///< What the client has to send is under way.
  kDeliver = 2,      ///< [which] Arrives; the variant says how, as Delivery.
  kClientSays = 3,   ///< TEXT under the client's seal.
  kServerSays = 4,   ///< TEXT under the server's seal.
  kInsiderSays = 5,  ///< TEXT of variant 0 data, 1 control, under the client's keys.
  kForgerSays = 6,   ///< TEXT likewise, to the client, under the server's keys.
  kWait = 7,         ///< [n] 2^(n % 24) ms.
  kEnet = 8,         ///< [byte] Variant: 0 connected, 1 gone, 2 malformed, 3 asks whether it ended.
  kHost = 9,         ///< Variant: 0 maintains, 1 says goodbye, 2 takes the next key for tokens.
  kGoodbye = 10,     ///< [reason] The client ends.
  kRaw = 11,         ///< TEXT as a datagram: variant 0 to the server, 1 to the client.
};

enum class TokenKind : uint8_t { kOwn, kShared, kOtherPort, kOtherZone, kForged, kSeen, kUnproven };
inline constexpr uint8_t kTokenKinds = 7;

enum class Delivery : uint8_t { kOnce, kFromElsewhere, kChanged, kAndStays };

inline constexpr uint8_t kSessionClients = 4;

}  // namespace bluemarble::fuzz
