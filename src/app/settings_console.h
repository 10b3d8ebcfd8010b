/// [console]: what operators' browsers are served, and how much of the zone it may cost.
#pragma once

#include <string>

#include "api/console_live.h"
#include "ops/config.h"
#include "replication/world_feed.h"

namespace bluemarble::app {

struct ConsoleOptions {
  api::ConsoleSettings live;
  replication::FeedSettings feed;
  /// Of the built console and of the browser client's page. Empty: share/bluemarble/console and
  /// share/bluemarble/play beside the folder that the program is in.
  std::string folder, play_folder;
};

void BindConsole(ops::ConfigSchema& schema, ConsoleOptions& console);

/// `folder`, or what it means when it is empty: "../share/bluemarble/<name>" from the program.
std::string StaticFolderOf(const std::string& folder, const char* name);

}  // namespace bluemarble::app
