/// What every way to find out who is near whom is asked in spatial_bench: every walker has a new
/// place; for each walker the numbers of all walkers within 1,000 m of it, itself included, by
/// ring: up to 50 m, up to 300 m, beyond. Distances are those of whole centimetres, exact. One
/// thread.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/ids.h"
#include "geo/grid.h"

namespace bluemarble::bench {

inline constexpr std::array<int64_t, 3> kRadiiCm{5'000, 30'000, 100'000};

/// A walker by its EntityId::index().
using Hit = core::EntityId;
/// Where the hits of each ring are written.
using Pens = std::array<Hit*, 3>;

/// What one tick yields: all lists of all walkers, ring by ring. Every way writes all of them, 4
/// bytes a hit.
class Answers {
 public:
  explicit Answers(uint32_t walkers) : room_(size_t{walkers} * 512 + kLongest), of_(walkers) {
    for (auto& hits : hits_) hits = std::make_unique<Hit[]>(room_);
    Clear();
  }
  void Clear() {
    for (size_t ring = 0; ring < 3; ++ring) next_[ring] = hits_[ring].get();
  }
  Pens Begin() const { return next_; }
  void End(uint32_t walker, const Pens& end) {
    of_[walker] = {next_, end};
    next_ = end;
    for (size_t ring = 0; ring < 3; ++ring)
      if (next_[ring] + kLongest > hits_[ring].get() + room_) std::abort();
  }
  std::span<const Hit> Of(uint32_t walker, size_t ring) const {
    return {of_[walker].begin[ring], of_[walker].end[ring]};
  }
  size_t hits(size_t ring) const { return static_cast<size_t>(next_[ring] - hits_[ring].get()); }

 private:
  static constexpr size_t kLongest = 10'000;  // hits of one walker
  struct Lists {
    Pens begin, end;
  };
  size_t room_;
  std::array<std::unique_ptr<Hit[]>, 3> hits_;
  Pens next_{};
  std::vector<Lists> of_;
};

/// One way. Not an owner of the places it is given.
class Way {
 public:
  virtual ~Way() = default;
  virtual void Update(const std::vector<geo::GridPoint>& at) = 0;
  virtual void Answer(const std::vector<geo::GridPoint>& at, Answers& answers) = 0;
};

constexpr double Squared(int64_t cm) { return static_cast<double>(cm * cm); }

/// A way with its settings.
struct Setting {
  std::string name;
  std::function<std::unique_ptr<Way>()> make;
};

/// A k-d tree rebuilt every tick.
std::vector<Setting> NanoflannSettings(uint32_t walkers, geo::GridPoint centre);
/// Boost's R-tree, loaded in bulk every tick or with each walker taken out and put in again.
std::vector<Setting> RtreeSettings(uint32_t walkers, geo::GridPoint centre);

}  // namespace bluemarble::bench
