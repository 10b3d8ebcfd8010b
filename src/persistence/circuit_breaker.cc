#include "persistence/circuit_breaker.h"

namespace bluemarble::persistence {

CircuitBreaker::Permission CircuitBreaker::Ask(int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  if (state_ == State::kClosed) return Permission::kGo;
  if (state_ == State::kProbing || now_ns < probe_from_ns_) return Permission::kRefused;
  state_ = State::kProbing;
  return Permission::kProbe;
}

void CircuitBreaker::Succeeded(Side side) {
  const std::lock_guard lock(mutex_);
  failures_[static_cast<int>(side)] = 0;
}

bool CircuitBreaker::Failed(Side side, bool down, int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::kClosed) return false;
  const int failures = ++failures_[static_cast<int>(side)];
  if (!down && failures < threshold_) return false;
  state_ = State::kOpen;
  probe_from_ns_ = now_ns + open_ns_;
  ++opens_;
  return true;
}

void CircuitBreaker::EndProbe(bool succeeded, int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  failures_[0] = failures_[1] = 0;
  state_ = succeeded ? State::kClosed : State::kOpen;
  probe_from_ns_ = now_ns + open_ns_;
}

bool CircuitBreaker::closed() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::kClosed;
}

uint64_t CircuitBreaker::opens() const {
  const std::lock_guard lock(mutex_);
  return opens_;
}

}  // namespace bluemarble::persistence
