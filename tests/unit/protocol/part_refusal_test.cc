#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "protocol/part_codec.h"
#include "protocol/residual.h"

namespace bluemarble::protocol {
namespace {

std::vector<std::byte> FromHex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::vector<std::byte> bytes;
  for (size_t at = 0; at + 1 < hex.size(); at += 2)
    bytes.push_back(static_cast<std::byte>(16 * digit(hex[at]) + digit(hex[at + 1])));
  return bytes;
}

PartState Walkers(size_t count, int32_t east) {
  PartState part{};
  for (size_t slot = 0; slot < count; ++slot) {
    part.members[slot] = {core::EntityId::Make(static_cast<uint32_t>(7 + slot), 1),
                          1,
                          {.position = {east, -2000, 30}, .yaw = 100, .health = 100}};
    part.occupied |= 1u << slot;
  }
  return part;
}

// A walker that only turns, by a number of 22 free bits and by one of 23: the examples of
// proto/WIRE.md.
TEST(PartCodec, ANumberOfMoreFreeBitsThanOneMayHaveIsMalformed) {
  const PartState base = Walkers(1, 1000);
  const PartBases bases{.newest = &base, .age = 3};
  PartState decoded;
  ASSERT_TRUE(
      DecodePart(FromHex("0a391e5c9a261e"), bases, 30, ReplicationClass::kCombat, decoded).ok());
  PartState turned = base;
  turned.members[0].state.yaw = (100 + kResidualLimit) & 1023;
  EXPECT_EQ(decoded.occupied, turned.occupied);
  EXPECT_EQ(decoded.members[0], turned.members[0]);
  EXPECT_EQ(
      DecodePart(FromHex("0a391e5d581e6e87"), bases, 30, ReplicationClass::kCombat, decoded).code(),
      core::Code::kInvalid);
}

// Largest numbers only, so that the scales grow until more bits are asked for than the decoder has.
TEST(PartCodec, NumbersThatGrowAPartsScalesWithoutEndAreMalformed) {
  const PartState older = Walkers(8, 1100), newest = Walkers(8, 1000);
  const PartBases bases{.newest = &newest, .older = &older, .age = 30, .step = 1};
  PartState decoded;
  const auto payload = FromHex(
      "3f89adafff6ffffee7ffffffe7fffdffffffffffdfffffffffdfffe07fffffff"
      "7ffff07fffffffff07ffffffffe7ff857fffffff7fffe17ffffffffe17f7ffbf");
  EXPECT_EQ(DecodePart(payload, bases, 1, ReplicationClass::kCombat, decoded).code(),
            core::Code::kInvalid);
}

}  // namespace
}  // namespace bluemarble::protocol
