#include "services/accounts/access_token.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "services/accounts/flat_json.h"

namespace bluemarble::accounts {
namespace {

using core::Code;
using core::Status;
using nlohmann::json;

constexpr const char* kAlgorithm = "EdDSA";
constexpr const char* kType = "at+jwt";

Status NotAToken(const char* what) { return {Code::kInvalid, what}; }

core::Result<FlatObject> Part(std::string_view text) {
  const auto bytes = FromBase64Url(text, kMaxTokenBytes);
  if (!bytes) return NotAToken("the access token is not base64url");
  return ParseFlatObject({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
}

bool Says(const FlatObject& object, std::string_view member, std::string_view value) {
  const std::string* const text = TextOf(object, member);
  return text != nullptr && *text == value;
}

// Only what we write ourselves: "crit", "jku", "jwk", "x5c" and the like have nothing to say here.
core::Result<const TokenKey*> KeyOf(const KeyRing& keys, const FlatObject& header) {
  if (!Says(header, "alg", kAlgorithm))
    return NotAToken("the access token's algorithm is not EdDSA");
  if (!Says(header, "typ", kType)) return NotAToken("the access token's type is not at+jwt");
  const std::string* const kid = TextOf(header, "kid");
  if (kid == nullptr) return NotAToken("the access token names no key");
  if (header.size() != 3) return NotAToken("the access token's header has unknown members");
  const TokenKey* const key = keys.Find(*kid);
  if (key == nullptr) return Status(Code::kDenied, "the access token's key is not known");
  return key;
}

core::Result<Identity> CheckClaims(const TokenRules& rules, const FlatObject& claims,
                                   int64_t now_s) {
  if (!Says(claims, "iss", rules.issuer)) return NotAToken("the access token is of another issuer");
  if (!Says(claims, "aud", rules.audience)) return NotAToken("the access token is for others");
  const int64_t* const expires = NumberOf(claims, "exp");
  const int64_t* const not_before = NumberOf(claims, "nbf");
  const int64_t* const issued = NumberOf(claims, "iat");
  if (expires == nullptr || not_before == nullptr || issued == nullptr)
    return NotAToken("the access token does not say when it is valid");
  // Differences of numbers from outside could overflow; comparisons with ours cannot.
  if (*expires <= now_s - kClockTolerance_s)
    return Status(Code::kStale, "the access token has expired");
  if (*not_before > now_s + kClockTolerance_s || *issued > now_s + kClockTolerance_s)
    return NotAToken("the access token is not valid yet");
  if (*expires > now_s + kClockTolerance_s + rules.lifetime_s)
    return NotAToken("the access token is valid for too long");
  const std::string* const subject = TextOf(claims, "sub");
  const std::string* const name = TextOf(claims, "name");
  if (subject == nullptr || name == nullptr)
    return NotAToken("the access token does not say whose it is");
  Identity identity;
  const char* const end = subject->data() + subject->size();
  const auto number = std::from_chars(subject->data(), end, identity.account_id);
  if (number.ec != std::errc() || number.ptr != end || identity.account_id <= 0)
    return NotAToken("the access token's subject is no account");
  if (!core::ValidateName(*name).ok()) return NotAToken("the access token's name is no name");
  identity.name = *name;
  // Tokens of before there were roles have none.
  if (Says(claims, "role", persistence::LoginRoleName(persistence::LoginRole::kOperator)))
    identity.role = persistence::LoginRole::kOperator;
  identity.expires_s = *expires;
  return identity;
}

}  // namespace

std::string MakeAccessToken(const KeyRing& keys, const TokenRules& rules, const Identity& identity,
                            int64_t now_s) {
  const TokenKey& key = keys.newest();
  const json header = {{"alg", kAlgorithm}, {"typ", kType}, {"kid", key.kid}};
  const json claims = {{"iss", rules.issuer},
                       {"aud", rules.audience},
                       {"sub", std::to_string(identity.account_id)},
                       {"name", identity.name},
                       {"iat", now_s},
                       {"nbf", now_s},
                       {"exp", now_s + rules.lifetime_s},
                       {"role", persistence::LoginRoleName(identity.role)}};
  std::string token = Base64Url(BytesOf(header.dump())) + "." + Base64Url(BytesOf(claims.dump()));
  const Ed25519Signature signature = SignEd25519(key.key, token);
  token += "." + Base64Url(signature);
  return token;
}

core::Result<Identity> CheckAccessToken(const KeyRing& keys, const TokenRules& rules,
                                        std::string_view token, int64_t now_s) {
  if (token.size() > kMaxTokenBytes) return NotAToken("the access token is too long");
  const size_t first = token.find('.');
  const size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
    return NotAToken("the access token does not have three parts");

  const auto header = Part(token.substr(0, first));
  if (!header.ok()) return header.status();
  const auto key = KeyOf(keys, *header);
  if (!key.ok()) return key.status();
  const auto signature = FromBase64Url(token.substr(second + 1), sizeof(Ed25519Signature));
  if (!signature || !VerifyEd25519((*key)->key.public_key, token.substr(0, second), *signature))
    return Status(Code::kDenied, "the access token's signature is wrong");
  const auto claims = Part(token.substr(first + 1, second - first - 1));
  if (!claims.ok()) return claims.status();
  return CheckClaims(rules, *claims, now_s);
}

}  // namespace bluemarble::accounts
