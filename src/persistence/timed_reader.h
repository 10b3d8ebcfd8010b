/// How long the questions to the database take that pooled readers ask, PostgreSQL's or SQLite's.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>

#include "core/clock.h"
#include "core/counters.h"
#include "persistence/reader.h"

namespace bluemarble::persistence {

/// What a question makes the database do.
enum class ReadKind : uint8_t {
  kState,    ///< Rows by their key: a player, an item, what somebody holds.
  kHistory,  ///< Ranges of events and notes.
  kTables,   ///< Whole tables: counts, the audit.
};
inline constexpr size_t kReadKinds = 3;
std::string_view ReadKindName(ReadKind kind);

/// Written by all readers, under the mutex; read by any thread.
struct ReadStats {
  std::mutex mutex;
  std::array<core::Histogram, kReadKinds> read_us;  ///< Answered or not.
};

/// `reader`, with every question timed. Clock and stats must outlive it.
std::unique_ptr<StoreReader> TimeReads(std::unique_ptr<StoreReader> reader,
                                       const core::Clock& clock, ReadStats& stats);

}  // namespace bluemarble::persistence
