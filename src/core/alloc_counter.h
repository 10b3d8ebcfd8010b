/// Counts heap allocations of each thread by replacing the global operator new: proof that a warm
/// tick makes none. A program gets the replacement by calling ThreadAllocations. Not in sanitizer
/// builds, which bring their own. Any thread; each sees its own count.
#pragma once

#include <cstdint>

namespace bluemarble::core {

/// Allocations of the calling thread since it started; 0 for ever when not counted.
uint64_t ThreadAllocations();
/// Does this build count?
bool CountsAllocations();

}  // namespace bluemarble::core
