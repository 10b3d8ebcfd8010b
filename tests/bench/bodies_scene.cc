/// Writes the scene of wire_bench --bodies as CSV: rigid bodies in a sphere, bouncing off each
/// other and the wall. The same bytes for the same arguments on one machine; no physics engine.
///
///   bodies_scene [--bodies 250] [--radius 20] [--hz 30] [--seconds 30] [--seed 1]
///
/// A body (radius 0.5 m, all of one mass) moves on along its course and brings its speed to its
/// target (1-10 m/s) at 5 m/s². Two that meet exchange the velocities along the line between them;
/// the wall reflects. Either draws a new target speed, and a new spin (0-360°/s about any axis) for
/// each body touched: the hardest reading of the scene for a codec that predicts.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numbers>
#include <vector>

#include "core/hash.h"
#include "geo/vec3.h"

namespace bluemarble::bench {
namespace {

using geo::Vec3;

constexpr double kBodyRadiusM = 0.5;
constexpr double kAccelerationMps2 = 5;
constexpr int kStepsPerSecond = 240;  // a body moves 4 cm a step at most: no tunnelling

struct Quaternion {
  double x = 0, y = 0, z = 0, w = 1;
};

Quaternion operator*(const Quaternion& a, const Quaternion& b) {
  return {
      a.w * b.x + a.x * b.w + a.y * b.z - a.z * b.y, a.w * b.y - a.x * b.z + a.y * b.w + a.z * b.x,
      a.w * b.z + a.x * b.y - a.y * b.x + a.z * b.w, a.w * b.w - a.x * b.x - a.y * b.y - a.z * b.z};
}

struct SceneBody {
  Vec3 position, velocity, spin;  // spin: axis times radians per second
  double target_mps = 0;
  Quaternion rotation;
};

class BodiesScene {
 public:
  BodiesScene(int count, double radius_m, uint64_t seed) : random_(seed), radius_m_(radius_m) {
    while (bodies_.size() < static_cast<size_t>(count)) {
      SceneBody body;
      body.position = RandomDirection() * (radius_m * std::cbrt(random_.Unit()));
      if (!Fits(body.position)) continue;
      Draw(body);
      body.velocity = RandomDirection() * body.target_mps;
      const Vec3 axis = RandomDirection();
      const double half = random_.Range(0, std::numbers::pi);
      body.rotation = {axis.x * std::sin(half), axis.y * std::sin(half), axis.z * std::sin(half),
                       std::cos(half)};
      bodies_.push_back(body);
    }
  }

  void Step(double dt) {
    for (SceneBody& body : bodies_) Move(body, dt);
    for (size_t i = 0; i < bodies_.size(); ++i) {
      for (size_t j = i + 1; j < bodies_.size(); ++j) Meet(bodies_[i], bodies_[j]);
    }
  }

  const std::vector<SceneBody>& bodies() const { return bodies_; }

 private:
  Vec3 RandomDirection() {
    const double up = random_.Range(-1, 1);
    const double turn = random_.Range(0, 2 * std::numbers::pi);
    const double flat = std::sqrt(1 - up * up);
    return {flat * std::cos(turn), flat * std::sin(turn), up};
  }

  void Draw(SceneBody& body) {
    body.target_mps = random_.Range(1, 10);
    body.spin = RandomDirection() * random_.Range(0, 2 * std::numbers::pi);
  }

  bool Fits(const Vec3& at) const {
    if (Length(at) > radius_m_ - kBodyRadiusM) return false;
    for (const SceneBody& other : bodies_) {
      if (Length(other.position - at) < 2 * kBodyRadiusM) return false;
    }
    return true;
  }

  void Move(SceneBody& body, double dt) {
    const double speed = Length(body.velocity);
    const double change =
        std::clamp(body.target_mps - speed, -kAccelerationMps2 * dt, kAccelerationMps2 * dt);
    const Vec3 course = speed > 1e-6 ? body.velocity * (1 / speed) : RandomDirection();
    body.velocity = course * (speed + change);
    body.position = body.position + body.velocity * dt;

    const double rate = Length(body.spin);
    if (rate > 0) {
      const double half = 0.5 * rate * dt;
      const Vec3 axis = body.spin * (std::sin(half) / rate);
      body.rotation = Quaternion{axis.x, axis.y, axis.z, std::cos(half)} * body.rotation;
    }

    const double far = Length(body.position);
    if (far > radius_m_ - kBodyRadiusM) {
      const Vec3 out = body.position * (1 / far);
      const double outward = Dot(body.velocity, out);
      if (outward > 0) {
        body.velocity = body.velocity - out * (2 * outward);
        Draw(body);
      }
    }
  }

  void Meet(SceneBody& a, SceneBody& b) {
    const Vec3 apart = b.position - a.position;
    const double square = Dot(apart, apart);
    if (square > 4 * kBodyRadiusM * kBodyRadiusM || square == 0) return;
    const Vec3 line = apart * (1 / std::sqrt(square));
    const double closing = Dot(a.velocity - b.velocity, line);
    if (closing <= 0) return;
    a.velocity = a.velocity - line * closing;
    b.velocity = b.velocity + line * closing;
    Draw(a);
    Draw(b);
  }

  core::Random random_;
  double radius_m_;
  std::vector<SceneBody> bodies_;
};

double Option(int argc, char** argv, const char* name, double otherwise) {
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], name) == 0) return std::strtod(argv[i + 1], nullptr);
  }
  return otherwise;
}

int WriteScene(int argc, char** argv) {
  const int count = static_cast<int>(Option(argc, argv, "--bodies", 250));
  const int hz = static_cast<int>(Option(argc, argv, "--hz", 30));
  const double seconds = Option(argc, argv, "--seconds", 30);
  if (count < 1 || count > 5000 || hz < 1 || hz > kStepsPerSecond || kStepsPerSecond % hz != 0 ||
      !(seconds > 0)) {
    fmt::print(stderr, "bodies_scene: 1 to 5000 bodies, hz a divisor of {}\n", kStepsPerSecond);
    return 64;
  }
  BodiesScene scene(count, Option(argc, argv, "--radius", 20),
                    static_cast<uint64_t>(Option(argc, argv, "--seed", 1)));
  fmt::print("t_s,id,x,y,z,qx,qy,qz,qw\n");
  for (int frame = 0; frame < static_cast<int>(seconds * hz); ++frame) {
    int id = 0;
    for (const SceneBody& body : scene.bodies()) {
      const Vec3& p = body.position;
      const Quaternion& q = body.rotation;
      fmt::print("{:.5f},{},{:.5f},{:.5f},{:.5f},{:.7f},{:.7f},{:.7f},{:.7f}\n",
                 static_cast<double>(frame) / hz, id++, p.x, p.y, p.z, q.x, q.y, q.z, q.w);
    }
    for (int step = 0; step < kStepsPerSecond / hz; ++step) scene.Step(1.0 / kStepsPerSecond);
  }
  return 0;
}

}  // namespace
}  // namespace bluemarble::bench

int main(int argc, char** argv) { return bluemarble::bench::WriteScene(argc, argv); }
