/// The console's WebSocket, /v1/console/live: figures once a second, and the world as leaf blocks
/// or counts for what each console's map shows. proto/CONSOLE.md describes every message. One
/// thread of its own reads the feed and sends, only while somebody watches (but takes a sample each
/// second for those who come later); messages of consoles come on api threads. No console makes
/// another one, the api threads or the zone wait.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "api/admin_guard.h"
#include "api/console_endpoints.h"
#include "api/http_server.h"
#include "api/web_socket.h"
#include "core/clock.h"
#include "core/counters.h"

namespace bluemarble::api {

struct ConsoleSettings {
  /// Watching at once; each costs about what a page's view holds, once a second. More are closed
  /// with 4429. Too low: operators wait for each other; too high: CPU.
  uint32_t max_consoles = 16;
  /// A view with more entities is shown as counts. Too low: operators see dots where they want
  /// entities; too high: pages are slow, and about 15 bytes a second for each.
  uint32_t max_entities = 5000;
  /// Towards one console. More waits: it is sent no map; for ten seconds: it is closed with 4409.
  uint32_t backlog_bytes = 256 * 1024;
};

/// One part of a leaf, as the zone's feed has it.
struct FeedPart {
  uint64_t key = 0;
  uint32_t tick = 0;
  uint8_t number = 0, parts = 0;
  uint16_t members = 0, players = 0;
  std::span<const std::byte> payload;
};

struct LiveStats {
  core::Counter consoles;         ///< A level: those that watch.
  core::Counter messages, bytes;  ///< Sent to all.
  core::Counter skipped;          ///< Map frames that a slow console was not sent.
  core::Counter
      refused;          ///< Consoles that were closed: no token, a wrong one, too many, malformed.
  core::Counter parts;  ///< Read from the feed.
};

/// Samples of before that one message brings at most: about 70 KB.
inline constexpr uint64_t kPastSamples = 60;

struct LiveProviders {
  /// Calls with each part that waits. The live thread only.
  std::function<void(const std::function<void(const FeedPart&)>&)> drain;
  /// Whether anybody watches.
  std::function<void(bool)> watch;
  /// Replaces all places that are looked at closely.
  std::function<void(std::span<const ConsoleBall>)> focus;
  std::function<std::string()> sample;  ///< A JSON object with "type": "sample".
  /// At most kPastSamples of the samples before number `below`, the newest of them: a JSON array,
  /// in the order of time; sets `below` to the number of its first. Empty: no more are kept.
  std::function<std::string(uint64_t& below)> past;
  /// Members of "hello" but name, expires_in and max_entities: "\"shard\":...".
  std::function<std::string()> hello;
};

class ConsoleLive {
 public:
  /// `guard` and `clock` outlive it.
  ConsoleLive(const ConsoleSettings& settings, LiveProviders providers, AdminGuard& guard,
              const core::Clock& clock);
  ~ConsoleLive();  ///< Stops.
  ConsoleLive(const ConsoleLive&) = delete;
  ConsoleLive& operator=(const ConsoleLive&) = delete;

  /// For Router::AddWebSocket; this object outlives the server.
  WebSocketOpener Opener();
  /// Closes all, joins the thread. Idempotent.
  void Stop();
  const LiveStats& stats() const;

  // Timings, for tests and the page.
  static constexpr int64_t kTokenPatienceNs = 5'000'000'000;
  static constexpr int64_t kCheckPeriodNs = 2'000'000'000;
  static constexpr int64_t kStepNs = 50'000'000;
  static constexpr int64_t kLeafLifeNs = 3'000'000'000;

 private:
  class Hub;
  class Handler;
  std::shared_ptr<Hub> hub_;
};

enum ConsoleCloseCode : uint16_t {
  kConsoleMalformed = 4400,
  kConsoleDenied = 4401,
  kConsoleWrongRole = 4403,
  kConsoleNoToken = 4408,
  kConsoleSlow = 4409,
  kConsoleTooMany = 4429,
};

}  // namespace bluemarble::api
