/// What the kernel itself can tell of a sealed host's datagrams, for floods: a socket filter that
/// drops whatever has neither a Request's form nor a session's, before the net thread wakes for it.
/// So that a filter without memory can tell sessions, 16 of the 64 bits of an id are a mark: a
/// function of the others under a key. It proves nothing. Who has seen ids may find the key, and
/// then only floods as well as without the filter. Values; any thread.
#pragma once

#include <linux/filter.h>

#include <array>
#include <cstdint>
#include <vector>

#include "net/aead.h"

namespace bluemarble::net {

class SessionMark {
 public:
  SessionMark() = default;
  /// The same key makes the same marks: after a restart, too, so that clients of the process before
  /// reach whoever tells them of it.
  explicit SessionMark(const Key& key);

  /// An id of 48 bits of `random` and their mark.
  uint64_t IdOf(uint64_t random) const;
  /// For SO_ATTACH_FILTER of a UDP socket (proto/SESSION.md "Datagrams"). Allocates.
  std::vector<sock_filter> Filter() const;

 private:
  uint16_t Of(uint32_t first, uint16_t second) const;

  std::array<uint32_t, 4> key_{};
};

}  // namespace bluemarble::net
