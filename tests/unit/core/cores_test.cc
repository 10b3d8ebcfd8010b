#include "core/cores.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

namespace bluemarble::core {
namespace {

TEST(Cores, AreThoseThatTheThreadMayUse) {
  EXPECT_GE(UsableCores(), 1);
  std::thread([] {
    const int core = sched_getcpu();
    ASSERT_GE(core, 0);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<size_t>(core), &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(UsableCores(), 1);
  }).join();
}

}  // namespace
}  // namespace bluemarble::core
