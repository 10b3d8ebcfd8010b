#include "net/link_conditions.h"

#include <cstdint>
#include <limits>

namespace bluemarble::net {

LinkQueue::LinkQueue(const LinkConditions& conditions, uint64_t stream)
    : conditions_(conditions), random_(core::HashCombine(conditions.seed, stream)) {}

void LinkQueue::Offer(int64_t now_ns, std::span<const std::byte> datagram) {
  if (random_.Chance(conditions_.loss)) return;
  Fly(now_ns, datagram);
  if (random_.Chance(conditions_.duplicate)) Fly(now_ns, datagram);
}

void LinkQueue::Fly(int64_t now_ns, std::span<const std::byte> datagram) {
  const double delay_ms = conditions_.latency_ms + random_.Unit() * conditions_.jitter_ms;
  flying_.push({now_ns + static_cast<int64_t>(delay_ms * 1e6),
                order_++,
                {datagram.begin(), datagram.end()}});
}

std::span<const std::byte> LinkQueue::Take(int64_t now_ns) {
  if (flying_.empty() || flying_.top().due_ns > now_ns) return {};
  taken_ = flying_.top().bytes;
  flying_.pop();
  return taken_;
}

int64_t LinkQueue::next_due_ns() const {
  return flying_.empty() ? std::numeric_limits<int64_t>::max() : flying_.top().due_ns;
}

}  // namespace bluemarble::net
