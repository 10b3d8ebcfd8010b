/// The names of what payloads of parts are made of, one for metrics and the records of slow ticks.
/// Pure.
#pragma once

#include <array>
#include <string>

#include "replication/field_bytes.h"

namespace bluemarble::app {

/// A counter of replication::FieldBytes.
struct FieldColumn {
  const char* kind;   ///< "player"; "none": of the part as a whole.
  const char* field;  ///< "position"
  const core::Counter* bytes;
};
inline constexpr size_t kFieldColumns = 2 + (protocol::kSpendingKinds - 1) * protocol::kPartFields;

/// All of them, in the order of the slow ticks' columns: they add up to the payloads' bytes.
inline std::array<FieldColumn, kFieldColumns> FieldColumnsOf(const replication::FieldBytes& bytes) {
  constexpr std::array<const char*, protocol::kSpendingKinds> kKinds = {
      "none", "player", "animal", "resource", "item", "body"};
  constexpr std::array<const char*, protocol::kPartFields> kFields = {"identity", "position",
                                                                      "facing", "vitals"};
  static_assert(kKinds.back() != nullptr && kFields.back() != nullptr);
  std::array<FieldColumn, kFieldColumns> columns;
  columns[0] = {kKinds[0], "membership", &bytes.by_kind[protocol::kNobody][0]};
  columns[1] = {kKinds[0], "coder", &bytes.coder};
  size_t at = 2;
  for (size_t kind = 1; kind < kKinds.size(); ++kind) {
    for (size_t field = 0; field < kFields.size(); ++field)
      columns[at++] = {kKinds[kind], kFields[field], &bytes.by_kind[kind][field]};
  }
  return columns;
}

/// "player_position_bytes", "none_coder_bytes".
inline std::string FieldColumnName(const FieldColumn& column) {
  return std::string(column.kind) + "_" + column.field + "_bytes";
}

}  // namespace bluemarble::app
