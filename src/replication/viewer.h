/// What the server remembers of one viewer: the leaves of interest with their class and acked
/// bases, the last kAckWindow datagrams, and the drops that wait for an ack. Owned by the zone
/// thread; during a phase one worker touches one viewer. About 40 kB, allocated once per slot.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "aoi/octree.h"
#include "bluemarble/wire.h"
#include "core/ids.h"
#include "geo/grid.h"
#include "protocol/snapshot.h"
#include "replication/replicator.h"

namespace bluemarble::replication {

inline constexpr uint16_t kNoPart = 0xffff;
/// Parts of one datagram: what fits 1,200 B when each holds one member.
inline constexpr int kMaxPartsPerDatagram = 56;
/// A drop waits this long, so that entities of a split, merged or left leaf are shown by its
/// successors first.
inline constexpr core::Tick kDropDelayTicks = 8;
/// A drop that is not acked is said again after this many ticks.
inline constexpr core::Tick kDropRepeatTicks = 4;

/// Acks of one part of one leaf.
struct ViewerPart {
  std::array<core::Tick, kAckedBases> acked{};  ///< Newest first; 0: none.
  core::Tick last_sent = 0;                     ///< 0: never.
  uint16_t next = kNoPart;
  uint8_t number = 0;
};

/// A leaf of interest.
struct ViewerLeaf {
  aoi::LeafId id;  ///< None: the slot is free.
  geo::NodeKey key;
  core::Tick reset = 0;  ///< Acks of older datagrams say nothing about this entry.
  ReplicationClass cls = ReplicationClass::kExtended;
  uint16_t first_part = kNoPart;
  bool client_may_hold = false;  ///< From an earlier interest whose drop was called off.
};

struct PendingDrop {
  geo::NodeKey key;
  aoi::LeafId id;
  core::Tick not_before = 0;
  core::Tick last_sent = 0;
  uint64_t included = 0;  ///< Bit s: the datagram in log slot s said it.
};

struct PartRef {
  uint16_t leaf_slot = 0;
  uint8_t number = 0;
};

struct SentDatagram {
  uint16_t sequence = 0;
  uint16_t parts = 0;
  core::Tick tick = 0;
  std::array<PartRef, kMaxPartsPerDatagram> refs;
};

class Viewer {
 public:
  explicit Viewer(uint32_t max_leaves);

  void Reset(core::EntityId own, core::Tick now);

  /// Leaves in slot order; free slots have no id.
  std::span<ViewerLeaf> leaves() { return {leaves_.data(), leaf_high_}; }
  std::span<const ViewerLeaf> leaves() const { return {leaves_.data(), leaf_high_}; }
  uint32_t leaf_count() const { return leaf_count_; }

  /// False when max_leaves are held, or a drop of another leaf with this key is not acked yet.
  bool AddLeaf(aoi::LeafId id, geo::NodeKey key, ReplicationClass cls, core::Tick now);
  /// The client is to forget the leaf; false when too many drops wait (try again next time).
  bool DropLeaf(uint32_t slot, core::Tick now);
  /// Acked bases of another class are of no use.
  void ChangeClass(uint32_t slot, ReplicationClass cls, core::Tick now);

  /// After leaves were added, dropped or re-classed: makes leaves_of() true again.
  void GroupByClass();
  /// Slots of the leaves of a class, ascending.
  std::span<const uint16_t> leaves_of(ReplicationClass cls) const {
    const auto i = static_cast<size_t>(cls);
    return std::span(grouped_).subspan(group_begin_[i], group_begin_[i + 1] - group_begin_[i]);
  }

  /// The record of a part, made when missing; null when the viewer's part pool is exhausted.
  ViewerPart* PartOf(ViewerLeaf& leaf, uint8_t number);
  /// Newest acked tick that may serve as a base at `now`; 0: none.
  static core::Tick BaseOf(const ViewerPart& part, core::Tick now);

  void OnAck(uint16_t ack, uint64_t ack_bits, ReplicationStats& stats);

  /// Drops due now, at most kMaxDropsPerSnapshot; marks them as said in the datagram being built.
  std::span<const geo::NodeKey> TakeDrops(core::Tick now);
  /// Starts the log entry of the next datagram; its sequence is in it.
  SentDatagram& BeginDatagram(core::Tick now);
  /// Takes the datagram back that was begun last; it held no part, and nothing of it was sent.
  void CancelDatagram(core::Tick last_datagram_before);

  core::EntityId own;
  OwnReport report;
  core::Tick last_datagram = 0;
  int64_t budget_bytes = 0;  ///< Tokens; may be spent down to 0.
  uint32_t phase = 0;        ///< Added to the tick: spreads the viewers' turns evenly.
  uint8_t behind = 0;        ///< Bit c: parts of class c did not fit, or were never sent.
  bool active = false;
  bool refresh = true;  ///< Interest is to be computed at the next Interest phase.

 private:
  static int LogSlot(uint16_t sequence) { return sequence % kAckWindow; }
  void Acked(SentDatagram& datagram);
  void FreeParts(ViewerLeaf& leaf);

  std::vector<ViewerLeaf> leaves_;
  uint32_t leaf_high_ = 0;
  uint32_t leaf_count_ = 0;
  std::vector<uint16_t> grouped_;  // leaf slots by class
  std::array<uint16_t, kReplicationClasses + 1> group_begin_{};
  std::vector<ViewerPart> parts_;
  uint16_t free_part_ = kNoPart;
  std::vector<PendingDrop> drops_;
  std::array<geo::NodeKey, protocol::kMaxDropsPerSnapshot> drop_keys_;
  std::array<SentDatagram, kAckWindow> log_;
  uint64_t unacked_ = 0;  ///< Bit s: log_[s] was sent and is not acked.
  uint16_t sequence_ = 0;
};

}  // namespace bluemarble::replication
