#include "replication/block_cache.h"

#include <bit>

#include "core/hash.h"
#include "protocol/snapshot.h"

namespace bluemarble::replication {
namespace {

// [tick 32 | part 24 | class 2 | age 5 | 1]; the last bit keeps a key from being 0.
constexpr int kTagShift = 32;
constexpr size_t kMaxProbes = 64;

uint64_t Pack(uint64_t tag, const BlockKey& key) {
  return tag << kTagShift | uint64_t{key.part_id & 0xffffff} << 8 |
         static_cast<uint64_t>(key.cls) << 6 | uint64_t{key.base_age & 31u} << 1 | 1;
}

}  // namespace

BlockCache::BlockCache(size_t slots, int workers, size_t arena_bytes)
    : mask_(std::bit_ceil(slots) - 1),
      entries_(std::make_unique<Entry[]>(mask_ + 1)),
      arenas_(static_cast<size_t>(workers)),
      arena_bytes_(arena_bytes) {
  for (auto& arena : arenas_)
    arena.bytes = std::make_unique_for_overwrite<std::byte[]>(arena_bytes);
}

void BlockCache::BeginTick(core::Tick now) {
  tick_tag_ = now & 0xffffffffu;
  for (auto& arena : arenas_) arena.used = 0;
}

std::span<const std::byte> BlockCache::Get(const BlockKey& key, int worker,
                                           core::FunctionRef<size_t(std::span<std::byte>)> encode,
                                           bool& encoded) {
  encoded = false;
  const uint64_t packed = Pack(tick_tag_, key);
  size_t at = core::Mix64(packed) & mask_;
  for (size_t probe = 0; probe < kMaxProbes; ++probe, at = (at + 1) & mask_) {
    Entry& entry = entries_[at];
    uint64_t seen = entry.claimed.load(std::memory_order_acquire);
    while (seen != packed && seen >> kTagShift != tick_tag_) {
      if (!entry.claimed.compare_exchange_weak(seen, packed, std::memory_order_acq_rel)) continue;
      Arena& arena = arenas_[static_cast<size_t>(worker)];
      entry.size = 0;
      entry.data = arena.bytes.get() + arena.used;
      if (arena_bytes_ - arena.used >= protocol::kMaxPartBytes) {
        entry.size = static_cast<uint32_t>(
            encode({arena.bytes.get() + arena.used, protocol::kMaxPartBytes}));
        arena.used += entry.size;
        encoded = true;
      }
      entry.ready.store(packed, std::memory_order_release);
      return {entry.data, entry.size};
    }
    if (seen != packed) continue;
    // Another worker is encoding it: at most some microseconds.
    while (entry.ready.load(std::memory_order_acquire) != packed) {
    }
    return {entry.data, entry.size};
  }
  return {};
}

}  // namespace bluemarble::replication
