#include "replication/viewer.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "protocol/input.h"

namespace bluemarble::replication {

Viewer::Viewer(uint32_t max_leaves)
    : leaves_(max_leaves), parts_(std::min(max_leaves * 2u, 0xfffeu)) {
  grouped_.reserve(max_leaves);
  drops_.reserve(size_t{max_leaves} * 2);
}

void Viewer::Reset(core::EntityId own_entity, core::Tick now) {
  own = own_entity;
  report = {};
  last_datagram = now;
  budget_bytes = 0;
  active = true;
  refresh = true;
  std::fill(leaves_.begin(), leaves_.end(), ViewerLeaf{});
  leaf_high_ = 0;
  leaf_count_ = 0;
  behind = 0;
  GroupByClass();
  for (size_t i = 0; i < parts_.size(); ++i) {
    parts_[i] = {};
    parts_[i].next = i + 1 < parts_.size() ? static_cast<uint16_t>(i + 1) : kNoPart;
  }
  free_part_ = 0;
  drops_.clear();
  log_.fill({});
  unacked_ = 0;
  sequence_ = 0;
}

bool Viewer::AddLeaf(aoi::LeafId id, geo::NodeKey key, ReplicationClass cls, core::Tick now) {
  if (leaf_count_ == leaves_.size()) return false;
  bool client_may_hold = false;
  for (size_t i = 0; i < drops_.size(); ++i) {
    if (drops_[i].key != key) continue;
    if (drops_[i].id != id) {
      // Another leaf had this key: its members must be forgotten before the new one may speak.
      drops_[i].not_before = 0;
      return false;
    }
    drops_[i] = drops_.back();
    drops_.pop_back();
    client_may_hold = true;
    break;
  }
  uint32_t slot = 0;
  while (leaves_[slot].id.generation != 0) ++slot;
  leaves_[slot] = {.id = id, .key = key, .reset = now, .cls = cls, .first_part = kNoPart};
  leaves_[slot].client_may_hold = client_may_hold;
  leaf_high_ = std::max(leaf_high_, slot + 1);
  ++leaf_count_;
  behind |= static_cast<uint8_t>(1u << static_cast<unsigned>(cls));
  return true;
}

bool Viewer::DropLeaf(uint32_t slot, core::Tick now) {
  ViewerLeaf& leaf = leaves_[slot];
  if (drops_.size() == drops_.capacity()) return false;
  if (leaf.first_part != kNoPart || leaf.client_may_hold) {  // else there is nothing to forget
    drops_.push_back({.key = leaf.key,
                      .id = leaf.id,
                      .not_before = now + kDropDelayTicks,
                      .last_sent = 0,
                      .included = 0});
  }
  FreeParts(leaf);
  leaf = {};
  --leaf_count_;
  while (leaf_high_ > 0 && leaves_[leaf_high_ - 1].id.generation == 0) --leaf_high_;
  return true;
}

void Viewer::ChangeClass(uint32_t slot, ReplicationClass cls, core::Tick now) {
  ViewerLeaf& leaf = leaves_[slot];
  leaf.cls = cls;
  leaf.reset = now;
  for (uint16_t at = leaf.first_part; at != kNoPart; at = parts_[at].next) parts_[at].acked.fill(0);
}

void Viewer::GroupByClass() {
  grouped_.clear();
  for (size_t cls = 0; cls < kReplicationClasses; ++cls) {
    group_begin_[cls] = static_cast<uint16_t>(grouped_.size());
    for (uint32_t slot = 0; slot < leaf_high_; ++slot) {
      if (leaves_[slot].id.generation != 0 &&
          leaves_[slot].cls == static_cast<ReplicationClass>(cls))
        grouped_.push_back(static_cast<uint16_t>(slot));
    }
  }
  group_begin_.back() = static_cast<uint16_t>(grouped_.size());
}

void Viewer::FreeParts(ViewerLeaf& leaf) {
  while (leaf.first_part != kNoPart) {
    const uint16_t at = leaf.first_part;
    leaf.first_part = parts_[at].next;
    parts_[at] = {};
    parts_[at].next = free_part_;
    free_part_ = at;
  }
}

ViewerPart* Viewer::PartOf(ViewerLeaf& leaf, uint8_t number) {
  for (uint16_t at = leaf.first_part; at != kNoPart; at = parts_[at].next) {
    if (parts_[at].number == number) return &parts_[at];
  }
  if (free_part_ == kNoPart) return nullptr;
  const uint16_t at = free_part_;
  free_part_ = parts_[at].next;
  parts_[at] = {};
  parts_[at].number = number;
  parts_[at].next = leaf.first_part;
  leaf.first_part = at;
  return &parts_[at];
}

core::Tick Viewer::BaseOf(const ViewerPart& part, core::Tick now) {
  const core::Tick newest = part.acked[0];
  return newest != 0 && newest < now && now - newest < kBaseTicks ? newest : 0;
}

void Viewer::OnAck(uint16_t ack, uint64_t ack_bits, ReplicationStats& stats) {
  if (ack == 0) return;
  const int older = sequence_ == 0 ? -1 : protocol::SequenceSteps(ack, sequence_);
  if (older < 0 || older > 32'767) {
    stats.acks_unknown.Add();
    return;
  }
  for (uint64_t rest = unacked_; rest != 0; rest &= rest - 1) {
    SentDatagram& datagram = log_[static_cast<size_t>(std::countr_zero(rest))];
    const int steps = protocol::SequenceSteps(datagram.sequence, ack);
    if (steps > kAckWindow) continue;  // older than the bits reach, or newer than `ack`
    if (steps == 0 || (ack_bits >> (steps - 1) & 1) != 0) Acked(datagram);
  }
}

void Viewer::Acked(SentDatagram& datagram) {
  const int slot = LogSlot(datagram.sequence);
  unacked_ &= ~(uint64_t{1} << slot);
  for (int i = 0; i < datagram.parts; ++i) {
    const PartRef& ref = datagram.refs[static_cast<size_t>(i)];
    ViewerLeaf& leaf = leaves_[ref.leaf_slot];
    if (leaf.id.generation == 0 || leaf.reset > datagram.tick) continue;
    for (uint16_t at = leaf.first_part; at != kNoPart; at = parts_[at].next) {
      ViewerPart& part = parts_[at];
      if (part.number != ref.number) continue;
      auto place = std::find_if(part.acked.begin(), part.acked.end(),
                                [&](core::Tick tick) { return tick < datagram.tick; });
      if (place == part.acked.end()) break;
      std::move_backward(place, part.acked.end() - 1, part.acked.end());
      *place = datagram.tick;
      break;
    }
  }
  std::erase_if(drops_, [&](const PendingDrop& drop) { return (drop.included >> slot & 1) != 0; });
}

SentDatagram& Viewer::BeginDatagram(core::Tick now) {
  sequence_ = protocol::NextSequence(sequence_);
  const int slot = LogSlot(sequence_);
  const uint64_t bit = uint64_t{1} << slot;
  for (auto& drop : drops_) drop.included &= ~bit;
  unacked_ |= bit;
  SentDatagram& datagram = log_[static_cast<size_t>(slot)];
  datagram.sequence = sequence_;
  datagram.tick = now;
  datagram.parts = 0;
  last_datagram = now;
  return datagram;
}

void Viewer::CancelDatagram(core::Tick last_datagram_before) {
  assert(log_[static_cast<size_t>(LogSlot(sequence_))].parts == 0);
  unacked_ &= ~(uint64_t{1} << LogSlot(sequence_));
  sequence_ = sequence_ == 1 ? uint16_t{65535} : static_cast<uint16_t>(sequence_ - 1);
  last_datagram = last_datagram_before;
}

std::span<const geo::NodeKey> Viewer::TakeDrops(core::Tick now) {
  const uint64_t bit = uint64_t{1} << LogSlot(sequence_);
  size_t count = 0;
  for (auto& drop : drops_) {
    if (drop.not_before > now || drop.last_sent + kDropRepeatTicks > now ||
        count == drop_keys_.size())
      continue;
    drop.last_sent = now;
    drop.included |= bit;
    drop_keys_[count++] = drop.key;
  }
  return {drop_keys_.data(), count};
}

}  // namespace bluemarble::replication
