/// Where the committer puts what it has just committed, before it answers. Implemented by the Redis
/// cache; absent when there is none. Called by the committing thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bluemarble::persistence {

/// What is cached; part of the key.
enum class CacheKind : uint8_t {
  kPlayer = 1,     ///< Value: PlayerRow bytes. Version: seq of its newest event.
  kInventory = 2,  ///< Value: i64 gold, then ItemRows. Version: seq.
  kPosition = 3,   ///< Value: PositionSave bytes. Version: tick.
  kSession = 4,    ///< Value: i64 epoch, i64 since_us. Version: seq of login or logout.
};

struct CacheEntry {
  CacheKind kind = CacheKind::kPlayer;
  int64_t id = 0;
  uint64_t version = 0;  ///< Only a newer one replaces what is there.
  bool gone = false;     ///< No value: whoever read an older one shall not put it back.
  std::vector<std::byte> value;
};

class WriteThrough {
 public:
  virtual ~WriteThrough() = default;
  /// Never fails: what could not be put is not served either (the breaker, then a new generation).
  /// Blocks at most redis.timeout_ms.
  virtual void Put(std::span<const CacheEntry> entries) noexcept = 0;
};

}  // namespace bluemarble::persistence
