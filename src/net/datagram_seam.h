/// Where datagrams are sealed and opened: between the kernel and ENet, on the net thread of the
/// host, one object per host. PlainSeam passes everything unchanged and is for tests and
/// development on one machine only; the other one is net/sealed_server.h.
#pragma once

#include <linux/filter.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "core/result.h"
#include "net/address.h"

namespace bluemarble::net {

struct HostStats;

/// Where a seam's own answers leave. Absorbs every send error.
class DatagramOutlet {
 public:
  virtual ~DatagramOutlet() = default;
  virtual void SendDirect(const Address& to, std::span<const std::byte> datagram) noexcept = 0;
};

/// One after another to `out`; the bytes, 0: they do not fit.
inline size_t CopyParts(std::span<const iovec> parts, std::span<std::byte> out) noexcept {
  size_t bytes = 0;
  for (const iovec& part : parts) {
    if (bytes + part.iov_len > out.size()) return 0;
    std::memcpy(out.data() + bytes, part.iov_base, part.iov_len);
    bytes += part.iov_len;
  }
  return bytes;
}

class DatagramSeam {
 public:
  enum class Opened : uint8_t {
    kPass,     ///< For ENet.
    kTaken,    ///< Meant for the seam, which has dealt with it.
    kRefused,  ///< Dropped.
  };
  struct Peer {
    uint32_t address_v4 = 0;              ///< The real one.
    std::span<const std::byte> identity;  ///< Valid until the next call; empty: not known.
  };

  virtual ~DatagramSeam() = default;
  /// May a host with this seam listen on `v4`?
  virtual core::Status AllowBind(uint32_t v4) const = 0;
  /// Before the thread starts: the host is bound to `port`. Both outlive the seam's use.
  virtual void Attach(DatagramOutlet&, HostStats&, uint16_t /*port*/) {}
  /// For a flood: a socket filter that drops what Open would refuse. Empty: there is none.
  virtual std::span<const sock_filter> FloodFilter() const noexcept { return {}; }
  /// The time of what follows, until the next call.
  virtual void SetNow(int64_t /*now_ns*/) noexcept {}

  /// Opens a received datagram in place. May shrink the span to what ENet shall see and replace
  /// `from` by a session's virtual address.
  virtual Opened Open(Address& from, std::span<std::byte>& datagram) noexcept = 0;
  /// Makes what leaves of what ENet sends: writes it to `out` and may replace the address. Its
  /// bytes; 0: not sent.
  virtual size_t Seal(Address& to, std::span<const iovec> parts,
                      std::span<std::byte> out) noexcept = 0;

  /// Such a datagram is opened soon, in two steps of which the second comes a few datagrams after
  /// the first: what Open will look at is fetched into the cache.
  virtual void ExpectFar(std::span<const std::byte> /*datagram*/) noexcept {}
  virtual void ExpectNear(std::span<const std::byte> /*datagram*/) noexcept {}
  /// Something is sealed to this address soon.
  virtual void ExpectSeal(const Address& /*to*/) noexcept {}

  /// ENet has connected the peer at `seen`, an address that Open gave.
  virtual Peer OnConnected(const Address& seen) noexcept { return {seen.v4, {}}; }
  /// ENet has forgotten the peer, for `reason`, which the client may not have heard.
  virtual void OnGone(const Address& /*seen*/, uint32_t /*reason*/) noexcept {}
  /// What Open gave of `seen` was refused by the pre-check.
  virtual void OnMalformed(const Address& /*seen*/) noexcept {}
  /// Has the session at `seen` ended below ENet, which does not know it yet? Its reason then.
  virtual std::optional<uint32_t> Ended(const Address& /*seen*/) const noexcept {
    return std::nullopt;
  }
  /// A few times a second.
  virtual void Maintain() noexcept {}
  /// The host closes: tells every session that still stands.
  virtual void SayGoodbye(uint32_t /*reason*/) noexcept {}
};

class PlainSeam final : public DatagramSeam {
 public:
  core::Status AllowBind(uint32_t v4) const override {
    if (IsLoopback(v4)) return {};
    return {core::Code::kDenied, "plain mode listens on loopback only (net.bind)"};
  }
  Opened Open(Address&, std::span<std::byte>&) noexcept override { return Opened::kPass; }
  size_t Seal(Address&, std::span<const iovec> parts, std::span<std::byte> out) noexcept override {
    return CopyParts(parts, out);
  }
};

}  // namespace bluemarble::net
