/// kill -9 at arbitrary moments of committing: what was acknowledged is there once, and nothing is
/// torn.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "core/hash.h"
#include "fixture.h"

namespace bluemarble::persistence {
namespace {

constexpr int kPlayers = 5;

/// Logs players in and appends samples for ever; tells each acknowledged (player, version) to
/// `out`.
[[noreturn]] void CommitForEver(const std::string& path, int out) {
  const core::SystemClock clock;
  auto store = OpenOrNull(path, clock);
  if (!store) _exit(1);
  const auto run = static_cast<uint64_t>(store->meta().run) << 32;
  std::vector<PlayerRow> rows;
  for (uint64_t i = 0; i < kPlayers; ++i) {
    rows.push_back(CommitOne(*store, Login(run + i, "Player" + std::to_string(i))).row);
  }
  for (uint64_t n = 100;; ++n) {
    std::vector<DurableWrite> group;
    std::vector<PositionSave> saves;
    for (PlayerRow& row : rows) {
      group.push_back(Sample(run + n, row, row.version, static_cast<double>(n), n));
      saves.push_back({row.player_id, row.epoch, n + 1, StateAt(0.5)});
    }
    std::vector<WriteResult> results(group.size());
    CommitReport report;
    if (!store->Commit({group, saves, run + n}, results, report).ok()) _exit(2);
    for (size_t i = 0; i < rows.size(); ++i) {
      if (results[i].outcome != Outcome::kOk) _exit(3);
      rows[i] = results[i].row;
      const int64_t line[2] = {rows[i].player_id, rows[i].version};
      if (write(out, line, sizeof(line)) != sizeof(line)) _exit(4);
    }
  }
}

TEST(SqliteCrash, EachAcknowledgedWriteIsThereOnceAfterKillNine) {
  const TempFolder folder;
  const core::SystemClock clock;
  const uint64_t seed = 2;
  core::Random random(seed);
  for (int round = 0; round < 8; ++round) {
    int channel[2];
    ASSERT_EQ(pipe(channel), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      close(channel[0]);
      CommitForEver(folder.path(), channel[1]);
    }
    close(channel[1]);
    // The moment is drawn in acknowledgements, so that a slow machine dies as deep in as a fast
    // one.
    std::vector<std::pair<int64_t, int64_t>> acknowledged;
    const uint64_t kill_after = 1 + random.Below(60);
    int64_t line[2];
    while (read(channel[0], line, sizeof(line)) == sizeof(line)) {
      acknowledged.emplace_back(line[0], line[1]);
      if (acknowledged.size() == kill_after) kill(child, SIGKILL);
    }
    close(channel[0]);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status))
        << "seed " << seed << " round " << round << " exit " << WEXITSTATUS(status);

    auto store = OpenOrNull(folder.path(), clock);
    ASSERT_NE(store, nullptr) << "seed " << seed << " round " << round;
    for (int i = 0; i < kPlayers; ++i) {
      auto row = store->LoadPlayer("Player" + std::to_string(i));
      ASSERT_TRUE(row.ok());
      const auto events = store->ReadEvents(AggregateType::kPlayer, row->player_id, 1, 1'000'000);
      ASSERT_TRUE(events.ok());
      ASSERT_EQ(static_cast<int64_t>(events->size()), row->version)
          << "state and events go together";
      for (const auto& [player_id, version] : acknowledged) {
        EXPECT_TRUE(player_id != row->player_id || version <= row->version) << "seed " << seed;
      }
    }
  }
}

}  // namespace
}  // namespace bluemarble::persistence
