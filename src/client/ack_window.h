/// Which snapshots of the last kAckWindow + 1 were received, as input messages tell the server. A
/// value; sequences run 1..65,535 and skip 0 (proto/WIRE.md "Input").
#pragma once

#include <cstdint>

#include "bluemarble/wire.h"
#include "protocol/input.h"

namespace bluemarble::client {

class AckWindow {
 public:
  /// Newest sequence noted; 0: none.
  uint16_t newest() const { return newest_; }
  /// Bit i: the sequence i + 1 steps before newest() was noted.
  uint64_t bits() const { return bits_; }

  bool Contains(uint16_t sequence) const {
    if (newest_ == 0) return false;
    const int back = protocol::SequenceSteps(sequence, newest_);
    return back == 0 || (back <= kAckWindow && (bits_ >> (back - 1) & 1) != 0);
  }

  /// `sequence` != 0. Older than the window: ignored.
  void Note(uint16_t sequence) {
    if (newest_ == 0) {
      newest_ = sequence;
      return;
    }
    const int ahead = protocol::SequenceSteps(newest_, sequence);
    if (ahead == 0) return;
    if (ahead <= kHalfCycle) {
      const uint64_t older = ahead < kAckWindow ? bits_ << ahead : 0;
      bits_ = ahead <= kAckWindow ? older | uint64_t{1} << (ahead - 1) : 0;
      newest_ = sequence;
      return;
    }
    const int back = protocol::SequenceSteps(sequence, newest_);
    if (back <= kAckWindow) bits_ |= uint64_t{1} << (back - 1);
  }

 private:
  static constexpr int kHalfCycle = 65535 / 2;
  uint16_t newest_ = 0;
  uint64_t bits_ = 0;
};

}  // namespace bluemarble::client
