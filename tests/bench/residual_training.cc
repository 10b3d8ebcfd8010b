/// Makes the table of src/protocol/residual_table.cc: counts how often which token occurs in which
/// context while made-up parts are coded, and prints the frequencies as C++. Nothing that was
/// recorded goes in: people who walk, sway and turn at random, players of the movement step's
/// limits, and balls that fall and bounce in a box. So no benchmark's file was trained on.
///
///   residual_training > src/protocol/residual_table.cc
///   residual_training csv > proto/residuals.csv
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <numbers>
#include <vector>

#include "core/hash.h"
#include "geo/vec3.h"
#include "protocol/part_format.h"

namespace bluemarble::bench {
namespace {

using geo::Vec3;
using protocol::kNearRows;
using protocol::kScaleRows;
using protocol::kSlots;
using protocol::kTokens;

constexpr int kSubSteps = 8;
using Counts = std::array<std::array<double, kTokens>, protocol::kTokenRows>;

/// A Coder that only counts.
struct CountingCoder {
  Counts* counts;
  uint32_t Token(size_t row, uint32_t token) {
    (*counts)[row][token] += 1;
    return token;
  }
  uint32_t Symbol(const uint16_t*, uint32_t, uint32_t symbol) { return symbol; }
  int32_t Number(size_t row, int32_t value, int& level) {
    return protocol::CodeNumber(*this, row, 0, value, level);
  }
  uint32_t Bits(uint32_t value, int count) {
    return value & static_cast<uint32_t>((uint64_t{1} << count) - 1);
  }
  bool Flag(bool value, uint32_t) { return value; }
  void Uses(protocol::SlotUses&) {}
  template <typename T, typename Value>
  void Store(const T&, Value) {}
  void Spent(protocol::PartField, uint8_t) {}
  void Begin(const protocol::Member&) {}
  uint8_t KindOf(const protocol::PartState&, const protocol::PartState& part, uint32_t slot) const {
    return part.members[slot].kind;
  }
  bool IsHeld(const protocol::PartState&, uint32_t) const { return true; }
  bool Holds(const protocol::PartState&, uint32_t, const protocol::Member&, bool) { return true; }
};

struct Spin {
  double x = 0, y = 0, z = 0, w = 1;
};

Spin Turned(const Spin& a, const Spin& b) {
  return {
      a.w * b.x + a.x * b.w + a.y * b.z - a.z * b.y, a.w * b.y - a.x * b.z + a.y * b.w + a.z * b.x,
      a.w * b.z + a.x * b.y - a.y * b.x + a.z * b.w, a.w * b.w - a.x * b.x - a.y * b.y - a.z * b.z};
}

class Mover {
 public:
  virtual ~Mover() = default;
  virtual void Step(double dt_s) = 0;
  protocol::QuantState State() const {
    protocol::QuantState state;
    // A sector's up leans by up to 0.7 in 1,000 against that of its members.
    state.position = {Centimetres(place.x), Centimetres(place.y),
                      Centimetres(place.z + lean_.x * place.x + lean_.y * place.y)};
    const double turn = facing / (2 * std::numbers::pi);
    state.yaw = static_cast<uint16_t>(std::lround((turn - std::floor(turn)) * 1024) & 1023);
    state.health = 100;
    const std::array<double, 4> q{spin.x, spin.y, spin.z, spin.w};
    size_t largest = 0;
    for (size_t i = 1; i < 4; ++i) {
      if (std::abs(q[i]) > std::abs(q[largest])) largest = i;
    }
    state.rotation.largest = static_cast<uint8_t>(largest);
    size_t part = 0;
    for (size_t i = 0; i < 4; ++i) {
      if (i == largest) continue;
      state.rotation.parts[part++] =
          static_cast<int16_t>(std::lround(1000 * (q[largest] < 0 ? -q[i] : q[i])));
    }
    return state;
  }

  void Lean(const Vec3& lean) { lean_ = lean; }

  uint8_t kind = 1;

 protected:
  static int32_t Centimetres(double metres) {
    return static_cast<int32_t>(std::lround(100 * metres));
  }
  Vec3 place;
  double facing = 0;
  Spin spin;

 private:
  Vec3 lean_;
};

/// Goes at its pace, drifts in course and pace, sways from step to step, stands now and then.
class Walker final : public Mover {
 public:
  Walker(core::Random& random, double looking) : random_(random) {
    place = {random.Range(-8, 8), random.Range(-8, 8), random.Range(0, 0.3)};
    course_ = random.Range(0, 2 * std::numbers::pi);
    pace_ = pace_now_ = random.Range(0.3, 2.0);
    sway_m_ = random.Range(0.01, 0.05);
    stride_hz_ = random.Range(0.7, 1.1);
    phase_ = random.Range(0, 2 * std::numbers::pi);
    looks_ = random.Chance(looking);
  }
  void Step(double dt) override {
    if (random_.Chance(dt / 6)) wanted_ = random_.Range(-0.8, 0.8);
    if (random_.Chance(dt / 8)) pace_ = random_.Chance(0.2) ? 0 : random_.Range(0.3, 2.0);
    const double turn = std::clamp(wanted_, -1.2 * dt, 1.2 * dt);
    wanted_ -= turn;
    course_ += turn + random_.Range(-1, 1) * std::sqrt(dt) * 0.25;
    pace_now_ += std::clamp(pace_ - pace_now_, -1.2 * dt, 1.2 * dt);
    phase_ += 2 * std::numbers::pi * stride_hz_ * dt;
    const double share = pace_now_ / 1.4;
    const double side = sway_m_ * share * 2 * std::numbers::pi * stride_hz_ * std::cos(phase_);
    const double ahead = pace_now_ * (1 + 0.12 * std::sin(2 * phase_));
    place += Vec3{ahead * std::sin(course_) + side * std::cos(course_),
                  ahead * std::cos(course_) - side * std::sin(course_), 0} *
             dt;
    if (looks_) facing = course_;
  }

 private:
  core::Random& random_;
  double course_, pace_, pace_now_, sway_m_, stride_hz_, phase_, wanted_ = 0;
  bool looks_;
};

/// A player at keyboard and mouse: full speed or none, 20 m/s², turns at once.
class Runner final : public Mover {
 public:
  explicit Runner(core::Random& random) : random_(random) {
    place = {random.Range(-40, 40), random.Range(-40, 40), 0};
    slope_ = random.Range(-0.05, 0.05);
  }
  void Step(double dt) override {
    if (random_.Chance(dt / 2.5)) {
      facing = random_.Range(0, 2 * std::numbers::pi);
      speed_ = random_.Chance(0.25) ? 0 : random_.Chance(0.4) ? 3.5 : 7;
    }
    const Vec3 wanted{speed_ * std::sin(facing), speed_ * std::cos(facing), 0};
    const Vec3 change = wanted - velocity_;
    const double length = geo::Length(change);
    velocity_ = length > 20 * dt ? velocity_ + change * (20 * dt / length) : wanted;
    place += (velocity_ + Vec3{0, 0, slope_ * velocity_.x}) * dt;
  }

 private:
  core::Random& random_;
  Vec3 velocity_;
  double speed_ = 0, slope_;
};

/// Falls, bounces and is thrown up again; a bounce changes the spin.
class Ball final : public Mover {
 public:
  explicit Ball(core::Random& random) : random_(random) {
    kind = protocol::kBodyKind;
    place = {random.Range(-8, 8), random.Range(-8, 8), random.Range(1, 12)};
    velocity_ = {random.Range(-6, 6), random.Range(-6, 6), random.Range(-6, 6)};
    weight_ = random.Chance(0.5) ? 9.81 : 0;
    Draw();
  }
  void Step(double dt) override {
    velocity_.z -= weight_ * dt;
    place += velocity_ * dt;
    Bounce(place.x, velocity_.x, -9, 9);
    Bounce(place.y, velocity_.y, -9, 9);
    Bounce(place.z, velocity_.z, 0, weight_ > 0 ? 1000 : 15);
    if (geo::Length(velocity_) < 1.5) velocity_ = velocity_ + Vec3{0, 0, random_.Range(2, 9)};
    const double half = 0.5 * dt;
    Spin by{turning_.x * half, turning_.y * half, turning_.z * half, 1};
    spin = Turned(by, spin);
    const double length =
        std::sqrt(spin.x * spin.x + spin.y * spin.y + spin.z * spin.z + spin.w * spin.w);
    spin = {spin.x / length, spin.y / length, spin.z / length, spin.w / length};
  }

 private:
  void Draw() { turning_ = {random_.Range(-4, 4), random_.Range(-4, 4), random_.Range(-4, 4)}; }
  void Bounce(double& at, double& speed, double low, double high) {
    if ((at >= low || speed >= 0) && (at <= high || speed <= 0)) return;
    speed = -speed * random_.Range(0.7, 1);
    Draw();
  }

  core::Random& random_;
  Vec3 velocity_, turning_;
  double weight_ = 0;
};

class Thing final : public Mover {
 public:
  explicit Thing(core::Random& random) {
    kind = 4;
    place = {random.Range(-20, 20), random.Range(-20, 20), 0};
  }
  void Step(double) override {}
};

// 0 walkers who look where they go, 1 who do not, 2 runners, 3 balls, 4 all but balls among things.
constexpr int kScenes = 5;

std::unique_ptr<Mover> Make(int scene, core::Random& random) {
  if (scene < 2) return std::make_unique<Walker>(random, scene == 0 ? 1.0 : 0.0);
  if (scene == 2) return std::make_unique<Runner>(random);
  if (scene == 3) return std::make_unique<Ball>(random);
  if (random.Chance(0.3)) return std::make_unique<Thing>(random);
  if (random.Chance(0.5)) return std::make_unique<Walker>(random, 0.5);
  return std::make_unique<Runner>(random);
}

void Train(Counts& counts, int scene, int hz, int age, int step, uint64_t seed) {
  core::Random random(seed);
  std::array<std::unique_ptr<Mover>, kSlots> movers;
  const Vec3 lean{random.Range(-7e-4, 7e-4), random.Range(-7e-4, 7e-4), 0};
  for (auto& mover : movers) {
    mover = Make(scene, random);
    mover->Lean(lean);
  }
  std::vector<protocol::PartState> history;
  const int ticks = 20 * hz;
  for (int tick = 0; tick < ticks; ++tick) {
    protocol::PartState part;
    part.occupied = 0xffffffffu;
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      for (int i = 0; i < kSubSteps; ++i) movers[slot]->Step(1.0 / hz / kSubSteps);
      part.members[slot] = {core::EntityId{slot + 1}, movers[slot]->kind, movers[slot]->State()};
    }
    history.push_back(part);
    const auto at = [&](int ago) { return &history[static_cast<size_t>(tick - ago)]; };
    CountingCoder coder{&counts};
    protocol::SlotUses uses;
    protocol::PartBases bases;
    if (tick % (4 * hz) == 0) {
      uses.full = part.occupied;
    } else if (tick < age + step) {
      continue;
    } else {
      bases = {at(age), at(age + step), age, step};
      for (uint32_t slot = 0; slot < kSlots; ++slot) {
        uses.Set(slot, random.Chance(0.01)   ? protocol::SlotUse::kFull
                       : random.Chance(0.02) ? protocol::SlotUse::kKeptShort
                                             : protocol::SlotUse::kKept);
      }
    }
    for (const auto cls : {ReplicationClass::kCombat, ReplicationClass::kVisual}) {
      protocol::PartState now = part, newest, older;
      const auto coarse = [&](protocol::PartState& state) {
        for (auto& member : state.members) member.state = protocol::ToClass(member.state, cls);
      };
      coarse(now);
      protocol::PartBases in_class = bases;
      if (bases.newest != nullptr) {
        newest = *bases.newest;
        older = *bases.older;
        coarse(newest);
        coarse(older);
        in_class.newest = &newest;
        in_class.older = &older;
      }
      (void)protocol::CodePart(coder, uses, in_class, hz, cls, now);
    }
  }
}

// Rare contexts borrow from their neighbours, and every token keeps a little.
std::array<uint32_t, kTokens> Frequencies(const Counts& counts, int set, int scale, int near) {
  std::array<double, kTokens> weights{};
  for (int s = 0; s < kScaleRows; ++s) {
    for (int n = 0; n < kNearRows; ++n) {
      if ((n == protocol::kNoneNear) != (near == protocol::kNoneNear)) continue;
      const int apart = std::abs(s - scale) + std::abs(n - near);
      const auto& row = counts[static_cast<size_t>((set * kScaleRows + s) * kNearRows + n)];
      double total = 1;
      for (double count : row) total += count;
      // The own row counts in full, another as at most so many observations.
      const double share = apart == 0 ? 1 : std::min(1.0, 400 / total) * std::pow(0.15, apart);
      for (size_t t = 0; t < kTokens; ++t) weights[t] += row[t] * share;
    }
  }
  double sum = 0;
  for (size_t t = 0; t < kTokens; ++t) sum += weights[t] += 0.02 * std::pow(0.9, t);
  std::array<uint32_t, kTokens> frequencies{};
  uint32_t used = 0;
  size_t most = 0;
  for (size_t t = 0; t < kTokens; ++t) {
    frequencies[t] = 1 + static_cast<uint32_t>(weights[t] / sum * (4096 - kTokens));
    used += frequencies[t];
    if (frequencies[t] > frequencies[most]) most = t;
  }
  frequencies[most] += 4096 - used;
  return frequencies;
}

void PrintTable(const Counts& counts) {
  fmt::print(
      "// Printed by tests/bench/residual_training; not edited by hand.\n"
      "#include \"protocol/residual.h\"\n\n"
      "namespace bluemarble::protocol {{\n\n"
      "// clang-format off\n"
      "alignas(64) const uint16_t kTokenStart[kTokenRows][kTokenStarts] = {{\n");
  for (int at = 0; at < static_cast<int>(protocol::kTokenRows); ++at) {
    const int set = at / (kScaleRows * kNearRows);
    uint32_t start = 0;
    fmt::print("    {{");
    for (uint32_t frequency :
         Frequencies(counts, set, at / kNearRows % kScaleRows, at % kNearRows)) {
      fmt::print("{}, ", start);
      start += frequency;
    }
    fmt::print("{}}},\n", start);
  }
  fmt::print("}};\n// clang-format on\n\n}}  // namespace bluemarble::protocol\n");
}

void PrintCsv(const Counts& counts) {
  fmt::print("set,row,column");
  for (uint32_t token = 0; token < kTokens; ++token) fmt::print(",{}", token);
  fmt::print("\n");
  for (int at = 0; at < static_cast<int>(protocol::kTokenRows); ++at) {
    const int set = at / (kScaleRows * kNearRows);
    const int scale = at / kNearRows % kScaleRows, near = at % kNearRows;
    fmt::print("{},{},{}", set, scale, near);
    for (uint32_t frequency : Frequencies(counts, set, scale, near)) fmt::print(",{}", frequency);
    fmt::print("\n");
  }
}

int TrainAll(bool csv) {
  auto counts = std::make_unique<Counts>();
  uint64_t seed = 1000;
  for (int scene = 0; scene < kScenes; ++scene) {
    for (int hz : {10, 20, 30, 60}) {
      for (int age : {1, 2, 3, 4, 6, 10}) {
        for (int step : {1, 3, 6}) Train(*counts, scene, hz, age, step, ++seed);
      }
    }
  }
  if (csv) {
    PrintCsv(*counts);
  } else {
    PrintTable(*counts);
  }
  return 0;
}

}  // namespace
}  // namespace bluemarble::bench

int main(int argc, char** argv) {
  return bluemarble::bench::TrainAll(argc > 1 && std::strcmp(argv[1], "csv") == 0);
}
