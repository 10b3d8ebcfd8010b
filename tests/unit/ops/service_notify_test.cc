#include "ops/service_notify.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>

namespace bluemarble::ops {
namespace {

constexpr int64_t kOneSecond = 1'000'000'000;

/// A supervisor's end of the socket; `name` as in NOTIFY_SOCKET.
class Supervisor {
 public:
  explicit Supervisor(std::string name) : name_(std::move(name)) {
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name_.data(), name_.size());
    if (name_.front() == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size());
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), length), 0);
  }
  ~Supervisor() {
    ::close(fd_);
    if (name_.front() == '/') ::unlink(name_.c_str());
  }
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// The next datagram; empty when there is none.
  std::string Next() {
    char text[1024];
    const ssize_t size = ::recv(fd_, text, sizeof text, 0);
    return size > 0 ? std::string(text, static_cast<size_t>(size)) : "";
  }
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  int fd_;
};

std::string NewName(const char* kind) {
  static int made = 0;
  return std::string(kind) + "bluemarble_notify_" + std::to_string(::getpid()) + "_" +
         std::to_string(made++);
}

TEST(ServiceNotify, TellsOfItsLifeOverAPathAndOverAnAbstractName) {
  for (const char* kind : {"/tmp/", "@"}) {
    Supervisor supervisor(NewName(kind));
    ServiceNotify notify({.socket = supervisor.name()});
    ASSERT_TRUE(notify.active());
    notify.Ready("serving");
    notify.Reloading(7 * kOneSecond);
    notify.Stopping();
    EXPECT_EQ(supervisor.Next(), "READY=1\nSTATUS=serving\n") << kind;
    EXPECT_EQ(supervisor.Next(), "RELOADING=1\nMONOTONIC_USEC=7000000\n");
    EXPECT_EQ(supervisor.Next(), "STOPPING=1\n");
    EXPECT_EQ(supervisor.Next(), "");
    EXPECT_EQ(notify.failures(), 0u);
  }
}

TEST(ServiceNotify, FeedsTheWatchdogFourTimesPerPeriodWhileWorkGoesOn) {
  Supervisor supervisor(NewName("@"));
  ServiceNotify notify({.socket = supervisor.name(), .watchdog_us = 8'000'000});
  int fed = 0;
  for (int64_t ms = 0; ms < 16'000; ms += 200) {
    notify.Alive(ms * 1'000'000, static_cast<uint64_t>(ms));
    if (supervisor.Next() == "WATCHDOG=1\n") ++fed;
  }
  EXPECT_EQ(fed, 8);
}

TEST(ServiceNotify, AZoneThatStandsStillIsNotCalledAlive) {
  Supervisor supervisor(NewName("@"));
  ServiceNotify notify({.socket = supervisor.name(), .watchdog_us = 4'000'000});
  notify.Alive(0, 17);
  EXPECT_EQ(supervisor.Next(), "WATCHDOG=1\n");
  for (int64_t s = 2; s < 60; ++s) notify.Alive(s * kOneSecond, 17);
  EXPECT_EQ(supervisor.Next(), "");
  notify.Alive(60 * kOneSecond, 18);
  EXPECT_EQ(supervisor.Next(), "WATCHDOG=1\n");
}

TEST(ServiceNotify, WithoutAWatchdogNothingIsFed) {
  Supervisor supervisor(NewName("@"));
  ServiceNotify notify({.socket = supervisor.name()});
  notify.Alive(kOneSecond, 1);
  notify.Alive(100 * kOneSecond, 2);
  EXPECT_EQ(supervisor.Next(), "");
}

TEST(ServiceNotify, WithoutASupervisorNothingHappensAndAGoneOneIsCounted) {
  ServiceNotify none({});
  none.Ready("serving");
  EXPECT_FALSE(none.active());
  EXPECT_EQ(none.failures(), 0u);
  for (const std::string& wrong :
       {std::string("relative"), std::string("/"), std::string("@"), "/" + std::string(200, 'x')}) {
    EXPECT_FALSE(ServiceNotify({.socket = wrong}).active()) << wrong;
  }
  ServiceNotify gone({.socket = NewName("@")});
  gone.Ready("serving");
  EXPECT_EQ(gone.failures(), 1u);
}

TEST(ServiceNotify, TheEnvironmentSaysWhereAndWhoseWatchdogItIs) {
  const std::string own = std::to_string(::getpid());
  const struct {
    const char* usec;
    const char* pid;
    int64_t expected_us;
  } cases[] = {{"5000000", nullptr, 5'000'000},
               {"5000000", own.c_str(), 5'000'000},
               {"5000000", "1", 0},
               {"5000000", "", 0},
               {"-1", own.c_str(), 0},
               {"5s", own.c_str(), 0},
               {nullptr, own.c_str(), 0}};
  ::setenv("NOTIFY_SOCKET", "/run/notify", 1);
  for (const auto& test : cases) {
    test.usec != nullptr ? ::setenv("WATCHDOG_USEC", test.usec, 1) : ::unsetenv("WATCHDOG_USEC");
    test.pid != nullptr ? ::setenv("WATCHDOG_PID", test.pid, 1) : ::unsetenv("WATCHDOG_PID");
    const NotifySettings settings = NotifySettingsOfProcess();
    EXPECT_EQ(settings.socket, "/run/notify");
    EXPECT_EQ(settings.watchdog_us, test.expected_us)
        << (test.usec != nullptr ? test.usec : "-") << " "
        << (test.pid != nullptr ? test.pid : "-");
  }
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  EXPECT_EQ(NotifySettingsOfProcess().socket, "");
}

}  // namespace
}  // namespace bluemarble::ops
