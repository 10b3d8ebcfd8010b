/// The journal's files: `<ten digits>.journal`, ascending, each a head and batches of saves. Pure
/// functions over bytes. Little-endian:
///
///   head, 48 B:  "bmjournl" | u32 format = 1 | u32 zero | u64 hash of the shard id | i64 run |
///                u64 number of the segment | u64 check of what is before it
///   batch, 24 B: u32 magic | u32 saves | u64 sequence | u32 check of what is before it |
///                u32 check of the saves | PositionSave array
///
/// A file that ends inside a batch is one whose last write was cut short: its whole batches count.
/// A batch whose check fails is damage: nothing after it in that file is believed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "persistence/rows.h"

namespace bluemarble::persistence {

inline constexpr uint32_t kJournalFormat = 1;
inline constexpr size_t kSegmentHeadBytes = 48;
inline constexpr size_t kBatchHeadBytes = 24;

struct SegmentHead {
  uint64_t shard = 0;  ///< JournalShard of the shard id.
  int64_t run = 0;     ///< Of the process that wrote it.
  uint64_t number = 0;
};

uint64_t JournalShard(std::string_view shard_id);
std::string SegmentName(uint64_t number);
std::optional<uint64_t> SegmentNumber(std::string_view name);

void AppendSegmentHead(std::vector<std::byte>& out, const SegmentHead& head);
void AppendBatch(std::vector<std::byte>& out, uint64_t sequence,
                 std::span<const PositionSave> saves);

struct SegmentReading {
  SegmentHead head;
  uint64_t batches = 0;
  uint64_t saves = 0;
  bool torn = false;     ///< Ended inside the head or a batch, which was dropped.
  bool corrupt = false;  ///< A check failed; nothing after it was read.
  uint64_t read_bytes = 0;
};

/// Visits the saves of all whole batches up to the end or the first damage. kInvalid: the format is
/// unknown, its number in the detail; nothing was visited.
core::Result<SegmentReading> ReadSegment(std::span<const std::byte> bytes,
                                         const std::function<void(const PositionSave&)>& visit);

}  // namespace bluemarble::persistence
