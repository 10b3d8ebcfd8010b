#include "api/conduct_endpoint.h"

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "api/admin_json.h"

namespace bluemarble::api {
namespace {

using nlohmann::json;

json ViewJson(const session::ConductView& view) {
  json counts = json::object();
  for (size_t i = 0; i < session::kViolations; ++i) {
    if (view.counts[i] != 0)
      counts[session::ViolationName(static_cast<session::Violation>(i))] = view.counts[i];
  }
  return {{"player", std::to_string(view.player_id)},
          {"name", std::string(view.name.view())},
          {"score", std::round(view.score * 100) / 100},
          {"flagged", view.flagged != 0},
          {"flags", view.flags},
          {"kicks", view.kicks},
          {"last_tick", view.last},
          {"counts", std::move(counts)}};
}

HttpResponse Answer(const ConductProviders& providers, const HttpRequest& request) {
  const std::string* const player = request.Query("player");
  const std::string* const name = request.Query("name");
  json players = json::array();
  for (const session::ConductView& view : providers.read()) {
    if (player != nullptr && *player != std::to_string(view.player_id)) continue;
    if (name != nullptr && *name != view.name.view()) continue;
    players.push_back(ViewJson(view));
  }
  if (players.empty() && (player != nullptr || name != nullptr)) {
    return {.status = 404,
            .content_type = "application/json",
            .body = ErrorJson({core::Code::kNotFound, "nothing is remembered of that player"})};
  }
  const json body = {{"tick", providers.tick()},
                     {"flag_score", providers.flag_score},
                     {"kick_score", providers.kick_score},
                     {"players", std::move(players)}};
  return {.status = 200,
          .content_type = "application/json",
          .body = body.dump(-1, ' ', false, json::error_handler_t::replace)};
}

}  // namespace

void AddConductEndpoint(Router& router, ConductProviders providers, AdminGuard& guard) {
  const auto given = std::make_shared<const ConductProviders>(std::move(providers));
  router.Add(
      "GET", "/v1/admin/conduct",
      [given, &guard](const HttpRequest& request) {
        if (auto refused = guard.Check(request)) return std::move(*refused);
        return Answer(*given, request);
      },
      RunsOn::kOwnThreads);
}

}  // namespace bluemarble::api
