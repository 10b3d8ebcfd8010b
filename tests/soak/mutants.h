/// Damaged copies of captured datagrams: flipped bits, cuts, splices, repeated commands and fields
/// of the largest values. A seeded sequence; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/hash.h"
#include "insider.h"

namespace bluemarble::insiders {

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  /// Of one of `captured`, any bytes; at most `most` of them.
  Bytes Next(const std::vector<Bytes>& captured, size_t most);
  /// Of ENet datagrams; mostly addressed as `head` says, so that ENet looks further.
  Bytes NextEnet(const std::vector<Bytes>& captured, uint16_t head);

  core::Random& random() { return random_; }

 private:
  const Bytes& Pick(const std::vector<Bytes>& captured) {
    return captured[random_.Below(captured.size())];
  }
  void Damage(Bytes& bytes, const std::vector<Bytes>& captured);
  void FlipBits(Bytes& bytes, size_t from);
  void WriteExtreme(Bytes& bytes);
  void RepeatCommands(Bytes& bytes);

  core::Random random_;
};

}  // namespace bluemarble::insiders
