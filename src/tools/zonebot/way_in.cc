#include "tools/zonebot/way_in.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "bluemarble/account.h"
#include "core/hash.h"

namespace bluemarble::zonebot {
namespace {

constexpr int kThreads = 4;
constexpr int kTimeoutMs = 10'000;
constexpr int kTries = 3;  // a storm of logins may fill the endpoint's backlog
constexpr size_t kNameDigits = 6;

JoinResult LogInAndJoin(Account& account, const std::string& name) {
  if (!account.logged_in()) {
    const std::string password = "password of " + name;
    AccountResult result = account.LogIn(name, password);
    if (result.failure == RequestFailure::kDenied) result = account.Register(name, password);
    if (!result.ok) {
      JoinResult failed;
      failed.error = result.error;
      failed.failure = result.failure;
      failed.retry_after_ms = result.retry_after_ms;
      return failed;
    }
  }
  return account.Join();
}

Connection::JoinCall Insisting(Connection::JoinCall call) {
  return [call = std::move(call)] {
    JoinResult result = call();
    for (int i = 1; i < kTries && result.failure == RequestFailure::kUnreachable; ++i)
      result = call();
    return result;
  };
}

}  // namespace

std::string BotName(uint64_t seed, size_t index) {
  std::string number = std::to_string(index);
  number.insert(0, kNameDigits - std::min(kNameDigits, number.size()), '0');
  return "bot-" + std::to_string(seed) + "-" + number;
}

Connection::JoinCall JoinCallOf(const Options& options, const std::string& name) {
  const HttpOptions http{.ca_file = options.ca_file, .timeout_ms = kTimeoutMs};
  if (!options.accounts)
    return Insisting([server = options.server, name, http] { return Join(server, name, http); });
  auto account = std::make_shared<Account>(options.server, http);
  return Insisting([account = std::move(account), name] { return LogInAndJoin(*account, name); });
}

WayIn::WayIn(const Options& options) : options_(options), pool_(kThreads) {}

Connection::JoinCall WayIn::CallOf(size_t index) const {
  return JoinCallOf(options_, BotName(options_.seed, index));
}

ConnectionOptions WayIn::OptionsOf(size_t index, const GeoPosition& spawn, bool decode) const {
  ConnectionOptions out;
  out.reconnect = options_.reconnect;
  out.client.spawn = spawn;
  out.client.decode = decode;
  out.client.loss = options_.loss_pct / 100;
  out.client.latency_ms = options_.latency_ms;
  out.client.jitter_ms = options_.jitter_ms;
  out.client.seed = core::HashCombine(options_.seed, index);
  out.client.client_version = "zonebot";
  // Without reconnecting nothing is gained by giving up early.
  if (!options_.reconnect) out.client.silence_ms = ClientOptions().silence_ms;
  return out;
}

}  // namespace bluemarble::zonebot
