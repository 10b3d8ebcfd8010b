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
  gate_.store(kOpen, std::memory_order_release);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  Drain(0);
  // Who is inside must have left before the next round may change anything. Who has not come finds
  // it shut: where other programs want the cores, a worker may come milliseconds late.
  uint32_t inside = gate_.fetch_and(~kOpen, std::memory_order_acq_rel) & ~kOpen;
  for (; inside != 0; inside = gate_.load(std::memory_order_acquire))
    gate_.wait(inside, std::memory_order_acquire);
}

bool WorkerPool::Enter() {
  uint32_t gate = gate_.load(std::memory_order_relaxed);
  while ((gate & kOpen) != 0) {
    if (gate_.compare_exchange_weak(gate, gate + 1, std::memory_order_acquire,
                                    std::memory_order_relaxed))
      return true;
  }
  return false;
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
    if (!Enter()) continue;
    Drain(worker);
    if (gate_.fetch_sub(1, std::memory_order_acq_rel) == 1) gate_.notify_one();
  }
}

}  // namespace bluemarble::core
