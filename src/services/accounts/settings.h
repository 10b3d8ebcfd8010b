/// Settings of accounts: [auth]. Immutable after start-up.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bluemarble::accounts {

/// OWASP's least for Argon2id with one lane: 19 MiB in two passes.
inline constexpr int kLeastHashMemoryKib = 19 * 1024;
inline constexpr int kLeastHashPasses = 2;

struct AccountSettings {
  /// "accounts": who plays has registered. "development": the first login makes the account, and
  /// cheap password hashes are allowed; loopback only.
  std::string mode = "accounts";
  /// The keys that sign access tokens; empty: <data_dir>/auth.keys, made at the first start.
  std::string keys_file;
  /// What access tokens say of who made them and for whom; both are checked.
  std::string issuer = "bluemarble";
  std::string audience = "bluemarble-zone";
  /// Of an access token. Too low: clients refresh all the time; too high: a stolen one, or one of
  /// an ended login, works that long. 60 to 86400.
  int access_lifetime_s = 900;
  /// A login that is not refreshed for so long is over. 3600 to 31536000.
  int refresh_lifetime_s = 30 * 86400;
  /// Logins of one account that can be refreshed; one more ends the oldest. 1 to 1000.
  int max_sessions = 16;

  /// Of one password hash; all are made one after the other by one thread. Too low: a stolen table
  /// is guessed quickly; too high: logins per second fall in proportion. 8 to 1048576.
  int hash_memory_kib = kLeastHashMemoryKib;
  /// Times the memory is gone through. 1 to 100.
  int hash_passes = kLeastHashPasses;
  /// 1 to 64.
  int min_password_bytes = 8;

  /// Requests that one address (IPv6: /64) may send in the long run; ten times that at once. Not
  /// counted in development. 1 to 100000.
  int address_requests_per_s = 20;
  /// New accounts of one address. Not counted in development. 1 to 100000.
  int address_registrations_per_hour = 20;

  /// Names that nobody gets, compared without ASCII case.
  std::vector<std::string> reserved_names = {
      "admin", "administrator", "root", "system",     "server", "zone",    "zoned",   "moderator",
      "mod",   "operator",      "gm",   "gamemaster", "staff",  "support", "official"};

  /// Audit events older than this are deleted, days. 1 to 36500.
  int events_keep_days = 90;
  /// And the oldest beyond so many. 1000 to 1000000000.
  int64_t events_max = 1'000'000;

  bool development() const { return mode == "development"; }
  /// Appends one line per wrong field, naming it as in the file ("auth.hash_passes ...").
  void Validate(std::vector<std::string>& problems) const;
};

}  // namespace bluemarble::accounts
