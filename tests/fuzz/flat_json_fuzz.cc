// Covers src/services/accounts/flat_json.cc.
#include "fuzz_target.h"
#include "services/accounts/flat_json.h"

FUZZ_TARGET(flat_json) {
  const auto object = bluemarble::accounts::ParseFlatObject(bluemarble::fuzz::TextOf(bytes));
  if (object.ok()) bluemarble::fuzz::Require(object->size() <= bytes.size());
}
