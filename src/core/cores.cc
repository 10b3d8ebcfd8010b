#include "core/cores.h"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace bluemarble::core {

// std::thread::hardware_concurrency counts what is online.
int UsableCores() {
  cpu_set_t usable;
  CPU_ZERO(&usable);
  if (sched_getaffinity(0, sizeof usable, &usable) == 0) return std::max(1, CPU_COUNT(&usable));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));  // over 1,024 cores
}

}  // namespace bluemarble::core
