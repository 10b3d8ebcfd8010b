#include "core/worker_pool.h"

#include <cassert>

namespace bluemarble::core {

WorkerPool::WorkerPool(int workers) {
  assert(workers >= 1);
  for (int i = 1; i < workers; ++i) threads_.emplace_back([this, i] { WorkerLoop(i); });
}

WorkerPool::~WorkerPool() {
  stop_.store(true, std::memory_order_release);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void WorkerPool::Run(int chunks, FunctionRef<void(int, int)> body) {
  if (chunks <= 0) return;
  if (threads_.empty() || chunks == 1) {
    for (int chunk = 0; chunk < chunks; ++chunk) body(chunk, 0);
    return;
  }
  chunks_ = chunks;
  body_ = &body;
  next_chunk_.store(0, std::memory_order_relaxed);
  busy_.store(static_cast<int>(threads_.size()), std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  Drain(0);
  // Every worker must have left Drain before the next round may reset next_chunk_.
  for (int left = busy_.load(std::memory_order_acquire); left != 0;
       left = busy_.load(std::memory_order_acquire)) {
    busy_.wait(left, std::memory_order_acquire);
  }
}

void WorkerPool::Drain(int worker) {
  for (int chunk = next_chunk_.fetch_add(1, std::memory_order_relaxed); chunk < chunks_;
       chunk = next_chunk_.fetch_add(1, std::memory_order_relaxed)) {
    (*body_)(chunk, worker);
  }
}

void WorkerPool::WorkerLoop(int worker) {
  uint32_t seen = 0;
  while (true) {
    round_.wait(seen, std::memory_order_acquire);
    const uint32_t now = round_.load(std::memory_order_acquire);
    if (now == seen) continue;
    seen = now;
    if (stop_.load(std::memory_order_acquire)) return;
    Drain(worker);
    if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_one();
  }
}

}  // namespace bluemarble::core
