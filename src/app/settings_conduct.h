/// The settings of the section [conduct]. Main thread, at start.
#pragma once

#include "ops/config.h"
#include "session/conduct_settings.h"

namespace bluemarble::app {

void BindConduct(ops::ConfigSchema& schema, session::ConductSettings& conduct);

}  // namespace bluemarble::app
