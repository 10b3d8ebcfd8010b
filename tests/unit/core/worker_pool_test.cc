#include "core/worker_pool.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

namespace bluemarble::core {
namespace {

TEST(WorkerPool, RunsEachChunkOnceAndJoinsBeforeReturning) {
  for (int workers : {1, 2, 4}) {
    WorkerPool pool(workers);
    for (int round = 0; round < 2'000; ++round) {
      const int chunks = round % 17;
      std::vector<int> hits(17, 0);
      pool.Run(chunks, [&](int chunk, int worker) {
        ASSERT_LT(worker, workers);
        ++hits[static_cast<size_t>(chunk)];
      });
      for (int chunk = 0; chunk < 17; ++chunk)
        ASSERT_EQ(hits[static_cast<size_t>(chunk)], chunk < chunks ? 1 : 0);
    }
  }
}

// A signal handler holds the worker, as a scheduler would that has other things to run.
int g_held_pipe[2], g_release_pipe[2];

void HoldUntilReleased(int) {
  char byte = 0;
  [[maybe_unused]] const ssize_t told = write(g_held_pipe[1], &byte, 1);
  [[maybe_unused]] const ssize_t released = read(g_release_pipe[0], &byte, 1);
}

TEST(WorkerPool, WaitsForNoWorkerThatDidNotCome) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer delivers no signal to a thread that waits";
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
  GTEST_SKIP() << "ThreadSanitizer delivers no signal to a thread that waits";
#endif
#endif
  ASSERT_EQ(pipe(g_held_pipe), 0);
  ASSERT_EQ(pipe(g_release_pipe), 0);
  struct sigaction hold {};
  hold.sa_handler = HoldUntilReleased;
  struct sigaction before {};
  ASSERT_EQ(sigaction(SIGUSR1, &hold, &before), 0);
  {
    WorkerPool pool(2);
    pthread_t other{};
    std::atomic<int> there = 0;
    pool.Run(2, [&](int, int worker) {
      if (worker != 0) other = pthread_self();
      for (++there; there < 2;) std::this_thread::yield();
    });
    ASSERT_EQ(pthread_kill(other, SIGUSR1), 0);
    char byte = 0;
    ASSERT_EQ(read(g_held_pipe[0], &byte, 1), 1);

    std::atomic<bool> returned = false, released = false;
    std::jthread patience([&] {
      pollfd nobody_writes{g_held_pipe[0], POLLIN, 0};
      for (int waited_ms = 0; waited_ms < 5000 && !returned; waited_ms += 10)
        poll(&nobody_writes, 1, 10);
      released = !returned;
      [[maybe_unused]] const ssize_t written = write(g_release_pipe[1], "", 1);
    });
    for (int round = 0; round < 100; ++round) {
      int chunks = 0;
      pool.Run(8, [&](int, int worker) { chunks += worker == 0; });
      EXPECT_EQ(chunks, 8);
    }
    returned = true;
    patience.join();
    EXPECT_FALSE(released) << "it waited for the held worker";
    // And now that it is back, it takes part.
    there = 0;
    pool.Run(2, [&](int, int) {
      for (++there; there < 2;) std::this_thread::yield();
    });
  }
  sigaction(SIGUSR1, &before, nullptr);
  for (const int fd : {g_held_pipe[0], g_held_pipe[1], g_release_pipe[0], g_release_pipe[1]})
    close(fd);
}

}  // namespace
}  // namespace bluemarble::core
