#include "geo/grid.h"

#include <bit>
#include <cassert>

namespace bluemarble::geo {
namespace {

// Adding and taking away 1.5 * 2^52 leaves no bits below the unit, so the addition itself rounds to
// nearest even. Two additions on every machine, where nearbyint is a library call.
double RoundEven(double v) {
  constexpr double kNoFraction = 0x1.8p52;
  return (v + kNoFraction) - kNoFraction;
}

int32_t ToCentimetres(double metres) { return static_cast<int32_t>(RoundEven(metres * 100.0)); }
double ToMetres(int32_t centimetres) { return centimetres / 100.0; }

constexpr int64_t kRootHalfWidth = int64_t{1} << (kRootBits - 1);

// Spreads the low 21 bits to every third bit (Morton order), and back.
uint64_t Spread(uint64_t v) {
  v &= 0x1fffff;
  v = (v | v << 32) & 0x001f00000000ffff;
  v = (v | v << 16) & 0x001f0000ff0000ff;
  v = (v | v << 8) & 0x100f00f00f00f00f;
  v = (v | v << 4) & 0x10c30c30c30c30c3;
  return (v | v << 2) & 0x1249249249249249;
}

uint64_t Compact(uint64_t v) {
  v &= 0x1249249249249249;
  v = (v | v >> 2) & 0x10c30c30c30c30c3;
  v = (v | v >> 4) & 0x100f00f00f00f00f;
  v = (v | v >> 8) & 0x001f0000ff0000ff;
  v = (v | v >> 16) & 0x001f00000000ffff;
  return (v | v >> 32) & 0x1fffff;
}

uint64_t CellOf(int32_t coordinate, int level) {
  return static_cast<uint64_t>(coordinate + kRootHalfWidth) >> (kRootBits - level);
}

int32_t CornerOf(uint64_t cell, int level) {
  return static_cast<int32_t>(static_cast<int64_t>(cell << (kRootBits - level)) - kRootHalfWidth);
}

}  // namespace

GridPoint ToGrid(Vec3 ecef) {
  [[maybe_unused]] constexpr double kLimit = static_cast<double>(kRootHalfWidth) / 100.0 - 0.01;
  assert(std::fabs(ecef.x) <= kLimit && std::fabs(ecef.y) <= kLimit && std::fabs(ecef.z) <= kLimit);
  return {ToCentimetres(ecef.x), ToCentimetres(ecef.y), ToCentimetres(ecef.z)};
}

Vec3 FromGrid(GridPoint p) { return {ToMetres(p.x), ToMetres(p.y), ToMetres(p.z)}; }

NodeKey NodeKey::At(GridPoint p, int level) {
  assert(level >= 0 && level <= kMaxLevel);
  return NodeKey{uint64_t{1} << (3 * level) | Spread(CellOf(p.x, level)) |
                 Spread(CellOf(p.y, level)) << 1 | Spread(CellOf(p.z, level)) << 2};
}

int NodeKey::level() const { return (static_cast<int>(std::bit_width(bits)) - 1) / 3; }

bool NodeKey::Contains(NodeKey other) const {
  return other.level() >= level() && other.ancestor(level()) == *this;
}

GridPoint NodeKey::corner() const {
  const int at = level();
  const uint64_t cells = bits ^ uint64_t { 1 } << (3 * at);
  return {CornerOf(Compact(cells), at), CornerOf(Compact(cells >> 1), at),
          CornerOf(Compact(cells >> 2), at)};
}

bool NodeKey::valid() const { return bits != 0 && (std::bit_width(bits) - 1) % 3 == 0; }

SectorFrame SectorFrame::Of(NodeKey sector) {
  const GridPoint corner = sector.corner();
  const int64_t half = sector.width_cm() / 2;
  SectorFrame frame;
  frame.key = sector;
  frame.origin = {static_cast<double>(corner.x + half) / 100.0,
                  static_cast<double>(corner.y + half) / 100.0,
                  static_cast<double>(corner.z + half) / 100.0};
  frame.axes =
      frame.origin == Vec3{} ? LocalFrame{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}} : FrameAt(frame.origin);
  return frame;
}

SectorPoint SectorFrame::ToSector(Vec3 ecef) const {
  const Vec3 local = RotateToSector(ecef - origin);
  return {ToCentimetres(local.x), ToCentimetres(local.y), ToCentimetres(local.z)};
}

Vec3 SectorFrame::ToEcef(SectorPoint p) const {
  return origin + RotateToEcef({ToMetres(p.east), ToMetres(p.north), ToMetres(p.up)});
}

Vec3 SectorFrame::RotateToSector(Vec3 direction) const {
  return {Dot(direction, axes.east), Dot(direction, axes.north), Dot(direction, axes.up)};
}

Vec3 SectorFrame::RotateToEcef(Vec3 direction) const {
  return axes.east * direction.x + axes.north * direction.y + axes.up * direction.z;
}

}  // namespace bluemarble::geo
