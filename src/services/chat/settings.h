/// How far words carry, and how many a zone passes on. Immutable after start-up.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bluemarble::chat {

struct ChatSettings {
  /// Local chat is heard this far from where it was said, metres. Too low: neighbours on the screen
  /// do not hear each other; too high: a crowd hears everybody.
  double local_radius_m = 50;
  /// Lines of each scope that may wait to be passed on; one more is refused as busy. Too low:
  /// lively moments are refused; too high: lines come late, and memory (0.4 kB each).
  uint32_t queue = 256;
  /// Lines handed to players per tick, all scopes together. Too low: a line in a full zone arrives
  /// late; too high: chat costs the tick (about 0.5 us each).
  uint32_t deliveries_per_tick = 1000;
  /// Numbers of players who may not speak.
  std::vector<std::string> muted;

  /// Appends one line per wrong field, naming it as in the file.
  void Validate(std::vector<std::string>& problems) const;
};

}  // namespace bluemarble::chat
