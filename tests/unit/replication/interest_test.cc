#include "replication/interest.h"

#include <gtest/gtest.h>

namespace bluemarble::replication {
namespace {

using core::EntityId;
using core::Tick;

// Entities in the order of their coming, on one plane of the grid; each of the first is a viewer.
class Surroundings {
 public:
  explicit Surroundings(const ReplicationSettings& settings)
      : octree_({.max_entities = kMost}), interest_(settings, octree_, kMost, 1) {}

  EntityId Put(int east_m, int north_m) {
    const EntityId id = EntityId::Make(++entities_, 1);
    EXPECT_TRUE(octree_.Insert(id, At(east_m, north_m), now_ + 1).ok());
    return id;
  }
  void Move(EntityId id, int east_m, int north_m) {
    octree_.Move(id, At(east_m, north_m), now_ + 1);
  }
  void View(EntityId id) {
    viewers_.push_back(std::make_unique<Viewer>(256));
    viewers_.back()->Reset(id, now_);
    interest_.AddViewer(static_cast<ViewerSlot>(viewers_.size() - 1), id);
  }
  void Refresh() {
    ++now_;
    octree_.Restructure(now_);
    interest_.Refresh(viewers_, workers_, now_);
    octree_.ClearGone();
  }
  uint32_t LooksBehind(size_t viewer) const {
    return static_cast<uint32_t>(now_) - viewers_[viewer]->looked;
  }
  InterestFinder& interest() { return interest_; }
  size_t viewers() const { return viewers_.size(); }

 private:
  static constexpr uint32_t kMost = 4000;
  static geo::GridPoint At(int east_m, int north_m) {
    return {637'000'000, east_m * 100, north_m * 100};
  }

  core::WorkerPool workers_{1};
  aoi::Octree octree_;
  InterestFinder interest_;
  std::vector<std::unique_ptr<Viewer>> viewers_;
  uint32_t entities_ = 0;
  Tick now_ = 1000;
};

TEST(InterestFinder, ServesThoseWhoAreWantedByTurnsWhenTheyAreTooMany) {
  Surroundings around({.interest_ticks = 60, .max_viewers = 2000});
  for (int i = 0; i < 2000; ++i) around.View(around.Put(i % 40, i / 40));
  uint32_t longest = 0;
  for (int tick = 0; tick < 200; ++tick) {
    for (ViewerSlot slot = 0; slot < around.viewers(); ++slot) around.interest().Want(slot);
    around.Refresh();
    for (size_t i = 0; tick >= 60 && i < around.viewers(); ++i)
      longest = std::max(longest, around.LooksBehind(i));
  }
  EXPECT_LE(longest, 2000u / 256 + 1) << "ticks in which a wanted viewer did not look";
}

// Some go to and fro between two crowded leaves in the sight of 300.
uint64_t LostOfThoseWhoMove(int nearer_m) {
  Surroundings around({.max_viewers = 300});
  for (int i = 0; i < 300; ++i) around.View(around.Put(i % 20, i / 20));
  const int east_m[] = {nearer_m, nearer_m + 60};
  for (int i = 0; i < 110; ++i) around.Put(east_m[i % 2], 0);
  std::vector<EntityId> movers;
  for (int i = 0; i < 8; ++i) movers.push_back(around.Put(east_m[0], 0));
  for (int tick = 0; tick < 100; ++tick) {
    for (EntityId id : movers) around.Move(id, east_m[tick / 4 % 2], 0);
    around.Refresh();
  }
  return around.interest().arrivals_lost();
}

TEST(InterestFinder, WhoMovesInPlainSightOfAllConcernsNobody) {
  EXPECT_EQ(LostOfThoseWhoMove(110), 0u);
}

TEST(InterestFinder, AsksOnlySoManyAboutThoseWhoMoveAndCountsTheRest) {
  EXPECT_GT(LostOfThoseWhoMove(270), 0u);
}

}  // namespace
}  // namespace bluemarble::replication
