#include "session/session_table.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/hash.h"

namespace bluemarble::session {
namespace {

core::PeerId Peer(uint32_t slot, uint32_t generation = 1) {
  return core::PeerId::Make(0, slot, generation);
}

TEST(SessionTable, FindsByPeerAndByHandle) {
  SessionTable table(4);
  Session* session = table.Open(Peer(3), 10);
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->state, SessionState::kConnected);
  EXPECT_EQ(table.FindByPeer(Peer(3)), session);
  EXPECT_EQ(table.Find(session->id), session);
  EXPECT_EQ(table.FindByPeer(Peer(3, 2)), nullptr);
}

TEST(SessionTable, RefusesMoreThanItsCapacityAndASecondSessionOfAPeer) {
  SessionTable table(2);
  ASSERT_NE(table.Open(Peer(1), 1), nullptr);
  EXPECT_EQ(table.Open(Peer(1), 1), nullptr);
  ASSERT_NE(table.Open(Peer(2), 1), nullptr);
  EXPECT_EQ(table.Open(Peer(3), 1), nullptr);
}

TEST(SessionTable, AClosedHandleIsStaleAfterTheSlotWasReused) {
  SessionTable table(1);
  Session* session = table.Open(Peer(1), 1);
  const SessionId old = session->id;
  table.Close(*session);
  EXPECT_EQ(table.Find(old), nullptr);
  ASSERT_NE(table.Open(Peer(2), 2), nullptr);
  EXPECT_EQ(table.Find(old), nullptr);
  EXPECT_EQ(table.FindByPeer(Peer(1)), nullptr);
}

TEST(SessionTable, APeerMovesFromOneSessionToAnother) {
  SessionTable table(4);
  Session* kept = table.Open(Peer(1), 1);
  Session* newer = table.Open(Peer(2), 1);
  table.Detach(*kept);
  table.MovePeer(*newer, *kept);
  EXPECT_EQ(table.FindByPeer(Peer(2)), kept);
  EXPECT_EQ(kept->peer, Peer(2));
  EXPECT_FALSE(newer->peer);
  table.Close(*newer);
  EXPECT_EQ(table.FindByPeer(Peer(2)), kept);
  table.Close(*kept);
  EXPECT_EQ(table.FindByPeer(Peer(2)), nullptr);
}

TEST(SessionTable, ADetachedSessionStaysButIsNotFoundByPeer) {
  SessionTable table(2);
  Session* session = table.Open(Peer(1), 1);
  table.Detach(*session);
  EXPECT_EQ(table.FindByPeer(Peer(1)), nullptr);
  EXPECT_EQ(table.Find(session->id), session);
  EXPECT_NE(table.Open(Peer(1), 2), nullptr);
}

TEST(SessionTable, FindsEverySessionOfANameUntilItIsClosed) {
  SessionTable table(200);
  const auto name = persistence::PlayerName::From("ada");
  std::vector<Session*> named;
  for (uint32_t i = 0; i < 200; ++i) {
    Session* session = table.Open(Peer(i), 1);
    const bool ada = i % 50 == 7;
    table.SetName(*session, ada ? name : persistence::PlayerName::From(std::to_string(i)));
    if (ada) named.push_back(session);
  }
  const auto found = [&] {
    std::set<Session*> sessions;
    for (Session* s = table.FirstNamed(name); s != nullptr; s = table.NextNamed(*s))
      EXPECT_TRUE(sessions.insert(s).second);
    return sessions;
  };
  EXPECT_EQ(found(), std::set<Session*>(named.begin(), named.end()));
  table.Close(*named[1]);
  EXPECT_EQ(found(), (std::set<Session*>{named[0], named[2], named[3]}));
  table.Close(*named[3]);
  table.Close(*named[0]);
  EXPECT_EQ(found(), std::set<Session*>{named[2]});
}

TEST(SessionTable, EqualsAMapUnderRandomOpeningAndClosing) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    core::Random random(seed);
    SessionTable table(64);
    std::map<uint64_t, SessionId> model;
    for (int step = 0; step < 3000; ++step) {
      const core::PeerId peer = Peer(static_cast<uint32_t>(random.Below(100)));
      if (random.Chance(0.5)) {
        Session* session = table.Open(peer, 1);
        ASSERT_EQ(session != nullptr, model.size() < 64 && !model.contains(peer.bits))
            << "seed " << seed;
        if (session != nullptr) model[peer.bits] = session->id;
      } else if (Session* session = table.FindByPeer(peer)) {
        model.erase(peer.bits);
        table.Close(*session);
      }
      ASSERT_EQ(table.size(), model.size()) << "seed " << seed;
    }
    for (uint32_t slot = 0; slot < 100; ++slot) {
      Session* session = table.FindByPeer(Peer(slot));
      const auto expected = model.find(Peer(slot).bits);
      ASSERT_EQ(session != nullptr, expected != model.end()) << "seed " << seed;
      if (session == nullptr) continue;
      ASSERT_EQ(session->id, expected->second) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace bluemarble::session
