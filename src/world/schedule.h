/// The order in which systems run and which of them may run at once: a system declares the columns
/// that it reads and writes, neighbours without a conflict share a stage, and each system of a
/// stage runs over fixed chunks of rows on the worker pool. Chunks never depend on the worker
/// count, so results do not either. Built once at start; run by the zone thread.
#pragma once

#include <cstdint>
#include <vector>

#include "core/worker_pool.h"

namespace bluemarble::world {

/// A set of columns: bit i stands for column i. world/ owns the first eight, game/ numbers its own
/// from kFirstGameColumn.
using ColumnMask = uint32_t;
inline constexpr ColumnMask kBodyColumn = 1u << 0;
inline constexpr ColumnMask kVitalsColumn = 1u << 1;
inline constexpr ColumnMask kKindColumn = 1u << 2;
inline constexpr int kFirstGameColumn = 8;

/// Rows [begin, end) of the column that a system walks.
struct RowRange {
  uint32_t begin = 0;
  uint32_t end = 0;
};

struct System {
  const char* name = "";
  ColumnMask reads = 0;
  ColumnMask writes = 0;  ///< Rows of its own range only.
  void* context = nullptr;
  uint32_t (*rows)(const void* context) = nullptr;  ///< How many rows there are to walk now.
  void (*run)(void* context, RowRange range) = nullptr;
};

class Schedule {
 public:
  static constexpr uint32_t kChunkRows = 256;

  /// Appends a system. It joins the last stage when it conflicts with none of its systems.
  void Add(const System& system);
  /// Runs every stage in order; joins after each. Allocates nothing.
  void Run(core::WorkerPool& workers);
  size_t stages() const { return stages_.size(); }

 private:
  struct Stage {
    std::vector<System> systems;
    std::vector<uint32_t> first_chunk;  // scratch, one more than systems
    std::vector<uint32_t> row_count;    // scratch
  };
  static bool Conflict(const System& a, const System& b);

  std::vector<Stage> stages_;
};

}  // namespace bluemarble::world
