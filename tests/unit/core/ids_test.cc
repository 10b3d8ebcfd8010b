#include "core/ids.h"

#include <gtest/gtest.h>

namespace bluemarble::core {
namespace {

TEST(Ids, EntityAndPeerKeepTheirParts) {
  const auto entity = EntityId::Make(1'048'575, 4'095);
  EXPECT_EQ(entity.index(), 1'048'575u);
  EXPECT_EQ(entity.generation(), 4'095u);
  const auto peer = PeerId::Make(3, 4'094, 77);
  EXPECT_EQ(peer.host(), 3u);
  EXPECT_EQ(peer.slot(), 4'094u);
  EXPECT_EQ(peer.generation(), 77u);
}

TEST(Ids, SequencesCompareAcrossTheWrap) {
  EXPECT_TRUE(SequenceNewer(1, 0));
  EXPECT_TRUE(SequenceNewer(0, 65'535));
  EXPECT_FALSE(SequenceNewer(65'535, 0));
  EXPECT_FALSE(SequenceNewer(5, 5));
}

TEST(Ids, TicksExpandToTheNearestOnBothSidesOfTheWrap) {
  const Tick reference = (Tick{7} << 32) + 10;
  EXPECT_EQ(ExpandTick(12, reference), reference + 2);
  EXPECT_EQ(ExpandTick(0xfffffff0u, reference), reference - 26);
}

}  // namespace
}  // namespace bluemarble::core
