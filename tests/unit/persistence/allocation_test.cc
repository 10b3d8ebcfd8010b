/// The zone thread's side of the committer allocates nothing.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "core/alloc_counter.h"
#include "fixture.h"
#include "persistence/committer.h"
#include "support/sim_store.h"

namespace bluemarble::persistence {
namespace {

TEST(CommitterAllocations, TheZoneThreadMakesNoneFromRequestToCompletion) {
  if (!core::CountsAllocations()) GTEST_SKIP() << "sanitizers bring their own operator new";
  const core::SystemClock clock;
  Committer committer(PersistenceSettings{}, std::make_unique<support::SimStore>(), clock);
  committer.Start();
  std::vector<PositionSave> saves(1000);
  LoginRequest login;
  login.name = PlayerName::From("Ada");
  const uint64_t before = core::ThreadAllocations();
  Completion completion;
  for (uint64_t tick = 1; tick <= 200; ++tick) {
    login.request_id = tick;
    bool ok = committer.RequestLogin(login).ok();
    while (ok && !committer.NextCompletion(completion)) std::this_thread::yield();
    PlayerEventRequest sample;
    sample.request_id = 1000 + tick;
    sample.player_id = completion.row.player_id;
    ok = ok && committer.AppendEvent(sample).ok() && committer.SavePositions(saves).ok() &&
         committer.ReserveTicks(tick).ok();
    for (int answers = 0; ok && answers < 2;) {
      committer.NextCompletion(completion) ? void(++answers) : std::this_thread::yield();
    }
    if (!ok) break;
  }
  EXPECT_EQ(core::ThreadAllocations() - before, 0u);
  EXPECT_EQ(completion.kind, CompletionKind::kTicksReserved);
  EXPECT_GT(before, 0u);
}

}  // namespace
}  // namespace bluemarble::persistence
