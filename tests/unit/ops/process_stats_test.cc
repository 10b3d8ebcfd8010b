#include "ops/process_stats.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

namespace bluemarble::ops {
namespace {

TEST(ProcessStats, CpuTimeGrowsWithWork) {
  const double before = ProcessCpuSeconds();
  volatile uint64_t sink = 0;
  while (ProcessCpuSeconds() < before + 0.01) sink = sink + 1;
  EXPECT_GT(ProcessCpuSeconds(), before);
}

TEST(ProcessStats, ResidentMemoryGrowsWithTouchedMemory) {
  const uint64_t before = ResidentBytes();
  constexpr size_t kBytes = 64 << 20;
  const std::vector<char> touched(kBytes, 1);
  EXPECT_GT(ResidentBytes(), before + kBytes / 2);
  EXPECT_EQ(touched[kBytes / 2], 1);
}

TEST(ProcessStats, CountsOpenDescriptors) {
  const uint64_t before = OpenFileDescriptors();
  const int fd = ::open("/dev/null", O_RDONLY);
  EXPECT_EQ(OpenFileDescriptors(), before + 1);
  ::close(fd);
  EXPECT_EQ(OpenFileDescriptors(), before);
}

TEST(ProcessStats, CountsThreads) {
  const uint64_t before = ThreadCount();
  std::atomic<bool> stop{false};
  std::thread thread([&] { stop.wait(false); });
  EXPECT_EQ(ThreadCount(), before + 1);
  stop = true;
  stop.notify_all();
  thread.join();
}

TEST(ProcessStats, StealIsAShareOfTheMachinesTime) {
  EXPECT_GE(MachineStealSeconds(), 0);
  EXPECT_GT(MachineCpuSeconds(), MachineStealSeconds());
}

TEST(ProcessStats, KnowsWhenItWasStarted) {
  const double now = static_cast<double>(::time(nullptr));
  // The kernel tells the second of its boot only, and this test began within the hour.
  EXPECT_LE(ProcessStartSeconds(), now + 2);
  EXPECT_GT(ProcessStartSeconds(), now - 3600);
}

TEST(ProcessStats, KnowsHowManyDescriptorsItMayOpen) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(MostFileDescriptors(), limit.rlim_cur);
}

TEST(ProcessStats, RegistersItsMetrics) {
  MetricsRegistry registry;
  ASSERT_TRUE(AddProcessMetrics(registry).ok());
  const std::string text = registry.Serialize();
  for (const char* name :
       {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds",
        "process_max_fds", "process_start_time_seconds", "process_threads",
        "machine_steal_seconds_total", "machine_cpu_seconds_total"}) {
    EXPECT_NE(text.find("\n" + std::string(name) + " "), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace bluemarble::ops
