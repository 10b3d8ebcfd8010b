#include "api/endpoints.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "api/admin_endpoints.h"
#include "core/text.h"

namespace bluemarble::api {
namespace {

using core::Code;
using nlohmann::json;

constexpr const char* kPrometheusText = "text/plain; version=0.0.4; charset=utf-8";
constexpr const char* kJson = "application/json";

// Invalid UTF-8 from whoever wrote the message must not become an exception.
std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

HttpResponse JsonAnswer(int status, const json& value) {
  return {.status = status, .content_type = kJson, .body = Dump(value)};
}

HttpResponse Refusal(const core::Status& status) {
  return JsonAnswer(
      HttpStatusOf(status.code()),
      {{"error",
        {{"code", std::string(core::CodeName(status.code()))}, {"message", status.ToString()}}}});
}

HttpResponse Later(int wait_ms) {
  HttpResponse answer = JsonAnswer(503, {{"error",
                                          {{"code", "busy"},
                                           {"message", "many players come at once, ask again"},
                                           {"retry_after_ms", wait_ms}}}});
  answer.retry_after_s = (wait_ms + 999) / 1000;
  return answer;
}

core::Result<json> ParseBody(const HttpRequest& request) {
  json body = json::parse(request.body, nullptr, /*allow_exceptions=*/false);
  if (!body.is_object()) return core::Status(Code::kInvalid, "the body is not a JSON object");
  return body;
}

/// Does the client want a WebSocket instead of UDP?
core::Result<bool> ParseTransport(const json& body) {
  const auto transport = body.find("transport");
  if (transport == body.end() || *transport == "udp") return false;
  if (*transport == "websocket") return true;
  return core::Status(Code::kInvalid, "\"transport\" is neither \"udp\" nor \"websocket\"");
}

core::Result<JoinRequest> ParseJoin(const HttpRequest& request) {
  const auto parsed = ParseBody(request);
  if (!parsed) return parsed.status();
  const json& body = *parsed;
  JoinRequest join;
  const auto transport = ParseTransport(body);
  if (!transport) return transport.status();
  join.websocket = *transport;
  const auto name = body.find("name");
  if (name == body.end() || !name->is_string()) {
    return core::Status(Code::kInvalid, "\"name\" is not a string");
  }
  join.name = name->get<std::string>();
  if (core::Status status = core::ValidateName(join.name); !status.ok()) return status;
  join.remote_address = request.remote_address;
  return join;
}

json JoinJson(const JoinAnswer& answer) {
  json value = {{"security", answer.security}, {"token", answer.token}};
  if (answer.path.empty()) {
    value["address"] = answer.address;
    value["port"] = answer.port;
  } else {
    value["transport"] = "websocket";
    value["path"] = answer.path;
  }
  if (answer.expires_s > 0) value["expires_s"] = answer.expires_s;
  return value;
}

}  // namespace

Router BuildRouter(EndpointProviders providers) {
  Router router;
  router.Add("GET", "/metrics", [metrics = std::move(providers.metrics)](const HttpRequest&) {
    return HttpResponse{.content_type = kPrometheusText, .body = metrics()};
  });
  for (const char* path : {"/healthz", "/health"}) {
    router.Add("GET", path, [live = providers.live](const HttpRequest&) {
      Probe probe = live();
      return HttpResponse{.status = probe.ok ? 200 : 503, .body = std::move(probe.body)};
    });
  }
  for (const char* path : {"/readyz", "/ready"}) {
    router.Add("GET", path, [ready = providers.ready](const HttpRequest& request) {
      Probe probe = ready(request.Query("verbose") != nullptr);
      return HttpResponse{
          .status = probe.ok ? 200 : 503, .content_type = kJson, .body = std::move(probe.body)};
    });
  }
  router.Add("GET", "/v1/stats", [stats = std::move(providers.stats)](const HttpRequest&) {
    return HttpResponse{.content_type = kJson, .body = stats()};
  });
  router.Add("POST", "/v1/join",
             [join = std::move(providers.join),
              authenticate = std::move(providers.authenticate)](const HttpRequest& request) {
               JoinRequest wanted;
               if (authenticate) {
                 auto who = authenticate(request);
                 if (auto* refused = std::get_if<HttpResponse>(&who)) return std::move(*refused);
                 auto& identity = std::get<accounts::Identity>(who);
                 wanted = {identity.account_id, std::move(identity.name), request.remote_address};
                 // The token says who it is; a body is there only to say how.
                 if (!request.body.empty()) {
                   const auto body = ParseBody(request);
                   if (!body) return Refusal(body.status());
                   const auto transport = ParseTransport(*body);
                   if (!transport) return Refusal(transport.status());
                   wanted.websocket = *transport;
                 }
               } else {
                 auto named = ParseJoin(request);
                 if (!named) return Refusal(named.status());
                 wanted = std::move(*named);
               }
               const auto answer = join(wanted);
               if (!answer) return Refusal(answer.status());
               if (answer->wait_ms > 0) return Later(answer->wait_ms);
               return JsonAnswer(200, JoinJson(*answer));
             });
  return router;
}

}  // namespace bluemarble::api
