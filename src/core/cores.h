/// Processors that this process may use. Any thread.
#pragma once

namespace bluemarble::core {

/// Cores in the calling thread's affinity mask, which taskset, a container's cpuset or systemd's
/// AllowedCPUs= make smaller than the machine; at least 1.
int UsableCores();

}  // namespace bluemarble::core
