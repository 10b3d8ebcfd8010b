#include "session/quarantine.h"

#include <algorithm>

namespace bluemarble::session {

Quarantine::Quarantine(core::Tick hold_ticks) : hold_ticks_(hold_ticks) {
  entries_.reserve(kMaxPlayers);
}

void Quarantine::Hold(const persistence::PlayerName& name, core::Tick now) {
  Entry& entry = FindOrAdd(name, now);
  entry.since = now;
  entry.held = true;
}

bool Quarantine::Strike(const persistence::PlayerName& name, int64_t partner, core::Tick now) {
  Entry& entry = FindOrAdd(name, now);
  entry.certain = entry.certain || partner == 0 ||
                  (entry.strikes != 0 && entry.partner != 0 && entry.partner != partner);
  entry.partner = partner;
  ++entry.strikes;
  if (entry.held || !entry.certain || entry.strikes < kStrikes) return false;
  entry.since = now;
  entry.held = true;
  return true;
}

bool Quarantine::Holds(const persistence::PlayerName& name, core::Tick now) const {
  const Entry* entry = Find(name, now);
  return entry != nullptr && entry->held;
}

bool Quarantine::Current(const Entry& entry, core::Tick now) const {
  return now - entry.since < hold_ticks_;
}

const Quarantine::Entry* Quarantine::Find(const persistence::PlayerName& name,
                                          core::Tick now) const {
  const auto found = std::ranges::find(entries_, name, &Entry::name);
  return found != entries_.end() && Current(*found, now) ? &*found : nullptr;
}

Quarantine::Entry& Quarantine::FindOrAdd(const persistence::PlayerName& name, core::Tick now) {
  auto found = std::ranges::find(entries_, name, &Entry::name);
  if (found != entries_.end() && Current(*found, now)) return *found;
  if (found == entries_.end() && entries_.size() < kMaxPlayers)
    found = entries_.insert(entries_.end(), Entry{});
  if (found == entries_.end()) found = std::ranges::min_element(entries_, {}, &Entry::since);
  *found = Entry{.name = name, .since = now};
  return *found;
}

}  // namespace bluemarble::session
