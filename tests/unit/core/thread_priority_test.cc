#include "core/thread_priority.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <latch>
#include <optional>
#include <thread>

namespace bluemarble::core {
namespace {

int NiceOfThisThread() { return getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())); }

TEST(PriorityScope, IsKeptByThreadsStartedInItAndNotByWhoStartedThem) {
  const int before = NiceOfThisThread();
  const int wanted = before - 3;
  std::latch over{1};
  int started_in_it = 0;
  std::optional<std::thread> thread;
  bool granted = false;
  {
    const PriorityScope scope(wanted);
    granted = scope.granted();
    EXPECT_EQ(NiceOfThisThread(), granted ? wanted : before);
    thread.emplace([&] {
      over.wait();
      started_in_it = NiceOfThisThread();
    });
  }
  EXPECT_EQ(NiceOfThisThread(), before);
  over.count_down();
  thread->join();
  EXPECT_EQ(started_in_it, granted ? wanted : before);
  EXPECT_TRUE(granted || geteuid() != 0) << "root may";
}

TEST(PriorityScope, NeverLowersAThreadThatIsHigher) {
  const PriorityScope high(-4);
  EXPECT_TRUE(high.granted() || geteuid() != 0) << "root may";
  const int before = NiceOfThisThread();
  const PriorityScope lower(before + 2);
  EXPECT_TRUE(lower.granted());
  EXPECT_EQ(NiceOfThisThread(), before);
}

TEST(PriorityScope, MakesRealtimeThreadsOfThoseStartedInItAndOfNoOther) {
  int in_it = -1;
  bool realtime = false;
  {
    const PriorityScope scope(0, Urgency::kRealtime);
    realtime = scope.realtime();
    std::thread([&] { in_it = sched_getscheduler(0); }).join();
  }
  EXPECT_EQ(in_it, realtime ? SCHED_FIFO : SCHED_OTHER);
  EXPECT_EQ(sched_getscheduler(0), SCHED_OTHER);
  const PriorityScope nice(0);
  EXPECT_FALSE(nice.realtime());
  EXPECT_EQ(sched_getscheduler(0), SCHED_OTHER);
}

}  // namespace
}  // namespace bluemarble::core
