/// Is the process alive, and may players be sent to it? Parts of the daemon report their state; the
/// HTTP endpoints /healthz and /readyz answer from it. Components are added at start by one thread;
/// after that any thread sets and reads, without locks.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "core/clock.h"

namespace bluemarble::ops {

enum class HealthState : uint8_t {
  kStarting,  ///< not ready yet
  kReady,
  kDegraded,  ///< works with less, still ready; the reason says what is missing
  kNotReady,  ///< send no players: draining, store away, ...
};

class HealthComponent {
 public:
  HealthComponent(std::string name, const core::Clock& clock, int64_t max_silence_ns)
      : name_(std::move(name)), clock_(clock), max_silence_ns_(max_silence_ns) {}

  /// `reason` must be a string literal. A reader between two states may see the reason of the
  /// other.
  void Set(HealthState state, const char* reason = "");
  /// "I am alive"; the first one starts the supervision.
  void Beat() { last_beat_ns_.store(clock_.NowNs(), std::memory_order_relaxed); }

 private:
  friend class Health;
  std::string name_;
  const core::Clock& clock_;
  int64_t max_silence_ns_;
  std::atomic<HealthState> state_{HealthState::kStarting};
  std::atomic<const char*> reason_{""};
  std::atomic<int64_t> last_beat_ns_{0};
};

struct HealthReport {
  bool ok = false;
  std::string body;
};

class Health {
 public:
  explicit Health(const core::Clock& clock) : clock_(clock) {}

  /// The reference stays valid as long as this object.
  HealthComponent& Add(std::string name) { return AddSupervised(std::move(name), 0); }
  /// Also declared dead (by Live) when it has not beaten for `max_silence_ns` since its last beat.
  HealthComponent& AddSupervised(std::string name, int64_t max_silence_ns);

  /// /healthz: do the supervised loops run? Depends on nothing outside the process. Text: "ok\n" or
  /// one line per silent loop.
  HealthReport Live() const;
  /// /readyz: is every component ready or degraded, and alive? JSON
  /// {"status":"ready|degraded|not_ready"}, `verbose`: with each component's name, state and
  /// reason.
  HealthReport Ready(bool verbose) const;

 private:
  int64_t SilenceNs(const HealthComponent& component) const;

  const core::Clock& clock_;
  std::deque<HealthComponent> components_;
};

}  // namespace bluemarble::ops
