#include "replication/block_cache.h"

#include <new>
#include <utility>

#include "protocol/part_codec.h"
#include "protocol/snapshot.h"

namespace bluemarble::replication {

static_assert(protocol::kMaxPartBytes < 1024 && protocol::kSlots < 64,
              "a Block has room for these");

BlockCache::BlockCache(uint32_t parts, int workers, size_t arena_bytes)
    : parts_(std::make_unique<PartBlocks[]>(parts)),
      arenas_(static_cast<size_t>(workers)),
      lines_of_one_(arena_bytes / sizeof(Line)),
      lines_of_all_(lines_of_one_ * arenas_.size()) {
  lines_ = std::make_unique_for_overwrite<Line[]>(lines_of_all_);
  copies_ = std::make_unique_for_overwrite<uint16_t[]>(lines_of_all_ * arenas_.size());
}

void BlockCache::BeginTick(core::Tick now) {
  tick_ = static_cast<uint32_t>(now);
  for (size_t i = 0; i < arenas_.size(); ++i)
    arenas_[i] = {i * lines_of_one_, i * lines_of_one_, (i + 1) * lines_of_one_,
                  arenas_[i].not_shared};
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
  const size_t place = arena.used;
  constexpr auto kLinesOf = [](size_t bytes) { return (bytes + sizeof(Line) - 1) / sizeof(Line); };
  if (arena.end < place + 1 + kLinesOf(protocol::kMaxPartBytes)) return {};
  std::byte* const bytes = BytesAt(place);
  const Content made = encode({bytes, protocol::kMaxPartBytes});
  const Head* head = new (&lines_[place])
      Head{.spending = made.spending, .lines = static_cast<uint32_t>(1 + kLinesOf(made.bytes))};
  arena.used += head->lines;
  for (size_t i = 0; i < arenas_.size(); ++i) copies_[i * lines_of_all_ + place] = 0;
  const uint32_t count = list.count.load(std::memory_order_relaxed);
  if (count < kBlocksPerPart) {
    Block& block = list.blocks[count];
    block.place = static_cast<uint32_t>(place);
    block.size = made.bytes & 1023u;
    block.members = made.members & 63u;
    block.key = key;
    list.count.store(count + 1, std::memory_order_release);
  } else {
    ++arena.not_shared;
  }
  return {{bytes, made.bytes}, static_cast<uint32_t>(place), made.members, true};
}

uint64_t BlockCache::TakeNotShared() {
  uint64_t sum = 0;
  for (Arena& arena : arenas_) sum += std::exchange(arena.not_shared, 0);
  return sum;
}

SpentEighths BlockCache::Spent() const {
  SpentEighths spent{};
  for (const Arena& arena : arenas_) {
    for (size_t place = arena.begin; place < arena.used; place += HeadAt(place)->lines) {
      uint64_t copies = 0;
      for (size_t i = 0; i < arenas_.size(); ++i) copies += copies_[i * lines_of_all_ + place];
      AddCopies(spent, HeadAt(place)->spending, copies);
    }
  }
  return spent;
}

}  // namespace bluemarble::replication
