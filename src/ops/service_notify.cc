#include "ops/service_notify.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace bluemarble::ops {
namespace {

constexpr int kFeedsPerPeriod = 4;

int64_t NumberOf(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return 0;
  int64_t number = 0;
  const char* const end = text + std::strlen(text);
  const auto parsed = std::from_chars(text, end, number);
  return parsed.ec == std::errc() && parsed.ptr == end && number > 0 ? number : 0;
}

}  // namespace

NotifySettings NotifySettingsOfProcess() {
  NotifySettings settings;
  if (const char* socket = std::getenv("NOTIFY_SOCKET")) settings.socket = socket;
  // Another process's watchdog: the variables were inherited from a supervised parent.
  const bool ours =
      std::getenv("WATCHDOG_PID") == nullptr || NumberOf("WATCHDOG_PID") == ::getpid();
  if (ours) settings.watchdog_us = NumberOf("WATCHDOG_USEC");
  return settings;
}

ServiceNotify::ServiceNotify(const NotifySettings& settings)
    : socket_(settings.socket), feed_every_ns_(settings.watchdog_us * 1000 / kFeedsPerPeriod) {
  sockaddr_un address;
  const bool usable = socket_.size() > 1 && socket_.size() < sizeof address.sun_path &&
                      (socket_.front() == '/' || socket_.front() == '@');
  if (usable) fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

ServiceNotify::~ServiceNotify() {
  if (fd_ >= 0) ::close(fd_);
}

void ServiceNotify::Send(std::string_view text) {
  if (fd_ < 0) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  if (socket_.front() == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  const ssize_t sent = ::sendto(fd_, text.data(), text.size(), MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&address), length);
  if (sent != static_cast<ssize_t>(text.size())) ++failures_;
}

void ServiceNotify::Ready(std::string_view status) {
  Send(fmt::format("READY=1\nSTATUS={}\n", status));
}

void ServiceNotify::Reloading(int64_t now_ns) {
  Send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\n", now_ns / 1000));
}

void ServiceNotify::Stopping() { Send("STOPPING=1\n"); }

void ServiceNotify::Alive(int64_t now_ns, uint64_t progress) {
  if (fd_ < 0 || feed_every_ns_ == 0) return;
  if (fed_ && (now_ns - fed_ns_ < feed_every_ns_ || progress == progress_)) return;
  fed_ = true;
  fed_ns_ = now_ns;
  progress_ = progress;
  Send("WATCHDOG=1\n");
}

}  // namespace bluemarble::ops
