/// The tick's encoded parts, each made once and copied to every viewer who holds its base: a fixed
/// hash table that workers fill together without locks, and one byte arena per worker. An entry of
/// an earlier tick counts as empty, so nothing is cleared between ticks. Content depends on the key
/// only.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "bluemarble/wire.h"
#include "core/ids.h"
#include "core/worker_pool.h"

namespace bluemarble::replication {

struct BlockKey {
  uint32_t part_id = 0;
  ReplicationClass cls = ReplicationClass::kCombat;
  uint8_t base_age = 0;  ///< 0: keyframe.
};

class BlockCache {
 public:
  /// `slots` is rounded up to a power of two; `arena_bytes` per worker.
  BlockCache(size_t slots, int workers, size_t arena_bytes);

  /// Zone thread, before the fan-out.
  void BeginTick(core::Tick now);

  /// The block's bytes, encoded by `encode` (into the given space, returns the size; 0: failed)
  /// when this is the first request for the key. Empty when scratch is exhausted or encoding
  /// failed. Tick workers.
  std::span<const std::byte> Get(const BlockKey& key, int worker,
                                 core::FunctionRef<size_t(std::span<std::byte>)> encode,
                                 bool& encoded);

 private:
  struct Entry {
    std::atomic<uint64_t> claimed{0};
    std::atomic<uint64_t> ready{0};
    const std::byte* data = nullptr;
    uint32_t size = 0;
  };
  struct alignas(64) Arena {
    std::unique_ptr<std::byte[]> bytes;
    size_t used = 0;
  };

  size_t mask_;
  std::unique_ptr<Entry[]> entries_;
  std::vector<Arena> arenas_;
  size_t arena_bytes_;
  uint64_t tick_tag_ = 0;
};

}  // namespace bluemarble::replication
