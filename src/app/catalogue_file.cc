#include "app/catalogue_file.h"

#include "ops/config.h"

namespace bluemarble::app {

std::vector<std::string> LoadCatalogue(const std::string& path,
                                       std::vector<game::ItemDefinition>& items) {
  items.clear();
  ops::ConfigSchema schema;
  schema.AddTableArray<game::ItemDefinition>(
      "items", "The item catalogue.", &items,
      [](ops::ConfigSection& row, game::ItemDefinition& item) {
        row.Add("id", &item.id, {.help = "Number, unique, for ever."});
        row.Add("name", &item.name, {.help = "snake_case, unique."});
        row.Add("title", &item.title, {.help = "What people read."});
        row.Add("max_stack", &item.max_stack, {.help = "Most of them in one stack."});
        row.Add("starter", &item.starter, {.help = "How many a new player gets."});
        row.Add("ground_weight", &item.ground_weight, {.help = "How often it lies around."});
      });
  // Only the file: the environment and --set belong to the settings of zoned.
  ops::ConfigSources sources;
  const std::string name = path.empty() ? "the built-in catalogue" : path;
  if (path.empty()) {
    sources.texts = {{name, BuiltInCatalogue()}};
  } else {
    sources.files = {path};
  }
  std::vector<std::string> problems = schema.Load(sources);
  if (!problems.empty()) return problems;
  std::vector<std::string> found;
  game::Catalogue::Validate(items, found);
  for (const std::string& problem : found) problems.push_back(name + ": " + problem);
  return problems;
}

}  // namespace bluemarble::app
