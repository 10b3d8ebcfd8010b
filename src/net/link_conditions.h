/// A bad network for tests and load generators: seeded loss, delay, jitter and duplication of
/// datagrams, one object per direction. No thread; time comes in as an argument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <queue>
#include <span>
#include <vector>

#include "core/hash.h"

namespace bluemarble::net {

/// Applied to each direction, so a round trip is delayed by twice latency_ms. Shares are 0..1.
struct LinkConditions {
  double loss = 0;
  double duplicate = 0;
  int latency_ms = 0;
  int jitter_ms =
      0;  ///< Uniform 0..jitter_ms on top of the latency; more than the spacing reorders.
  uint64_t seed = 1;

  bool perfect() const { return loss <= 0 && duplicate <= 0 && latency_ms <= 0 && jitter_ms <= 0; }
};

class LinkQueue {
 public:
  LinkQueue(const LinkConditions& conditions, uint64_t stream);

  /// A datagram enters the link: lost, or queued once or twice. Allocates.
  void Offer(int64_t now_ns, std::span<const std::byte> datagram);
  /// The next datagram that has arrived by now, valid until the next call; null data: none.
  std::span<const std::byte> Take(int64_t now_ns);
  /// When the next one arrives; INT64_MAX when nothing is on the way.
  int64_t next_due_ns() const;

 private:
  struct Flying {
    int64_t due_ns;
    uint64_t order;  // equal times keep their order
    std::vector<std::byte> bytes;
    bool operator<(const Flying& other) const {  // the heap's top is the earliest
      return due_ns != other.due_ns ? due_ns > other.due_ns : order > other.order;
    }
  };
  void Fly(int64_t now_ns, std::span<const std::byte> datagram);

  LinkConditions conditions_;
  core::Random random_;
  uint64_t order_ = 0;
  std::priority_queue<Flying> flying_;
  std::vector<std::byte> taken_;
};

}  // namespace bluemarble::net
