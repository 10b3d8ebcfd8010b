#include "session/conduct_board.h"

#include <cstring>
#include <thread>
#include <type_traits>

namespace bluemarble::session {

static_assert(std::is_trivially_copyable_v<ConductView>);

ConductBoard::ConductBoard() : words_(kPlaces * kWords) {}

void ConductBoard::Write(std::span<const ConductView> views) {
  const uint64_t changes = changes_.load(std::memory_order_relaxed);
  changes_.store(changes + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  size_t at = 0;
  for (const ConductView& view : views) {
    std::array<uint64_t, kWords> words;
    std::memcpy(words.data(), static_cast<const void*>(&view), sizeof(view));
    for (const uint64_t word : words) words_[at++].store(word, std::memory_order_relaxed);
  }
  count_.store(views.size(), std::memory_order_relaxed);
  changes_.store(changes + 2, std::memory_order_release);
}

std::vector<ConductView> ConductBoard::Read() const {
  for (;;) {
    const uint64_t before = changes_.load(std::memory_order_acquire);
    std::vector<ConductView> views;
    if (before % 2 == 0) {
      views.resize(count_.load(std::memory_order_relaxed));
      size_t at = 0;
      for (ConductView& view : views) {
        std::array<uint64_t, kWords> words;
        for (uint64_t& word : words) word = words_[at++].load(std::memory_order_relaxed);
        std::memcpy(static_cast<void*>(&view), words.data(), sizeof(view));
      }
      std::atomic_thread_fence(std::memory_order_acquire);
      if (changes_.load(std::memory_order_relaxed) == before) return views;
    }
    std::this_thread::yield();
  }
}

}  // namespace bluemarble::session
