#include "api/blocking_pool.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>

namespace bluemarble::api {
namespace {

// Holds every job that waits for it.
class Gate {
 public:
  void Wait() { future_.wait(); }
  void Open() { promise_.set_value(); }

 private:
  std::promise<void> promise_;
  std::shared_future<void> future_ = promise_.get_future().share();
};

TEST(BlockingPool, RunsWhatIsSubmitted) {
  BlockingPool pool(2, 4);
  std::promise<int> answer;
  ASSERT_TRUE(pool.Submit([&] { answer.set_value(7); }));
  EXPECT_EQ(answer.get_future().get(), 7);
}

TEST(BlockingPool, TakesNoMoreThanRunsAndWaits) {
  Gate gate;
  std::promise<void> running;
  BlockingPool pool(1, 2);
  ASSERT_TRUE(pool.Submit([&] {
    running.set_value();
    gate.Wait();
  }));
  running.get_future().wait();
  EXPECT_TRUE(pool.Submit([] {}));
  EXPECT_TRUE(pool.Submit([] {}));
  EXPECT_FALSE(pool.Submit([] {}));
  gate.Open();
}

TEST(BlockingPool, IdleThreadsCountAsRoom) {
  BlockingPool pool(1, 0);
  for (int i = 0; i < 100; ++i) {
    std::promise<void> ran;
    // The thread may still be on its way back from the job before.
    while (!pool.Submit([&] { ran.set_value(); })) {
    }
    ran.get_future().wait();
  }
}

TEST(BlockingPool, StopDropsWhatWaitsAndItsBelongings) {
  Gate gate;
  std::promise<void> running;
  auto held = std::make_shared<int>(1);
  bool ran = false;
  BlockingPool pool(1, 2);
  ASSERT_TRUE(pool.Submit([&] {
    running.set_value();
    gate.Wait();
  }));
  running.get_future().wait();
  ASSERT_TRUE(pool.Submit([held, &ran] { ran = true; }));
  const std::weak_ptr<int> watched = held;
  held.reset();
  std::thread stopper([&] { pool.Stop(); });
  while (!watched.expired()) std::this_thread::yield();
  gate.Open();
  stopper.join();
  EXPECT_FALSE(ran);
  EXPECT_FALSE(pool.Submit([] {}));
}

}  // namespace
}  // namespace bluemarble::api
