/// The layer between ENet and the kernel. Debian's libenet calls enet_socket_send, _receive, _bind
/// and enet_time_get through the dynamic linker, and this file's definitions come first: sockets
/// registered here go through a HookedSocket, all others reach the library's own functions
/// unchanged. docs/decisions/0003-hooks-below-enet.md. Registration: any thread; a HookedSocket:
/// its host's thread.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/clock.h"
#include "core/result.h"
#include "net/address.h"

namespace bluemarble::net {

/// What ENet talks to instead of a socket. Neither call may fail: -1 would end ENet's whole pass
/// over its peers (PITFALLS E-1, E-2), so a failure is counted by the implementation and swallowed.
class HookedSocket {
 public:
  virtual ~HookedSocket() = default;
  /// Returns the bytes that ENet shall believe to be sent.
  virtual int Send(const Address& to, std::span<const iovec> parts) noexcept = 0;
  /// Copies one datagram into `out` and returns its length; 0: none now.
  virtual int Receive(Address& from, std::span<std::byte> out) noexcept = 0;
};

/// From now on ENet's calls on `fd` go to `socket`. kFull: the descriptor is above kMaxHookedFd.
core::Status RegisterSocket(int fd, HookedSocket* socket);
/// Before the descriptor is closed.
void UnregisterSocket(int fd);

inline constexpr int kMaxHookedFd = 1 << 17;

/// While one lives, enet_socket_bind on this thread is ours and keeps errno, which ENet throws
/// away.
class BindScope {
 public:
  BindScope();
  ~BindScope();
  BindScope(const BindScope&) = delete;
  BindScope& operator=(const BindScope&) = delete;
  /// 0 when the last bind of this scope worked.
  int bind_errno() const { return errno_; }

 private:
  friend int BindForScope(int fd, const Address* address);
  int errno_ = 0;
};

/// The clock of every ENet host of the process; null: CLOCK_MONOTONIC. The clock must outlive its
/// use.
void SetEnetClock(const core::Clock* clock);

/// Calls that reached our functions, counted only while a VerifyHooks runs.
struct HookCounters {
  uint64_t sends = 0, receives = 0, binds = 0, times = 0;
};

/// Ok when every counter moved; else kInternal naming the function that went past us.
core::Status JudgeHooks(const HookCounters& before, const HookCounters& after);

/// Connects two temporary ENet hosts over loopback and judges the counters (PITFALLS E-23): a
/// library built with symbolic binding would silently bypass this layer. Run once, before any
/// transport opens.
core::Status VerifyHooks();

}  // namespace bluemarble::net
