/// Measures what sampled observers see against the truth, which is known because every other player
/// is a bot of this process: the age of the newest state that an observer holds of each player
/// truly in range, and how far from the truth it would be drawn. Used by the main thread; allocates
/// as bots come into range.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bluemarble/client.h"
#include "core/counters.h"
#include "geo/vec3.h"

namespace bluemarble::zonebot {

/// Players whose age and error counted, over the passes of the window.
struct TargetCount {
  size_t least = 0, most = 0;
  double mean = 0;
};

class ViewProbe {
 public:
  /// `observers`: indices of bots that decode. `extra_latency_ms`: one-way delay that the links
  /// add, by which every client's server clock lags.
  ViewProbe(std::vector<size_t> observers, int extra_latency_ms);

  /// One pass over the observers (a part of them when there are many pairs). `bots[i]`: null unless
  /// playing. Age and error are those of players who are `counted`; who stands beside a recording
  /// would only flatter them.
  void Sample(int64_t now_ns, std::span<const Client* const> bots,
              const std::vector<bool>& counted);
  /// Until now only the times of entering were kept; from now on samples count.
  void StartRecording() { recording_ = true; }

  double AgeMs(ReplicationClass cls, double quantile) const;
  double ErrorM(ReplicationClass cls, double quantile) const;
  uint64_t samples(ReplicationClass cls) const { return ages_[static_cast<size_t>(cls)].count(); }
  TargetCount targets() const;

 private:
  struct Pair {
    uint32_t target = 0;
    double since_tick = 0;  // newest state ever held, else when it came into range
  };
  struct Subject {
    uint64_t cell = 0;
    uint32_t bot = 0;
    friend bool operator<(const Subject& a, const Subject& b) {
      return a.cell != b.cell ? a.cell < b.cell : a.bot < b.bot;
    }
  };

  void IndexSubjects(int64_t now_ns, std::span<const Client* const> bots);
  void CountTargets(std::span<const Client* const> bots, const std::vector<bool>& counted);
  void Observe(size_t observer, int64_t now_ns, std::span<const Client* const> bots,
               const std::vector<bool>& counted);
  void CollectInRange(uint32_t self);
  void RecordPair(const Client& observer, Pair& pair, int64_t now_ns,
                  std::span<const Client* const> bots, bool counted);

  const std::vector<size_t> observers_;
  const int extra_latency_ms_;
  bool recording_ = false;
  size_t next_observer_ = 0;
  double server_tick_ = 0, tick_hz_ = 30;
  std::array<double, kReplicationClasses> radius_m_{};
  std::vector<geo::Vec3> truth_;   // by bot, at server_tick_
  std::vector<uint32_t> entity_;   // by bot
  std::vector<Subject> subjects_;  // sorted
  std::vector<uint32_t> in_range_;
  std::vector<std::vector<Pair>> pairs_;  // by observer, sorted by target
  std::vector<Pair> next_pairs_;
  TargetCount targets_;  // its mean: the sum
  size_t passes_ = 0;
  std::array<core::Histogram, kReplicationClasses> ages_;    // microseconds
  std::array<core::Histogram, kReplicationClasses> errors_;  // tenths of a millimetre
};

}  // namespace bluemarble::zonebot
