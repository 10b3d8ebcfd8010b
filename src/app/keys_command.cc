#include "app/keys_command.h"

#include <fmt/format.h>

#include <cstdio>

#include "app/exits.h"
#include "app/settings_auth.h"
#include "core/clock.h"
#include "persistence/history.h"
#include "services/accounts/access_token.h"
#include "services/accounts/key_ring.h"

namespace bluemarble::app {
namespace {

int FailKeys(const core::Status& status) {
  fmt::print(stderr, "zoned: {}\n", status.ToString());
  return ExitOf(status.code());
}

}  // namespace

int Keys(const Settings& settings, KeysCommand command) {
  const int64_t now_s = core::SystemClock().WallUs() / 1'000'000;
  const std::string path = KeysFileOf(settings);
  auto keys = command == KeysCommand::kRotate ? accounts::ReadOrMakeKeys(path, now_s)
                                              : accounts::ReadKeys(path);
  if (!keys.ok()) return FailKeys(keys.status());
  if (command == KeysCommand::kRotate) {
    // Until the daemon is told, it signs with the key before: twice the lifetime leaves time.
    const size_t retired =
        keys->Retire(now_s, 2 * settings.auth.access_lifetime_s + accounts::kClockTolerance_s);
    keys->Add(accounts::Ed25519Key::Random(), now_s);
    if (core::Status written = accounts::WriteKeys(path, *keys); !written.ok())
      return FailKeys(written);
    fmt::print("added {} to {}, retired {}; send zoned a SIGHUP\n", keys->newest().kid, path,
               retired);
  }
  for (const accounts::TokenKey& key : keys->keys()) {
    fmt::print("{}  {}  {}\n", key.kid, persistence::TimeText(key.made_s * 1'000'000),
               &key == &keys->newest() ? "signs and verifies" : "verifies");
  }
  return ops::kExitOk;
}

}  // namespace bluemarble::app
