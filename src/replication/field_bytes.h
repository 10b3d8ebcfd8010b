/// What the payloads of sent parts are made of, in whole bytes by entity kind and field. Bits are
/// counted in eighths where a part is encoded; here they become bytes that never decrease and
/// always add up to what was sent. Zone thread writes, any thread reads.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "core/counters.h"
#include "protocol/part_codec.h"

namespace bluemarble::replication {

/// Of one tick.
using SpentEighths =
    std::array<std::array<uint64_t, protocol::kPartFields>, protocol::kSpendingKinds>;

/// So many copies of a part were sent.
inline void AddCopies(SpentEighths& spent, const protocol::PartSpending& part, uint64_t copies) {
  for (uint32_t rest = part.kinds; rest != 0; rest &= rest - 1) {
    const auto kind = static_cast<size_t>(std::countr_zero(rest));
    for (size_t field = 0; field < protocol::kPartFields; ++field)
      spent[kind][field] += copies * part.eighths[kind][field];
  }
}

struct FieldBytes {
  /// Row protocol::kNobody, kIdentity: membership and whatever else is said of a part as a whole.
  std::array<std::array<core::Counter, protocol::kPartFields>, protocol::kSpendingKinds> by_kind;
  core::Counter coder;  ///< The rest: each payload's last bits, and parts of bytes not yet counted.

  /// `spent` by payloads of so many bytes in all.
  void Add(const SpentEighths& spent, uint64_t payload_bytes) {
    uint64_t left = payload_bytes;
    for (size_t kind = 0; kind < protocol::kSpendingKinds; ++kind) {
      for (size_t field = 0; field < protocol::kPartFields; ++field) {
        uint64_t& waiting = waiting_[kind][field];
        waiting += spent[kind][field];
        const uint64_t whole = std::min(waiting / kEighthsPerByte, left);
        waiting -= whole * kEighthsPerByte;
        left -= whole;
        by_kind[kind][field].Add(whole);
      }
    }
    coder.Add(left);
  }

 private:
  static constexpr uint64_t kEighthsPerByte = 64;
  SpentEighths waiting_{};
};

}  // namespace bluemarble::replication
