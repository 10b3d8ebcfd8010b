#include "fuzz_target.h"
#include "services/accounts/key_ring.h"

FUZZ_TARGET(key_ring) {
  const auto ring = bluemarble::accounts::KeyRing::Parse(bluemarble::fuzz::TextOf(bytes));
  if (!ring.ok()) return;
  const auto again = bluemarble::accounts::KeyRing::Parse(ring->Text());
  bluemarble::fuzz::Require(again.ok() && again->keys().size() == ring->keys().size());
}
