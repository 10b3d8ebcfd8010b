/// Where datagrams are sealed and opened: between the kernel and ENet, on the net thread of the
/// host. PlainSeam passes everything unchanged and is for tests and development on one machine
/// only.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>

#include "core/result.h"
#include "net/address.h"

namespace bluemarble::net {

class DatagramSeam {
 public:
  virtual ~DatagramSeam() = default;
  /// May a host with this seam listen on `v4`?
  virtual core::Status AllowBind(uint32_t v4) const = 0;
  /// Opens a received datagram in place. May shrink the span to what ENet shall see and replace
  /// `from` by a session's virtual address; false: dropped.
  virtual bool Open(Address& from, std::span<std::byte>& datagram) noexcept = 0;
  /// Makes what leaves of what ENet sends. May replace the address, and the parts by a buffer of
  /// its own that lives until the next call; false: not sent.
  virtual bool Seal(Address& to, std::span<const iovec>& parts) noexcept = 0;
};

class PlainSeam final : public DatagramSeam {
 public:
  core::Status AllowBind(uint32_t v4) const override {
    if (IsLoopback(v4)) return {};
    return {core::Code::kDenied, "plain mode listens on loopback only (net.bind)"};
  }
  bool Open(Address&, std::span<std::byte>&) noexcept override { return true; }
  bool Seal(Address&, std::span<const iovec>&) noexcept override { return true; }
};

}  // namespace bluemarble::net
