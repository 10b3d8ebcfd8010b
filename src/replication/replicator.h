/// The replication phases of the tick: which leaves each viewer sees (Interest), and one snapshot
/// per viewer from leaf-block parts that are encoded once and copied (Replicate). Owned by the zone
/// thread; both phases fan out to the worker pool inside. Only AddViewer may allocate (a slot's
/// first use). The invariant: after applying a part of tick T a client holds exactly what the
/// server quantised for T.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "aoi/octree.h"
#include "core/counters.h"
#include "core/ids.h"
#include "core/result.h"
#include "core/worker_pool.h"
#include "protocol/part_codec.h"
#include "protocol/snapshot.h"
#include "replication/field_bytes.h"
#include "replication/periods.h"
#include "replication/settings.h"
#include "world/world.h"

namespace bluemarble::replication {

/// Slot of a viewer, 0..max_viewers-1, valid from AddViewer to RemoveViewer.
using ViewerSlot = uint32_t;

/// What the session says of its own player before each Replicate; kept until changed.
struct OwnReport {
  int8_t input_depth = 0;
  bool exact = false;  ///< Send the exact own state with the next snapshot, and make one due now.
  bool confirmed = false;  ///< A prediction digest was right at `confirmed_tick`.
  core::Tick confirmed_tick = 0;
};

struct ReplicationStats {
  core::Counter datagrams, bytes, parts_sent, keyframes_sent, blocks_encoded, block_cache_hits;
  // What `bytes` is made of: these add up to it.
  core::Counter private_bytes, drop_bytes;
  std::array<core::Counter, kReplicationClasses> part_header_bytes, part_payload_bytes;
  FieldBytes part_fields;           ///< And what all payloads are made of.
  core::Counter entity_updates;     ///< Member records written, per viewer.
  core::Counter parts_deferred;     ///< Due parts that did not fit the budget, per viewer and tick.
  core::Counter leaves_over_limit;  ///< replication.max_leaves_per_viewer hit.
  core::Counter drops_full;         ///< Leaves that could not be forgotten yet: drops wait.
  core::Counter looks_put_off;      ///< Viewers, by ticks, too many to look around out of turn.
  core::Counter arrivals_lost;      ///< Who came into a leaf when too many did in one tick.
  core::Counter blocks_not_shared;  ///< Encoded again: a part with too many bases in use.
  core::Counter acks_unknown;       ///< Acks of datagrams that were never sent or are forgotten.
  core::Counter scratch_full;  ///< Tick scratch exhausted: parts left out (counted, sent later).
};

class Replicator {
 public:
  /// `datagram_bytes`: largest snapshot message (net::Transport::max_unreliable_bytes()).
  Replicator(const ReplicationSettings& settings, int tick_hz, size_t datagram_bytes,
             const world::World& world, const aoi::Octree& octree, core::WorkerPool& workers);
  ~Replicator();
  Replicator(const Replicator&) = delete;
  Replicator& operator=(const Replicator&) = delete;

  /// kFull names replication.max_viewers.
  core::Result<ViewerSlot> AddViewer(core::EntityId own, core::Tick now);
  void RemoveViewer(ViewerSlot viewer);

  /// Receive phase: what the client's input message acknowledged.
  void OnAck(ViewerSlot viewer, uint16_t ack, uint64_t ack_bits);
  /// An ack of this viewer comes soon: what it touches is fetched into the cache.
  void Fetch(ViewerSlot viewer) const;
  void SetOwn(ViewerSlot viewer, const OwnReport& report);

  /// Steps against overload, from the next Replicate on; each includes those before it. 1: the
  /// farthest class half as often; 2: the next one too; 3: everybody's datagrams half as often; 4:
  /// a quarter as often; no class more rarely than its bases live. `dilation_pct` of a tick's
  /// regular period is told to the clients.
  void SetRelief(uint8_t step, uint16_t dilation_pct);

  /// After Octree::Restructure of this tick; reads octree.gone() and arrivals(), which the zone
  /// clears afterwards.
  void Interest(core::Tick now);
  /// Builds this tick's snapshots. Read them with SnapshotOf until the next call.
  void Replicate(core::Tick now);
  /// Empty when nothing was due for this viewer.
  std::span<const std::byte> SnapshotOf(ViewerSlot viewer) const;

  /// For operators, between ticks. How many ticks ago the newest snapshot was sent that the client
  /// has confirmed; and the parts that are of interest to it, by class.
  std::optional<core::Tick> AckAge(ViewerSlot viewer, core::Tick now) const;
  void EachPart(
      ViewerSlot viewer,
      core::FunctionRef<void(geo::NodeKey, uint8_t number, ReplicationClass)> visit) const;

  const ReplicationStats& stats() const;
  /// Ticks between updates of a class, at least 1.
  uint32_t period_ticks(ReplicationClass cls) const;

  /// Tests: the server's quantised state of (part of a leaf) at `now`, as it encodes it.
  void QuantisePart(const aoi::Leaf& leaf, const aoi::Part& part, ReplicationClass cls,
                    protocol::PartState& out) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bluemarble::replication
