/// The tick's encoded parts, each made once and copied to every viewer who holds its base: one
/// short list of blocks per part of the octree, and one arena per worker. A list of an earlier tick
/// counts as empty, so nothing is cleared between ticks. A block's content depends on its key only.
/// Who sends a copy counts it; what all copies were made of is added up once in a tick.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "bluemarble/wire.h"
#include "core/ids.h"
#include "core/worker_pool.h"
#include "protocol/part_codec.h"
#include "replication/field_bytes.h"

namespace bluemarble::replication {

struct BlockKey {
  uint32_t part_id = 0;
  ReplicationClass cls = ReplicationClass::kCombat;
  uint8_t base_age = 0;   ///< 0: keyframe.
  uint8_t base_step = 0;  ///< To the older base; 0: none.
};

struct EncodedBlock {
  std::span<const std::byte> bytes;
  uint32_t place = 0;  ///< In the arenas, for CountCopy().
  uint8_t members = 0;
  bool first = false;  ///< Encoded by this request.
};

class BlockCache {
 public:
  /// `parts`: part ids are below; `arena_bytes` per worker.
  BlockCache(uint32_t parts, int workers, size_t arena_bytes);

  /// Zone thread, before the fan-out.
  void BeginTick(core::Tick now);

  /// Get() for this part follows soon.
  void Prefetch(uint32_t part_id) const { __builtin_prefetch(&parts_[part_id], 1); }

  /// The block, encoded by `encode` into the given space when this is the first request for the
  /// key. Without bytes when the arena is exhausted or encoding failed. Tick workers; who asks for
  /// a part of which one is being encoded waits.
  struct Content {
    size_t bytes = 0;  ///< 0: encoding failed.
    uint8_t members = 0;
    protocol::PartSpending spending;
  };
  using Encoder = core::FunctionRef<Content(std::span<std::byte>)>;
  EncodedBlock Get(const BlockKey& key, int worker, Encoder encode);

  /// One more copy of a block with bytes is sent. Tick workers.
  void CountCopy(const EncodedBlock& block, int worker) {
    ++copies_[static_cast<size_t>(worker) * lines_of_all_ + block.place];
  }
  /// What all copies of this tick were made of. Zone thread, after the fan-out. Cost: O(blocks).
  SpentEighths Spent() const;
  /// Blocks since the last call that found no room in their part's list. Likewise.
  uint64_t TakeNotShared();

 private:
  struct alignas(64) Line {
    std::array<std::byte, 64> bytes;
  };
  // Where a block begins; its bytes are in the lines behind, so that a copy touches only those.
  struct alignas(Line) Head {
    protocol::PartSpending spending;
    uint32_t lines = 0;  // to the next block
  };
  static_assert(sizeof(Head) == sizeof(Line));

  struct Block {
    uint32_t place = 0;      ///< In lines_, of its head.
    uint16_t size : 10 = 0;  ///< kMaxPartBytes is less than 1,024
    uint16_t members : 6 = 0;
    uint16_t key = 0;  ///< [step 5 | age 5 | class 2]
  };
  // More than a part has bases in use at a time; further ones are encoded each time. The first
  // six, nearly always enough, share the list's first cache line.
  static constexpr size_t kBlocksPerPart = 30;
  struct alignas(64) PartBlocks {
    std::atomic<uint32_t> tick{0};
    std::atomic<uint32_t> count{0};  // those before it do not change in this tick
    std::atomic<uint32_t> busy{0};   // somebody adds one
    std::array<Block, kBlocksPerPart> blocks;
  };
  struct alignas(64) Arena {
    size_t begin = 0, used = 0, end = 0;  // in lines_
    uint64_t not_shared = 0;
  };

  const Block* Find(const PartBlocks& list, uint16_t key) const;
  EncodedBlock BlockOf(const Block& block) const {
    return {{BytesAt(block.place), block.size},
            block.place,
            static_cast<uint8_t>(block.members),
            false};
  }
  std::byte* BytesAt(size_t place) const { return lines_[place + 1].bytes.data(); }
  Head* HeadAt(size_t place) const { return reinterpret_cast<Head*>(&lines_[place]); }
  EncodedBlock Encode(PartBlocks& list, uint16_t key, int worker, Encoder encode);

  std::unique_ptr<PartBlocks[]> parts_;
  std::unique_ptr<Line[]> lines_;
  // By worker, then place: a counter of all would go from core to core with every copy. One copy
  // at most for each of 65,000 viewers.
  std::unique_ptr<uint16_t[]> copies_;
  std::vector<Arena> arenas_;
  size_t lines_of_one_, lines_of_all_;
  uint32_t tick_ = 0;
};

}  // namespace bluemarble::replication
