#include "session/presence.h"

#include <span>

#include "core/hash.h"

namespace bluemarble::session {

uint64_t Presence::KeyOf(const persistence::PlayerName& name) {
  return core::HashBytes(std::as_bytes(std::span(name.bytes))) | 1;  // 0 is nobody's
}

void Presence::Set(uint32_t place, int64_t player_id, const persistence::PlayerName& name) {
  players_[place].store(player_id);
  names_[place].store(player_id == 0 ? 0 : KeyOf(name));
  changes_.fetch_add(1);
}

template <class T>
bool Presence::Find(const std::vector<std::atomic<T>>& places, T wanted) const {
  // Who moves to a place that was looked at already leaves a change behind: look again.
  for (;;) {
    const uint64_t changes = changes_.load();
    for (const std::atomic<T>& place : places) {
      if (place.load() == wanted) return true;
    }
    if (changes_.load() == changes) return false;
  }
}

bool Presence::Contains(int64_t player_id) const { return Find(players_, player_id); }

bool Presence::ContainsNamed(const persistence::PlayerName& name) const {
  return Find(names_, KeyOf(name));
}

}  // namespace bluemarble::session
