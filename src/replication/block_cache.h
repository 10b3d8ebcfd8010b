/// The tick's encoded parts, each made once and copied to every viewer who holds its base: one
/// short list of blocks per part of the octree, and one byte arena per worker. A list of an earlier
/// tick counts as empty, so nothing is cleared between ticks. A block's content depends on its key
/// only.
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

namespace bluemarble::replication {

struct BlockKey {
  uint32_t part_id = 0;
  ReplicationClass cls = ReplicationClass::kCombat;
  uint8_t base_age = 0;   ///< 0: keyframe.
  uint8_t base_step = 0;  ///< To the older base; 0: none.
};

struct EncodedBlock {
  std::span<const std::byte> bytes;
  const protocol::PartSpending* spending = nullptr;  ///< Where there are bytes.
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

 private:
  struct Block {
    uint32_t offset = 0;     ///< In bytes_: of the spending, behind which the bytes are.
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
    size_t used = 0, end = 0;
  };

  const Block* Find(const PartBlocks& list, uint16_t key) const;
  EncodedBlock BlockOf(const Block& block) const {
    const std::byte* at = bytes_.get() + block.offset;
    return {{at + sizeof(protocol::PartSpending), block.size},
            reinterpret_cast<const protocol::PartSpending*>(at),
            static_cast<uint8_t>(block.members),
            false};
  }
  EncodedBlock Encode(PartBlocks& list, uint16_t key, int worker, Encoder encode);

  std::unique_ptr<PartBlocks[]> parts_;
  std::unique_ptr<std::byte[]> bytes_;
  std::vector<Arena> arenas_;
  size_t arena_bytes_;
  uint32_t tick_ = 0;
};

}  // namespace bluemarble::replication
