#include "replication/block_cache.h"

#include <algorithm>

#include "protocol/snapshot.h"

namespace bluemarble::replication {

BlockCache::BlockCache(uint32_t parts, int workers, size_t arena_bytes)
    : parts_(std::make_unique<PartBlocks[]>(parts)),
      bytes_(
          std::make_unique_for_overwrite<std::byte[]>(arena_bytes * static_cast<size_t>(workers))),
      arenas_(static_cast<size_t>(workers)),
      arena_bytes_(arena_bytes) {}

void BlockCache::BeginTick(core::Tick now) {
  tick_ = static_cast<uint32_t>(now);
  for (size_t i = 0; i < arenas_.size(); ++i)
    arenas_[i] = {i * arena_bytes_, (i + 1) * arena_bytes_};
}

std::span<const std::byte> BlockCache::Get(const BlockKey& key, int worker,
                                           core::FunctionRef<size_t(std::span<std::byte>)> encode,
                                           bool& encoded) {
  encoded = false;
  PartBlocks& list = parts_[key.part_id];
  while (list.busy.exchange(1, std::memory_order_acquire) != 0) {
  }
  if (list.tick != tick_) {
    list.tick = tick_;
    list.count = 0;
  }
  const auto packed = static_cast<uint8_t>(key.base_age << 2 | static_cast<uint8_t>(key.cls));
  const auto end = list.blocks.begin() + list.count;
  const auto at =
      std::find_if(list.blocks.begin(), end, [&](const Block& b) { return b.key == packed; });
  const std::span<const std::byte> block =
      at != end ? std::span<const std::byte>{bytes_.get() + at->offset, at->size}
                : Encode(list, packed, worker, encode, encoded);
  list.busy.store(0, std::memory_order_release);
  return block;
}

std::span<const std::byte> BlockCache::Encode(
    PartBlocks& list, uint8_t key, int worker,
    core::FunctionRef<size_t(std::span<std::byte>)> encode, bool& encoded) {
  Arena& arena = arenas_[static_cast<size_t>(worker)];
  if (arena.end - arena.used < protocol::kMaxPartBytes) return {};
  const size_t offset = arena.used;
  const size_t size = encode({bytes_.get() + offset, protocol::kMaxPartBytes});
  encoded = true;
  arena.used += size;
  if (list.count < kBlocksPerPart) {
    list.blocks[list.count++] = {static_cast<uint32_t>(offset), static_cast<uint16_t>(size), key};
  }
  return {bytes_.get() + offset, size};
}

}  // namespace bluemarble::replication
