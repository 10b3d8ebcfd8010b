#include <algorithm>
#include <exception>

#include "api/http_server.h"
#include "core/log.h"
#include "core/text.h"

namespace bluemarble::api {
namespace {

HttpResponse NotUtf8(const std::string& what) {
  return {
      .status = 400,
      .content_type = "application/json",
      .body = "{\"error\":{\"code\":\"invalid\",\"message\":\"the " + what + " is not UTF-8\"}}\n"};
}

}  // namespace

const std::string* HttpRequest::Query(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return &value;
  }
  return nullptr;
}

void Router::Add(std::string method, std::string path, Handler handler, RunsOn runs_on, Gate gate) {
  routes_[std::move(path)][std::move(method)] = {std::move(handler), runs_on, std::move(gate)};
}

void Router::AddWebSocket(std::string path, WebSocketOpener open) {
  web_sockets_[std::move(path)] = std::move(open);
}

const WebSocketOpener* Router::WebSocketAt(std::string_view path) const {
  const auto found = web_sockets_.find(path);
  return found == web_sockets_.end() ? nullptr : &found->second;
}

std::vector<std::string> Router::Endpoints() const {
  std::vector<std::string> endpoints;
  for (const auto& [path, methods] : routes_) {
    for (const auto& [method, entry] : methods) endpoints.push_back(method + " " + path);
  }
  for (const auto& [path, open] : web_sockets_) endpoints.push_back("GET " + path);
  const auto path_of = [](const std::string& endpoint) {
    return std::string_view(endpoint).substr(endpoint.find(' ') + 1);
  };
  std::ranges::stable_sort(endpoints, {}, path_of);
  return endpoints;
}

const Router::Entry* Router::Find(const HttpRequest& request) const {
  const auto path = routes_.find(request.path);
  if (path == routes_.end()) return nullptr;
  const auto entry = path->second.find(request.method == "HEAD" ? "GET" : request.method);
  return entry == path->second.end() ? nullptr : &entry->second;
}

RunsOn Router::Where(const HttpRequest& request) const {
  const Entry* entry = Find(request);
  return entry == nullptr ? RunsOn::kApiThread : entry->runs_on;
}

std::optional<HttpResponse> Router::Refused(const HttpRequest& request) const {
  const Entry* entry = Find(request);
  if (entry == nullptr || !entry->gate) return std::nullopt;
  return entry->gate(request);
}

HttpResponse Router::Route(const HttpRequest& request, std::string* allow) const {
  const auto path = routes_.find(request.path);
  if (path == routes_.end()) return {.status = 404, .body = "not found\n"};
  const Entry* const entry = Find(request);
  if (entry == nullptr) {
    for (const auto& [method, unused] : path->second) {
      *allow += (allow->empty() ? "" : ", ") + method + (method == "GET" ? ", HEAD" : "");
    }
    return {.status = 405, .body = "method not allowed\n"};
  }
  // Here for all handlers, so that each of them, and the database, may take it for granted.
  if (!core::IsUtf8(request.body)) return NotUtf8("body");
  for (const auto& [name, value] : request.query) {
    if (!core::IsUtf8(name) || !core::IsUtf8(value)) return NotUtf8("query");
  }
  try {
    return entry->handler(request);
  } catch (const std::exception& error) {
    core::Log(core::LogLevel::kError, "http_handler_failed", "path={} cause={}", request.path,
              error.what());
  } catch (...) {
    core::Log(core::LogLevel::kError, "http_handler_failed", "path={}", request.path);
  }
  return {.status = 500, .body = "internal error\n"};
}

}  // namespace bluemarble::api
