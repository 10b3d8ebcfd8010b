/// Level 2 of reading: what was committed, in Redis, for whoever may read something as old as the
/// last commit. Redis is never the truth; what keeps it honest:
/// - a value replaces only an older version (compared by the server, in one script);
/// - every key carries a generation. It is raised for all when the circuit closes again and when
///   another server process answers, and for the keys concerned whenever something could not be
///   put, so nothing written before is ever read again;
/// - what a reader loaded from the database is put back only when nothing was put for that key
///   since it looked (FillPermit), so a lost newer value is not replaced by an older one;
/// - every value says whose it is, with a checksum: another key's answer is a miss.
/// The committing thread calls Put; any thread everything else.
///
/// Key:   <prefix>:<shard>:<generation>:<kind>:<id>, TTL redis.ttl_s.
/// Value: [version, 20 decimal digits][u8 format = 1][u8 kind][u8 gone][u8 0][i64 id][u64 checksum]
///        [payload], little-endian.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/counters.h"
#include "core/result.h"
#include "persistence/circuit_breaker.h"
#include "persistence/connection_pool.h"
#include "persistence/redis_connection.h"
#include "persistence/settings.h"
#include "persistence/write_through.h"

namespace bluemarble::persistence {

inline constexpr int kCacheKinds = 4;
/// "player", "inventory", "position", "session".
std::string_view CacheKindName(CacheKind kind);

struct CacheKey {
  CacheKind kind = CacheKind::kPlayer;
  int64_t id = 0;
};

/// Taken by a lookup; lets its reader put what it then loads from the database.
struct FillPermit {
  uint64_t generation = 0;
  uint64_t stamp = 0;
};

struct CacheLookup {
  struct Value {
    uint64_t version = 0;
    std::vector<std::byte> bytes;
  };
  std::optional<Value> found;
  FillPermit permit;
};

/// Written under a lock, read by any thread. Arrays by kind: index CacheKind - 1.
struct RedisCacheStats {
  std::array<core::Counter, kCacheKinds> hits, misses;
  core::Counter tombstones;  ///< Misses because the value is gone.
  core::Counter mismatches;  ///< Answers for another key, or damaged.
  core::Counter wrong_type;  ///< Keys deleted because they held another type.
  core::Counter too_large;   ///< Values over kMaxCachedBytes; a tombstone was put instead.
  std::array<core::Counter, kRedisFailures> failures;  ///< Of calls, by class; [1] are timeouts.
  core::Counter refused_reads, refused_puts;           ///< Not asked: the circuit was open.
  core::Counter puts, put_entries, put_failures;
  core::Counter fills, fills_dropped;  ///< Dropped: something newer may have been put meanwhile.
  core::Counter scripts_sent;          ///< The script's whole text, because the server lacked it.
  core::Counter breaker_opens;
  core::Counter circuit_open;       ///< 1 while open.
  core::Counter generation_raises;  ///< For all keys.
  core::Counter keys_raised;        ///< For one, because of a failed put or fill.
  core::Histogram read_us, put_us;
};

class RedisCache final : public WriteThrough {
 public:
  static constexpr size_t kMaxCachedBytes = 1u << 20;

  /// Connects lazily. `generation`: StoreMeta::cache_generation, which no two runs share.
  /// kInvalid: redis.url is not one.
  static core::Result<std::unique_ptr<RedisCache>> Create(const RedisSettings& settings,
                                                          std::string_view shard_id,
                                                          int64_t generation);

  /// Makes one connection now: for telling at start what is wrong with the settings. kDenied:
  /// password or database; kUnavailable: away (the cache goes on trying).
  core::Status Check();

  void Put(std::span<const CacheEntry> entries) noexcept override;

  /// One round trip. Blocks at most redis.wait_ms for a connection and twice redis.timeout_ms.
  /// kUnavailable, kFull: not served now; ask the database and put nothing.
  core::Result<std::vector<CacheLookup>> GetMany(std::span<const CacheKey> keys);
  core::Result<CacheLookup> Get(CacheKey key);

  /// Puts what was loaded after the lookup that gave `permit`. Best effort.
  void Fill(CacheKey key, uint64_t version, std::span<const std::byte> value, FillPermit permit);

  bool available() const { return breaker_.closed(); }
  /// The least one of any key.
  uint64_t generation() const { return generation_.load(); }
  std::string last_error() const;
  const RedisCacheStats& stats() const { return stats_; }
  const PoolStats& pool_stats() const { return pool_.stats(); }

  /// As sent to the server; for tests.
  std::string KeyText(CacheKey key, uint64_t generation) const;

 private:
  RedisCache(RedisSettings settings, RedisUrl url, std::string_view shard_id, int64_t generation);

  struct Encoded {
    std::string key, value;
  };
  Encoded Encode(CacheKey key, uint64_t version, bool gone, std::span<const std::byte> value,
                 uint64_t generation);
  /// nullopt: not this key's, or damaged.
  struct Decoded {
    uint64_t version = 0;
    bool gone = false;
    std::string_view payload;
  };
  std::optional<Decoded> Decode(CacheKey key, uint64_t generation, std::string_view stored) const;
  uint64_t Checksum(CacheKey key, uint64_t generation, std::string_view stored) const;

  int64_t DeadlineNs() const;
  bool MayAsk(int64_t deadline_ns);
  bool Probe(int64_t deadline_ns);
  core::Result<std::unique_ptr<RedisConnection>> Connect(CircuitBreaker::Side side,
                                                         int64_t deadline_ns);
  void NoteServer(const std::string& run_id);
  void RaiseGeneration();
  void RaiseGeneration(CacheKey key);
  uint64_t GenerationOf(CacheKey key);
  void CountFailure(RedisFailure failure, std::string_view text);
  void NoteFailure(CircuitBreaker::Side side, RedisFailure failure, std::string_view text);
  bool TryPut(std::span<const CacheEntry> entries, int64_t deadline_ns);
  RedisFailure RunScript(RedisConnection& connection, std::span<const Encoded> entries,
                         int64_t deadline_ns);
  struct Slot;
  Slot& SlotOf(CacheKey key);

  const RedisSettings settings_;
  const RedisUrl url_;
  const std::string scope_;  ///< "<prefix>:<shard>:"
  CircuitBreaker breaker_;
  // A key's generation is the greater one of its slot's and this; each number is given out once.
  std::atomic<uint64_t> last_generation_;
  std::atomic<uint64_t> generation_;
  std::mutex server_mutex_;
  std::optional<std::string> server_;  ///< Run id of who answered last.

  // Keys share slots, which only drops a fill or loses a value too many.
  static constexpr size_t kSlots = 1u << 16;
  struct Slot {
    std::atomic<uint64_t> put_stamp{0};  ///< When something was last put.
    std::atomic<uint64_t> generation{0};
  };
  std::atomic<uint64_t> stamp_{0};
  std::unique_ptr<std::array<Slot, kSlots>> slots_;

  mutable std::mutex stats_mutex_;
  RedisCacheStats stats_;
  std::string last_error_;

  std::unique_ptr<RedisConnection> writer_;  ///< The committing thread's.
  ConnectionPool<RedisConnection> pool_;
};

}  // namespace bluemarble::persistence
