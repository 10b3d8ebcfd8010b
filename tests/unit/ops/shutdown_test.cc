#include "ops/shutdown.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>

#include "ops/exit_codes.h"

namespace bluemarble::ops {
namespace {

// Signals are the process's: every case runs in a child of its own and reports by its exit code.
class ShutdownDeathTest : public ::testing::Test {
 protected:
  static constexpr int kPassed = 42;
  static void Require(bool condition) {
    if (!condition) std::_Exit(1);
  }
};

TEST_F(ShutdownDeathTest, AFirstSignalAsksForAStop) {
  for (const int signal : {SIGTERM, SIGINT}) {
    EXPECT_EXIT(
        {
          Require(InstallSignalHandlers().ok());
          Require(!StopRequested());
          ::raise(signal);
          Require(StopRequested());
          WaitForSignal(-1);  // returns at once
          std::_Exit(kPassed);
        },
        ::testing::ExitedWithCode(kPassed), "");
  }
}

TEST_F(ShutdownDeathTest, ASecondSignalEndsTheProcessAtOnce) {
  EXPECT_EXIT(
      {
        Require(InstallSignalHandlers().ok());
        ::raise(SIGTERM);
        ::raise(SIGINT);
        std::_Exit(kPassed);
      },
      ::testing::ExitedWithCode(kExitSecondSignal), "");
}

TEST_F(ShutdownDeathTest, ASignalAfterAnInternalStopIsStillTheFirst) {
  EXPECT_EXIT(
      {
        Require(InstallSignalHandlers().ok());
        RequestStop();
        Require(StopRequested());
        ::raise(SIGTERM);
        std::_Exit(kPassed);
      },
      ::testing::ExitedWithCode(kPassed), "");
}

TEST_F(ShutdownDeathTest, HangupAsksForAReloadOnceAndStopsNothing) {
  EXPECT_EXIT(
      {
        Require(InstallSignalHandlers().ok());
        ::raise(SIGHUP);
        WaitForSignal(-1);
        Require(!StopRequested());
        Require(TakeReloadRequest());
        Require(!TakeReloadRequest());
        std::_Exit(kPassed);
      },
      ::testing::ExitedWithCode(kPassed), "");
}

TEST_F(ShutdownDeathTest, AReloadThatNobodyTakesDoesNotEndEveryWait) {
  EXPECT_EXIT(
      {
        Require(InstallSignalHandlers().ok());
        ::raise(SIGHUP);
        WaitForSignal(-1);
        const auto before = std::chrono::steady_clock::now();
        WaitForSignal(50);
        Require(std::chrono::steady_clock::now() - before >= std::chrono::milliseconds(45));
        std::_Exit(kPassed);
      },
      ::testing::ExitedWithCode(kPassed), "");
}

TEST_F(ShutdownDeathTest, AClosedPipeIsAnErrorNotASignal) {
  EXPECT_EXIT(
      {
        Require(InstallSignalHandlers().ok());
        int ends[2];
        Require(::pipe(ends) == 0);
        ::close(ends[0]);
        Require(::write(ends[1], "x", 1) == -1);
        std::_Exit(kPassed);
      },
      ::testing::ExitedWithCode(kPassed), "");
}

}  // namespace
}  // namespace bluemarble::ops
