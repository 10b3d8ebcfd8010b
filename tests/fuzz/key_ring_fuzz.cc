// Covers src/services/accounts/key_ring.cc.
// Not parsers in src/services/accounts/key_ring.cc: WriteKeys, ReadOrMakeKeys.
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz_target.h"
#include "services/accounts/key_ring.h"

namespace accounts = bluemarble::accounts;
using bluemarble::fuzz::Require;

namespace {

// The same text as a file that is its owner's alone, or everybody's.
bluemarble::core::Result<accounts::KeyRing> FromFile(std::string_view text, mode_t mode) {
  const int fd = ::memfd_create("keys", 0);
  Require(fd >= 0 && ::fchmod(fd, mode) == 0);
  Require(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  auto ring = accounts::ReadKeys("/proc/self/fd/" + std::to_string(fd));
  ::close(fd);
  return ring;
}

}  // namespace

FUZZ_TARGET(key_ring) {
  const std::string_view text = bluemarble::fuzz::TextOf(bytes);
  auto ring = accounts::KeyRing::Parse(text);
  Require(FromFile(text, 0600).ok() == ring.ok());
  Require(!FromFile(text, 0640).ok());
  if (!ring.ok()) return;
  const auto again = accounts::KeyRing::Parse(ring->Text());
  Require(again.ok() && again->keys().size() == ring->keys().size());
  for (const accounts::TokenKey& key : ring->keys()) Require(again->Find(key.kid) != nullptr);
  Require(ring->Find("") == nullptr);
  const size_t before = ring->keys().size();
  Require(ring->Retire(1'800'000'000, 0) + ring->keys().size() == before);
  Require(!ring->keys().empty());
}
