/// Waiting for what another thread brings about.
#pragma once

#include <chrono>
#include <thread>

namespace bluemarble::api {

/// True as soon as `condition` is; false after ten seconds.
template <typename Condition>
bool Becomes(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return condition();
}

}  // namespace bluemarble::api
