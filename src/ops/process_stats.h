/// What the kernel says of this process and machine. Stateless, any thread; reads /proc.
#pragma once

#include <cstdint>

#include "core/result.h"
#include "ops/metrics.h"

namespace bluemarble::ops {

/// CPU time of all threads, user and system.
double ProcessCpuSeconds();
uint64_t ResidentBytes();
uint64_t OpenFileDescriptors();
uint64_t MostFileDescriptors();
uint64_t ThreadCount();
/// When this process was started, in seconds since the epoch.
double ProcessStartSeconds();
/// CPU time that the hypervisor gave to others while this machine's processors wanted to run,
/// summed over processors since boot: figures taken while it grows are worth less.
double MachineStealSeconds();
/// CPU time of all processors since boot, idle included: what steal is a share of.
double MachineCpuSeconds();

/// process_cpu_seconds_total, process_resident_memory_bytes, process_open_fds, process_max_fds,
/// process_start_time_seconds, process_threads,
/// machine_steal_seconds_total, machine_cpu_seconds_total.
core::Status AddProcessMetrics(MetricsRegistry& registry);

}  // namespace bluemarble::ops
