/// Mixing functions and the world's randomness: a pure function of (seed, tick, entity, purpose),
/// so that no order of evaluation and no worker count can change a result (DESIGN §1). Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace bluemarble::core {

/// The finaliser of splitmix64 (Steele, Lea, Flood 2014): a bijection with full avalanche.
constexpr uint64_t Mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

constexpr uint64_t HashCombine(uint64_t seed, uint64_t value) { return Mix64(seed ^ Mix64(value)); }

/// Hash of bytes, eight at a time; the same on every machine of one endianness. Not cryptographic.
inline uint64_t HashBytes(std::span<const std::byte> bytes, uint64_t seed = 0) {
  uint64_t h = seed ^ bytes.size();
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    h = Mix64(h ^ word);
  }
  if (i < bytes.size()) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, bytes.size() - i);
    h = Mix64(h ^ word);
  }
  return h;
}

/// 64 random bits for one decision. `purpose` is a constant that names the decision.
constexpr uint64_t RandomBits(uint64_t seed, uint64_t tick, uint64_t entity, uint64_t purpose) {
  return HashCombine(HashCombine(HashCombine(seed, tick), entity), purpose);
}

/// Uniform in [0, 1), 53 bits.
constexpr double RandomUnit(uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1.0p-53; }

/// A seeded sequence for set-up code, bots and tests; never inside the world's tick.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() { return Mix64(state_++ * 0x9e3779b97f4a7c15ull); }
  double Unit() { return RandomUnit(Next()); }
  double Range(double low, double high) { return low + (high - low) * Unit(); }
  uint64_t Below(uint64_t bound) { return bound == 0 ? 0 : Next() % bound; }
  bool Chance(double probability) { return Unit() < probability; }

 private:
  uint64_t state_;
};

}  // namespace bluemarble::core
