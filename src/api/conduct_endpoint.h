/// GET /v1/admin/conduct: who misbehaved lately, as the zone's board says. With ?player=NUMBER or
/// ?name=NAME only that one. docs/operations.md "Conduct" describes it.
#pragma once

#include <functional>
#include <vector>

#include "api/admin_guard.h"
#include "api/http_server.h"
#include "session/conduct_board.h"

namespace bluemarble::api {

struct ConductProviders {
  std::function<std::vector<session::ConductView>()> read;  ///< Any thread.
  std::function<core::Tick()> tick;                         ///< The zone's newest.
  double flag_score = 0, kick_score = 0;
};

/// `guard` outlives the router.
void AddConductEndpoint(Router& router, ConductProviders providers, AdminGuard& guard);

}  // namespace bluemarble::api
