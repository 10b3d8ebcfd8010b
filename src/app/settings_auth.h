/// The settings of accounts: [auth]. Main thread, at start.
#pragma once

#include <string>
#include <vector>

#include "app/settings.h"
#include "ops/config.h"

namespace bluemarble::app {

void BindAuth(ops::ConfigSchema& schema, Settings& settings);
/// What one field alone cannot say.
void ValidateAuth(const Settings& settings, std::vector<std::string>& problems);
/// auth.keys_file, or its place in the data folder.
std::string KeysFileOf(const Settings& settings);

}  // namespace bluemarble::app
