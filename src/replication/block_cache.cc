#include "replication/block_cache.h"

#include <new>

#include "protocol/part_codec.h"
#include "protocol/snapshot.h"

namespace bluemarble::replication {

static_assert(protocol::kMaxPartBytes < 1024 && protocol::kSlots < 64,
              "a Block has room for these");

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

EncodedBlock BlockCache::Get(const BlockKey& key, int worker, Encoder encode) {
  PartBlocks& list = parts_[key.part_id];
  const auto packed =
      static_cast<uint16_t>(key.base_step << 7 | key.base_age << 2 | static_cast<uint8_t>(key.cls));
  const Block* block = Find(list, packed);
  if (block != nullptr) return BlockOf(*block);
  // A worker without company saves the exchange, which would wait for all that it has written.
  const bool alone = arenas_.size() == 1;
  while (!alone && list.busy.exchange(1, std::memory_order_acquire) != 0) {
  }
  if (list.tick.load(std::memory_order_relaxed) != tick_) {
    list.count.store(0, std::memory_order_relaxed);
    list.tick.store(tick_, std::memory_order_release);
  }
  block = Find(list, packed);  // another worker may have been faster
  const EncodedBlock made =
      block != nullptr ? BlockOf(*block) : Encode(list, packed, worker, encode);
  if (!alone) list.busy.store(0, std::memory_order_release);
  return made;
}

const BlockCache::Block* BlockCache::Find(const PartBlocks& list, uint16_t key) const {
  if (list.tick.load(std::memory_order_acquire) != tick_) return nullptr;
  const uint32_t count = list.count.load(std::memory_order_acquire);
  for (uint32_t i = 0; i < count; ++i) {
    if (list.blocks[i].key == key) return &list.blocks[i];
  }
  return nullptr;
}

EncodedBlock BlockCache::Encode(PartBlocks& list, uint16_t key, int worker, Encoder encode) {
  Arena& arena = arenas_[static_cast<size_t>(worker)];
  using protocol::PartSpending;
  const size_t begin = (arena.used + alignof(PartSpending) - 1) & ~(alignof(PartSpending) - 1);
  if (arena.end < begin + sizeof(PartSpending) + protocol::kMaxPartBytes) return {};
  const auto offset = static_cast<uint32_t>(begin);
  std::byte* const bytes = bytes_.get() + begin + sizeof(PartSpending);
  const Content made = encode({bytes, protocol::kMaxPartBytes});
  const auto* spending = new (bytes_.get() + begin) PartSpending(made.spending);
  arena.used = begin + sizeof(PartSpending) + made.bytes;
  const uint32_t count = list.count.load(std::memory_order_relaxed);
  if (count < kBlocksPerPart) {
    Block& block = list.blocks[count];
    block.offset = offset;
    block.size = made.bytes & 1023u;
    block.members = made.members & 63u;
    block.key = key;
    list.count.store(count + 1, std::memory_order_release);
  }
  return {{bytes, made.bytes}, spending, made.members, true};
}

}  // namespace bluemarble::replication
