/// The settings of [http]. Main thread, at start.
#pragma once

#include <string>
#include <vector>

#include "api/http_server.h"
#include "ops/config.h"

namespace bluemarble::app {

void BindHttp(ops::ConfigSchema& schema, api::HttpSettings& http);
/// Appends one line per problem.
void ValidateHttp(const api::HttpSettings& http, std::vector<std::string>& problems);

}  // namespace bluemarble::app
