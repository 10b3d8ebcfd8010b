#include "core/alloc_counter.h"

#include <cstddef>
#include <cstdlib>
#include <new>

#if defined(BLUEMARBLE_SANITIZED)  // the sanitizers have an allocator of their own

namespace bluemarble::core {
uint64_t ThreadAllocations() { return 0; }
bool CountsAllocations() { return false; }
}  // namespace bluemarble::core

#else

namespace {

thread_local uint64_t allocations = 0;

void* Allocate(size_t bytes, size_t alignment) {
  ++allocations;
  if (bytes == 0) bytes = 1;
  void* memory =
      alignment <= alignof(std::max_align_t)
          ? std::malloc(bytes)
          : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

namespace bluemarble::core {
uint64_t ThreadAllocations() { return allocations; }
bool CountsAllocations() { return true; }
}  // namespace bluemarble::core

// The array and nothrow forms of the standard library call these.
void* operator new(size_t bytes) { return Allocate(bytes, 0); }
void* operator new(size_t bytes, std::align_val_t alignment) {
  return Allocate(bytes, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

#endif
