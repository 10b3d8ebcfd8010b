#include "ops/process_stats.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>

namespace bluemarble::ops {
namespace {

// /proc/stat's first line: cpu user nice system idle iowait irq softirq steal guest guest_nice, in
// clock ticks; guest times are contained in user and nice.
struct MachineCpu {
  double all_seconds = 0;
  double steal_seconds = 0;
};

MachineCpu ReadMachineCpu() {
  std::ifstream in("/proc/stat");
  std::string label;
  in >> label;
  const double per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  MachineCpu cpu;
  for (int i = 0; i < 8; ++i) {
    double ticks = 0;
    if (!(in >> ticks)) break;
    cpu.all_seconds += ticks / per_second;
    if (i == 7) cpu.steal_seconds = ticks / per_second;
  }
  return cpu;
}

}  // namespace

double ProcessCpuSeconds() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

uint64_t ResidentBytes() {
  std::ifstream in("/proc/self/statm");
  uint64_t total_pages = 0;
  uint64_t resident_pages = 0;
  in >> total_pages >> resident_pages;
  return resident_pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

uint64_t OpenFileDescriptors() {
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  uint64_t entries = 0;
  while (::readdir(folder) != nullptr) ++entries;
  ::closedir(folder);
  return entries < 3 ? 0 : entries - 3;  // ".", ".." and the folder's own descriptor
}

uint64_t ThreadCount() {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("Threads:")) continue;
    uint64_t threads = 0;
    std::istringstream(line.substr(8)) >> threads;
    return threads;
  }
  return 0;
}

uint64_t MostFileDescriptors() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

double ProcessStartSeconds() {
  // Field 22 of /proc/self/stat, clock ticks since boot; the name in field 2 may hold anything.
  std::ifstream own("/proc/self/stat");
  std::string text;
  std::getline(own, text, '\0');
  std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  double since_boot = 0;
  fields >> since_boot;
  std::ifstream machine("/proc/stat");
  for (std::string line; std::getline(machine, line);) {
    double boot = 0;
    if (line.starts_with("btime ") && std::istringstream(line.substr(6)) >> boot)
      return boot + since_boot / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
  return 0;
}

double MachineStealSeconds() { return ReadMachineCpu().steal_seconds; }
double MachineCpuSeconds() { return ReadMachineCpu().all_seconds; }

core::Status AddProcessMetrics(MetricsRegistry& registry) {
  const auto count = [](uint64_t (*read)()) {
    return [read] { return static_cast<double>(read()); };
  };
  const core::Status added[] = {
      registry.AddCounter("process_cpu_seconds_total", "CPU time of all threads", {},
                          &ProcessCpuSeconds),
      registry.AddGauge("process_resident_memory_bytes", "Memory in RAM", {},
                        count(&ResidentBytes)),
      registry.AddGauge("process_open_fds", "Open file descriptors", {},
                        count(&OpenFileDescriptors)),
      registry.AddGauge("process_max_fds", "Most file descriptors that may be open", {},
                        count(&MostFileDescriptors)),
      registry.AddGauge("process_start_time_seconds", "Start, since the epoch", {},
                        [started = ProcessStartSeconds()] { return started; }),
      registry.AddGauge("process_threads", "Threads", {}, count(&ThreadCount)),
      registry.AddCounter("machine_steal_seconds_total",
                          "CPU time that the hypervisor gave to others", {}, &MachineStealSeconds),
      registry.AddCounter("machine_cpu_seconds_total",
                          "CPU time of all processors since boot, idle included", {},
                          &MachineCpuSeconds),
  };
  for (const core::Status& status : added) {
    if (!status.ok()) return status;
  }
  return core::Status::Ok();
}

}  // namespace bluemarble::ops
