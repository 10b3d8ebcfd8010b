/// `zoned keys`: the keys that sign access tokens. Main thread.
#pragma once

#include "app/settings.h"

namespace bluemarble::app {

enum class KeysCommand { kList, kRotate };

/// Returns the process's exit code. Rotating adds a key and takes away those whose tokens have all
/// expired; a running zoned reads the file again on SIGHUP. Secrets are not printed.
int Keys(const Settings& settings, KeysCommand command);

}  // namespace bluemarble::app
