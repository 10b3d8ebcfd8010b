#include "replication/replicator.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cassert>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/hash.h"
#include "replication/block_cache.h"
#include "replication/history.h"
#include "replication/interest.h"
#include "replication/viewer.h"

namespace bluemarble::replication {
namespace {

using core::Code;
using core::Tick;
using protocol::PartState;

constexpr int kViewersPerChunk = 16;
constexpr size_t kArenaBytes = 8u << 20;
/// Parts of one datagram: what fits 1,200 B when each holds one member.
constexpr size_t kMaxPartsPerDatagram = 56;
// After so many parts that did not fit what is left of the datagram, the rest waits for the next
// tick.
constexpr size_t kMisfitsBeforeStop = 4;
// Leaves that are asked for so far ahead: they lie all over the octree's memory.
constexpr size_t kPrefetchParts = 4;
// No more candidates are looked at for one datagram, so no more need be in order.
constexpr size_t kMaxLooks = kMaxPartsPerDatagram + kMisfitsBeforeStop;

// A part is kept up when its base has half of its life behind it; before everything that has not
// waited for longer than the second, so that nobody is never shown.
constexpr uint32_t kKeepUpTicks = kBaseTicks / 2;
constexpr uint32_t kKeptUpAheadTicks = 4 * kBaseTicks;

struct LeafFrame {
  geo::NodeKey sector;
  geo::SectorFrame frame;
};

/// Counts of one worker during one phase; added to the stats after the join.
struct Tally {
  uint64_t datagrams = 0, bytes = 0, parts = 0, keyframes = 0, encoded = 0, hits = 0, updates = 0,
           deferred = 0, scratch_full = 0, over_limit = 0, private_bytes = 0, drop_bytes = 0;
  std::array<uint64_t, kReplicationClasses> header_bytes{}, payload_bytes{};
};

struct alignas(64) WorkerScratch {
  // Priority above the complement of the part's place: descending is the order to send in.
  std::vector<uint64_t> candidates;
  PartState now, base, older;
  Viewer::DropKeys drops;
  std::unique_ptr<std::byte[]> snapshots;  // of this tick, one after the other
  size_t snapshot_bytes = 0;
  Tally tally;
};

}  // namespace

struct Replicator::Impl {
  ReplicationSettings settings;
  int tick_hz;
  int wanted_step;  // ticks between the two bases of a part: a tenth of a second
  size_t datagram_bytes;
  const world::World& world;
  const aoi::Octree& octree;
  core::WorkerPool& workers;

  const Periods regular_period;
  Periods period{};
  Tick regular_silence = 1, max_silence = 1;
  uint16_t dilation_pct = 100;
  // By Viewer::turn: bit c, that the class has its turn in this tick.
  std::array<uint8_t, kNearTurns * kFarTurns> turns{};

  std::vector<std::unique_ptr<Viewer>> viewers;
  uint32_t viewer_high = 0;
  std::vector<OwnReport> reports;                     // by viewer slot, as what follows
  std::vector<std::span<const std::byte>> snapshots;  // in the workers' scratch
  InterestFinder interest;
  History history;
  BlockCache cache;
  std::vector<std::atomic<uint64_t>> quantised;  // by leaf index: the tick, and a bit: done
  std::vector<LeafFrame> frames;                 // by leaf index
  std::vector<WorkerScratch> scratch;
  ReplicationStats stats;

  Impl(const ReplicationSettings& s, int hz, size_t bytes, const world::World& w,
       const aoi::Octree& o, core::WorkerPool& pool)
      : settings(s),
        tick_hz(hz),
        wanted_step(std::max(1, hz / 10)),
        datagram_bytes(bytes),
        world(w),
        octree(o),
        workers(pool),
        regular_period(RegularPeriods(s.rate_hz, hz)),
        viewers(s.max_viewers),
        reports(s.max_viewers),
        snapshots(s.max_viewers),
        interest(s, o, w.capacity(), pool.workers()),
        history(w.capacity()),
        cache(o.part_capacity(), pool.workers(), kArenaBytes),
        quantised(o.leaf_capacity()),
        frames(o.leaf_capacity()),
        scratch(static_cast<size_t>(pool.workers())) {
    for (auto& state : quantised) state.store(UINT64_MAX, std::memory_order_relaxed);
    regular_silence = std::max<Tick>(1, s.max_silence_ms * static_cast<Tick>(hz) / 1000);
    SetRelief(0, 100);
    for (auto& worker : scratch) {
      worker.candidates.reserve(Viewer::MaxParts(s.max_leaves_per_viewer));
      worker.snapshots = std::make_unique_for_overwrite<std::byte[]>(size_t{s.max_viewers} * bytes);
    }
  }

  void SetRelief(uint8_t step, uint16_t pct) {
    dilation_pct = pct;
    period = RelievedPeriods(regular_period, step);
    max_silence = std::max<Tick>(regular_silence, period[0]);
  }

  // A viewer's turn of a class: that of all its leaves, so that a viewer without anybody near gets
  // few datagrams, and that of its neighbours, so that they share blocks. The farthest class comes
  // along at turns of the one before.
  void BeginTurns(Tick now) {
    for (uint32_t turn = 0; turn < turns.size(); ++turn)
      turns[turn] = TurnsAt(now, turn / kFarTurns, turn % kFarTurns, period);
  }

  // Under relief the nearest class has turns too, spread over the ticks by slots, since a crowd
  // stands in one place, and nothing comes between them: 0.
  uint8_t TurnsOf(const Viewer& viewer, uint32_t slot, Tick now) const {
    return period[0] == 1 ? turns[viewer.turn] : SlotTurnsAt(now, slot, period);
  }

  // Its own state: drops ride along, and none waits longer than the longest silence.
  bool OwnDue(const Viewer& viewer, uint32_t slot, Tick now) const {
    return reports[slot].exact || now - viewer.last_datagram >= max_silence;
  }

  bool Due(const Viewer& viewer, uint32_t slot, Tick now) const {
    if (OwnDue(viewer, slot, now)) return true;
    const uint8_t its_turns = TurnsOf(viewer, slot, now);
    return its_turns != 0 && ((its_turns | viewer.late) & viewer.classes()) != 0;
  }

  void BuildSnapshots(Tick now) {
    const int chunks = (static_cast<int>(viewer_high) + kViewersPerChunk - 1) / kViewersPerChunk;
    workers.Run(chunks, [&](int chunk, int worker) {
      const uint32_t first = static_cast<uint32_t>(chunk) * kViewersPerChunk;
      const uint32_t end = std::min(viewer_high, first + kViewersPerChunk);
      for (uint32_t slot = first; slot < end; ++slot) {
        if (slot + 2 < viewer_high && viewers[slot + 2]) viewers[slot + 2]->Fetch();
        if (const uint32_t next = slot + 1;  // what another worker has may not be read
            next < end && viewers[next] && Due(*viewers[next], next, now))
          viewers[next]->FetchParts();
        if (viewers[slot] && viewers[slot]->active)
          BuildSnapshot(slot, *viewers[slot], worker, now);
      }
    });
  }

  // Writes the history rows of a leaf, once in a tick in which somebody is sent any of it. Returns
  // when they are there, whoever writes them.
  void QuantiseOnce(const aoi::Leaf& leaf, uint32_t leaf_index, Tick now) {
    const uint64_t begun = now << 1, done = begun | 1;
    auto& state = quantised[leaf_index];
    uint64_t seen = state.load(std::memory_order_acquire);
    if (seen == done) return;
    if (seen == begun || !state.compare_exchange_strong(seen, begun, std::memory_order_acq_rel)) {
      while (state.load(std::memory_order_acquire) != done) {
      }
      return;
    }
    const geo::SectorFrame& frame = FrameOf(leaf_index, leaf.key);
    for (uint32_t id = leaf.first_part; id != aoi::Part::kNone; id = octree.part(id).next) {
      const aoi::Part& part = octree.part(id);
      for (uint32_t rest = part.occupied; rest != 0; rest &= rest - 1) {
        const core::EntityId entity =
            part.slots[static_cast<size_t>(std::countr_zero(rest))].entity;
        const uint32_t row = world.RowOf(entity);
        assert(row != world::World::kNoRow);
        const world::Kind kind = world.kinds()[row];
        history.At(entity, now) = {Quantise(frame, kind, world.bodies()[row], world.vitals()[row]),
                                   static_cast<uint8_t>(kind)};
      }
    }
    state.store(done, std::memory_order_release);
  }

  const geo::SectorFrame& FrameOf(uint32_t leaf_index, geo::NodeKey key) {
    LeafFrame& cached = frames[leaf_index];
    const geo::NodeKey sector = key.ancestor(geo::kSectorLevel);
    if (cached.sector != sector) cached = {sector, geo::SectorFrame::Of(sector)};
    return cached.frame;
  }

  void CollectCandidates(Viewer& viewer, uint32_t slot, WorkerScratch& own, int worker, Tick now) {
    own.candidates.clear();
    const uint8_t its_turns = TurnsOf(viewer, slot, now), looked_at = its_turns | viewer.late;
    if (its_turns == 0) return;
    for (int cls = 0; cls < kReplicationClasses; ++cls) {
      if ((looked_at >> cls & 1) != 0)
        CollectClass(viewer, slot, cls, (its_turns >> cls & 1) != 0, own, worker, now);
    }
    viewer.late = 0;
    auto ordered_to = own.candidates.end();
    if (own.candidates.size() > kMaxLooks) {
      ordered_to = own.candidates.begin() + kMaxLooks;
      std::nth_element(own.candidates.begin(), ordered_to, own.candidates.end(), std::greater<>());
    }
    std::sort(own.candidates.begin(), ordered_to, std::greater<>());
  }

  // Out of turn only parts that had to wait, or that the client does not know yet: those of a leaf
  // that was left are forgotten soon.
  void CollectClass(Viewer& viewer, uint32_t slot, int cls, bool turn, WorkerScratch& own,
                    int worker, Tick now) {
    const uint32_t its_period = period[static_cast<size_t>(cls)];
    for (size_t at = viewer.group_begin(cls); at < viewer.group_end(cls); ++at) {
      ViewerPart& part = viewer.parts()[at];
      if (at + kPrefetchParts < viewer.group_end(cls))
        octree.Prefetch(viewer.parts()[at + kPrefetchParts].leaf.index);
      if (octree.Find(part.leaf) == nullptr) {  // split, merged or emptied since
        interest.Want(slot);
        continue;
      }
      if (part.number == 0 && interest.HasNewParts(viewer, at, cls) &&
          !interest.TakeNewParts(viewer, at, cls, worker, now)) {
        ++own.tally.over_limit;
      }
      const uint32_t waited = static_cast<uint32_t>(now) - part.last_sent;
      if (!turn && !part.fresh && waited < its_period) continue;
      // What the client holds costs a tenth of a keyframe. Where there is more than fits, all of it
      // stays held only if it is said again in time, before what has to be said in full.
      const bool kept_up = waited >= kKeepUpTicks && waited > its_period &&
                           viewer.BaseAge(part, now) >= static_cast<int>(kKeepUpTicks);
      // And so does what its entities are shown in still, which is to be forgotten; once more if
      // that datagram was lost.
      if (part.replaces && viewer.BaseAge(part, now) != 0) part.replaces = false;
      const bool taken_over = part.replaces && (part.fresh || waited >= kKeepUpTicks);
      const uint64_t counted = uint64_t{waited} + (kept_up || taken_over ? kKeptUpAheadTicks : 0) +
                               (taken_over ? kKeepUpTicks : 0);
      // In periods of the class: every class is late by the same factor.
      const uint64_t priority = std::min<uint64_t>(counted * 64 / its_period, 0xffffff);
      own.candidates.push_back(priority << 16 | (0xffff - at));
      cache.Prefetch(part.part_id);
    }
  }

  void Gather(const aoi::Part& part, ReplicationClass cls, Tick tick, PartState& out) const {
    out.occupied = part.occupied;
    for (uint32_t rest = part.occupied; rest != 0; rest &= rest - 1) {
      const auto slot = static_cast<size_t>(std::countr_zero(rest));
      const core::EntityId entity = part.slots[slot].entity;
      const History::Row& row = history.At(entity, tick);
      out.members[slot] = {entity, row.kind, protocol::ToClass(row.state, cls)};
    }
  }

  // The rows of those who are in their slots since `then`; which these are.
  uint32_t GatherBase(const aoi::Part& part, ReplicationClass cls, Tick then,
                      PartState& out) const {
    uint32_t same = 0;
    for (uint32_t rest = part.occupied; rest != 0; rest &= rest - 1) {
      const auto slot = static_cast<size_t>(std::countr_zero(rest));
      if (part.slots[slot].since > then) continue;
      same |= 1u << slot;
      out.members[slot].state =
          protocol::ToClass(history.At(part.slots[slot].entity, then).state, cls);
    }
    return out.occupied = same;
  }

  size_t Encode(const aoi::Part& part, ReplicationClass cls, Tick now, Viewer::Held held,
                WorkerScratch& own, std::span<std::byte> out,
                protocol::PartSpending& spending) const {
    Gather(part, cls, now, own.now);
    protocol::PartBases bases;
    protocol::SameMembers same;
    if (held.age > 0) {
      bases = {.newest = &own.base, .age = held.age, .step = held.step};
      same.newest = GatherBase(part, cls, now - held.age, own.base);
    }
    if (held.step > 0) {
      bases.older = &own.older;
      same.both = GatherBase(part, cls, now - held.age - held.step, own.older);
    }
    const auto size = protocol::EncodePart(own.now, bases, same, tick_hz, cls, out, &spending);
    return size.ok() ? *size : 0;
  }

  protocol::PrivateBlock OwnBlock(const Viewer& viewer, const OwnReport& report, uint16_t sequence,
                                  Tick now) const {
    protocol::PrivateBlock own;
    own.sequence = sequence;
    own.tick = static_cast<uint32_t>(now);
    own.input_depth = report.input_depth;
    own.dilation_pct = dilation_pct;
    const uint32_t row = world.RowOf(viewer.own);
    if (row == world::World::kNoRow) return own;
    own.health = world.vitals()[row].health;
    if (report.exact) {
      const world::Body& body = world.bodies()[row];
      own.exact = true;
      own.position = body.position;
      own.velocity = body.velocity;
      own.ground_height_m = body.ground_height_m;
      own.yaw = body.yaw;
    }
    const Tick confirmed_age = now - report.confirmed_tick;
    if (report.confirmed && confirmed_age <= 255) {
      own.confirmed = true;
      own.confirmed_age = static_cast<uint8_t>(confirmed_age);
    }
    return own;
  }

  void BuildSnapshot(uint32_t slot, Viewer& viewer, int worker, Tick now) {
    WorkerScratch& own = scratch[static_cast<size_t>(worker)];
    snapshots[slot] = {};
    interest.WantOverdue(slot, viewer, now);
    const auto per_tick = static_cast<int64_t>(settings.budget_bytes_per_s) / tick_hz;
    viewer.budget_bytes = std::min(viewer.budget_bytes + per_tick,
                                   std::max(per_tick * 2, static_cast<int64_t>(datagram_bytes)));
    if (!Due(viewer, slot, now)) return;
    CollectCandidates(viewer, slot, own, worker, now);
    const bool own_due = OwnDue(viewer, slot, now);
    if (own.candidates.empty() && !own_due) return;

    const Tick last_datagram = viewer.last_datagram;
    const uint16_t sequence = viewer.BeginDatagram(now);
    protocol::SnapshotWriter writer;
    const std::span<std::byte> out{own.snapshots.get() + own.snapshot_bytes, datagram_bytes};
    const auto drops = viewer.DueDrops(now, own.drops);
    if (!writer.Begin(OwnBlock(viewer, reports[slot], sequence, now), drops, out).ok()) return;
    const size_t head_bytes = writer.size_bytes();
    if (AddParts(viewer, own, worker, now, writer) == 0 && !own_due) {
      viewer.CancelDatagram(last_datagram);
      return;
    }

    viewer.MarkDropsSaid(now, drops);
    snapshots[slot] = out.first(writer.size_bytes());
    own.snapshot_bytes += writer.size_bytes();
    viewer.budget_bytes -= static_cast<int64_t>(writer.size_bytes());
    ++own.tally.datagrams;
    own.tally.bytes += writer.size_bytes();
    const size_t drop_bytes = drops.size() * sizeof(geo::NodeKey::bits);
    own.tally.drop_bytes += drop_bytes;
    own.tally.private_bytes += head_bytes - drop_bytes;
  }

  // Fills by priority; returns how many parts were added. A part that the datagram has no room for
  // is passed over for smaller ones; one that only the budget forbids is waited for, else the large
  // ones would never have their turn.
  size_t AddParts(Viewer& viewer, WorkerScratch& own, int worker, Tick now,
                  protocol::SnapshotWriter& writer) {
    size_t misfits = 0, added = 0, at = 0;
    for (;
         at < own.candidates.size() && misfits < kMisfitsBeforeStop && added < kMaxPartsPerDatagram;
         ++at) {
      const size_t place = 0xffff - (own.candidates[at] & 0xffff);
      ViewerPart& held = viewer.parts()[place];
      const ReplicationClass cls = viewer.ClassAt(place);
      const Viewer::Held bases = viewer.BasesOf(held, now, wanted_step);
      const EncodedBlock block = BlockOf(held, cls, bases, worker, now, own);
      if (block.bytes.empty()) {
        ++own.tally.scratch_full;
        PutOff(viewer, cls, own);
        continue;
      }
      const size_t need = protocol::kPartHeaderBytes + block.bytes.size();
      if (static_cast<int64_t>(writer.size_bytes() + need) > viewer.budget_bytes) break;
      const size_t before_bytes = writer.size_bytes();
      if (!writer.AddPart({held.key, held.number, cls, bases.age, bases.step}, block.bytes)) {
        ++misfits;
        PutOff(viewer, cls, own);
        continue;
      }
      Viewer::MarkSent(held, now);
      ++added;
      if (bases.age == 0) ++own.tally.keyframes;
      const auto tier = static_cast<size_t>(cls);
      own.tally.payload_bytes[tier] += block.bytes.size();
      own.tally.header_bytes[tier] += writer.size_bytes() - before_bytes - block.bytes.size();
      own.tally.updates += block.members;
      cache.CountCopy(block, worker);
    }
    own.tally.parts += added;
    for (; at < own.candidates.size(); ++at)
      PutOff(viewer, viewer.ClassAt(0xffff - (own.candidates[at] & 0xffff)), own);
    return added;
  }

  EncodedBlock BlockOf(const ViewerPart& held, ReplicationClass cls, Viewer::Held bases, int worker,
                       Tick now, WorkerScratch& own) {
    const EncodedBlock block =
        cache.Get({held.part_id, cls, bases.age, bases.step}, worker,
                  [&](std::span<std::byte> out) -> BlockCache::Content {
                    QuantiseOnce(*octree.Find(held.leaf), held.leaf.index, now);
                    const aoi::Part& part = octree.part(held.part_id);
                    BlockCache::Content made;
                    made.bytes = Encode(part, cls, now, bases, own, out, made.spending);
                    made.members = static_cast<uint8_t>(std::popcount(part.occupied));
                    return made;
                  });
    ++(block.first ? own.tally.encoded : own.tally.hits);
    return block;
  }

  static void PutOff(Viewer& viewer, ReplicationClass cls, WorkerScratch& own) {
    // The nearest class has its turn soon, and under relief not sooner.
    if (cls != ReplicationClass::kCombat)
      viewer.late |= static_cast<uint8_t>(1u << static_cast<unsigned>(cls));
    ++own.tally.deferred;
  }

  void AddTallies() {
    uint64_t payload_bytes = 0;
    for (auto& worker : scratch) {
      const Tally& t = worker.tally;
      stats.datagrams.Add(t.datagrams);
      stats.bytes.Add(t.bytes);
      stats.parts_sent.Add(t.parts);
      stats.keyframes_sent.Add(t.keyframes);
      stats.blocks_encoded.Add(t.encoded);
      stats.block_cache_hits.Add(t.hits);
      stats.entity_updates.Add(t.updates);
      stats.parts_deferred.Add(t.deferred);
      stats.scratch_full.Add(t.scratch_full);
      stats.leaves_over_limit.Add(t.over_limit);
      stats.private_bytes.Add(t.private_bytes);
      stats.drop_bytes.Add(t.drop_bytes);
      for (size_t cls = 0; cls < kReplicationClasses; ++cls) {
        stats.part_header_bytes[cls].Add(t.header_bytes[cls]);
        stats.part_payload_bytes[cls].Add(t.payload_bytes[cls]);
      }
      payload_bytes += std::accumulate(t.payload_bytes.begin(), t.payload_bytes.end(), uint64_t{0});
      worker.tally = {};
    }
    stats.part_fields.Add(cache.Spent(), payload_bytes);
    stats.blocks_not_shared.Add(cache.TakeNotShared());
  }
};

Replicator::Replicator(const ReplicationSettings& settings, int tick_hz, size_t datagram_bytes,
                       const world::World& world, const aoi::Octree& octree,
                       core::WorkerPool& workers)
    : impl_(std::make_unique<Impl>(settings, tick_hz, datagram_bytes, world, octree, workers)) {
  assert(datagram_bytes >= 1024);
}
Replicator::~Replicator() = default;

core::Result<ViewerSlot> Replicator::AddViewer(core::EntityId own, Tick now) {
  Impl& self = *impl_;
  uint32_t slot = 0;
  while (slot < self.viewers.size() && self.viewers[slot] && self.viewers[slot]->active) ++slot;
  if (slot == self.viewers.size()) return {Code::kFull, "replication.max_viewers reached"};
  if (!self.viewers[slot])
    self.viewers[slot] = std::make_unique<Viewer>(self.settings.max_leaves_per_viewer);
  self.viewers[slot]->Reset(own, now);
  self.interest.AddViewer(slot, own);
  self.reports[slot] = {};
  self.snapshots[slot] = {};
  self.viewer_high = std::max(self.viewer_high, slot + 1);
  return slot;
}

void Replicator::RemoveViewer(ViewerSlot viewer) {
  impl_->viewers[viewer]->active = false;
  impl_->interest.RemoveViewer(impl_->viewers[viewer]->own);
  impl_->snapshots[viewer] = {};
  while (impl_->viewer_high > 0 && !impl_->viewers[impl_->viewer_high - 1]->active)
    --impl_->viewer_high;
}

void Replicator::OnAck(ViewerSlot viewer, uint16_t ack, uint64_t ack_bits) {
  impl_->viewers[viewer]->OnAck(ack, ack_bits, impl_->stats);
}

void Replicator::Fetch(ViewerSlot viewer) const { impl_->viewers[viewer]->Fetch(); }

void Replicator::SetRelief(uint8_t step, uint16_t dilation_pct) {
  impl_->SetRelief(step, dilation_pct);
}

void Replicator::SetOwn(ViewerSlot viewer, const OwnReport& report) {
  impl_->reports[viewer] = report;
}

void Replicator::Interest(Tick now) {
  Impl& self = *impl_;
  self.interest.Refresh(self.viewers, self.workers, now);
  const InterestFinder::Limits limits = self.interest.TakeLimits();
  self.stats.leaves_over_limit.Add(limits.leaves);
  self.stats.drops_full.Add(limits.drops_full);
  self.stats.looks_put_off.Add(limits.looks_put_off);
  self.stats.arrivals_lost.Set(self.octree.arrivals_lost() + self.interest.arrivals_lost());
}

void Replicator::Replicate(Tick now) {
  Impl& self = *impl_;
  self.cache.BeginTick(now);
  for (WorkerScratch& worker : self.scratch) worker.snapshot_bytes = 0;
  self.BeginTurns(now);
  self.BuildSnapshots(now);
  self.AddTallies();
}

std::span<const std::byte> Replicator::SnapshotOf(ViewerSlot viewer) const {
  return impl_->snapshots[viewer];
}

std::optional<Tick> Replicator::AckAge(ViewerSlot viewer, Tick now) const {
  return impl_->viewers[viewer]->AckAge(now);
}

void Replicator::EachPart(
    ViewerSlot viewer,
    core::FunctionRef<void(geo::NodeKey, uint8_t, ReplicationClass)> visit) const {
  const Viewer& its = *impl_->viewers[viewer];
  for (size_t at = 0; at < its.parts().size(); ++at)
    visit(its.parts()[at].key, its.parts()[at].number, its.ClassAt(at));
}

const ReplicationStats& Replicator::stats() const { return impl_->stats; }

uint32_t Replicator::period_ticks(ReplicationClass cls) const {
  return impl_->regular_period[static_cast<size_t>(cls)];
}

void Replicator::QuantisePart(const aoi::Leaf& leaf, const aoi::Part& part, ReplicationClass cls,
                              PartState& out) const {
  const auto frame = geo::SectorFrame::Of(leaf.key.ancestor(geo::kSectorLevel));
  out.occupied = part.occupied;
  for (uint32_t rest = part.occupied; rest != 0; rest &= rest - 1) {
    const auto slot = static_cast<size_t>(std::countr_zero(rest));
    const core::EntityId entity = part.slots[slot].entity;
    const uint32_t row = impl_->world.RowOf(entity);
    const world::Kind kind = impl_->world.kinds()[row];
    const auto full = Quantise(frame, kind, impl_->world.bodies()[row], impl_->world.vitals()[row]);
    out.members[slot] = {entity, static_cast<uint8_t>(kind), protocol::ToClass(full, cls)};
  }
}

}  // namespace bluemarble::replication
