/// What assembling a viewer's datagram costs when all of its blocks are there already: a tick's
/// snapshots, as the zone sent them, are taken apart, every block is put into a BlockCache, and the
/// same snapshots are made again by the calls that the replicator makes. One thread.
///
/// In the time: the private block, the drops, and for each part the block's look-up, its header and
/// the copy of its bytes. Not in it: which parts are due, in which order, and on which bases. The
/// blocks of a tick have just been written, as in a tick, and a first round is left out.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "bench/flat_transport.h"
#include "core/ids.h"
#include "protocol/snapshot.h"
#include "replication/block_cache.h"

namespace bluemarble::bench {

class AssemblyReplay {
 public:
  explicit AssemblyReplay(size_t max_datagram_bytes);

  /// Replays the snapshots among these messages, all of one tick.
  void Replay(core::Tick now, const FlatTransport::Lane& down);

  uint64_t datagrams() const { return datagrams_; }
  uint64_t parts() const { return parts_; }
  uint64_t bytes() const { return bytes_; }
  /// Snapshots that came out as other bytes than the zone sent; blocks that were not cached.
  uint64_t differing() const { return differing_; }
  uint64_t uncached() const { return uncached_; }
  /// Of the thread's CPU, the mean.
  double NsPerDatagram() const {
    return datagrams_ == 0 ? 0 : static_cast<double>(taken_ns_) / static_cast<double>(datagrams_);
  }

 private:
  struct Part {
    replication::BlockKey key;
    protocol::PartHeader header;
    std::span<const std::byte> payload;
  };
  struct Snapshot {
    std::span<const std::byte> bytes;
    protocol::PrivateBlock own;
    std::vector<geo::NodeKey> drops;
    std::vector<Part> parts;
  };

  bool TakeApart(std::span<const std::byte> bytes, Snapshot& out);
  replication::EncodedBlock Get(const Part& part);
  size_t Assemble(const Snapshot& snapshot, std::span<std::byte> out);
  uint32_t PartId(const protocol::PartHeader& header);

  const size_t max_bytes_;
  replication::BlockCache cache_;
  std::map<std::pair<uint64_t, uint8_t>, uint32_t> part_ids_;
  std::vector<Snapshot> snapshots_;
  std::vector<std::byte> made_;
  std::vector<size_t> sizes_;
  int64_t taken_ns_ = 0;
  uint64_t datagrams_ = 0, parts_ = 0, bytes_ = 0, differing_ = 0, uncached_ = 0;
};

}  // namespace bluemarble::bench
