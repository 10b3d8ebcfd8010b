#include "session/presence.h"

namespace bluemarble::session {

void Presence::Set(uint32_t place, int64_t player_id) {
  players_[place].store(player_id);
  changes_.fetch_add(1);
}

bool Presence::Contains(int64_t player_id) const {
  // Who moves to a place that was looked at already leaves a change behind: look again.
  for (;;) {
    const uint64_t changes = changes_.load();
    for (const std::atomic<int64_t>& player : players_) {
      if (player.load() == player_id) return true;
    }
    if (changes_.load() == changes) return false;
  }
}

}  // namespace bluemarble::session
