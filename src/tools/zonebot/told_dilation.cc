#include "tools/zonebot/told_dilation.h"

namespace bluemarble::zonebot {
namespace {

constexpr int64_t kTenthUs = 100'000;

}  // namespace

void ToldDilation::Add(int64_t wall_us, int dilation_pct) {
  const int64_t tenth = wall_us / kTenthUs;
  if (tenth != tenth_) Close();
  tenth_ = tenth;
  ++open_[dilation_pct];
}

void ToldDilation::Close() {
  const bool all_the_same = open_.size() == 1;
  for (const auto& [pct, snapshots] : open_) {
    const int64_t end_us = (tenth_ + 1) * kTenthUs;
    if (all_the_same && joinable_ && spans_.back().dilation_pct == pct) {
      spans_.back().to_us = end_us;
      spans_.back().snapshots += snapshots;
    } else {
      spans_.push_back({tenth_ * kTenthUs, end_us, pct, snapshots});
    }
  }
  if (!open_.empty()) joinable_ = all_the_same;
  open_.clear();
}

std::vector<ToldSpan> ToldDilation::Spans() const {
  ToldDilation closed = *this;
  closed.Close();
  return closed.spans_;
}

}  // namespace bluemarble::zonebot
