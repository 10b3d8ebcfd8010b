#include "mutants.h"

#include <algorithm>
#include <array>

#include "bluemarble/wire.h"

namespace bluemarble::insiders {
namespace {

constexpr size_t kHeadBytes = 4;  // peer and flags, sent time
// Behind the first command's own bytes: such flips get past the pre-check, to who reads messages.
constexpr size_t kCommandBytes = kHeadBytes + 8;

}  // namespace

Bytes Mutator::Next(const std::vector<Bytes>& captured, size_t most) {
  Bytes bytes = Pick(captured);
  const int times = 1 + static_cast<int>(random_.Below(3));
  for (int i = 0; i < times; ++i) Damage(bytes, captured);
  bytes.resize(std::min(bytes.size(), most));
  return bytes;
}

Bytes Mutator::NextEnet(const std::vector<Bytes>& captured, uint16_t head) {
  Bytes bytes = Pick(captured);
  const int times = 1 + static_cast<int>(random_.Below(2));
  for (int i = 0; i < times; ++i) {
    if (random_.Chance(0.25)) {
      RepeatCommands(bytes);
    } else if (random_.Chance(0.5)) {
      FlipBits(bytes, kCommandBytes);
    } else {
      Damage(bytes, captured);
    }
  }
  bytes.resize(std::min(bytes.size(), kEnetMtu));
  if (bytes.size() >= 2 && random_.Chance(0.9)) {
    constexpr uint8_t kTimeFlag = 0x80;
    const auto flag = std::to_integer<uint8_t>(bytes[0]) & kTimeFlag;
    bytes[0] = static_cast<std::byte>(flag | head >> 8);
    bytes[1] = static_cast<std::byte>(head & 0xff);
  }
  return bytes;
}

void Mutator::Damage(Bytes& bytes, const std::vector<Bytes>& captured) {
  switch (random_.Below(6)) {
    case 0:
    case 1: FlipBits(bytes, 0); break;
    case 2: bytes.resize(random_.Below(bytes.size() + 1)); break;
    case 3: {
      const Bytes& other = Pick(captured);
      bytes.resize(random_.Below(bytes.size() + 1));
      const auto from = static_cast<std::ptrdiff_t>(random_.Below(other.size() + 1));
      bytes.insert(bytes.end(), other.begin() + from, other.end());
      break;
    }
    case 4: WriteExtreme(bytes); break;
    case 5:
      for (size_t more = 1 + random_.Below(64); more > 0; --more)
        bytes.push_back(static_cast<std::byte>(random_.Next()));
      break;
  }
}

void Mutator::FlipBits(Bytes& bytes, size_t from) {
  if (bytes.size() <= from) return;
  for (size_t flips = 1 + random_.Below(8); flips > 0; --flips)
    bytes[from + random_.Below(bytes.size() - from)] ^=
        static_cast<std::byte>(1u << random_.Below(8));
}

void Mutator::WriteExtreme(Bytes& bytes) {
  constexpr std::array<uint32_t, 8> kExtremes{0,           0xffff,      0xffff'ffff, 0x7fff'ffff,
                                              0x8000'0000, 0x0010'0000, 0x0000'8000, 1};
  const uint32_t value = kExtremes[random_.Below(kExtremes.size())];
  const size_t width = random_.Chance(0.5) ? 2 : 4;
  if (bytes.size() < width) return;
  const size_t at = random_.Below(bytes.size() - width + 1);
  for (size_t i = 0; i < width; ++i)
    bytes[at + i] = static_cast<std::byte>(value >> (8 * (width - 1 - i)));
}

// What follows the head again and again, up to a datagram's size.
void Mutator::RepeatCommands(Bytes& bytes) {
  if (bytes.size() <= kHeadBytes) return;
  const Bytes commands(bytes.begin() + kHeadBytes, bytes.end());
  for (size_t times = 1 + random_.Below(80);
       times > 0 && bytes.size() + commands.size() <= kEnetMtu; --times)
    bytes.insert(bytes.end(), commands.begin(), commands.end());
}

}  // namespace bluemarble::insiders
