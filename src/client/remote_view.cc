#include "client/remote_view.h"

#include <algorithm>

#include "core/hash.h"
#include "protocol/item_look.h"

namespace bluemarble::client {
namespace {

// First, least and greatest delay by class, seconds. Combat follows what the byte budget leaves of
// its rate.
struct DelayBounds {
  double start_s, low_s, high_s;
};
constexpr std::array<DelayBounds, kReplicationClasses> kDelayBounds = {
    {{0.12, 0.06, 0.4}, {0.225, 0.15, 0.6}, {1.0, 0.6, 1.5}}};
constexpr double kExtrapolateS = 0.25;
constexpr double kAdaptS = 0.5;
constexpr double kMaxJitterS = 0.1;
constexpr double kGapMarginTicks = 0.5;
constexpr double kGapQuantile = 0.95;
constexpr uint32_t kGapsNeeded = 40;
// Of its class's delay when an entity changes class: drawn time runs this much faster or slower.
constexpr double kDelaySlew = 0.25;
constexpr size_t kFirstTable = 64;

Vector3 ToVector3(geo::Vec3 v) { return {v.x, v.y, v.z}; }

}  // namespace

RemoteView::RemoteView(int tick_hz, const std::array<uint32_t, kReplicationClasses>& period_ticks,
                       int fixed_delay_ms)
    : tick_hz_(tick_hz), fixed_(fixed_delay_ms > 0), table_(kFirstTable, 0) {
  for (size_t i = 0; i < delay_.size(); ++i) {
    Delay& delay = delay_[i];
    delay.low = std::max(kDelayBounds[i].low_s * tick_hz, period_ticks[i] + kGapMarginTicks);
    delay.high = std::max(kDelayBounds[i].high_s * tick_hz, delay.low);
    delay.ticks = fixed_ ? fixed_delay_ms * tick_hz / 1000.0
                         : std::clamp(kDelayBounds[i].start_s * tick_hz, delay.low, delay.high);
  }
}

void RemoteView::OnUpdate(const HeldEntity& entity) {
  Track* found = Lookup(entity.id);
  Track& track = found != nullptr ? *found : Insert(entity.id, entity.cls);
  Delay& delay = delay_[static_cast<size_t>(entity.cls)];
  if (track.removed_tick != 0) {
    if (entity.tick < track.removed_tick) return;  // equal: it moved to another leaf
    track.removed_tick = 0;
    --removals_;
  }
  if (track.count > 0) {
    const core::Tick last = track.Back(0).tick;
    if (entity.tick <= last) return;
    const core::Tick gap = entity.tick - last;
    if (entity.cls == track.cls) {
      ++delay.gaps[std::min<core::Tick>(gap, kGapBuckets - 1)];
      ++delay.seen;
    }
    const double slew = kDelaySlew * static_cast<double>(gap);
    track.delay_ticks += std::clamp(delay.ticks - track.delay_ticks, -slew, slew);
    track.newest = (track.newest + 1) & (kSamples - 1);
  }
  track.count = static_cast<uint8_t>(std::min(track.count + 1, kSamples));
  track.kind = entity.kind;
  track.cls = entity.cls;
  if (entity.kind == protocol::kItemKind) {
    track.health = 100;
    const protocol::ItemLook look{entity.state.health, entity.state.animation};
    if (entity.cls == ReplicationClass::kCombat) track.definition = protocol::DefinitionOf(look);
  } else {
    track.health = entity.state.health;
    track.animation = entity.state.animation;
  }
  const int yaw_shift = entity.cls == ReplicationClass::kCombat ? 6 : 8;  // 1/1,024 or 1/256 turn
  track.samples[track.newest] =
      Sample{entity.tick, entity.position, static_cast<uint16_t>(entity.state.yaw << yaw_shift)};
}

void RemoteView::OnRemove(core::EntityId id, core::Tick tick) {
  Track* track = Lookup(id);
  if (track == nullptr || track->removed_tick != 0 || tick < track->Back(0).tick) return;
  track->removed_tick = tick;
  ++removals_;
}

void RemoteView::Advance(double server_tick, double jitter_ticks) {
  if (server_tick < adapted_tick_ + kAdaptS * tick_hz_) return;
  adapted_tick_ = server_tick;
  for (Delay& delay : delay_) Adapt(delay, jitter_ticks);
  if (removals_ == 0) return;
  for (size_t i = tracks_.size(); i-- > 0;) {
    const Track& track = tracks_[i];
    if (track.removed_tick != 0 &&
        server_tick - track.delay_ticks >= static_cast<double>(track.removed_tick)) {
      Erase(i);
      --removals_;
    }
  }
}

void RemoteView::Adapt(Delay& delay, double jitter_ticks) const {
  if (fixed_ || delay.seen < kGapsNeeded) return;
  auto rank = static_cast<int64_t>(kGapQuantile * delay.seen);
  int gap = 0;
  while (gap < kGapBuckets - 1 && (rank -= delay.gaps[static_cast<size_t>(gap)]) >= 0) ++gap;
  const double jitter = std::min(jitter_ticks, kMaxJitterS * tick_hz_);
  const double wanted = std::clamp(gap + jitter + kGapMarginTicks, delay.low, delay.high);
  // Longer at once, since starving shows; shorter slowly.
  delay.ticks += wanted > delay.ticks ? wanted - delay.ticks : std::max(wanted - delay.ticks, -0.5);
  delay.seen = 0;
  for (uint32_t& count : delay.gaps) {
    count /= 2;
    delay.seen += count;
  }
}

void RemoteView::ForEach(double server_tick, core::EntityId skip,
                         const std::function<void(const EntityView&)>& visit) const {
  EntityView view;
  for (const Track& track : tracks_)
    if (track.id != skip && Draw(track, server_tick, view)) visit(view);
}

bool RemoteView::Find(core::EntityId id, double server_tick, EntityView& out) const {
  const uint32_t entry = table_[Slot(id)];
  return entry != 0 && Draw(tracks_[entry - 1], server_tick, out);
}

geo::Vec3 RemoteView::PositionAt(const Track& track, double tick) const {
  const Sample& newest = track.Back(0);
  const double ahead = tick - static_cast<double>(newest.tick);
  if (ahead >= 0) {
    if (track.count < 2) return newest.position;
    const Sample& before = track.Back(1);
    const geo::Vec3 velocity = (newest.position - before.position) *
                               (tick_hz_ / static_cast<double>(newest.tick - before.tick));
    return newest.position + velocity * std::min(ahead / tick_hz_, kExtrapolateS);
  }
  int back = 1;
  while (back < track.count - 1 && static_cast<double>(track.Back(back).tick) > tick) ++back;
  if (back >= track.count) return newest.position;
  const Sample& a = track.Back(back);
  const Sample& b = track.Back(back - 1);
  const auto span = static_cast<double>(b.tick - a.tick);
  const double t = std::max((tick - static_cast<double>(a.tick)) / span, 0.0);
  return a.position + (b.position - a.position) * t;
}

bool RemoteView::Draw(const Track& track, double server_tick, EntityView& out) const {
  double tick = server_tick - track.delay_ticks;
  if (track.removed_tick != 0 && tick >= static_cast<double>(track.removed_tick)) return false;
  // Just come into view: shown where it is first known, rather than not at all.
  tick = std::max(tick, static_cast<double>(track.Back(track.count - 1).tick));
  int at = 0;
  while (at < track.count - 1 && static_cast<double>(track.Back(at).tick) > tick) ++at;
  out.id = track.id.bits;
  out.kind = track.kind;
  out.cls = track.cls;
  out.position = ToVector3(PositionAt(track, tick));
  out.yaw_turns = track.Back(at).yaw / 65536.0;
  out.health = track.health;
  out.animation = track.animation;
  out.definition = track.definition;
  out.newest_tick = track.Back(0).tick;
  out.drawn_tick = tick;
  return true;
}

size_t RemoteView::Slot(core::EntityId id) const {
  const size_t mask = table_.size() - 1;
  size_t slot = core::Mix64(id.bits) & mask;
  while (table_[slot] != 0 && tracks_[table_[slot] - 1].id != id) slot = (slot + 1) & mask;
  return slot;
}

RemoteView::Track* RemoteView::Lookup(core::EntityId id) {
  const uint32_t entry = table_[Slot(id)];
  return entry == 0 ? nullptr : &tracks_[entry - 1];
}

RemoteView::Track& RemoteView::Insert(core::EntityId id, ReplicationClass cls) {
  if ((tracks_.size() + 1) * 2 > table_.size()) Rehash(table_.size() * 2);
  Track& track = tracks_.emplace_back();
  track.id = id;
  track.cls = cls;
  track.delay_ticks = delay_ticks(cls);
  table_[Slot(id)] = static_cast<uint32_t>(tracks_.size());
  return track;
}

void RemoteView::Rehash(size_t table_size) {
  table_.assign(table_size, 0);
  for (size_t i = 0; i < tracks_.size(); ++i)
    table_[Slot(tracks_[i].id)] = static_cast<uint32_t>(i + 1);
}

void RemoteView::Erase(size_t index) {
  const size_t mask = table_.size() - 1;
  size_t hole = Slot(tracks_[index].id);
  for (size_t next = (hole + 1) & mask; table_[next] != 0; next = (next + 1) & mask) {
    const size_t home = core::Mix64(tracks_[table_[next] - 1].id.bits) & mask;
    // Moves back unless that would put it before its home slot.
    if (((next - home) & mask) < ((next - hole) & mask)) continue;
    table_[hole] = table_[next];
    hole = next;
  }
  table_[hole] = 0;
  if (index + 1 < tracks_.size()) {
    table_[Slot(tracks_.back().id)] = static_cast<uint32_t>(index + 1);
    tracks_[index] = tracks_.back();
  }
  tracks_.pop_back();
}

}  // namespace bluemarble::client
