// The whole settings file, with its cross checks and the item catalogue.
#include "app/settings.h"
#include "fuzz_target.h"
#include "ops/config.h"

namespace app = bluemarble::app;

FUZZ_TARGET(config) {
  app::Settings settings;
  bluemarble::ops::ConfigSchema schema;
  app::BindSettings(schema, settings);
  bluemarble::ops::ConfigSources sources;
  sources.texts.emplace_back("fuzz.toml", std::string(bluemarble::fuzz::TextOf(bytes)));
  if (app::LoadSettings(schema, settings, sources).empty()) {
    // What was accepted can be printed and is accepted again.
    app::Settings again;
    bluemarble::ops::ConfigSchema second;
    app::BindSettings(second, again);
    bluemarble::ops::ConfigSources printed;
    printed.texts.emplace_back("printed.toml", schema.Print());
    bluemarble::fuzz::Require(second.Load(printed).empty());
  }
}
