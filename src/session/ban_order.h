/// What the zone has to know of a ban: values only.
#pragma once

#include <cstdint>

#include "core/ids.h"

namespace bluemarble::session {

struct BanOrder {
  int64_t account_id = 0;
  /// The account is sent away now and refused for so long: until no connect token from before the
  /// ban is valid any more. 0: a ban was lifted.
  core::Tick refused_ticks = 0;
};

}  // namespace bluemarble::session
