#include "tools/zonebot/view_probe.h"

#include <algorithm>
#include <cmath>

namespace bluemarble::zonebot {
namespace {

// Bounds the probe's share of the processor that it shares with what it measures.
constexpr size_t kPairsPerPass = 15'000;
constexpr double kCellM = 1000;
constexpr double kErrorUnitsPerM = 10'000;

uint64_t CellOf(int64_t x, int64_t y, int64_t z) {
  constexpr int64_t kBias = 1 << 20;
  return static_cast<uint64_t>(x + kBias) << 42 | static_cast<uint64_t>(y + kBias) << 21 |
         static_cast<uint64_t>(z + kBias);
}
int64_t CellAxis(double metres) { return static_cast<int64_t>(std::floor(metres / kCellM)); }
uint64_t CellOf(geo::Vec3 p) { return CellOf(CellAxis(p.x), CellAxis(p.y), CellAxis(p.z)); }

geo::Vec3 ToVec3(const Vector3& v) { return {v.x, v.y, v.z}; }

std::optional<geo::Vec3> OwnAt(const Client& client, double tick) {
  const auto before = static_cast<uint64_t>(tick);
  const auto a = client.OwnPositionAt(before);
  const auto b = client.OwnPositionAt(before + 1);
  if (!a || !b) return std::nullopt;
  const geo::Vec3 from = ToVec3(*a);
  return from + (ToVec3(*b) - from) * (tick - static_cast<double>(before));
}

}  // namespace

ViewProbe::ViewProbe(std::vector<size_t> observers, int extra_latency_ms)
    : observers_(std::move(observers)),
      extra_latency_ms_(extra_latency_ms),
      pairs_(observers_.size()) {}

void ViewProbe::Sample(int64_t now_ns, std::span<const Client* const> bots,
                       const std::vector<bool>& counted) {
  if (observers_.empty()) return;
  IndexSubjects(now_ns, bots);
  if (recording_) CountTargets(bots, counted);
  size_t work = 0;
  for (size_t i = 0; i < observers_.size() && work < kPairsPerPass; ++i) {
    const size_t observer = next_observer_;
    next_observer_ = (next_observer_ + 1) % observers_.size();
    if (bots[observers_[observer]] == nullptr) continue;
    Observe(observer, now_ns, bots, counted);
    work += in_range_.size();
  }
}

void ViewProbe::IndexSubjects(int64_t now_ns, std::span<const Client* const> bots) {
  truth_.resize(bots.size());
  entity_.resize(bots.size());
  subjects_.clear();
  // Every client's clock lags by what its path adds; the one that lags least is nearest to the
  // server's.
  server_tick_ = 0;
  for (const size_t observer : observers_) {
    const Client* client = bots[observer];
    if (client == nullptr) continue;
    server_tick_ = std::max(server_tick_, client->ServerTick(now_ns));
    tick_hz_ = client->tick_hz();
    for (size_t c = 0; c < radius_m_.size(); ++c)
      radius_m_[c] = client->class_radius_m(static_cast<ReplicationClass>(c));
  }
  server_tick_ += extra_latency_ms_ * tick_hz_ / 1000;
  for (size_t i = 0; i < bots.size(); ++i) {
    if (bots[i] == nullptr) continue;
    const OwnView own = bots[i]->own();
    const auto there = OwnAt(*bots[i], server_tick_);
    truth_[i] = there ? *there : ToVec3(own.predicted);
    entity_[i] = own.id;
    subjects_.push_back({CellOf(truth_[i]), static_cast<uint32_t>(i)});
  }
  std::sort(subjects_.begin(), subjects_.end());
}

void ViewProbe::CountTargets(std::span<const Client* const> bots,
                             const std::vector<bool>& counted) {
  size_t targets = 0;
  for (size_t i = 0; i < bots.size(); ++i) targets += bots[i] != nullptr && counted[i] ? 1 : 0;
  targets_.least = passes_ == 0 ? targets : std::min(targets_.least, targets);
  targets_.most = std::max(targets_.most, targets);
  targets_.mean += static_cast<double>(targets);
  ++passes_;
}

TargetCount ViewProbe::targets() const {
  TargetCount out = targets_;
  out.mean /= static_cast<double>(std::max<size_t>(passes_, 1));
  return out;
}

void ViewProbe::CollectInRange(uint32_t self) {
  in_range_.clear();
  const geo::Vec3 at = truth_[self];
  const double radius_m = std::min(radius_m_.back(), kCellM);
  const int64_t x = CellAxis(at.x), y = CellAxis(at.y), z = CellAxis(at.z);
  for (int64_t cx = x - 1; cx <= x + 1; ++cx)
    for (int64_t cy = y - 1; cy <= y + 1; ++cy) {
      // Three cells along z are adjacent keys.
      auto it =
          std::lower_bound(subjects_.begin(), subjects_.end(), Subject{CellOf(cx, cy, z - 1), 0});
      for (; it != subjects_.end() && it->cell <= CellOf(cx, cy, z + 1); ++it)
        if (it->bot != self && LengthSquared(truth_[it->bot] - at) < radius_m * radius_m)
          in_range_.push_back(it->bot);
    }
  std::sort(in_range_.begin(), in_range_.end());
}

void ViewProbe::Observe(size_t observer, int64_t now_ns, std::span<const Client* const> bots,
                        const std::vector<bool>& counted) {
  const auto self = static_cast<uint32_t>(observers_[observer]);
  CollectInRange(self);
  next_pairs_.clear();
  auto known = pairs_[observer].cbegin();
  const auto end = pairs_[observer].cend();
  for (const uint32_t target : in_range_) {
    while (known != end && known->target < target) ++known;
    Pair pair{target, server_tick_};
    if (known != end && known->target == target) pair = *known;
    RecordPair(*bots[self], pair, now_ns, bots, counted[target]);
    next_pairs_.push_back(pair);
  }
  pairs_[observer].swap(next_pairs_);
}

void ViewProbe::RecordPair(const Client& observer, Pair& pair, int64_t now_ns,
                           std::span<const Client* const> bots, bool counted) {
  EntityView drawn;
  const bool held = observer.FindEntity(entity_[pair.target], now_ns, drawn);
  const auto newest = static_cast<double>(drawn.newest_tick);
  const bool just_entered = pair.since_tick == server_tick_;
  if (held && (just_entered || newest > pair.since_tick)) pair.since_tick = newest;
  if (!recording_ || !counted) return;
  const auto self = observer.own().predicted;
  const double distance_m = Length(truth_[pair.target] - ToVec3(self));
  size_t cls = 0;
  while (cls + 1 < radius_m_.size() && distance_m >= radius_m_[cls]) ++cls;
  const double age_ticks = std::max(0.0, server_tick_ - pair.since_tick);
  ages_[cls].Add(static_cast<uint64_t>(age_ticks / tick_hz_ * 1e6));
  if (!held) return;
  if (const auto truth = OwnAt(*bots[pair.target], drawn.drawn_tick))
    errors_[cls].Add(
        static_cast<uint64_t>(Length(ToVec3(drawn.position) - *truth) * kErrorUnitsPerM));
}

double ViewProbe::AgeMs(ReplicationClass cls, double quantile) const {
  return static_cast<double>(ages_[static_cast<size_t>(cls)].Quantile(quantile)) / 1000;
}
double ViewProbe::ErrorM(ReplicationClass cls, double quantile) const {
  return static_cast<double>(errors_[static_cast<size_t>(cls)].Quantile(quantile)) /
         kErrorUnitsPerM;
}

}  // namespace bluemarble::zonebot
