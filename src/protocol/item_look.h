/// How an item on the ground tells what it is: its definition number travels in the 8 bits of
/// health and the 4 of animation, which an item has no other use for and which the combat class
/// carries exactly. (Yaw has 10 bits there and 8 in the visual class; the extended class has none
/// of the three.) Pure functions, any thread. Source: proto/WIRE.md "Kinds".
#pragma once

#include <cstdint>

namespace bluemarble::protocol {

/// world::Kind::kItem, as it travels.
inline constexpr uint8_t kItemKind = 4;
/// Definition numbers of the item catalogue are 1..kMaxItemDefinition.
inline constexpr uint16_t kMaxItemDefinition = 4095;

struct ItemLook {
  uint8_t health = 0;     ///< The definition's low 8 bits.
  uint8_t animation = 0;  ///< Its high 4 bits.
  friend constexpr bool operator==(const ItemLook&, const ItemLook&) = default;
};

/// `definition`: 1..kMaxItemDefinition; higher bits are lost.
constexpr ItemLook LookOf(uint16_t definition) {
  return {static_cast<uint8_t>(definition & 0xff), static_cast<uint8_t>(definition >> 8 & 0xf)};
}

/// 0: it is not told (a class other than combat).
constexpr uint16_t DefinitionOf(ItemLook look) {
  return static_cast<uint16_t>(look.health | (look.animation & 0xf) << 8);
}

}  // namespace bluemarble::protocol
