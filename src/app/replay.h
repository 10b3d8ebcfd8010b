/// `zoned replay DIR`: runs the same zone on a recording's inputs and compares the world hash at
/// every tick. Main thread.
#pragma once

#include <string>
#include <vector>

namespace bluemarble::app {

/// `sets` overrides recorded settings that must not matter ("tick.workers=4"). Exit code: 0 when
/// every tick agrees, kExitBadData when the recording is damaged or none, kExitInternal when a hash
/// differs.
int Replay(const std::string& folder, const std::vector<std::string>& sets);

}  // namespace bluemarble::app
