#include "world/schedule.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <vector>

namespace bluemarble::world {
namespace {

struct Column {
  std::vector<int> visits;
};

System Visitor(Column& column, ColumnMask reads, ColumnMask writes) {
  return {.name = "visitor",
          .reads = reads,
          .writes = writes,
          .context = &column,
          .rows =
              [](const void* c) {
                return static_cast<uint32_t>(static_cast<const Column*>(c)->visits.size());
              },
          .run =
              [](void* c, RowRange rows) {
                for (uint32_t i = rows.begin; i < rows.end; ++i)
                  ++static_cast<Column*>(c)->visits[i];
              }};
}

TEST(Schedule, EveryRowOfEverySystemIsVisitedOnceOnAnyWorkerCount) {
  for (const int workers : {1, 2, 4}) {
    Column a{std::vector<int>(1000)}, empty{}, b{std::vector<int>(257)};
    Schedule schedule;
    schedule.Add(Visitor(a, 0, 1));
    schedule.Add(Visitor(empty, 0, 2));
    schedule.Add(Visitor(b, 0, 4));
    EXPECT_EQ(schedule.stages(), 1u);
    core::WorkerPool pool(workers);
    schedule.Run(pool);
    EXPECT_EQ(a.visits, std::vector<int>(1000, 1));
    EXPECT_EQ(b.visits, std::vector<int>(257, 1));
  }
}

TEST(Schedule, SystemsInConflictGetStagesOfTheirOwn) {
  Column column;
  const struct {
    ColumnMask reads_a, writes_a, reads_b, writes_b;
    size_t stages;
  } cases[] = {{1, 2, 1, 4, 1}, {0, 1, 0, 1, 2}, {0, 1, 1, 0, 2}, {1, 0, 0, 1, 2}, {1, 0, 1, 0, 1}};
  for (const auto& test : cases) {
    Schedule schedule;
    schedule.Add(Visitor(column, test.reads_a, test.writes_a));
    schedule.Add(Visitor(column, test.reads_b, test.writes_b));
    EXPECT_EQ(schedule.stages(), test.stages);
  }
}

}  // namespace
}  // namespace bluemarble::world
