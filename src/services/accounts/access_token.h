/// Access tokens: JWTs (RFC 7519, 9068) in compact form, signed with Ed25519 (RFC 8037) and checked
/// as RFC 8725 asks. The algorithm is ours and not the token's. Pure functions, any thread; a check
/// takes about 0.1 ms.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"
#include "persistence/account_store.h"
#include "services/accounts/key_ring.h"

namespace bluemarble::accounts {

struct Identity {
  int64_t account_id = 0;
  std::string name;  ///< Has passed core::ValidateName.
  persistence::LoginRole role = persistence::LoginRole::kPlayer;
  int64_t expires_s = 0;  ///< Unix seconds, of the token it was read from.
};

struct TokenRules {
  std::string issuer;
  std::string audience;
  int64_t lifetime_s = 900;
};

/// Longer ones are refused unread.
inline constexpr size_t kMaxTokenBytes = 2048;
/// How far the clocks of maker and checker may differ.
inline constexpr int64_t kClockTolerance_s = 30;

std::string MakeAccessToken(const KeyRing& keys, const TokenRules& rules, const Identity& identity,
                            int64_t now_s);

/// kInvalid: not such a token, or not for us; kStale: it has expired; kDenied: nobody we know has
/// signed it, or not this. The text names what is wrong and nothing of the token.
core::Result<Identity> CheckAccessToken(const KeyRing& keys, const TokenRules& rules,
                                        std::string_view token, int64_t now_s);

}  // namespace bluemarble::accounts
