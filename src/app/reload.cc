#include "app/reload.h"

#include "app/settings.h"
#include "core/log.h"
#include "ops/log_sinks.h"

namespace bluemarble::app {

void Reload(const ops::ConfigSources& sources, std::string& level, api::HttpServer& http) {
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
}

}  // namespace bluemarble::app
