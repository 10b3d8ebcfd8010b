#include "replication/history.h"

#include <gtest/gtest.h>

#include <array>
#include <span>

#include "protocol/snapshot.h"

namespace bluemarble::replication {
namespace {

constexpr auto kBody = static_cast<world::Kind>(protocol::kBodyKind);
constexpr ReplicationClass kAll[] = {ReplicationClass::kCombat, ReplicationClass::kVisual,
                                     ReplicationClass::kExtended};

// A full record says that its yaw and vitals are those of the one before it, which a body has none
// of.
TEST(History, APlayerBehindABodyInAKeyframeIsDecodedAsItIs) {
  const geo::Vec3 place = geo::ToEcef({8.5, 47.4, 0});
  const geo::NodeKey leaf = geo::NodeKey::At(geo::ToGrid(place), 18);
  const auto frame = geo::SectorFrame::Of(leaf.ancestor(geo::kSectorLevel));
  const world::Body body{.position = place, .yaw = 16384};
  const world::Vitals vitals{.health = 77, .animation = 2};
  for (const ReplicationClass cls : kAll) {
    SCOPED_TRACE(static_cast<int>(cls));
    protocol::PartState part{};
    uint32_t index = 1;
    for (const world::Kind kind : {kBody, world::Kind::kPlayer, kBody, world::Kind::kAnimal}) {
      part.occupied |= 1u << index;
      part.members[index] = {core::EntityId::Make(index, 1), static_cast<uint8_t>(kind),
                             protocol::ToClass(Quantise(frame, kind, body, vitals), cls)};
      ++index;
    }
    EXPECT_EQ(part.members[2].state.health, cls == ReplicationClass::kCombat ? 77 : 0);
    std::array<std::byte, protocol::kMaxPartBytes> payload;
    const auto bytes = protocol::EncodePart(part, {}, {}, 30, cls, payload);
    ASSERT_TRUE(bytes.ok());
    protocol::PartState decoded;
    ASSERT_TRUE(protocol::DecodePart(std::span(payload).first(*bytes), {}, 30, cls, decoded).ok());
    ASSERT_EQ(decoded.occupied, part.occupied);
    for (uint32_t slot = 1; slot < index; ++slot)
      EXPECT_EQ(decoded.members[slot], part.members[slot]) << slot;
  }
}

}  // namespace
}  // namespace bluemarble::replication
