/// Accounts, the logins that can be refreshed, and the audit of both: in the shard's database, in
/// tables of their own, over a connection of their own, beside the committer
/// (docs/decisions/0012-accounts.md). Calls block, with a deadline. One thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "persistence/settings.h"

namespace bluemarble::persistence {

/// BLAKE2b-256 of something secret.
using SecretHash = std::array<std::byte, 32>;

/// A ban without an end.
inline constexpr int64_t kBannedForEver = std::numeric_limits<int64_t>::max();

/// Stored as numbers; never renumber.
enum class LoginRole : uint8_t {
  kPlayer = 0,
  kOperator = 1,  ///< The operator's endpoints let it in with its access token.
};

/// "player", "operator".
std::string_view LoginRoleName(LoginRole role);

struct LoginAccount {
  int64_t account_id = 0;
  std::string name;
  std::string password_hash;  ///< Secret.
  int64_t created_us = 0;
  int64_t banned_until_us = 0;  ///< 0: not banned. May be past.
  std::string ban_reason;
  LoginRole role = LoginRole::kPlayer;

  bool banned(int64_t now_us) const { return banned_until_us > now_us; }
};

enum class LoginEventKind : uint8_t {
  kRegistered = 1,
  kLoggedIn = 2,
  kLoginFailed = 3,   ///< Wrong password, or no such account.
  kLoginRefused = 4,  ///< Banned.
  kTokenReused = 5,   ///< An old refresh token: the login it belonged to was ended.
  kLoggedOut = 6,
  // From here on: what operators did; `address` says who. Migrations know the first number.
  kBanned = 7,
  kUnbanned = 8,
  kRoleGiven = 9,
  kKicked = 10,
  kTeleported = 11,
  kAnnounced = 12,  ///< To everybody: of no account.
};
/// "registered", ...; "unknown" for a number that is none.
std::string_view LoginEventName(LoginEventKind kind);

struct LoginEvent {
  int64_t at_us = 0;
  LoginEventKind kind = LoginEventKind::kRegistered;
  int64_t account_id = 0;  ///< 0: no such account.
  std::string name;
  std::string address;
  std::string detail;  ///< Never a secret.
};

/// One login that can be refreshed.
struct LoginSession {
  SecretHash session{};  ///< Of what names it.
  SecretHash secret{};   ///< Of what only the newest token has.
  int64_t account_id = 0;
  int64_t created_us = 0;
  int64_t expires_us = 0;
};

enum class Rotation : uint8_t {
  kRotated,
  kUnknown,  ///< Never there, expired, logged out, or ended by a reuse or a ban.
  kReused,   ///< The session is there and the secret an old one: the session is ended now.
  kBanned,   ///< Likewise ended.
};
struct Rotated {
  Rotation rotation = Rotation::kUnknown;
  LoginAccount account;  ///< Of kRotated and kBanned.
};

enum class SessionEnd : uint8_t {
  kUnknown,    ///< There was none, or it had expired.
  kLoggedOut,  ///< By its newest secret.
  kReused,     ///< By an old one.
};
struct EndedSession {
  SessionEnd how = SessionEnd::kUnknown;
  int64_t account_id = 0;  ///< 0: of kUnknown.
};

struct ActiveBan {
  int64_t account_id = 0;
  int64_t until_us = 0;
};

/// Errors of all calls besides those named: kUnavailable (away, locked, out of time: nothing was
/// done, or it is not known whether it was), kDenied, kCorrupt, kInternal as the database says.
/// What is written is durable when a call returns, and comes with its event or not at all.
class AccountStore {
 public:
  virtual ~AccountStore() = default;

  /// `name_key`: two names with the same one are the same. kConflict: it is taken.
  virtual core::Result<LoginAccount> Create(const std::string& name, const std::string& name_key,
                                            const std::string& password_hash, int64_t now_us,
                                            const std::string& address) = 0;
  /// kNotFound.
  virtual core::Result<LoginAccount> Find(const std::string& name_key) = 0;
  /// Replaces `old_hash`; does nothing when somebody else has replaced it.
  virtual core::Status ChangePassword(int64_t account_id, const std::string& old_hash,
                                      const std::string& new_hash) = 0;

  /// Also ends the account's oldest sessions beyond `max_sessions`.
  virtual core::Status OpenSession(const LoginSession& session, int max_sessions,
                                   const LoginEvent& event) = 0;
  /// From `old_secret` to `new_secret`, once: of two that try the same, one is a reuse.
  virtual core::Result<Rotated> Rotate(const SecretHash& session, const SecretHash& old_secret,
                                       const SecretHash& new_secret, int64_t now_us,
                                       int64_t expires_us, const std::string& address) = 0;
  /// Whatever the secret: one that is not its newest is a reuse, and ends it as such.
  virtual core::Result<EndedSession> EndSession(const SecretHash& session, const SecretHash& secret,
                                                int64_t now_us, const std::string& address) = 0;

  /// `until_us` 0: lifts a ban. A ban ends all sessions. kNotFound.
  virtual core::Result<LoginAccount> SetBan(const std::string& name_key, int64_t until_us,
                                            const std::string& reason, int64_t now_us,
                                            const std::string& by) = 0;
  virtual core::Result<std::vector<ActiveBan>> Bans(int64_t now_us) = 0;
  /// One that gets less ends all sessions. kNotFound.
  virtual core::Result<LoginAccount> SetRole(const std::string& name_key, LoginRole role,
                                             int64_t now_us, const std::string& by) = 0;

  virtual core::Status Record(const LoginEvent& event) = 0;
  /// The newest first.
  virtual core::Result<std::vector<LoginEvent>> Events(int64_t account_id, size_t limit) = 0;
  /// Of all accounts and of none, those of operators' doing; the newest first.
  virtual core::Result<std::vector<LoginEvent>> Actions(size_t limit) = 0;
  /// Deletes expired sessions, events older than `events_before_us`, and the oldest beyond
  /// `max_events`; at most `limit` rows each. How many rows went.
  virtual core::Result<uint64_t> Purge(int64_t now_us, int64_t events_before_us, int64_t max_events,
                                       int64_t limit) = 0;
};

/// Of an embedded database that is there and migrated (OpenSqliteStore). `sync` false: commits
/// survive a crash of the process but not of the machine, and cost no flush of the disk.
core::Result<std::unique_ptr<AccountStore>> OpenSqliteAccounts(const std::string& data_dir,
                                                               bool sync);
/// Connects anew after a failure. kStale, kCorrupt: the schema is not the one this program knows.
core::Result<std::unique_ptr<AccountStore>> OpenPgAccounts(const DatabaseSettings& settings);

}  // namespace bluemarble::persistence
