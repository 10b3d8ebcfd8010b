#include "ops/shutdown.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "ops/exit_codes.h"

namespace bluemarble::ops {
namespace {

// A handler may touch nothing but lock-free atomics and async-signal-safe calls; hence globals.
std::atomic<int> g_stop_signals{0};
std::atomic<bool> g_stop{false};
std::atomic<bool> g_reload{false};
std::atomic<int> g_wake_read{-1};
std::atomic<int> g_wake_write{-1};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

void Wake() {
  const int saved = errno;
  const char byte = 0;
  // A full pipe is fine: the waiter wakes anyway.
  [[maybe_unused]] const ssize_t n = ::write(g_wake_write.load(), &byte, 1);
  errno = saved;
}

void OnStop(int) {
  if (g_stop_signals.fetch_add(1) > 0) ::_exit(kExitSecondSignal);
  g_stop.store(true);
  Wake();
}

void OnReload(int) {
  g_reload.store(true);
  Wake();
}

bool Handle(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  return ::sigaction(signal, &action, nullptr) == 0;
}

}  // namespace

core::Status InstallSignalHandlers() {
  if (g_wake_read.load() < 0) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
      return {core::Code::kInternal, "no pipe for signals", std::strerror(errno)};
    }
    g_wake_read.store(ends[0]);
    g_wake_write.store(ends[1]);
  }
  const bool installed = Handle(SIGTERM, OnStop) && Handle(SIGINT, OnStop) &&
                         Handle(SIGHUP, OnReload) && Handle(SIGPIPE, SIG_IGN);
  if (!installed) return {core::Code::kInternal, "signal handlers refused", std::strerror(errno)};
  return core::Status::Ok();
}

bool StopRequested() { return g_stop.load(std::memory_order_relaxed); }

void RequestStop() {
  g_stop.store(true);
  Wake();
}

void WaitForSignal(int timeout_ms) {
  // A reload wakes by its byte in the pipe alone: a caller that does not take it must not spin.
  if (g_stop.load()) return;
  pollfd wake{g_wake_read.load(), POLLIN, 0};
  if (::poll(&wake, 1, timeout_ms) <= 0) return;
  char drained[64];
  while (::read(g_wake_read.load(), drained, sizeof drained) > 0) {
  }
}

bool TakeReloadRequest() { return g_reload.exchange(false); }

}  // namespace bluemarble::ops
