#include "fuzz_target.h"
#include "persistence/journal_format.h"

namespace persistence = bluemarble::persistence;

FUZZ_TARGET(journal) {
  uint64_t saves = 0;
  const auto reading =
      persistence::ReadSegment(bytes, [&](const persistence::PositionSave&) { ++saves; });
  if (!reading.ok()) {
    bluemarble::fuzz::Require(saves == 0);
    return;
  }
  bluemarble::fuzz::Require(saves == reading->saves);
  bluemarble::fuzz::Require(reading->read_bytes <= bytes.size());
}
