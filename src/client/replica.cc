#include "client/replica.h"

#include <bit>
#include <unordered_map>
#include <utility>
#include <vector>

namespace bluemarble::client {
namespace {

using core::Code;
using core::EntityId;
using core::Tick;
using protocol::PartState;

// A removed entity and a dropped leaf are remembered this long, so that a datagram that was
// overtaken by the removal cannot bring it back. Longer than any base can live (WIRE.md "Applying a
// snapshot").
constexpr Tick kTombstoneTicks = 4 * kAckWindow;
// Longer than a base may be old, so that a snapshot that was overtaken still finds its own.
constexpr Tick kHeldTicks = kBaseTicks + 16;

}  // namespace

struct Replica::Impl {
  struct HeldPart {
    Tick tick = 0;
    ReplicationClass cls = ReplicationClass::kCombat;
    std::unique_ptr<PartState> state;
  };
  struct EntityRecord {
    HeldEntity entity;
    uint8_t part = 0;
    bool alive = false;  // false: a tombstone at entity.tick
  };
  struct PartRecord {
    std::vector<HeldPart> held;  // ascending ticks; the last is the newest
    // Where each slot's member was found last time: saves a look-up per update. Until the next
    // sweep.
    std::array<EntityRecord*, protocol::kSlots> shown{};
  };
  struct LeafRecord {
    geo::SectorFrame frame;
    std::vector<PartRecord> parts;
  };

  Impl(int hz, Listener* l) : tick_hz(hz), listener(l) {}

  int tick_hz;
  Listener* listener;
  std::unordered_map<uint64_t, LeafRecord> leaves;
  std::unordered_map<uint32_t, EntityRecord> entities;
  std::unordered_map<uint64_t, Tick> dropped;
  std::vector<std::unique_ptr<PartState>> spare;
  size_t alive = 0;
  Tick next_sweep = 0;
  ReplicaStats stats;

  std::unique_ptr<PartState> TakeState() {
    if (spare.empty()) return std::make_unique<PartState>();
    auto state = std::move(spare.back());
    spare.pop_back();
    return state;
  }

  LeafRecord& LeafOf(geo::NodeKey key) {
    auto [it, added] = leaves.try_emplace(key.bits);
    if (added) it->second.frame = geo::SectorFrame::Of(key.ancestor(geo::kSectorLevel));
    return it->second;
  }

  bool ApplyPart(const protocol::PartHeader& header, std::span<const std::byte> payload,
                 Tick tick) {
    if (auto it = dropped.find(header.leaf.bits); it != dropped.end() && tick <= it->second) {
      ++stats.stale_parts;
      return true;
    }
    LeafRecord& leaf = LeafOf(header.leaf);
    if (leaf.parts.size() <= header.part) leaf.parts.resize(size_t{header.part} + 1);
    PartRecord& record = leaf.parts[header.part];

    protocol::PartBases bases;
    if (!FindBases(record, header, tick, bases)) {
      ++stats.missing_base;
      return false;
    }
    auto state = TakeState();
    if (core::Status status = protocol::DecodePart(payload, bases, tick_hz, header.cls, *state);
        !status.ok()) {
      ++stats.malformed;
      spare.push_back(std::move(state));
      return false;
    }
    ++stats.parts;
    stats.part_bytes += payload.size();
    stats.entity_updates += static_cast<uint64_t>(std::popcount(state->occupied));
    Keep(leaf, record, header, std::move(state), tick);
    return true;
  }

  // False when one that the header names is not held.
  static bool FindBases(const PartRecord& record, const protocol::PartHeader& header, Tick tick,
                        protocol::PartBases& bases) {
    if (header.base_age == 0) return true;
    bases.age = header.base_age;
    bases.step = header.base_step;
    for (const HeldPart& held : record.held) {
      if (held.cls != header.cls) continue;
      if (held.tick + header.base_age == tick) bases.newest = held.state.get();
      if (header.base_step > 0 && held.tick + header.base_age + header.base_step == tick)
        bases.older = held.state.get();
    }
    return bases.newest != nullptr && (bases.older != nullptr || header.base_step == 0);
  }

  // Puts the state among the part's bases and, when it is the newest, shows it.
  void Keep(LeafRecord& leaf, PartRecord& record, const protocol::PartHeader& header,
            std::unique_ptr<PartState> state, Tick tick) {
    auto& held = record.held;
    size_t expired = 0;
    while (expired < held.size() && held[expired].tick + kHeldTicks <= tick) {
      spare.push_back(std::move(held[expired].state));
      ++expired;
    }
    // The newest stays even when it is too old to be a base: it says which members the view got
    // from here.
    std::unique_ptr<PartState> previous;
    if (expired == held.size() && expired > 0) {
      previous = std::move(spare.back());
      spare.pop_back();
    }
    held.erase(held.begin(), held.begin() + static_cast<std::ptrdiff_t>(expired));
    if (!held.empty() && held.back().tick >= tick) {
      ++stats.stale_parts;
      InsertSorted(held, header.cls, std::move(state), tick);
      return;
    }
    const PartState* before = previous       ? previous.get()
                              : held.empty() ? nullptr
                                             : held.back().state.get();
    Show(leaf, record, header, *state, before, tick);
    held.push_back({tick, header.cls, std::move(state)});
    if (previous) spare.push_back(std::move(previous));
  }

  void InsertSorted(std::vector<HeldPart>& held, ReplicationClass cls,
                    std::unique_ptr<PartState> state, Tick tick) {
    size_t at = held.size();
    while (at > 0 && held[at - 1].tick > tick) --at;
    if (at > 0 && held[at - 1].tick == tick) {
      spare.push_back(std::move(state));
      return;
    }
    held.insert(held.begin() + static_cast<std::ptrdiff_t>(at),
                HeldPart{tick, cls, std::move(state)});
  }

  void Show(const LeafRecord& leaf, PartRecord& part, const protocol::PartHeader& header,
            const PartState& now, const PartState* before, Tick tick) {
    const double unit_m = protocol::PositionUnitCm(header.cls) * 0.01;
    for (uint32_t rest = now.occupied; rest != 0; rest &= rest - 1) {
      const auto slot = static_cast<size_t>(std::countr_zero(rest));
      const auto& member = now.members[slot];
      if (part.shown[slot] == nullptr || part.shown[slot]->entity.id != member.id) {
        part.shown[slot] = &entities[member.id.bits];
      }
      EntityRecord& record = *part.shown[slot];
      // At an equal tick the living wins over its removal from another leaf.
      if (record.entity.tick > tick || (record.alive && record.entity.tick == tick)) continue;
      if (!record.alive) ++alive;
      record.alive = true;
      record.part = header.part;
      HeldEntity& entity = record.entity;
      entity.id = member.id;
      entity.kind = member.kind;
      entity.tick = tick;
      entity.cls = header.cls;
      entity.leaf = header.leaf;
      entity.state = member.state;
      const geo::Vec3 local{member.state.position[0] * unit_m, member.state.position[1] * unit_m,
                            member.state.position[2] * unit_m};
      entity.position = leaf.frame.origin + leaf.frame.RotateToEcef(local);
      if (listener != nullptr) listener->OnUpdate(entity);
    }
    if (before == nullptr) return;
    for (uint32_t rest = before->occupied; rest != 0; rest &= rest - 1) {
      RemoveIfOwned(before->members[static_cast<size_t>(std::countr_zero(rest))].id, header.leaf,
                    header.part, tick, /*inclusive=*/false);
    }
  }

  // Deletes an entity that (leaf, part) owns: nothing newer than `tick` (inclusive: nor as new)
  // holds it.
  void RemoveIfOwned(EntityId id, geo::NodeKey leaf, uint8_t part, Tick tick, bool inclusive) {
    auto it = entities.find(id.bits);
    if (it == entities.end()) return;
    EntityRecord& record = it->second;
    if (!record.alive || record.entity.leaf != leaf || record.part != part) return;
    if (record.entity.tick > tick || (!inclusive && record.entity.tick == tick)) return;
    record.alive = false;
    record.entity.tick = tick;
    --alive;
    if (listener != nullptr) listener->OnRemove(id, tick);
  }

  void ApplyDrop(geo::NodeKey key, Tick tick) {
    Tick& at = dropped[key.bits];
    if (tick > at) at = tick;
    auto it = leaves.find(key.bits);
    if (it == leaves.end()) return;
    bool all_gone = true;
    for (size_t number = 0; number < it->second.parts.size(); ++number) {
      auto& held = it->second.parts[number].held;
      if (held.empty()) continue;
      if (held.back().tick > tick) {
        all_gone = false;
        continue;
      }
      const PartState& newest = *held.back().state;
      for (uint32_t rest = newest.occupied; rest != 0; rest &= rest - 1) {
        RemoveIfOwned(newest.members[static_cast<size_t>(std::countr_zero(rest))].id, key,
                      static_cast<uint8_t>(number), tick, /*inclusive=*/true);
      }
      for (auto& part : held) spare.push_back(std::move(part.state));
      held.clear();
    }
    if (all_gone) leaves.erase(it);
  }

  void Sweep(Tick tick) {
    if (tick < next_sweep) return;
    next_sweep = tick + kTombstoneTicks;
    for (auto& [key, leaf] : leaves) {
      for (PartRecord& part : leaf.parts) part.shown.fill(nullptr);
    }
    std::erase_if(entities, [&](const auto& item) {
      return !item.second.alive && item.second.entity.tick + kTombstoneTicks < tick;
    });
    std::erase_if(dropped, [&](const auto& item) { return item.second + kTombstoneTicks < tick; });
  }
};

Replica::Replica(int tick_hz, Listener* listener)
    : impl_(std::make_unique<Impl>(tick_hz, listener)) {}
Replica::~Replica() = default;
Replica::Replica(Replica&&) noexcept = default;
Replica& Replica::operator=(Replica&&) noexcept = default;

core::Status Replica::Apply(protocol::SnapshotReader& reader, Tick tick) {
  Impl& self = *impl_;
  bool complete = true;
  protocol::PartHeader header;
  std::span<const std::byte> payload;
  while (reader.NextPart(header, payload)) complete &= self.ApplyPart(header, payload, tick);
  for (geo::NodeKey key : reader.drops()) self.ApplyDrop(key, tick);
  self.Sweep(tick);
  if (reader.malformed()) {
    ++self.stats.malformed;
    return {Code::kInvalid, "snapshot part is malformed"};
  }
  if (!complete) return {Code::kStale, "snapshot has a part that cannot be decoded"};
  return core::Status::Ok();
}

const HeldEntity* Replica::Find(EntityId id) const {
  auto it = impl_->entities.find(id.bits);
  return it != impl_->entities.end() && it->second.alive ? &it->second.entity : nullptr;
}

void Replica::ForEach(const std::function<void(const HeldEntity&)>& visit) const {
  for (const auto& [id, record] : impl_->entities) {
    if (record.alive) visit(record.entity);
  }
}

size_t Replica::entities() const { return impl_->alive; }

const PartState* Replica::FindPart(geo::NodeKey leaf, uint8_t part, Tick& tick,
                                   ReplicationClass& cls) const {
  auto it = impl_->leaves.find(leaf.bits);
  if (it == impl_->leaves.end() || it->second.parts.size() <= part) return nullptr;
  const auto& held = it->second.parts[part].held;
  if (held.empty()) return nullptr;
  tick = held.back().tick;
  cls = held.back().cls;
  return held.back().state.get();
}

const ReplicaStats& Replica::stats() const { return impl_->stats; }

}  // namespace bluemarble::client
