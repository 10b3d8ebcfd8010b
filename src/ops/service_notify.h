/// Tells a supervisor that speaks systemd's notification protocol (sd_notify(3)) when the daemon is
/// ready, alive and stopping: datagrams to the socket that $NOTIFY_SOCKET names. Without one every
/// call does nothing. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bluemarble::ops {

struct NotifySettings {
  std::string socket;       ///< An absolute path, or '@' and an abstract name; empty: nobody asks.
  int64_t watchdog_us = 0;  ///< The supervisor ends who is silent for longer; 0: no watchdog.
};

/// From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, as the supervisor set them for this process.
NotifySettings NotifySettingsOfProcess();

class ServiceNotify {
 public:
  explicit ServiceNotify(const NotifySettings& settings);
  ~ServiceNotify();
  ServiceNotify(const ServiceNotify&) = delete;
  ServiceNotify& operator=(const ServiceNotify&) = delete;

  /// `status`: one line for people, shown by `systemctl status`.
  void Ready(std::string_view status);
  /// Around a reload; Ready ends it.
  void Reloading(int64_t now_ns);
  void Stopping();
  /// Feeds the watchdog, at most four times per its period, and only when `progress` has changed
  /// since it was fed last: a process whose work stands still is ended although this is called.
  void Alive(int64_t now_ns, uint64_t progress);

  /// Is there anybody to tell?
  bool active() const { return fd_ >= 0; }
  uint64_t failures() const { return failures_; }  ///< Datagrams that were not taken.

 private:
  void Send(std::string_view text);

  std::string socket_;
  int fd_ = -1;
  int64_t feed_every_ns_ = 0, fed_ns_ = 0;
  bool fed_ = false;
  uint64_t progress_ = 0;
  uint64_t failures_ = 0;
};

}  // namespace bluemarble::ops
