/// What the server remembers of one viewer: the parts of the leaves of interest with the ticks at
/// which each was sent, the ticks whose datagrams were acked, and the drops that wait for an ack.
/// There is at most one datagram a tick, so the tick names it: a base is the newest tick that is in
/// both sets. Owned by the zone thread; during a phase one worker touches one viewer. Allocated
/// once per slot.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "aoi/octree.h"
#include "bluemarble/wire.h"
#include "core/ids.h"
#include "core/look_ahead.h"
#include "geo/grid.h"
#include "protocol/snapshot.h"
#include "replication/replicator.h"

namespace bluemarble::replication {

/// A drop waits this long, so that entities of a left leaf are shown by another first; that of a
/// split or merged one until the client holds its successors, but no longer than the second.
inline constexpr core::Tick kDropDelayTicks = 8;
inline constexpr core::Tick kMostDropDelayTicks = 90;
/// A drop that is not acked is said again after this many ticks.
inline constexpr core::Tick kDropRepeatTicks = 4;

/// A part of a leaf of interest. The parts of a leaf stand together, ascending by number; two share
/// a cache line.
struct ViewerPart {
  geo::NodeKey key;
  aoi::LeafId leaf;
  uint32_t part_id = 0;
  uint32_t last_sent = 0;  ///< Low bits of the tick; before the first time, of its coming.
  uint32_t sent = 0;       ///< Bit i: sent at last_sent - i, in the class of now.
  uint8_t number = 0;
  bool fresh = true;      ///< Never sent since the leaf is of interest.
  bool may_hold = false;  ///< The client was sent something of the leaf.
  bool replaces = false;  ///< When it came, a drop of a leaf around it or in it was pending.
};
static_assert(sizeof(ViewerPart) == 32);

struct PendingDrop {
  geo::NodeKey key;
  aoi::LeafId leaf;
  core::Tick not_before = 0;
  core::Tick last_said = 0;
  uint64_t said = 0;  ///< Bit i: said at last_said - i.

  bool DueAt(core::Tick now) const {
    return not_before <= now && last_said + kDropRepeatTicks <= now;
  }
};

class alignas(64) Viewer {
 public:
  // What every tick and every ack touches comes first: two cache lines.
  core::EntityId own;
  core::Tick last_datagram = 0;
  int64_t budget_bytes = 0;  ///< Tokens; may be spent down to 0.
  /// When the slower classes have their turn: of kNearTurns, times kFarTurns, of these.
  uint8_t turn = 0;
  uint8_t late = 0;  ///< Bit c: parts of class c did not fit, or are fresh.
  bool active = false;
  uint32_t looked = 0;  ///< Low bits of the tick at which it looked around last.

  explicit Viewer(uint32_t max_leaves);
  /// Room for parts of a viewer of so many leaves: few leaves have more than one.
  static uint32_t MaxParts(uint32_t max_leaves) { return std::min(max_leaves * 2u, 0xfffeu); }

  void Reset(core::EntityId own, core::Tick now);

  /// This viewer's turn comes soon.
  void Fetch() const { core::Fetch(this, 128); }
  /// Likewise, when that has come: the first of its parts, which the others follow.
  void FetchParts() const { core::Fetch(parts_.data(), 256); }

  /// All parts, those of a class together: combat, visual, extended.
  std::span<ViewerPart> parts() { return parts_; }
  std::span<const ViewerPart> parts() const { return parts_; }
  size_t group_begin(int cls) const { return group_begin_[static_cast<size_t>(cls)]; }
  size_t group_end(int cls) const { return group_begin_[static_cast<size_t>(cls) + 1]; }

  /// Bit c: there are parts of class c.
  uint8_t classes() const {
    return static_cast<uint8_t>((group_begin_[1] != 0) | (group_begin_[2] != group_begin_[1]) << 1 |
                                (group_begin_[3] != group_begin_[2]) << 2);
  }
  ReplicationClass ClassAt(size_t part) const {
    return part < group_begin_[1]   ? ReplicationClass::kCombat
           : part < group_begin_[2] ? ReplicationClass::kVisual
                                    : ReplicationClass::kExtended;
  }

  /// Its class of the leaf; kReplicationClasses when it is of no interest.
  int ClassOf(aoi::LeafId leaf) const;

  /// Replaces the parts; `by_class` holds each class's in order. No more than it has room for.
  void SetParts(const std::array<std::vector<ViewerPart>, kReplicationClasses>& by_class);
  /// Parts that a leaf got meanwhile go after those that it had. False, and nothing is changed,
  /// when there are more than the viewer has room for.
  bool InsertParts(size_t at, int cls, std::span<const ViewerPart> more);

  enum class Leaf { kNew, kHeldBefore, kNotYet };
  /// Whether a leaf may become one of interest: not before the client has forgotten another one
  /// that had this key. A drop of the same leaf is called off: kHeldBefore.
  Leaf Admit(aoi::LeafId id, geo::NodeKey key);
  /// A drop is pending of a leaf around `key`, or of one in it.
  bool HasDropAround(geo::NodeKey key) const;
  /// The client is to forget the leaf; false when too many drops wait (try again next time).
  bool Drop(aoi::LeafId id, geo::NodeKey key, core::Tick now);
  size_t free_drops() const { return drops_.capacity() - drops_.size(); }

  /// What the client is known to hold of the part: its newest state, `age` ticks old, 1 to
  /// kBaseTicks - 1 (0: none), and one that is `step` ticks older (0: none), by at least
  /// `wanted_step` if there is such a one.
  struct Held {
    uint8_t age = 0, step = 0;
  };
  Held BasesOf(const ViewerPart& part, core::Tick now, int wanted_step) const;
  /// Ticks since the newest of them; 0: none.
  int BaseAge(const ViewerPart& part, core::Tick now) const;
  static void MarkSent(ViewerPart& part, core::Tick now);

  void OnAck(uint16_t ack, uint64_t ack_bits, ReplicationStats& stats);
  /// Ticks since the newest datagram that was acked; nothing within the last 64.
  std::optional<core::Tick> AckAge(core::Tick now) const;

  /// Drops due now, at most kMaxDropsPerSnapshot; and that they are said in the datagram of now.
  using DropKeys = std::array<geo::NodeKey, protocol::kMaxDropsPerSnapshot>;
  std::span<const geo::NodeKey> DueDrops(core::Tick now, DropKeys& keys) const;
  void MarkDropsSaid(core::Tick now, std::span<const geo::NodeKey> said);
  /// Starts the next datagram; returns its sequence.
  uint16_t BeginDatagram(core::Tick now);
  /// Takes the datagram back that was begun last: nothing of it was sent.
  void CancelDatagram(core::Tick last_datagram_before);

 private:
  bool WaitsForSuccessors(const PendingDrop& drop, core::Tick now) const;
  // Bit i: the client is known to hold the part's state of now - i.
  uint64_t HeldStates(const ViewerPart& part, core::Tick now) const;

  std::array<uint16_t, kReplicationClasses + 1> group_begin_{};
  uint16_t sequence_ = 0;
  uint64_t sent_ = 0;   // bit i: there was a datagram at sets_at_ - i
  uint64_t acked_ = 0;  // bit i: and it was acked
  core::Tick sets_at_ = 0;
  std::vector<ViewerPart> parts_;
  std::vector<PendingDrop> drops_;
  size_t max_parts_;
};

}  // namespace bluemarble::replication
