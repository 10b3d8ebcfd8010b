#include "protocol/item_look.h"

#include <gtest/gtest.h>

#include <array>

#include "protocol/part_codec.h"

namespace bluemarble::protocol {
namespace {

PartState OneItem(uint16_t definition) {
  const ItemLook look = LookOf(definition);
  PartState part;
  part.occupied = 1;
  part.members[0].id.bits = 0x00100001;
  part.members[0].kind = kItemKind;
  part.members[0].state.health = look.health;
  part.members[0].state.animation = look.animation;
  return part;
}

uint16_t Seen(const PartState& part) {
  return DefinitionOf({part.members[0].state.health, part.members[0].state.animation});
}

TEST(ItemLook, EveryDefinitionSurvivesTheCombatClass) {
  std::array<std::byte, 256> buffer;
  for (uint16_t definition = 1; definition <= kMaxItemDefinition; ++definition) {
    const PartState now = OneItem(definition);
    const auto full = EncodePart(now, {}, {}, 30, ReplicationClass::kCombat, buffer);
    PartState back;
    ASSERT_TRUE(
        DecodePart(std::span(buffer).first(full.value()), {}, 30, ReplicationClass::kCombat, back)
            .ok());
    ASSERT_EQ(Seen(back), definition);

    const PartState before = OneItem(static_cast<uint16_t>(definition ^ 0x5a5));
    const PartBases bases{.newest = &before, .age = 3};
    const auto delta = EncodePart(now, bases, {.newest = 1}, 30, ReplicationClass::kCombat, buffer);
    ASSERT_TRUE(DecodePart(std::span(buffer).first(delta.value()), bases, 30,
                           ReplicationClass::kCombat, back)
                    .ok());
    ASSERT_EQ(Seen(back), definition);
  }
}

TEST(ItemLook, TheOtherClassesDoNotTell) {
  const PartState item = OneItem(1234);
  for (ReplicationClass cls : {ReplicationClass::kVisual, ReplicationClass::kExtended}) {
    const QuantState state = ToClass(item.members[0].state, cls);
    EXPECT_EQ(DefinitionOf({state.health, state.animation}), 0);
  }
}

}  // namespace
}  // namespace bluemarble::protocol
