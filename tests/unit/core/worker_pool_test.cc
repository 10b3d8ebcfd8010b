#include "core/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
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

}  // namespace
}  // namespace bluemarble::core
