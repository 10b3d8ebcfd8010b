/// Who may play: registering, logging in, staying logged in, bans. docs/operations.md "Accounts"
/// and docs/decisions/0012-accounts.md describe it. Any thread, but Register and LogIn hash
/// passwords and are called by one thread, which everybody else can do without; all but
/// Authenticate and GateWaitS wait for the database.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

#include "core/clock.h"
#include "core/counters.h"
#include "core/result.h"
#include "persistence/account_store.h"
#include "services/accounts/access_token.h"
#include "services/accounts/attempt_limits.h"
#include "services/accounts/key_ring.h"
#include "services/accounts/passwords.h"
#include "services/accounts/settings.h"

namespace bluemarble::accounts {

inline constexpr size_t kMaxPasswordBytes = 128;

/// What a client gets by logging in.
struct Tokens {
  Identity identity;
  std::string access_token;
  int access_expires_in_s = 0;
  std::string refresh_token;
  int refresh_expires_in_s = 0;
};

/// Why not.
struct Refusal {
  enum class Kind : uint8_t {
    kInvalid,  ///< The request is wrong: a name that is none, a password that is too short.
    kWrong,    ///< Unknown account, wrong password, or a token that is not valid (any more).
    kBanned,
    kTaken,    ///< The name has an account.
    kLimited,  ///< Too many from this address.
    kAway,     ///< The database, or memory for a hash.
    kExpired,  ///< An access token that was valid.
    kNumber,
  };
  Kind kind = Kind::kInvalid;
  std::string message;
  int retry_after_s = 0;
  int64_t banned_until_us = 0;  ///< Of kBanned.
  std::string ban_reason;       ///< Of kBanned, where it is known.
};
std::string_view KindName(Refusal::Kind kind);

template <typename T>
using Answer = std::variant<T, Refusal>;
struct Done {};

enum class Operation : uint8_t { kRegister, kLogIn, kRefresh, kLogOut, kAuthenticate, kNumber };
std::string_view OperationName(Operation operation);

struct AccountStats {
  static constexpr size_t kOperations = static_cast<size_t>(Operation::kNumber);
  static constexpr size_t kKinds = static_cast<size_t>(Refusal::Kind::kNumber);
  std::array<core::Counter, kOperations> ok;
  std::array<std::array<core::Counter, kKinds>, kOperations> refused;
  core::Counter reused_tokens;
  core::Counter bans;      ///< Level: in force.
  core::Counter attempts;  ///< Level: addresses and names whose failures are remembered.
  core::Histogram hash_us;
};

/// Told of each ban, with its end, and of each lifted one, with 0; false: full, to be told again.
/// Waits for nothing, and is called under a lock: it must not call the accounts.
using BanListener = std::function<bool(int64_t account_id, int64_t until_us)>;

struct AccountView {
  persistence::LoginAccount account;
  std::vector<persistence::LoginEvent> events;  ///< The newest first.
};

class Accounts {
 public:
  /// Reads the bans. What fails is the store's.
  static core::Result<std::unique_ptr<Accounts>> Open(
      const AccountSettings& settings, KeyRing keys,
      std::unique_ptr<persistence::AccountStore> store, const core::Clock& clock);
  ~Accounts();  ///< Stops.
  Accounts(const Accounts&) = delete;
  Accounts& operator=(const Accounts&) = delete;

  /// A thread that deletes what is old, and reads the bans again: another daemon of the same
  /// database may have set some. Both once at the start. Not while it runs. `on_ban` hears of the
  /// bans from now on: those of SetBan before it returns, others within seconds.
  void Start(BanListener on_ban = {});
  void Stop();

  /// `address`: the client's, IPv6 cut to its /64.
  Answer<Tokens> Register(const std::string& name, const std::string& password,
                          const std::string& address);
  /// In development an unknown name is registered.
  Answer<Tokens> LogIn(const std::string& name, const std::string& password,
                       const std::string& address);
  /// The given token is used up; a second use ends the login.
  Answer<Tokens> Refresh(const std::string& refresh_token, const std::string& address);
  /// Ends the login, also by a token that was used up before: who has that one should not be
  /// believed to be logged in. Done for one that nobody knows too.
  Answer<Done> LogOut(const std::string& refresh_token, const std::string& address);
  /// Whose access token it is. Asks no database.
  Answer<Identity> Authenticate(std::string_view access_token);

  /// Counts a request of the address; seconds to wait when there were too many, else 0.
  int GateWaitS(const std::string& address);

  // The operator's. kNotFound, kInvalid, or the store's.
  /// `until_us` 0: lifts the ban. `by`: who asked, for the audit.
  core::Result<persistence::LoginAccount> SetBan(const std::string& name, int64_t until_us,
                                                 const std::string& reason, const std::string& by);
  /// One that gets less is logged out, and its access tokens are a player's from now on.
  core::Result<persistence::LoginAccount> SetRole(const std::string& name,
                                                  persistence::LoginRole role,
                                                  const std::string& by);
  core::Result<AccountView> Find(const std::string& name, size_t max_events);
  /// What operators did, the newest first.
  core::Result<std::vector<persistence::LoginEvent>> Actions(size_t limit);
  /// Writes down what an operator is about to do.
  core::Status NoteAction(persistence::LoginEventKind kind, int64_t account_id,
                          const std::string& name, const std::string& by,
                          const std::string& detail);

  /// From now on these sign and verify.
  void SetKeys(KeyRing keys);
  const AccountSettings& settings() const { return settings_; }
  const AccountStats& stats() const { return stats_; }

 private:
  Accounts(const AccountSettings& settings, KeyRing keys,
           std::unique_ptr<persistence::AccountStore> store, const core::Clock& clock);

  Answer<Tokens> DoRegister(const std::string& name, const std::string& password,
                            const std::string& address);
  Answer<Tokens> DoLogIn(const std::string& name, const std::string& password,
                         const std::string& address);
  Answer<Tokens> DoRefresh(const std::string& refresh_token, const std::string& address);
  Answer<Done> DoLogOut(const std::string& refresh_token, const std::string& address);
  Answer<Identity> DoAuthenticate(std::string_view access_token);
  Answer<Tokens> OpenSession(const persistence::LoginAccount& account, const std::string& address);
  core::Status CheckNewAccount(const std::string& name, const std::string& password) const;
  core::Result<std::string> HashTimed(const std::string& password);
  bool CheckTimed(const persistence::LoginAccount* account, const std::string& password);
  Refusal Banned(const persistence::LoginAccount& account) const;
  Refusal Wrong(const persistence::LoginAccount* account, const std::string& name,
                const std::string& address);
  Tokens TokensFor(const Identity& identity, std::string refresh_token);
  void NoteReuse(int64_t account_id, const std::string& address);

  template <typename T>
  Answer<T> Counted(Operation operation, Answer<T> answer);
  template <typename Call>
  auto WithStore(Call call) {
    const std::lock_guard lock(store_mutex_);
    return call(*store_);
  }
  std::shared_ptr<const KeyRing> keys() const;
  int64_t NowS() const { return clock_.WallUs() / 1'000'000; }
  core::Status ReadBans();
  /// Store lock held.
  void TellBan(int64_t account_id, int64_t until_us);
  void TellBansAgain();
  void Purge();
  void Keep();

  const AccountSettings settings_;
  const TokenRules rules_;
  const core::Clock& clock_;
  const Passwords passwords_;
  AttemptLimits limits_;

  std::mutex store_mutex_;
  std::unique_ptr<persistence::AccountStore> store_;
  BanListener on_ban_;
  std::unordered_map<int64_t, int64_t> untold_;  // bans for which the listener had no room

  mutable std::mutex mutex_;  // of what follows
  std::shared_ptr<const KeyRing> keys_;
  std::unordered_map<int64_t, int64_t> bans_;  // account to end
  // Of roles that were given here: access tokens of before say otherwise.
  std::unordered_map<int64_t, persistence::LoginRole> roles_;
  Levels requests_, registrations_;
  AccountStats stats_;

  std::mutex stop_mutex_;
  std::condition_variable stopping_;
  bool stop_ = false;
  std::thread keeper_;
};

/// ASCII letters in lower case: what makes two names the same account.
std::string NameKey(std::string_view name);

}  // namespace bluemarble::accounts
