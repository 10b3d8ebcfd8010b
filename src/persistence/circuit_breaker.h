/// Keeps callers away from a service that fails: after some failures in a row it is asked nothing
/// for a while, then one caller probes it. Reads and writes are counted apart, for a server may
/// answer the ones and refuse the others (a full Redis). Any thread.
#pragma once

#include <cstdint>
#include <mutex>

namespace bluemarble::persistence {

class CircuitBreaker {
 public:
  enum class Side : uint8_t { kRead = 0, kWrite = 1 };
  enum class Permission : uint8_t {
    kGo,
    kProbe,    ///< This caller must find out, and then call EndProbe.
    kRefused,  ///< Do not ask the service.
  };

  /// Opens after `threshold` failures of one side in a row, for `open_ns`.
  CircuitBreaker(int threshold, int64_t open_ns) : threshold_(threshold), open_ns_(open_ns) {}

  Permission Ask(int64_t now_ns);
  /// Reports of calls that were let go. Those that end after the circuit opened change nothing.
  void Succeeded(Side side);
  /// `down`: the service said itself that it cannot serve; opens at once. True when it opened now.
  bool Failed(Side side, bool down, int64_t now_ns);
  /// Closes the circuit, or keeps it open for another `open_ns`.
  void EndProbe(bool succeeded, int64_t now_ns);

  bool closed() const;
  uint64_t opens() const;

 private:
  enum class State : uint8_t { kClosed, kOpen, kProbing };

  const int threshold_;
  const int64_t open_ns_;
  mutable std::mutex mutex_;
  State state_ = State::kClosed;
  int failures_[2] = {};
  int64_t probe_from_ns_ = 0;
  uint64_t opens_ = 0;
};

}  // namespace bluemarble::persistence
