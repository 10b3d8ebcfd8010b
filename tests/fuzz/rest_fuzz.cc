// Bodies and queries of the HTTP interface: first line "METHOD /path?query", the rest is the body.
#include "api/endpoints.h"
#include "api/url_query.h"
#include "fuzz_target.h"

namespace api = bluemarble::api;

namespace {

const api::Router& TheRouter() {
  static const api::Router router = api::BuildRouter(
      {.metrics = [] { return std::string("metrics"); },
       .live =
           [] {
             return api::Probe{true, "ok"};
           },
       .ready =
           [](bool) {
             return api::Probe{true, "{}"};
           },
       .join = [](const api::JoinRequest& request) -> bluemarble::core::Result<api::JoinAnswer> {
         bluemarble::fuzz::Require(!request.name.empty() && request.name.size() <= 32);
         return api::JoinAnswer{};
       },
       .stats = [] { return std::string("{}"); }});
  return router;
}

}  // namespace

FUZZ_TARGET(rest) {
  const std::string_view text = bluemarble::fuzz::TextOf(bytes);
  const std::string_view line = text.substr(0, text.find('\n'));
  api::HttpRequest request;
  request.method = std::string(line.substr(0, line.find(' ')));
  const std::string_view target = line.substr(std::min(line.find(' '), line.size() - 1) + 1);
  const size_t question = std::min(target.find('?'), target.size());
  request.path = std::string(target.substr(0, question));
  const auto query = api::ParseQuery(target.substr(std::min(question + 1, target.size())));
  if (!query) return;
  request.query = *query;
  request.body = std::string(text.substr(std::min(line.size() + 1, text.size())));
  std::string allow;
  const api::HttpResponse response = TheRouter().Route(request, &allow);
  bluemarble::fuzz::Require(response.status >= 200 && response.status < 600);
  bluemarble::fuzz::Require(response.status != 500);
}
