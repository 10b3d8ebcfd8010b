#include "core/thread_priority.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

namespace bluemarble::core {

// On Linux both are a thread's, and new threads begin with those of who starts them.
PriorityScope::PriorityScope(int nice, Urgency urgency)
    : before_(getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()))) {
  if (nice < before_) granted_ = setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), nice) == 0;
  if (urgency != Urgency::kRealtime) return;
  const sched_param lowest{.sched_priority = sched_get_priority_min(SCHED_FIFO)};
  realtime_ = sched_setscheduler(0, SCHED_FIFO, &lowest) == 0;
}

PriorityScope::~PriorityScope() {
  const sched_param ordinary{};
  if (realtime_) sched_setscheduler(0, SCHED_OTHER, &ordinary);
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), before_);
}

}  // namespace bluemarble::core
