#include "replication/viewer.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "protocol/input.h"

namespace bluemarble::replication {
namespace {

uint64_t ShiftedBy(uint64_t bits, core::Tick ticks) { return ticks < 64 ? bits << ticks : 0; }

// One is the other, or within it.
bool Overlap(geo::NodeKey a, geo::NodeKey b) {
  return a.level() <= b.level() ? b.ancestor(a.level()) == a : a.ancestor(b.level()) == b;
}

uint32_t TicksSince(uint32_t then, core::Tick now) { return static_cast<uint32_t>(now) - then; }

}  // namespace

Viewer::Viewer(uint32_t max_leaves) : max_parts_(MaxParts(max_leaves)) {
  parts_.reserve(max_parts_);
  drops_.reserve(size_t{max_leaves} * 2);
}

void Viewer::Reset(core::EntityId own_entity, core::Tick now) {
  own = own_entity;
  last_datagram = now;
  budget_bytes = 0;
  late = 0;
  active = true;
  turn = 0;
  looked = static_cast<uint32_t>(now);
  parts_.clear();
  group_begin_.fill(0);
  drops_.clear();
  sent_ = 0;
  acked_ = 0;
  sets_at_ = now;
  sequence_ = 0;
}

void Viewer::SetParts(const std::array<std::vector<ViewerPart>, kReplicationClasses>& by_class) {
  parts_.clear();
  for (size_t cls = 0; cls < kReplicationClasses; ++cls) {
    group_begin_[cls] = static_cast<uint16_t>(parts_.size());
    parts_.insert(parts_.end(), by_class[cls].begin(), by_class[cls].end());
  }
  group_begin_.back() = static_cast<uint16_t>(parts_.size());
  assert(parts_.size() <= max_parts_);
}

bool Viewer::InsertParts(size_t at, int cls, std::span<const ViewerPart> more) {
  if (parts_.size() + more.size() > max_parts_) return false;
  parts_.insert(parts_.begin() + static_cast<std::ptrdiff_t>(at), more.begin(), more.end());
  for (size_t next = static_cast<size_t>(cls) + 1; next < group_begin_.size(); ++next)
    group_begin_[next] = static_cast<uint16_t>(group_begin_[next] + more.size());
  return true;
}

int Viewer::ClassOf(aoi::LeafId leaf) const {
  for (size_t at = 0; at < parts_.size(); ++at) {
    if (parts_[at].leaf == leaf) return static_cast<int>(ClassAt(at));
  }
  return kReplicationClasses;
}

bool Viewer::HasDropAround(geo::NodeKey key) const {
  return std::any_of(drops_.begin(), drops_.end(),
                     [key](const PendingDrop& drop) { return Overlap(drop.key, key); });
}

Viewer::Leaf Viewer::Admit(aoi::LeafId id, geo::NodeKey key) {
  for (PendingDrop& drop : drops_) {
    if (drop.key != key) continue;
    if (drop.leaf != id) {
      drop.not_before = 0;
      return Leaf::kNotYet;
    }
    drop = drops_.back();
    drops_.pop_back();
    return Leaf::kHeldBefore;
  }
  return Leaf::kNew;
}

bool Viewer::Drop(aoi::LeafId id, geo::NodeKey key, core::Tick now) {
  if (drops_.size() == drops_.capacity()) return false;
  drops_.push_back({.key = key, .leaf = id, .not_before = now + kDropDelayTicks});
  return true;
}

uint64_t Viewer::HeldStates(const ViewerPart& part, core::Tick now) const {
  constexpr uint64_t kUsable = (uint64_t{1} << kBaseTicks) - 1;
  return ShiftedBy(part.sent, TicksSince(part.last_sent, now)) & ShiftedBy(acked_, now - sets_at_) &
         kUsable;
}

int Viewer::BaseAge(const ViewerPart& part, core::Tick now) const {
  const uint64_t held = HeldStates(part, now);
  return held == 0 ? 0 : std::countr_zero(held);
}

Viewer::Held Viewer::BasesOf(const ViewerPart& part, core::Tick now, int wanted_step) const {
  const uint64_t held = HeldStates(part, now);
  if (held == 0) return {};
  const int age = std::countr_zero(held);
  const uint64_t older = held >> age & ~uint64_t{1};
  const uint64_t far = older & ~uint64_t{0} << wanted_step;
  const int step = far != 0     ? std::countr_zero(far)
                   : older != 0 ? static_cast<int>(std::bit_width(older)) - 1
                                : 0;
  return {static_cast<uint8_t>(age), static_cast<uint8_t>(step)};
}

void Viewer::MarkSent(ViewerPart& part, core::Tick now) {
  part.sent = static_cast<uint32_t>(ShiftedBy(part.sent, TicksSince(part.last_sent, now))) | 1;
  part.last_sent = static_cast<uint32_t>(now);
  part.fresh = false;
  part.may_hold = true;
}

void Viewer::OnAck(uint16_t ack, uint64_t ack_bits, ReplicationStats& stats) {
  if (ack == 0) return;
  const int older = sequence_ == 0 ? -1 : protocol::SequenceSteps(ack, sequence_);
  if (older < 0 || older > 32'767) {
    stats.acks_unknown.Add();
    return;
  }
  // Bit i: the i-th last datagram, which is the one of the i-th lowest tick of the set.
  uint64_t said = ShiftedBy(ack_bits << 1 | 1, static_cast<core::Tick>(older));
  const uint64_t before = acked_;
  for (uint64_t ticks = sent_; ticks != 0 && said != 0; ticks &= ticks - 1, said >>= 1) {
    if ((said & 1) != 0) acked_ |= ticks & (~ticks + 1);
  }
  if (acked_ == before || drops_.empty()) return;
  std::erase_if(drops_, [&](const PendingDrop& drop) {
    return (ShiftedBy(drop.said, sets_at_ - drop.last_said) & acked_) != 0;
  });
}

std::optional<core::Tick> Viewer::AckAge(core::Tick now) const {
  if (acked_ == 0) return std::nullopt;
  return now - sets_at_ + static_cast<core::Tick>(std::countr_zero(acked_));
}

uint16_t Viewer::BeginDatagram(core::Tick now) {
  sequence_ = protocol::NextSequence(sequence_);
  sent_ = ShiftedBy(sent_, now - sets_at_) | 1;
  acked_ = ShiftedBy(acked_, now - sets_at_);
  sets_at_ = now;
  last_datagram = now;
  return sequence_;
}

void Viewer::CancelDatagram(core::Tick last_datagram_before) {
  sent_ &= ~uint64_t{1};
  sequence_ = sequence_ == 1 ? uint16_t{65535} : static_cast<uint16_t>(sequence_ - 1);
  last_datagram = last_datagram_before;
}

std::span<const geo::NodeKey> Viewer::DueDrops(core::Tick now, DropKeys& keys) const {
  size_t count = 0;
  for (const PendingDrop& drop : drops_) {
    if (count == keys.size()) break;
    if (drop.DueAt(now) && !WaitsForSuccessors(drop, now)) keys[count++] = drop.key;
  }
  return {keys.data(), count};
}

// Not when its key is needed for another leaf.
bool Viewer::WaitsForSuccessors(const PendingDrop& drop, core::Tick now) const {
  if (drop.said != 0 || drop.not_before == 0) return false;
  if (drop.not_before + (kMostDropDelayTicks - kDropDelayTicks) <= now) return false;
  return std::any_of(parts_.begin(), parts_.end(), [&](const ViewerPart& part) {
    return part.replaces && Overlap(part.key, drop.key) && HeldStates(part, now) == 0;
  });
}

void Viewer::MarkDropsSaid(core::Tick now, std::span<const geo::NodeKey> said) {
  if (said.empty()) return;
  for (PendingDrop& drop : drops_) {
    if (std::find(said.begin(), said.end(), drop.key) == said.end()) continue;
    drop.said = ShiftedBy(drop.said, now - drop.last_said) | 1;
    drop.last_said = now;
  }
}

}  // namespace bluemarble::replication
