// The key signs nothing but here, so whatever else passes is a forgery.
#include "fuzz_target.h"
#include "services/accounts/access_token.h"

namespace accounts = bluemarble::accounts;

FUZZ_TARGET(access_token) {
  static const accounts::KeyRing ring =
      *accounts::KeyRing::Parse("ed25519 1700000000 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n");
  static const accounts::TokenRules rules{"seed", "game", 900};
  constexpr int64_t kNow = 1'700'000'100;
  static const std::string good = accounts::MakeAccessToken(ring, rules, {7, "Ada"}, kNow);
  const std::string_view text = bluemarble::fuzz::TextOf(bytes);
  const auto identity = accounts::CheckAccessToken(ring, rules, text, kNow);
  if (identity.ok()) bluemarble::fuzz::Require(text == good && identity->account_id == 7);
}
