#include "core/thread_priority.h"

#include <sys/resource.h>
#include <unistd.h>

namespace bluemarble::core {

// On Linux a nice value is a thread's, and new threads begin with that of who starts them.
PriorityScope::PriorityScope(int nice)
    : before_(getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()))) {
  if (nice < before_) granted_ = setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), nice) == 0;
}

PriorityScope::~PriorityScope() { setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), before_); }

}  // namespace bluemarble::core
