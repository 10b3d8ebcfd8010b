#include "spatial_ways.h"

#include <fmt/format.h>

#include <boost/geometry.hpp>
#include <boost/geometry/index/rtree.hpp>
#include <boost/iterator/function_output_iterator.hpp>
#include <cmath>
#include <nanoflann.hpp>

namespace bluemarble::bench {
namespace {

// Coordinates relative to the scene's centre: exact in single precision as well.
template <typename Scalar>
std::array<Scalar, 3> Relative(geo::GridPoint p, geo::GridPoint centre) {
  return {static_cast<Scalar>(p.x - centre.x), static_cast<Scalar>(p.y - centre.y),
          static_cast<Scalar>(p.z - centre.z)};
}

// A k-d tree rebuilt every tick; a search per walker whose hits go straight to where they belong.
template <typename Scalar>
class Nanoflann final : public Way {
 public:
  Nanoflann(uint32_t walkers, geo::GridPoint centre, size_t leaf_size)
      : cloud_{std::vector<std::array<Scalar, 3>>(walkers)},
        centre_(centre),
        index_(3, cloud_, nanoflann::KDTreeSingleIndexAdaptorParams(leaf_size)) {}

  void Update(const std::vector<geo::GridPoint>& at) override {
    for (size_t i = 0; i < at.size(); ++i) cloud_.points[i] = Relative<Scalar>(at[i], centre_);
    index_.buildIndex();
  }
  void Answer(const std::vector<geo::GridPoint>&, Answers& answers) override {
    const nanoflann::SearchParams unsorted(0, 0, false);
    for (uint32_t i = 0; i < cloud_.points.size(); ++i) {
      Hits hits{cloud_, cloud_.points[i], answers.Begin()};
      index_.findNeighbors(hits, cloud_.points[i].data(), unsorted);
      answers.End(i, hits.next);
    }
  }

 private:
  struct Cloud {
    std::vector<std::array<Scalar, 3>> points;
    size_t kdtree_get_point_count() const { return points.size(); }
    Scalar kdtree_get_pt(size_t i, size_t axis) const { return points[i][axis]; }
    template <typename Box>
    bool kdtree_get_bbox(Box&) const {
      return false;
    }
  };
  struct Hits {
    const Cloud& cloud;
    const std::array<Scalar, 3>& from;
    Pens next;

    // Beyond what rounding can do; whole centimetres decide below.
    Scalar worstDist() const { return static_cast<Scalar>(Squared(kRadiiCm[2]) * (1 + 1e-6)); }
    bool full() const { return true; }
    size_t size() const { return 0; }
    bool addPoint(Scalar rounded, uint32_t hit) {
      double distance = static_cast<double>(rounded);
      if constexpr (sizeof(Scalar) == 4) distance = Exact(distance, hit);
      if (distance > Squared(kRadiiCm[1])) {
        if (distance <= Squared(kRadiiCm[2])) *next[2]++ = Hit{hit};
      } else {
        *next[distance > Squared(kRadiiCm[0])]++ = Hit{hit};
      }
      return true;
    }
    // The true distance where the rounded one is close to a radius.
    double Exact(double rounded, uint32_t hit) const {
      bool close = false;
      for (const int64_t radius : kRadiiCm) {
        close |= std::abs(rounded - Squared(radius)) < Squared(radius) * 1e-6;
      }
      if (!close) return rounded;
      double sum = 0;
      for (size_t axis = 0; axis < 3; ++axis) {
        const double off = static_cast<double>(cloud.points[hit][axis]) - from[axis];
        sum += off * off;
      }
      return sum;
    }
  };
  Cloud cloud_;
  geo::GridPoint centre_;
  nanoflann::KDTreeSingleIndexAdaptor<nanoflann::L2_Simple_Adaptor<Scalar, Cloud, Scalar>, Cloud, 3,
                                      uint32_t>
      index_;
};

enum class RtreeUpdate { kBulk, kMove };

// Boost's R-tree, loaded in bulk every tick or with each walker taken out and put in again; a
// query per walker with the sphere's box, exact distances for what is in it.
template <typename Scalar, typename Parameters, RtreeUpdate kUpdate>
class Rtree final : public Way {
 public:
  Rtree(uint32_t walkers, geo::GridPoint centre) : values_(walkers), centre_(centre) {}

  void Update(const std::vector<geo::GridPoint>& at) override {
    const bool move = kUpdate == RtreeUpdate::kMove && tree_.size() == values_.size();
    for (uint32_t i = 0; i < at.size(); ++i) {
      const auto [x, y, z] = Relative<Scalar>(at[i], centre_);
      const Value value{Point(x, y, z), i};
      if (move) {
        tree_.remove(values_[i]);
        tree_.insert(value);
      }
      values_[i] = value;
    }
    if (!move) tree_ = Tree(values_.begin(), values_.end());
  }
  void Answer(const std::vector<geo::GridPoint>& at, Answers& answers) override {
    constexpr auto kReach = static_cast<Scalar>(kRadiiCm[2]);
    for (uint32_t i = 0; i < at.size(); ++i) {
      const auto [x, y, z] = Relative<Scalar>(at[i], centre_);
      Pens next = answers.Begin();
      const auto take = [&](const Value& hit) {
        const double dx = static_cast<double>(hit.first.template get<0>()) - x;
        const double dy = static_cast<double>(hit.first.template get<1>()) - y;
        const double dz = static_cast<double>(hit.first.template get<2>()) - z;
        const double distance = dx * dx + dy * dy + dz * dz;
        if (distance > Squared(kRadiiCm[1])) {
          if (distance <= Squared(kRadiiCm[2])) *next[2]++ = Hit{hit.second};
        } else {
          *next[distance > Squared(kRadiiCm[0])]++ = Hit{hit.second};
        }
      };
      const boost::geometry::model::box<Point> box(Point(x - kReach, y - kReach, z - kReach),
                                                   Point(x + kReach, y + kReach, z + kReach));
      tree_.query(boost::geometry::index::intersects(box),
                  boost::make_function_output_iterator(take));
      answers.End(i, next);
    }
  }

 private:
  using Point = boost::geometry::model::point<Scalar, 3, boost::geometry::cs::cartesian>;
  using Value = std::pair<Point, uint32_t>;
  using Tree = boost::geometry::index::rtree<Value, Parameters>;
  std::vector<Value> values_;
  geo::GridPoint centre_;
  Tree tree_;
};

template <typename Scalar>
void AddNanoflann(std::vector<Setting>& settings, const char* scalar, uint32_t walkers,
                  geo::GridPoint centre) {
  for (const size_t leaf : {4, 8, 12, 16, 24, 32, 48, 64}) {
    settings.push_back({fmt::format("{}, leaf {}", scalar, leaf), [=] {
                          return std::make_unique<Nanoflann<Scalar>>(walkers, centre, leaf);
                        }});
  }
}

template <typename Scalar, typename Parameters, RtreeUpdate kUpdate>
Setting RtreeSetting(const char* name, uint32_t walkers, geo::GridPoint centre) {
  return {name,
          [=] { return std::make_unique<Rtree<Scalar, Parameters, kUpdate>>(walkers, centre); }};
}

}  // namespace

std::vector<Setting> NanoflannSettings(uint32_t walkers, geo::GridPoint centre) {
  std::vector<Setting> settings;
  AddNanoflann<float>(settings, "float", walkers, centre);
  AddNanoflann<double>(settings, "double", walkers, centre);
  return settings;
}

std::vector<Setting> RtreeSettings(uint32_t walkers, geo::GridPoint centre) {
  using boost::geometry::index::linear;
  using boost::geometry::index::quadratic;
  using boost::geometry::index::rstar;
  constexpr auto kBulk = RtreeUpdate::kBulk;
  constexpr auto kMove = RtreeUpdate::kMove;
  return {RtreeSetting<float, rstar<4>, kBulk>("bulk, float, 4", walkers, centre),
          RtreeSetting<float, rstar<8>, kBulk>("bulk, float, 8", walkers, centre),
          RtreeSetting<float, rstar<16>, kBulk>("bulk, float, 16", walkers, centre),
          RtreeSetting<float, rstar<32>, kBulk>("bulk, float, 32", walkers, centre),
          RtreeSetting<float, rstar<64>, kBulk>("bulk, float, 64", walkers, centre),
          RtreeSetting<double, rstar<16>, kBulk>("bulk, double, 16", walkers, centre),
          RtreeSetting<double, rstar<32>, kBulk>("bulk, double, 32", walkers, centre),
          RtreeSetting<float, rstar<16>, kMove>("moved, float, rstar 16", walkers, centre),
          RtreeSetting<float, quadratic<16>, kMove>("moved, float, quadratic 16", walkers, centre),
          RtreeSetting<float, linear<16>, kMove>("moved, float, linear 16", walkers, centre),
          RtreeSetting<float, linear<32>, kMove>("moved, float, linear 32", walkers, centre)};
}

}  // namespace bluemarble::bench
