#include "replication/world_feed.h"

#include <algorithm>
#include <bit>

#include "protocol/snapshot.h"
#include "replication/history.h"

namespace bluemarble::replication {
namespace {

uint32_t PeriodOf(uint32_t hz, int tick_hz) {
  return std::max(1u, static_cast<uint32_t>(tick_hz) / std::max(1u, hz));
}

}  // namespace

WorldFeed::WorldFeed(const FeedSettings& settings, int tick_hz, const world::World& world,
                     const aoi::Octree& octree)
    : tick_hz_(tick_hz),
      period_(PeriodOf(settings.leaf_hz, tick_hz)),
      focus_period_(PeriodOf(settings.focus_hz, tick_hz)),
      world_(world),
      octree_(octree),
      ring_(settings.ring_bytes),
      written_(octree.leaf_capacity()) {
  focuses_.reserve(kMaxFocuses);
  focus_leaves_.reserve(kMaxFocusLeaves);
}

void WorldFeed::SetFocuses(std::span<const FeedFocus> focuses) {
  const size_t count = std::min(focuses.size(), kMaxFocuses);
  const uint64_t changes = changes_.load(std::memory_order_relaxed);
  changes_.store(changes + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  for (size_t i = 0; i < count; ++i) {
    const FeedFocus& focus = focuses[i];
    size_t at = 4 * i;
    for (const int64_t number : {int64_t{focus.centre.x}, int64_t{focus.centre.y},
                                 int64_t{focus.centre.z}, focus.radius_cm})
      wanted_[at++].store(number, std::memory_order_relaxed);
  }
  wanted_count_.store(count, std::memory_order_relaxed);
  changes_.store(changes + 2, std::memory_order_release);
}

// Half-written ones are taken the next time.
void WorldFeed::TakeFocuses() {
  const uint64_t changes = changes_.load(std::memory_order_acquire);
  if (changes == taken_changes_ || changes % 2 != 0) return;
  std::array<FeedFocus, kMaxFocuses> taken;
  const size_t count = std::min(wanted_count_.load(std::memory_order_relaxed), kMaxFocuses);
  for (size_t i = 0; i < count; ++i) {
    const auto number = [&](size_t part) {
      return wanted_[4 * i + part].load(std::memory_order_relaxed);
    };
    taken[i] = {{static_cast<int32_t>(number(0)), static_cast<int32_t>(number(1)),
                 static_cast<int32_t>(number(2))},
                number(3)};
  }
  std::atomic_thread_fence(std::memory_order_acquire);
  if (changes_.load(std::memory_order_relaxed) != changes) return;
  focuses_.assign(taken.begin(), taken.begin() + static_cast<std::ptrdiff_t>(count));
  taken_changes_ = changes;
}

void WorldFeed::Write(core::Tick now) noexcept {
  if (!watched_.load(std::memory_order_relaxed)) return;
  WriteFocuses(now);
  const uint64_t turn = now % period_;
  const uint64_t leaves = octree_.leaves_touched();
  const auto end = static_cast<uint32_t>(leaves * (turn + 1) / period_);
  for (auto index = static_cast<uint32_t>(leaves * turn / period_); index < end; ++index) {
    if (const aoi::Leaf* leaf = octree_.AtIndex(index)) WriteLeaf(index, *leaf, now);
  }
}

void WorldFeed::WriteFocuses(core::Tick now) {
  const uint64_t turn = now % focus_period_;
  if (turn == 0) {
    TakeFocuses();
    focus_leaves_.clear();
    for (const FeedFocus& focus : focuses_)
      (void)octree_.QueryLeaves(focus.centre, focus.radius_cm, focus_leaves_);
  }
  const size_t leaves = focus_leaves_.size();
  const size_t end = leaves * (turn + 1) / focus_period_;
  for (size_t at = leaves * turn / focus_period_; at < end; ++at) {
    const aoi::LeafId id = focus_leaves_[at];
    const aoi::Leaf* leaf = octree_.Find(id);
    // In two focuses, or its turn among all leaves was just now.
    if (leaf == nullptr || static_cast<uint32_t>(now) - written_[id.index] < focus_period_)
      continue;
    WriteLeaf(id.index, *leaf, now);
  }
}

void WorldFeed::WriteLeaf(uint32_t index, const aoi::Leaf& leaf, core::Tick now) {
  written_[index] = static_cast<uint32_t>(now);
  const auto frame = geo::SectorFrame::Of(leaf.key.ancestor(geo::kSectorLevel));
  std::array<std::byte, protocol::kMaxPartBytes> payload;
  FeedHead head{.key = leaf.key.bits,
                .tick = static_cast<uint32_t>(now),
                .parts = static_cast<uint8_t>(std::min(octree_.parts_of(index), 255u))};
  for (uint32_t id = leaf.first_part; id != aoi::Part::kNone; id = octree_.part(id).next) {
    const aoi::Part& part = octree_.part(id);
    if (part.number > 255)
      break;  // what one byte on the wire cannot name players are not sent either
    part_.occupied = part.occupied;
    head.players = 0;
    for (uint32_t rest = part.occupied; rest != 0; rest &= rest - 1) {
      const auto slot = static_cast<size_t>(std::countr_zero(rest));
      const core::EntityId entity = part.slots[slot].entity;
      const uint32_t row = world_.RowOf(entity);
      const world::Kind kind = world_.kinds()[row];
      if (kind == world::Kind::kPlayer) ++head.players;
      part_.members[slot] = {
          entity, static_cast<uint8_t>(kind),
          protocol::ToClass(Quantise(frame, kind, world_.bodies()[row], world_.vitals()[row]),
                            kFeedClass)};
    }
    const auto bytes = protocol::EncodePart(part_, {}, {}, tick_hz_, kFeedClass, payload);
    if (!bytes.ok()) continue;
    head.number = static_cast<uint8_t>(part.number);
    head.members = static_cast<uint16_t>(std::popcount(part.occupied));
    if (!ring_.Push(std::as_bytes(std::span(&head, 1)), std::span(payload).first(*bytes)))
      stats_.dropped.Add();
    stats_.members.Add(head.members);
  }
  stats_.leaves.Add();
}

}  // namespace bluemarble::replication
