#include "app/settings_auth.h"

#include "net/address.h"

namespace bluemarble::app {

void BindAuth(ops::ConfigSchema& schema, Settings& settings) {
  accounts::AccountSettings& auth = settings.auth;
  ops::ConfigSection& s =
      schema.Section("auth", "Accounts: who may log in, and with what. docs/operations.md.");
  s.Add("mode", &auth.mode,
        {.help = "accounts: players register. development: the first login makes the account, and "
                 "cheap password hashes are allowed; loopback only.",
         .choices = {"accounts", "development"}});
  s.Add("keys_file", &auth.keys_file,
        {.help = "The keys that sign access tokens, secret. Empty: <data_dir>/auth.keys, made at "
                 "the first start. `zoned keys rotate` adds one, SIGHUP reads it again."});
  s.Add("issuer", &auth.issuer, {.help = "In every access token as who made it; checked."});
  s.Add("audience", &auth.audience, {.help = "In every access token as for whom; checked."});
  s.Add("access_lifetime_s", &auth.access_lifetime_s,
        {.min = 60,
         .max = 86400,
         .unit = "s",
         .help = "Of an access token. Too low: clients refresh all the time; too high: a stolen "
                 "one works that long."});
  s.Add("refresh_lifetime_s", &auth.refresh_lifetime_s,
        {.min = 3600,
         .max = 31536000,
         .unit = "s",
         .help = "A login that is not refreshed for so long is over. Too low: players type "
                 "passwords; too high: forgotten devices stay logged in."});
  s.Add("max_sessions", &auth.max_sessions,
        {.min = 1,
         .max = 1000,
         .help = "Logins of one account that can be refreshed; one more ends the oldest."});
  s.Add("hash_memory_kib", &auth.hash_memory_kib,
        {.min = 8,
         .max = 1048576,
         .unit = "KiB",
         .help = "Of one Argon2id hash. Too low: a stolen table is guessed quickly (below 19456 "
                 "only in development); too high: logins per second fall in proportion."});
  s.Add("hash_passes", &auth.hash_passes,
        {.min = 1,
         .max = 100,
         .help = "Times that memory is gone through, at least 2 but in development. Likewise."});
  s.Add("hash_queue", &settings.http.hash_queue,
        {.min = 1,
         .max = 10000,
         .help = "Logins and registrations that wait for the one thread that hashes; more are "
                 "answered 429. Too low: bursts are refused; too high: they wait until their "
                 "clients give up."});
  s.Add("min_password_bytes", &auth.min_password_bytes,
        {.min = 1, .max = 64, .unit = "bytes", .help = "Too low: passwords that are guessed."});
  s.Add("address_requests_per_s", &auth.address_requests_per_s,
        {.min = 1,
         .max = 100000,
         .unit = "per second",
         .help = "Of one address (IPv6: /64) in the long run, ten times that at once. Too low: "
                 "players behind one NAT wait; too high: one address fills the line. Not in "
                 "development."});
  s.Add("address_registrations_per_hour", &auth.address_registrations_per_hour,
        {.min = 1,
         .max = 100000,
         .unit = "per hour",
         .help = "New accounts of one address. Likewise."});
  s.Add("reserved_names", &auth.reserved_names,
        {.max = 10000, .help = "Nobody gets these, in whatever case they are written."});
  s.Add("events_keep_days", &auth.events_keep_days,
        {.min = 1,
         .max = 36500,
         .unit = "days",
         .help = "Audit events of accounts that are older are deleted. Too low: an abuse is found "
                 "too late; too high: addresses of people are kept for no reason."});
  s.Add("events_max", &auth.events_max,
        {.min = 1000,
         .max = 1e9,
         .help = "The oldest beyond so many are deleted. Too low: a flood of failures hides what "
                 "was before; too high: disk."});
}

void ValidateAuth(const Settings& settings, std::vector<std::string>& problems) {
  settings.auth.Validate(problems);
  if (!settings.auth.development()) return;
  const auto net = net::ParseV4(settings.net.bind);
  if (!api::IsLoopback(settings.http.bind) || !net.ok() || !net::IsLoopback(*net)) {
    problems.push_back(
        "auth.mode: development lets anybody take any name, so http.bind and net.bind must be "
        "loopback addresses");
  }
}

std::string KeysFileOf(const Settings& settings) {
  if (!settings.auth.keys_file.empty()) return settings.auth.keys_file;
  return settings.zone.persistence.data_dir + "/auth.keys";
}

}  // namespace bluemarble::app
