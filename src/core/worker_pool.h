/// The tick's worker pool: one fan-out at a time, fixed chunks, joined before it returns. The
/// caller (the zone thread) takes part. Which worker runs which chunk is unspecified; results must
/// depend on the chunk only (DESIGN §1: reductions per fixed chunk, combined in index order).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace bluemarble::core {

/// A borrowed callable; never stored past the call it is passed to. No allocation.
template <typename Signature>
class FunctionRef;
template <typename R, typename... Args>
class FunctionRef<R(Args...)> {
 public:
  template <typename F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>)
      FunctionRef(F&& f)  // NOLINT: implicit by design
      : object_(const_cast<void*>(static_cast<const void*>(&f))),
        call_([](void* o, Args... args) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(o))(static_cast<Args>(args)...);
        }) {}
  R operator()(Args... args) const { return call_(object_, static_cast<Args>(args)...); }

 private:
  void* object_;
  R (*call_)(void*, Args...);
};

class WorkerPool {
 public:
  /// `workers` >= 1 counts the calling thread: 1 starts no thread at all.
  explicit WorkerPool(int workers);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  int workers() const { return static_cast<int>(threads_.size()) + 1; }

  /// Runs `body(chunk, worker)` for chunk in [0, chunks), worker in [0, workers()). Returns when
  /// all are done, and waits for no worker that did not come in time for a chunk. `body` must not
  /// throw. Only the owning thread calls; not re-entrant.
  void Run(int chunks, FunctionRef<void(int, int)> body);

 private:
  static constexpr uint32_t kOpen = 1u << 31;

  void WorkerLoop(int worker);
  bool Enter();
  void Drain(int worker);

  std::vector<std::thread> threads_;
  alignas(64) std::atomic<uint32_t> round_{0};
  std::atomic<bool> stop_{false};
  std::atomic<int> next_chunk_{0};
  std::atomic<uint32_t> gate_{0};  ///< kOpen while a round may be entered, plus who is inside.
  int chunks_ = 0;
  const FunctionRef<void(int, int)>* body_ = nullptr;
};

}  // namespace bluemarble::core
