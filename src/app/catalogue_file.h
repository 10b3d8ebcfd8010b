/// The item catalogue's file (config/items.toml). Main thread, at start-up.
#pragma once

#include <string>
#include <vector>

#include "game/catalogue.h"

namespace bluemarble::app {

/// Reads and checks the file; returns every problem, one line each with the file and the entry;
/// none: `items` is a catalogue. An empty path is the built-in one.
std::vector<std::string> LoadCatalogue(const std::string& path,
                                       std::vector<game::ItemDefinition>& items);

/// config/items.toml as it was when the program was built.
std::string BuiltInCatalogue();

}  // namespace bluemarble::app
