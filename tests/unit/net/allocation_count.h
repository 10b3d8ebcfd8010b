/// Counts this program's allocations per thread, to show that a call makes none.
#pragma once

#include <cstdint>

namespace bluemarble::net {

/// Allocations by operator new on the calling thread since it started.
uint64_t AllocationsOfThisThread();

}  // namespace bluemarble::net
