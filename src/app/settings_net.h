/// The settings of [net]. Main thread, at start.
#pragma once

#include "net/settings.h"
#include "ops/config.h"

namespace bluemarble::app {

void BindNet(ops::ConfigSchema& schema, net::NetSettings& net);

}  // namespace bluemarble::app
