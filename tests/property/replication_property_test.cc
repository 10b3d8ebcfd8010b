// The invariant of replication (DESIGN §4) end to end without a transport: world, octree and
// replicator on one side, replicas on the other, and a seeded channel between them that loses,
// delays, reorders and duplicates snapshots and acks, while relief comes and goes. Whatever a
// client holds of tick T is the server's quantised state of T.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "aoi/octree.h"
#include "client/ack_window.h"
#include "client/replica.h"
#include "core/hash.h"
#include "core/worker_pool.h"
#include "replication/replicator.h"
#include "world/world.h"

namespace bluemarble {
namespace {

using core::EntityId;
using core::Tick;

constexpr int kHz = 30;
constexpr size_t kDatagram = 1139;

const aoi::OctreeLimits kOctree{
    .split_above = 24, .merge_below = 10, .merge_wait_ticks = 10, .max_entities = 2000};
const replication::ReplicationSettings kReplication{.max_viewers = 64};

// How far the nearest member of a leaf may be at a look for the leaf to have a class: a tenth
// beyond its radius, and never more than a small leaf is wide. Said here once more, since it is a
// promise.
double ReachCm(ReplicationClass cls) {
  const double radius_cm = 100 * kReplication.radius_m[static_cast<size_t>(cls)];
  const double small_leaf_cm = std::exp2(geo::kRootBits - kOctree.max_level);
  return radius_cm + std::min(radius_cm / 10, small_leaf_cm);
}

// The longest way between two that the leaf may hold: of its cube with a quarter more on each side.
double DiagonalCm(geo::NodeKey leaf) {
  return std::sqrt(3) * 1.5 * static_cast<double>(leaf.width_cm());
}

double DistanceCm(geo::GridPoint a, geo::GridPoint b) {
  return std::hypot(double{1} * a.x - b.x, double{1} * a.y - b.y, double{1} * a.z - b.z);
}

struct Faults {
  double loss = 0, duplicate = 0;
  int max_delay_ticks = 1;
};

struct InFlight {
  Tick due = 0;
  std::vector<std::byte> bytes;  // a snapshot, or
  uint16_t ack = 0;              // an ack
  uint64_t ack_bits = 0;
};

struct TestViewer {
  EntityId own;
  replication::ViewerSlot slot = 0;
  client::Replica replica{kHz};
  client::AckWindow acks;
  std::vector<InFlight> down, up;
  Tick newest = 0;
};

// Who was where at a tick, for as long as a view may be old.
struct Whereabouts {
  std::map<uint64_t, std::vector<EntityId>> members;  // by leaf
  std::map<uint32_t, geo::GridPoint> places;
};

using PartTruthKey = std::tuple<uint64_t, int, int, Tick>;  // leaf, part, class, tick

class Scene {
 public:
  Scene(uint64_t seed, int workers, const geo::Geodetic& centre)
      : random_(seed),
        pool_(workers),
        world_({.max_entities = 2000}),
        octree_(kOctree),
        replicator_(kReplication, kHz, kDatagram, world_, octree_, pool_),
        centre_(geo::ToEcef(centre)),
        frame_(geo::FrameAt(centre_)) {}

  // Between ticks: what changes belongs to the next one, whose snapshots are not made yet.
  EntityId Spawn(double radius_m, world::Kind kind = world::Kind::kAnimal) {
    const geo::Vec3 at = Place(radius_m);
    const auto id = world_.Create(kind, {.position = at, .ground_height_m = 0}, {});
    EXPECT_TRUE(id.ok());
    EXPECT_TRUE(octree_.Insert(*id, geo::ToGrid(at), tick_ + 1).ok());
    goals_[id->bits] = at;
    return *id;
  }

  void Despawn(EntityId id) {
    EXPECT_TRUE(octree_.Remove(id, tick_ + 1).ok());
    EXPECT_TRUE(world_.Destroy(id).ok());
    goals_.erase(id.bits);
  }

  void Join(double radius_m) {
    auto viewer = std::make_unique<TestViewer>();
    viewer->own = Spawn(radius_m, world::Kind::kPlayer);
    viewer->slot = *replicator_.AddViewer(viewer->own, tick_ + 1);
    viewers_.push_back(std::move(viewer));
  }

  void Leave(size_t index) {
    replicator_.RemoveViewer(viewers_[index]->slot);
    Despawn(viewers_[index]->own);
    viewers_.erase(viewers_.begin() + static_cast<std::ptrdiff_t>(index));
  }

  // One server tick, then the network and the clients.
  void Tick(const Faults& faults, double speed_mps) {
    ++tick_;
    Deliver(faults);
    Move(speed_mps);
    octree_.Restructure(tick_);
    leaves_gone_ += octree_.gone().size();
    replicator_.Interest(tick_);
    octree_.ClearGone();
    RecordTruth();
    RecordWhereabouts();
    replicator_.Replicate(tick_);
    for (auto& viewer : viewers_) {
      const auto bytes = replicator_.SnapshotOf(viewer->slot);
      ASSERT_LE(bytes.size(), kDatagram);
      if (bytes.empty()) continue;
      sent_hash_ = core::HashBytes(bytes, sent_hash_);
      CheckReach(viewer->own, bytes);
      CheckDilation(bytes);
      Post(viewer->down, faults, {.due = 0, .bytes = {bytes.begin(), bytes.end()}});
    }
  }

  void Gather(double radius_m) {
    for (auto& [id, goal] : goals_) goal = Place(radius_m);
  }

  void Relieve(uint8_t step, uint16_t dilation_pct) {
    replicator_.SetRelief(step, dilation_pct);
    dilation_pct_ = dilation_pct;
  }

  // After faults and motion have stopped and some time has passed, whatever relief is in force:
  // each view is exactly what is near.
  void ExpectViewsComplete() {
    for (auto& viewer : viewers_) {
      std::vector<EntityId> near, reach;
      near.reserve(2000);
      reach.reserve(2000);
      const auto at = octree_.PositionOf(viewer->own);
      ASSERT_TRUE(octree_.QueryEntities(at, 100'000, near).ok());
      for (EntityId id : near) {
        if (id == viewer->own) continue;
        const auto* held = viewer->replica.Find(id);
        ASSERT_NE(held, nullptr) << "missing " << id.bits << " at tick " << tick_;
        EXPECT_LE(tick_ - held->tick, 40u);
      }
      viewer->replica.ForEach([&](const client::HeldEntity& held) {
        ASSERT_TRUE(world_.Alive(held.id)) << "ghost " << held.id.bits;
        const auto place = octree_.PlaceOf(held.id);
        EXPECT_EQ(octree_.Find(place.leaf)->key, held.leaf) << "held by a leaf that is not its own";
      });
    }
  }

  uint64_t missing_base() const {
    uint64_t sum = 0;
    for (const auto& viewer : viewers_) sum += viewer->replica.stats().missing_base;
    return sum;
  }
  uint64_t malformed() const {
    uint64_t sum = 0;
    for (const auto& viewer : viewers_) sum += viewer->replica.stats().malformed;
    return sum;
  }
  uint64_t checked() const { return checked_; }
  uint64_t within_reach() const { return within_reach_; }
  uint64_t leaves_gone() const { return leaves_gone_; }
  size_t viewers() const { return viewers_.size(); }
  const replication::ReplicationStats& stats() const { return replicator_.stats(); }
  core::Random& random() { return random_; }
  // Of what the clients hold, and of every byte that they were sent on the way.
  uint64_t ViewHash() const {
    uint64_t hash = sent_hash_;
    for (const auto& viewer : viewers_) {
      uint64_t sum = 0;
      viewer->replica.ForEach([&](const client::HeldEntity& held) {
        sum += core::HashCombine(held.id.bits, core::HashCombine(held.tick, held.leaf.bits));
      });
      hash = core::HashCombine(hash, sum);
    }
    return hash;
  }

 private:
  geo::Vec3 Place(double radius_m) {
    const geo::Vec3 at = centre_ + frame_.east * random_.Range(-radius_m, radius_m) +
                         frame_.north * random_.Range(-radius_m, radius_m);
    return geo::WithHeight(at, 0);
  }

  void Move(double speed_mps) {
    for (uint32_t row = 0; row < world_.count(); ++row) {
      world::Body& body = world_.bodies()[row];
      const EntityId id = world_.ids()[row];
      const geo::Vec3 to_goal = goals_[id.bits] - body.position;
      const double distance = geo::Length(to_goal);
      body.velocity =
          distance > 0.5 && speed_mps > 0 ? to_goal * (speed_mps / distance) : geo::Vec3{};
      body.position = geo::WithHeight(body.position + body.velocity * (1.0 / kHz), 0);
      body.yaw = static_cast<uint16_t>(core::RandomBits(1, tick_ / 8, id.bits, 1));
      octree_.Move(id, geo::ToGrid(body.position), tick_);
    }
  }

  void RecordTruth() {
    std::set<uint64_t> seen;
    for (EntityId id : world_.ids()) {
      const auto leaf_id = octree_.PlaceOf(id).leaf;
      const aoi::Leaf& leaf = *octree_.Find(leaf_id);
      if (!seen.insert(leaf.key.bits).second) continue;
      for (uint32_t at = leaf.first_part; at != aoi::Part::kNone; at = octree_.part(at).next) {
        for (int cls = 0; cls < kReplicationClasses; ++cls) {
          auto& truth = truth_[{leaf.key.bits, octree_.part(at).number, cls, tick_}];
          replicator_.QuantisePart(leaf, octree_.part(at), static_cast<ReplicationClass>(cls),
                                   truth);
        }
      }
    }
    std::erase_if(truth_, [&](const auto& item) { return std::get<3>(item.first) + 60 < tick_; });
  }

  void RecordWhereabouts() {
    Whereabouts& now = whereabouts_.emplace_back();
    if (whereabouts_.size() > kReplication.interest_ticks + 1) whereabouts_.pop_front();
    for (EntityId id : world_.ids()) {
      now.places[id.bits] = octree_.PositionOf(id);
      now.members[octree_.Find(octree_.PlaceOf(id).leaf)->key.bits].push_back(id);
    }
  }

  void CheckDilation(std::span<const std::byte> bytes) const {
    protocol::SnapshotReader reader;
    ASSERT_TRUE(reader.Begin(bytes).ok());
    ASSERT_EQ(reader.own().dilation_pct, dilation_pct_);
  }

  // Nobody is told of what is beyond a class and one leaf: when the viewer looked last, no longer
  // ago than all viewers take turns, somebody in the leaf was within the reach of its class. Who is
  // in it now is no farther from there than the leaf is long, and the viewer has gone its way
  // since.
  void CheckReach(EntityId viewer, std::span<const std::byte> bytes) {
    protocol::SnapshotReader reader;
    ASSERT_TRUE(reader.Begin(bytes).ok());
    protocol::PartHeader header;
    const Whereabouts& now = whereabouts_.back();
    for (std::span<const std::byte> payload; reader.NextPart(header, payload);) {
      const double reach_cm = ReachCm(header.cls);
      double way_cm = -1;  // of the viewer since the latest look that allows the part
      for (size_t age = 0; age < whereabouts_.size() && way_cm < 0; ++age) {
        const Whereabouts& then = whereabouts_[whereabouts_.size() - 1 - age];
        if (!then.places.contains(viewer.bits)) break;
        if (NearestCm(viewer, header.leaf, then) > reach_cm) continue;
        way_cm = DistanceCm(then.places.at(viewer.bits), now.places.at(viewer.bits));
      }
      ASSERT_GE(way_cm, 0) << "tick " << tick_ << ": class " << static_cast<int>(header.cls)
                           << " of a leaf whose nearest member is "
                           << NearestCm(viewer, header.leaf, now) << " cm away";
      for (EntityId id : now.members.at(header.leaf.bits)) {
        ASSERT_LE(DistanceCm(now.places.at(id.bits), now.places.at(viewer.bits)),
                  reach_cm + way_cm + DiagonalCm(header.leaf))
            << "tick " << tick_ << " class " << static_cast<int>(header.cls);
        ++within_reach_;
      }
    }
  }

  static double NearestCm(EntityId viewer, geo::NodeKey leaf, const Whereabouts& at) {
    double nearest_cm = std::numeric_limits<double>::infinity();
    const auto members = at.members.find(leaf.bits);
    if (members == at.members.end()) return nearest_cm;
    for (EntityId id : members->second) {
      if (id == viewer) continue;
      nearest_cm =
          std::min(nearest_cm, DistanceCm(at.places.at(id.bits), at.places.at(viewer.bits)));
    }
    return nearest_cm;
  }

  void Post(std::vector<InFlight>& lane, const Faults& faults, InFlight message) {
    const int copies = random_.Chance(faults.duplicate) ? 2 : 1;
    for (int copy = 0; copy < copies; ++copy) {
      if (random_.Chance(faults.loss)) continue;
      message.due = tick_ + 1 + random_.Below(static_cast<uint64_t>(faults.max_delay_ticks));
      lane.push_back(message);
    }
  }

  void Deliver(const Faults& faults) {
    for (auto& viewer : viewers_) {
      for (auto& message : TakeDue(viewer->up)) {
        replicator_.OnAck(viewer->slot, message.ack, message.ack_bits);
      }
      bool fresh = false;
      for (auto& message : TakeDue(viewer->down)) {
        Receive(*viewer, message.bytes);
        fresh = true;
      }
      if (fresh) {
        Post(
            viewer->up, faults,
            {.due = 0, .bytes = {}, .ack = viewer->acks.newest(), .ack_bits = viewer->acks.bits()});
      }
    }
  }

  std::vector<InFlight> TakeDue(std::vector<InFlight>& lane) {
    std::vector<InFlight> due;
    for (size_t i = 0; i < lane.size();) {
      if (lane[i].due > tick_) {
        ++i;
        continue;
      }
      due.push_back(std::move(lane[i]));
      lane[i] = std::move(lane.back());
      lane.pop_back();
    }
    return due;
  }

  void Receive(TestViewer& viewer, const std::vector<std::byte>& bytes) {
    protocol::SnapshotReader reader;
    ASSERT_TRUE(reader.Begin(bytes).ok());
    const auto sequence = reader.own().sequence;
    const core::Tick tick = core::ExpandTick(reader.own().tick, tick_);
    viewer.newest = std::max(viewer.newest, tick);
    if (viewer.replica.Apply(reader, tick).ok()) viewer.acks.Note(sequence);
    CheckAgainstTruth(viewer, bytes, tick);
  }

  void CheckAgainstTruth(TestViewer& viewer, const std::vector<std::byte>& bytes, core::Tick tick) {
    protocol::SnapshotReader reader;
    ASSERT_TRUE(reader.Begin(bytes).ok());
    protocol::PartHeader header;
    std::span<const std::byte> payload;
    while (reader.NextPart(header, payload)) {
      core::Tick held_tick = 0;
      ReplicationClass cls{};
      const auto* held = viewer.replica.FindPart(header.leaf, header.part, held_tick, cls);
      if (held == nullptr) continue;  // dropped by a newer datagram
      const auto truth =
          truth_.find({header.leaf.bits, header.part, static_cast<int>(cls), held_tick});
      if (truth == truth_.end()) continue;  // older than the recorded truth
      ASSERT_EQ(held->occupied, truth->second.occupied) << "tick " << held_tick;
      for (uint32_t rest = held->occupied; rest != 0; rest &= rest - 1) {
        const auto slot = static_cast<size_t>(std::countr_zero(rest));
        ASSERT_EQ(held->members[slot], truth->second.members[slot])
            << "tick " << held_tick << " slot " << slot;
        ++checked_;
      }
      // A member may be gone again by a newer datagram that overtook this one.
      if (held_tick != tick || tick != viewer.newest) continue;
      for (uint32_t rest = held->occupied; rest != 0; rest &= rest - 1) {
        const auto& member = held->members[static_cast<size_t>(std::countr_zero(rest))];
        const auto* shown = viewer.replica.Find(member.id);
        ASSERT_TRUE(shown != nullptr || reader.drops().size() > 0)
            << "a member of the newest state is not shown";
        if (shown == nullptr) continue;
        ASSERT_GE(shown->tick, tick);
      }
    }
  }

  core::Random random_;
  core::WorkerPool pool_;
  world::World world_;
  aoi::Octree octree_;
  replication::Replicator replicator_;
  geo::Vec3 centre_;
  geo::LocalFrame frame_;
  core::Tick tick_ = 1000;
  std::map<uint32_t, geo::Vec3> goals_;
  std::vector<std::unique_ptr<TestViewer>> viewers_;
  std::map<PartTruthKey, protocol::PartState> truth_;
  std::deque<Whereabouts> whereabouts_;  // the newest last
  uint16_t dilation_pct_ = 100;
  uint64_t checked_ = 0, within_reach_ = 0, sent_hash_ = 0;
  uint64_t leaves_gone_ = 0;
};

constexpr geo::Geodetic kPlaces[] = {
    {13.4, 52.5, 0}, {0, 90, 0}, {-180, -17, 0}, {179.9999, 0, 0}, {25, -90, 0}};

void RunScene(uint64_t seed, const Faults& faults, Scene& scene) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  for (int i = 0; i < 120; ++i) scene.Spawn(400);
  for (int i = 0; i < 5; ++i) scene.Join(200);
  for (int phase = 0; phase < 6; ++phase) {
    // Gather to 12 m (leaves split down), scatter to 1.2 km (leaves merge, views are left), and
    // between.
    constexpr double kRadius[] = {12, 300, 1200, 30, 700, 12};
    scene.Gather(kRadius[phase]);
    for (int tick = 0; tick < 120; ++tick) {
      if (scene.random().Chance(0.04))
        scene.Relieve(static_cast<uint8_t>(scene.random().Below(replication::kReliefSteps + 1)),
                      static_cast<uint16_t>(100 + scene.random().Below(101)));
      scene.Tick(faults, 40);
      if (::testing::Test::HasFatalFailure()) return;
      if (tick % 30 == 17) scene.Join(300);
      if (tick % 30 == 29 && scene.viewers() > 4)
        scene.Leave(scene.random().Below(scene.viewers()));
    }
  }
  EXPECT_EQ(scene.malformed(), 0u);
  EXPECT_EQ(scene.missing_base(), 0u);
  EXPECT_GT(scene.checked(), 10'000u);
  EXPECT_GT(scene.within_reach(), scene.checked() / 2);
  EXPECT_GT(scene.leaves_gone(), 20u);
  for (int tick = 0; tick < 150; ++tick) scene.Tick({}, 0);
  scene.ExpectViewsComplete();
}

TEST(ReplicationProperty, ViewsAreExactOnACleanChannel) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Scene scene(seed, 1, kPlaces[seed % 5]);
    RunScene(seed, {}, scene);
  }
}

TEST(ReplicationProperty, ViewsAreExactUnderLossReorderingAndDuplication) {
  for (uint64_t seed = 100; seed < 120; ++seed) {
    Scene scene(seed, 1, kPlaces[seed % 5]);
    RunScene(seed, {.loss = 0.2, .duplicate = 0.2, .max_delay_ticks = 6}, scene);
    if (HasFailure()) return;
  }
}

TEST(ReplicationProperty, ViewsAreTheSameOnAnyWorkerCount) {
  uint64_t first = 0;
  for (int workers : {1, 2, 4}) {
    Scene scene(7, workers, kPlaces[0]);
    RunScene(7, {.loss = 0.1, .duplicate = 0.1, .max_delay_ticks = 4}, scene);
    if (workers == 1) first = scene.ViewHash();
    EXPECT_EQ(scene.ViewHash(), first) << workers;
  }
}

TEST(ReplicationProperty, BlocksAreEncodedOnceForViewersWhoShareABase) {
  Scene scene(3, 1, kPlaces[0]);
  for (int i = 0; i < 20; ++i) scene.Spawn(15);
  for (int i = 0; i < 20; ++i) scene.Join(15);
  for (int tick = 0; tick < 60; ++tick) scene.Tick({}, 5);
  EXPECT_GT(scene.stats().block_cache_hits.Get(), 5 * scene.stats().blocks_encoded.Get());
}

}  // namespace
}  // namespace bluemarble
