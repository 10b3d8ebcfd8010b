#include "app/settings_console.h"

#include <filesystem>

namespace bluemarble::app {

void BindConsole(ops::ConfigSchema& schema, ConsoleOptions& console) {
  ops::ConfigSection& s = schema.Section("console", "The web console at /console/.");
  s.Add("folder", &console.folder,
        {.help = "Files of the console. Empty: share/bluemarble/console beside the program's "
                 "folder, if it is there."});
  s.Add("play_folder", &console.play_folder,
        {.help = "Files of the browser client's page at /play/. Empty: share/bluemarble/play, "
                 "likewise."});
  s.Add("max_consoles", &console.live.max_consoles,
        {.min = 1,
         .max = 256,
         .help = "Consoles that watch at once. Too low: operators wait for each other; too high: "
                 "CPU, about 1 % of a core each."});
  s.Add("max_entities", &console.live.max_entities,
        {.min = 100,
         .max = 100000,
         .help = "A view of the map with more is shown as counts. Too low: dots where operators "
                 "want entities; too high: slow pages, 15 bytes a second for each."});
  s.Add("leaf_hz", &console.feed.leaf_hz,
        {.min = 1,
         .max = 10,
         .unit = "per second",
         .help = "How often a leaf of the octree comes to the map. Too low: a stale map; too high: "
                 "CPU of the zone and of pages in proportion."});
  s.Add("focus_hz", &console.feed.focus_hz,
        {.min = 1,
         .max = 30,
         .unit = "per second",
         .help = "The same where an operator looks closely. Likewise."});
}

std::string StaticFolderOf(const std::string& folder, const char* name) {
  if (!folder.empty()) return folder;
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return {};
  return (program.parent_path().parent_path() / "share" / "bluemarble" / name).string();
}

}  // namespace bluemarble::app
