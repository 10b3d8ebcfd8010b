/// Counts this program's calls of operator new, from any thread.
#pragma once

#include <cstdint>

namespace bluemarble::aoi {

uint64_t Allocations();

}  // namespace bluemarble::aoi
