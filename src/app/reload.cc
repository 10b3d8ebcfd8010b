#include "app/reload.h"

#include <string_view>

#include "app/settings.h"
#include "core/log.h"
#include "ops/log_sinks.h"

namespace bluemarble::app {
namespace {

// Of http what api::HttpServer::Reload gives to new connections: all but the address, the threads
// and their queues.
constexpr std::string_view kTakenOver[] = {"log.level",
                                           "http.tls_certificate_file",
                                           "http.tls_key_file",
                                           "http.max_body_bytes",
                                           "http.max_header_bytes",
                                           "http.timeout_ms",
                                           "http.max_connections",
                                           "http.origins",
                                           "http.max_websockets",
                                           "http.websocket_message_bytes",
                                           "http.websocket_queue_bytes",
                                           "http.websocket_messages_per_s",
                                           "http.websocket_ping_ms",
                                           "http.websocket_timeout_ms"};

}  // namespace

std::string ConfigInForce::Json() const {
  const std::lock_guard lock(mutex_);
  return json_;
}

void ConfigInForce::TookOver(const ops::ConfigSchema& again) {
  std::string json = start_.ReportJson(again, kTakenOver);
  const std::lock_guard lock(mutex_);
  json_ = std::move(json);
}

void Reload(const ops::ConfigSources& sources, std::string& level, api::HttpServer& http,
            ConfigInForce& in_force) {
  Settings settings;
  ops::ConfigSchema schema;
  BindSettings(schema, settings);
  auto problems = LoadSettings(schema, settings, sources);
  if (problems.empty()) {
    if (core::Status taken = http.Reload(settings.http); !taken.ok())
      problems.push_back(taken.ToString());
  }
  for (const std::string& problem : problems)
    core::Log(core::LogLevel::kError, "reload_problem", "problem=\"{}\"", problem);
  if (!problems.empty()) {
    core::Log(core::LogLevel::kError, "reload_refused", "problems={} log.level={}", problems.size(),
              level);
    return;
  }
  const auto wanted = ops::ParseLogLevel(settings.log.level);
  if (!wanted) return;  // not reached: LoadSettings checks the choices
  // Whoever sent the signal gets an answer, at level error too.
  core::SetLogLevel(core::LogLevel::kInfo);
  core::Log(core::LogLevel::kInfo, "reloaded", "log.level={} was={} source=\"{}\"",
            settings.log.level, level, schema.SourceOf("log.level"));
  core::SetLogLevel(*wanted);
  level = settings.log.level;
  in_force.TookOver(schema);
}

}  // namespace bluemarble::app
