#include "services/accounts/accounts.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/log.h"
#include "core/text.h"
#include "services/accounts/secrets.h"

namespace bluemarble::accounts {
namespace {

using core::Code;
using core::Status;
using persistence::LoginAccount;
using persistence::LoginEvent;
using persistence::LoginEventKind;
using Kind = Refusal::Kind;

constexpr auto kKeeperPeriod = std::chrono::seconds(5);
constexpr int kPurgeEvery = 120;         // periods: ten minutes
constexpr int64_t kPurgeRows = 1000;     // in one transaction, which others wait for
constexpr size_t kMaxAddresses = 65536;  // whose requests are counted
constexpr int kAwayRetryS = 1;
constexpr double kBurst_s = 10;  // seconds of the long run's rate at once

// A refresh token names its session and proves its newest secret; base64url of both has no rest.
constexpr size_t kSessionBytes = 16;
constexpr size_t kSecretBytes = 32;

struct RefreshParts {
  persistence::SecretHash session{};
  persistence::SecretHash secret{};
};

struct NewRefreshToken {
  std::array<std::byte, kSessionBytes + kSecretBytes> bytes{};
  std::string text() const { return Base64Url(bytes); }
  RefreshParts parts() const {
    const std::span<const std::byte> all(bytes);
    return {Hash(all.first(kSessionBytes)), Hash(all.subspan(kSessionBytes))};
  }
};

// The session's name and, where there is one already, nothing else of the token before.
NewRefreshToken MakeRefreshToken(std::span<const std::byte> session = {}) {
  NewRefreshToken token;
  RandomBytes(token.bytes);
  std::copy(session.begin(), session.end(), token.bytes.begin());
  return token;
}

Refusal Refused(Kind kind, std::string message, int retry_after_s = 0) {
  return {.kind = kind, .message = std::move(message), .retry_after_s = retry_after_s};
}

Refusal Away(const Status& status) {
  core::Log(core::LogLevel::kWarn, "accounts_away", "reason=\"{}\"", status.ToString());
  return Refused(Kind::kAway, "the account database is away, try again later", kAwayRetryS);
}

int SecondsOf(int64_t wait_ns) { return static_cast<int>((wait_ns + 999'999'999) / 1'000'000'000); }

}  // namespace

std::string NameKey(std::string_view name) {
  std::string key(name);
  for (char& c : key) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return key;
}

std::string_view KindName(Kind kind) {
  switch (kind) {
    case Kind::kInvalid: return "invalid";
    case Kind::kWrong: return "wrong";
    case Kind::kBanned: return "banned";
    case Kind::kTaken: return "taken";
    case Kind::kLimited: return "limited";
    case Kind::kAway: return "away";
    case Kind::kExpired: return "expired";
    case Kind::kNumber: break;
  }
  return "?";
}

std::string_view OperationName(Operation operation) {
  switch (operation) {
    case Operation::kRegister: return "register";
    case Operation::kLogIn: return "login";
    case Operation::kRefresh: return "refresh";
    case Operation::kLogOut: return "logout";
    case Operation::kAuthenticate: return "authenticate";
    case Operation::kNumber: break;
  }
  return "?";
}

core::Result<std::unique_ptr<Accounts>> Accounts::Open(
    const AccountSettings& settings, KeyRing keys, std::unique_ptr<persistence::AccountStore> store,
    const core::Clock& clock) {
  std::unique_ptr<Accounts> accounts(
      new Accounts(settings, std::move(keys), std::move(store), clock));
  if (Status read = accounts->ReadBans(); !read.ok()) return read;
  return accounts;
}

Accounts::Accounts(const AccountSettings& settings, KeyRing keys,
                   std::unique_ptr<persistence::AccountStore> store, const core::Clock& clock)
    : settings_(settings),
      rules_{.issuer = settings.issuer,
             .audience = settings.audience,
             .lifetime_s = settings.access_lifetime_s},
      clock_(clock),
      passwords_(settings),
      store_(std::move(store)),
      keys_(std::make_shared<const KeyRing>(std::move(keys))),
      requests_(kMaxAddresses),
      registrations_(kMaxAddresses) {}

Accounts::~Accounts() { Stop(); }

void Accounts::Start(BanListener on_ban) {
  {
    const std::lock_guard store_lock(store_mutex_);
    on_ban_ = std::move(on_ban);
  }
  keeper_ = std::thread([this] { Keep(); });
}

void Accounts::Stop() {
  {
    const std::lock_guard lock(stop_mutex_);
    stop_ = true;
  }
  stopping_.notify_all();
  if (keeper_.joinable()) keeper_.join();
}

void Accounts::Keep() {
  // At least once, however soon the stop comes.
  std::unique_lock lock(stop_mutex_);
  int period = 0;
  do {
    lock.unlock();
    // What fails is tried again; requests that fail as well say so in the log.
    if (Status read = ReadBans(); !read.ok())
      core::Log(core::LogLevel::kDebug, "bans_not_read", "reason=\"{}\"", read.ToString());
    if (period++ % kPurgeEvery == 0) Purge();
    lock.lock();
    stopping_.wait_for(lock, kKeeperPeriod, [this] { return stop_; });
  } while (!stop_);
}

void Accounts::Purge() {
  const int64_t now_us = clock_.WallUs();
  const int64_t before_us = now_us - int64_t{settings_.events_keep_days} * 86'400'000'000;
  constexpr int kMostRounds = 1000;
  for (int round = 0; round < kMostRounds; ++round) {
    const auto gone = WithStore([&](persistence::AccountStore& store) {
      return store.Purge(now_us, before_us, settings_.events_max, kPurgeRows);
    });
    if (!gone.ok() || *gone == 0) return;
    const std::lock_guard lock(stop_mutex_);
    if (stop_) return;
  }
}

std::shared_ptr<const KeyRing> Accounts::keys() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

void Accounts::SetKeys(KeyRing keys) {
  auto ring = std::make_shared<const KeyRing>(std::move(keys));
  const std::lock_guard lock(mutex_);
  keys_.swap(ring);
}

template <typename T>
Answer<T> Accounts::Counted(Operation operation, Answer<T> answer) {
  const auto which = static_cast<size_t>(operation);
  const std::lock_guard lock(mutex_);
  if (const auto* refusal = std::get_if<Refusal>(&answer)) {
    stats_.refused[which][static_cast<size_t>(refusal->kind)].Add();
  } else {
    stats_.ok[which].Add();
  }
  return answer;
}

Answer<Tokens> Accounts::Register(const std::string& name, const std::string& password,
                                  const std::string& address) {
  return Counted(Operation::kRegister, DoRegister(name, password, address));
}
Answer<Tokens> Accounts::LogIn(const std::string& name, const std::string& password,
                               const std::string& address) {
  return Counted(Operation::kLogIn, DoLogIn(name, password, address));
}
Answer<Tokens> Accounts::Refresh(const std::string& refresh_token, const std::string& address) {
  return Counted(Operation::kRefresh, DoRefresh(refresh_token, address));
}
Answer<Done> Accounts::LogOut(const std::string& refresh_token, const std::string& address) {
  return Counted(Operation::kLogOut, DoLogOut(refresh_token, address));
}
Answer<Identity> Accounts::Authenticate(std::string_view access_token) {
  return Counted(Operation::kAuthenticate, DoAuthenticate(access_token));
}

int Accounts::GateWaitS(const std::string& address) {
  if (settings_.development()) return 0;
  const double rate = settings_.address_requests_per_s;
  const int64_t now_ns = clock_.NowNs();
  const std::lock_guard lock(mutex_);
  const double over = requests_.Get(address, now_ns, rate).value + 1 - rate * kBurst_s;
  if (over > 0) return 1 + static_cast<int>(over / rate);
  requests_.Add(address, 1, now_ns, rate);
  return 0;
}

Status Accounts::CheckNewAccount(const std::string& name, const std::string& password) const {
  if (Status status = core::ValidateName(name); !status.ok())
    return {Code::kInvalid, "name", status.ToString()};
  const std::string key = NameKey(name);
  for (const std::string& reserved : settings_.reserved_names) {
    if (NameKey(reserved) == key) return {Code::kInvalid, "name", "this name is reserved"};
  }
  if (password.size() > kMaxPasswordBytes)
    return {Code::kInvalid, "password", "longer than 128 bytes"};
  if (password.size() < static_cast<size_t>(settings_.min_password_bytes)) {
    return {Code::kInvalid, "password",
            fmt::format("shorter than {} bytes", settings_.min_password_bytes)};
  }
  if (!settings_.development() && NameKey(password) == key)
    return {Code::kInvalid, "password", "it is the name"};
  return Status::Ok();
}

core::Result<std::string> Accounts::HashTimed(const std::string& password) {
  const int64_t start_ns = clock_.NowNs();
  auto hash = passwords_.Hash(password);
  const std::lock_guard lock(mutex_);
  stats_.hash_us.Add(static_cast<uint64_t>((clock_.NowNs() - start_ns) / 1000));
  return hash;
}

bool Accounts::CheckTimed(const LoginAccount* account, const std::string& password) {
  const int64_t start_ns = clock_.NowNs();
  bool right = false;
  if (account != nullptr) {
    right = passwords_.Check(account->password_hash, password);
  } else {
    passwords_.CheckNobody(password);
  }
  const std::lock_guard lock(mutex_);
  stats_.hash_us.Add(static_cast<uint64_t>((clock_.NowNs() - start_ns) / 1000));
  return right;
}

Answer<Tokens> Accounts::DoRegister(const std::string& name, const std::string& password,
                                    const std::string& address) {
  if (const Status status = CheckNewAccount(name, password); !status.ok())
    return Refused(Kind::kInvalid, status.ToString());
  if (!settings_.development()) {
    const double per_s = settings_.address_registrations_per_hour / 3600.0;
    const int64_t now_ns = clock_.NowNs();
    const std::lock_guard lock(mutex_);
    const double over = registrations_.Get(address, now_ns, per_s).value + 1 -
                        settings_.address_registrations_per_hour;
    if (over > 0)
      return Refused(Kind::kLimited, "too many new accounts from this address",
                     1 + static_cast<int>(over / per_s));
    registrations_.Add(address, 1, now_ns, per_s);
  }
  const std::string key = NameKey(name);
  // Names are no secret: they stand over players' heads. So a hash is not wasted on a taken one.
  const auto known = WithStore([&](persistence::AccountStore& store) { return store.Find(key); });
  if (known.ok()) return Refused(Kind::kTaken, "the name is taken");
  if (known.status().code() != Code::kNotFound) return Away(known.status());
  const auto hash = HashTimed(password);
  if (!hash.ok()) return Away(hash.status());
  const auto made = WithStore([&](persistence::AccountStore& store) {
    return store.Create(name, key, *hash, clock_.WallUs(), address);
  });
  if (made.status().code() == Code::kConflict) return Refused(Kind::kTaken, "the name is taken");
  if (!made.ok()) return Away(made.status());
  return OpenSession(*made, address);
}

Refusal Accounts::Wrong(const LoginAccount* account, const std::string& name,
                        const std::string& address) {
  limits_.Failed(NameKey(name), address, clock_.NowNs());
  const LoginEvent event{.at_us = clock_.WallUs(),
                         .kind = LoginEventKind::kLoginFailed,
                         .account_id = account != nullptr ? account->account_id : 0,
                         .name = name,
                         .address = address};
  const Status recorded =
      WithStore([&](persistence::AccountStore& store) { return store.Record(event); });
  if (!recorded.ok()) return Away(recorded);
  return Refused(Kind::kWrong, "no such account, or the password is wrong");
}

Refusal Accounts::Banned(const LoginAccount& account) const {
  Refusal refusal = Refused(Kind::kBanned, "the account is banned");
  refusal.banned_until_us = account.banned_until_us;
  refusal.ban_reason = account.ban_reason;
  return refusal;
}

Answer<Tokens> Accounts::DoLogIn(const std::string& name, const std::string& password,
                                 const std::string& address) {
  if (const Status status = core::ValidateName(name); !status.ok())
    return Refused(Kind::kInvalid, "name: " + status.ToString());
  if (password.size() > kMaxPasswordBytes)
    return Refused(Kind::kInvalid, "password: longer than 128 bytes");
  const std::string key = NameKey(name);
  if (const int64_t wait_ns = limits_.WaitNs(key, address, clock_.NowNs()); wait_ns > 0)
    return Refused(Kind::kLimited, "too many failed logins from this address", SecondsOf(wait_ns));
  const auto found = WithStore([&](persistence::AccountStore& store) { return store.Find(key); });
  if (!found.ok() && found.status().code() != Code::kNotFound) return Away(found.status());
  if (!found.ok() && settings_.development()) return DoRegister(name, password, address);
  const LoginAccount* const account = found.ok() ? &*found : nullptr;
  if (!CheckTimed(account, password)) return Wrong(account, name, address);
  limits_.Succeeded(key, address);
  if (account->banned(clock_.WallUs())) {
    const LoginEvent event{.at_us = clock_.WallUs(),
                           .kind = LoginEventKind::kLoginRefused,
                           .account_id = account->account_id,
                           .name = account->name,
                           .address = address};
    const Status recorded =
        WithStore([&](persistence::AccountStore& store) { return store.Record(event); });
    if (!recorded.ok()) return Away(recorded);
    return Banned(*account);
  }
  if (passwords_.Outdated(account->password_hash)) {
    const auto hash = HashTimed(password);
    if (hash.ok()) {
      const Status changed = WithStore([&](persistence::AccountStore& store) {
        return store.ChangePassword(account->account_id, account->password_hash, *hash);
      });
      if (!changed.ok()) return Away(changed);
    }
  }
  return OpenSession(*account, address);
}

Answer<Tokens> Accounts::OpenSession(const LoginAccount& account, const std::string& address) {
  const NewRefreshToken token = MakeRefreshToken();
  const RefreshParts parts = token.parts();
  const int64_t now_us = clock_.WallUs();
  const persistence::LoginSession session{
      .session = parts.session,
      .secret = parts.secret,
      .account_id = account.account_id,
      .created_us = now_us,
      .expires_us = now_us + int64_t{settings_.refresh_lifetime_s} * 1'000'000};
  const LoginEvent event{.at_us = now_us,
                         .kind = LoginEventKind::kLoggedIn,
                         .account_id = account.account_id,
                         .name = account.name,
                         .address = address};
  const Status opened = WithStore([&](persistence::AccountStore& store) {
    return store.OpenSession(session, settings_.max_sessions, event);
  });
  if (!opened.ok()) return Away(opened);
  return TokensFor({account.account_id, account.name, account.role}, token.text());
}

Tokens Accounts::TokensFor(const Identity& identity, std::string refresh_token) {
  return {.identity = identity,
          .access_token = MakeAccessToken(*keys(), rules_, identity, NowS()),
          .access_expires_in_s = settings_.access_lifetime_s,
          .refresh_token = std::move(refresh_token),
          .refresh_expires_in_s = settings_.refresh_lifetime_s};
}

Answer<Tokens> Accounts::DoRefresh(const std::string& refresh_token, const std::string& address) {
  const Refusal not_valid = Refused(Kind::kWrong, "the refresh token is not valid: log in again");
  const auto bytes = FromBase64Url(refresh_token, kSessionBytes + kSecretBytes);
  if (!bytes || bytes->size() != kSessionBytes + kSecretBytes) return not_valid;
  NewRefreshToken given;
  std::copy(bytes->begin(), bytes->end(), given.bytes.begin());
  const NewRefreshToken next = MakeRefreshToken(std::span(*bytes).first(kSessionBytes));
  const RefreshParts from = given.parts();
  const int64_t now_us = clock_.WallUs();
  const auto rotated = WithStore([&](persistence::AccountStore& store) {
    return store.Rotate(from.session, from.secret, next.parts().secret, now_us,
                        now_us + int64_t{settings_.refresh_lifetime_s} * 1'000'000, address);
  });
  if (!rotated.ok()) return Away(rotated.status());
  switch (rotated->rotation) {
    case persistence::Rotation::kRotated: break;
    case persistence::Rotation::kUnknown: return not_valid;
    case persistence::Rotation::kBanned: return Banned(rotated->account);
    case persistence::Rotation::kReused: {
      NoteReuse(rotated->account.account_id, address);
      return not_valid;
    }
  }
  const LoginAccount& account = rotated->account;
  return TokensFor({account.account_id, account.name, account.role}, next.text());
}

void Accounts::NoteReuse(int64_t account_id, const std::string& address) {
  core::Log(core::LogLevel::kWarn, "refresh_token_reused", "account={} address={}", account_id,
            address);
  const std::lock_guard lock(mutex_);
  stats_.reused_tokens.Add();
}

Answer<Done> Accounts::DoLogOut(const std::string& refresh_token, const std::string& address) {
  const auto bytes = FromBase64Url(refresh_token, kSessionBytes + kSecretBytes);
  if (!bytes || bytes->size() != kSessionBytes + kSecretBytes) return Done{};
  NewRefreshToken given;
  std::copy(bytes->begin(), bytes->end(), given.bytes.begin());
  const RefreshParts parts = given.parts();
  const auto ended = WithStore([&](persistence::AccountStore& store) {
    return store.EndSession(parts.session, parts.secret, clock_.WallUs(), address);
  });
  if (!ended.ok()) return Away(ended.status());
  if (ended->how == persistence::SessionEnd::kReused) NoteReuse(ended->account_id, address);
  return Done{};
}

Answer<Identity> Accounts::DoAuthenticate(std::string_view access_token) {
  auto identity = CheckAccessToken(*keys(), rules_, access_token, NowS());
  if (!identity.ok()) {
    const bool expired = identity.status().code() == Code::kStale;
    return Refused(expired ? Kind::kExpired : Kind::kWrong, identity.status().ToString());
  }
  const std::lock_guard lock(mutex_);
  if (const auto role = roles_.find(identity->account_id); role != roles_.end())
    identity->role = role->second;
  const auto ban = bans_.find(identity->account_id);
  if (ban == bans_.end() || ban->second <= clock_.WallUs()) return std::move(*identity);
  Refusal refusal = Refused(Kind::kBanned, "the account is banned");
  refusal.banned_until_us = ban->second;
  return refusal;
}

core::Result<AccountView> Accounts::Find(const std::string& name, size_t max_events) {
  if (Status status = core::ValidateName(name); !status.ok()) return status;
  const std::lock_guard lock(store_mutex_);
  auto account = store_->Find(NameKey(name));
  if (!account.ok()) return account.status();
  auto events = store_->Events(account->account_id, max_events);
  if (!events.ok()) return events.status();
  return AccountView{std::move(*account), std::move(*events)};
}

}  // namespace bluemarble::accounts
