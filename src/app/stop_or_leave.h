/// Keeps what has a thread behind it that may never return, and stops it once: when told, else at
/// the end, whichever way a function returns. What does not stop in time is left behind
/// undestroyed, since its thread still uses it. One thread.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "persistence/committer.h"

namespace bluemarble::app {

/// `Side` has StopReport Stop(int deadline_ms).
template <typename Side>
class StopOrLeave {
 public:
  StopOrLeave(std::unique_ptr<Side> side, int deadline_ms)
      : side_(std::move(side)), deadline_ms_(deadline_ms) {}
  ~StopOrLeave() {
    if (Stop().timed_out) static_cast<void>(side_.release());
  }
  StopOrLeave(const StopOrLeave&) = delete;
  StopOrLeave& operator=(const StopOrLeave&) = delete;

  const persistence::StopReport& Stop() {
    if (!report_) report_ = side_->Stop(deadline_ms_);
    return *report_;
  }
  Side& operator*() { return *side_; }
  Side* operator->() { return side_.get(); }

 private:
  std::unique_ptr<Side> side_;
  const int deadline_ms_;
  std::optional<persistence::StopReport> report_;
};

}  // namespace bluemarble::app
