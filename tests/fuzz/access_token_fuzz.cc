// Covers src/services/accounts/access_token.cc.
//
// The key signs nothing but here, so whatever else passes is a forgery. Two lines are a header and
// claims that the key does sign: what it says is read with care all the same.
#include "core/text.h"
#include "fuzz_target.h"
#include "services/accounts/access_token.h"
#include "services/accounts/secrets.h"

namespace accounts = bluemarble::accounts;

namespace {

const accounts::TokenRules kRules{"seed", "game", 900};
constexpr int64_t kNow = 1'700'000'100;

const accounts::KeyRing& Ring() {
  static const accounts::KeyRing ring =
      *accounts::KeyRing::Parse("ed25519 1700000000 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n");
  return ring;
}

std::string Signed(std::string_view header, std::string_view claims) {
  std::string token = accounts::Base64Url(accounts::BytesOf(header)) + "." +
                      accounts::Base64Url(accounts::BytesOf(claims));
  return token + "." + accounts::Base64Url(accounts::SignEd25519(Ring().newest().key, token));
}

}  // namespace

FUZZ_TARGET(access_token) {
  static const std::string good = accounts::MakeAccessToken(Ring(), kRules, {7, "Ada"}, kNow);
  const std::string_view text = bluemarble::fuzz::TextOf(bytes);
  const auto identity = accounts::CheckAccessToken(Ring(), kRules, text, kNow);
  if (identity.ok()) bluemarble::fuzz::Require(text == good && identity->account_id == 7);

  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return;
  const auto said = accounts::CheckAccessToken(
      Ring(), kRules, Signed(text.substr(0, end), text.substr(end + 1)), kNow);
  if (!said.ok()) return;
  bluemarble::fuzz::Require(said->account_id > 0 &&
                            bluemarble::core::ValidateName(said->name).ok());
  // Nothing is lost: the same identity is in a token of our own.
  const auto again = accounts::CheckAccessToken(
      Ring(), kRules, accounts::MakeAccessToken(Ring(), kRules, *said, kNow), kNow);
  bluemarble::fuzz::Require(again.ok() && again->account_id == said->account_id &&
                            again->name == said->name);
}
