#include "net/settings.h"

#include <fmt/core.h>

#include <string_view>

#include "net/address.h"
#include "net/precheck.h"

namespace bluemarble::net {
namespace {

void Within(std::vector<std::string>& problems, std::string_view name, int64_t value, int64_t low,
            int64_t high) {
  if (value >= low && value <= high) return;
  problems.push_back(fmt::format("net.{} is {}; it must be {} to {}", name, value, low, high));
}

}  // namespace

void NetSettings::Validate(std::vector<std::string>& problems) const {
  if (!public_address.empty() && !ParseV4(public_address).ok()) {
    problems.push_back(fmt::format("net.public_address is '{}'; it must be a dotted IPv4 address",
                                   public_address));
  }
  if (public_address.empty() && bind == "0.0.0.0")
    problems.push_back("net.public_address: must be given when net.bind is 0.0.0.0");
  if (!ParseV4(bind).ok()) {
    problems.push_back(fmt::format("net.bind is '{}'; it must be a dotted IPv4 address", bind));
  }
  if (security != "plain" && security != "sealed") {
    problems.push_back(
        fmt::format("net.security is '{}'; it must be \"plain\" or \"sealed\"", security));
  }
  if (cipher != "auto" && cipher != "aes256gcm" && cipher != "chacha20poly1305") {
    problems.push_back(fmt::format(
        "net.cipher is '{}'; it must be \"auto\", \"aes256gcm\" or \"chacha20poly1305\"", cipher));
  }
  constexpr int64_t kMiB = 1024 * 1024;
  Within(problems, "hosts", hosts, 1, 16);
  if (port != 0) Within(problems, "port + net.hosts - 1", int64_t{port} + hosts - 1, 1, 65535);
  Within(problems, "max_peers_per_host", max_peers_per_host, 1, 4095);
  Within(problems, "receive_buffer_bytes", receive_buffer_bytes, 64 * 1024, 1024 * kMiB);
  Within(problems, "send_buffer_bytes", send_buffer_bytes, 64 * 1024, 1024 * kMiB);
  Within(problems, "datagram_bytes", datagram_bytes, static_cast<int64_t>(kDatagramBytes), 1472);
  Within(problems, "datagram_queue", datagram_queue, 64, 1 << 20);
  // A ring takes records of up to a quarter of itself; the largest message must fit.
  constexpr auto kLeastRing = static_cast<int64_t>(8 * kMaxMessageBytes);
  Within(problems, "inbound_queue_bytes", static_cast<int64_t>(inbound_queue_bytes), kLeastRing,
         1024 * kMiB);
  Within(problems, "outbound_queue_bytes", static_cast<int64_t>(outbound_queue_bytes), kLeastRing,
         1024 * kMiB);
  Within(problems, "peer_queue_bytes", static_cast<int64_t>(peer_queue_bytes),
         static_cast<int64_t>(kMaxMessageBytes), 64 * kMiB);
  Within(problems, "stream_queue_bytes", static_cast<int64_t>(stream_queue_bytes), kLeastRing,
         1024 * kMiB);
  Within(problems, "stream_late_bytes", static_cast<int64_t>(stream_late_bytes), 0, 64 * kMiB);
  Within(problems, "max_peers_per_address", max_peers_per_address, 0, 4095);
  Within(problems, "service_budget", service_budget, 1, 1 << 20);
  Within(problems, "drain_interval_us", drain_interval_us, 0, 20'000);
  Within(problems, "idle_service_ms", idle_service_ms, 1, 1000);
  Within(problems, "peer_timeout_ms", peer_timeout_ms, 500, 120'000);
  Within(problems, "linger_ms", linger_ms, 10, 30'000);
  Within(problems, "token_life_s", token_life_s, 1, 3600);
  // Below 64 a burst of losses could outrun the client's answer to a new key many times a second.
  Within(problems, "rekey_datagrams", rekey_datagrams, 64, int64_t{1} << 40);
  Within(problems, "rekey_s", rekey_s, 1, 30 * 24 * 3600);
  Within(problems, "half_open_ms", half_open_ms, 100, 60'000);
  Within(problems, "requests_per_s", requests_per_s, 1, 1'000'000);
  Within(problems, "requests_per_address_s", requests_per_address_s, 1, 1'000'000);
  Within(problems, "resets_per_s", resets_per_s, 1, 1'000'000);
  Within(problems, "resets_per_address_s", resets_per_address_s, 1, 1'000'000);
}

}  // namespace bluemarble::net
