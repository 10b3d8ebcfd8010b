#include "session/presence.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "session/session_table.h"

namespace bluemarble::session {
namespace {

TEST(Presence, ASessionsPlayerIsPresentUntilItIsClosed) {
  SessionTable table(4);
  Session* session = table.Open(core::PeerId::Make(0, 1, 1), 1);
  session->player_id = 77;
  const auto ann = persistence::PlayerName::From("ann");
  table.SetName(*session, ann);
  EXPECT_FALSE(table.presence().Contains(77));
  EXPECT_FALSE(table.presence().ContainsNamed(ann));
  table.SetPresent(*session);
  EXPECT_TRUE(table.presence().Contains(77));
  EXPECT_TRUE(table.presence().ContainsNamed(ann));
  EXPECT_FALSE(table.presence().ContainsNamed(persistence::PlayerName::From("bob")));
  session->state = SessionState::kLeaving;
  table.Detach(*session);
  EXPECT_TRUE(table.presence().Contains(77));
  table.Close(*session);
  EXPECT_FALSE(table.presence().Contains(77));
  EXPECT_FALSE(table.presence().ContainsNamed(ann));
}

TEST(Presence, APlayerThatMovesBetweenPlacesIsFoundByOtherThreadsAllTheTime) {
  constexpr uint32_t kPlaces = 64;
  Presence presence(kPlaces);
  uint32_t at = 0;
  presence.Set(at, 5);
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    for (int i = 0; i < 200'000; ++i) {
      if (!presence.Contains(5)) ADD_FAILURE() << "missed in look " << i;
    }
    stop = true;
  });
  while (!stop) {
    const uint32_t next = (at + 37) % kPlaces;
    presence.Set(next, 5);
    presence.Set(at, 0);
    at = next;
  }
  reader.join();
}

}  // namespace
}  // namespace bluemarble::session
