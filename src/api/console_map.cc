#include "api/console_map.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace bluemarble::api {
namespace {

static_assert(std::endian::native == std::endian::little,
              "frames are written as they lie in memory");

// Half of the widest leaf (level 16, 328 m) and a quarter of its width that members may be outside.
constexpr double kLeafMarginDeg = 0.003;
constexpr int kMinLeafLevel = 16;
constexpr size_t kHeadBytes = 8;

}  // namespace

uint32_t ConsoleMap::Leaf::members() const {
  uint32_t sum = 0;
  for (const Part& part : parts) sum += part.members;
  return sum;
}

uint32_t ConsoleMap::Leaf::players() const {
  uint32_t sum = 0;
  for (const Part& part : parts) sum += part.players;
  return sum;
}

const ConsoleMap::Leaf& ConsoleMap::Put(const FeedPart& part, int64_t now_ns) {
  const auto [found, is_new] = leaves_.try_emplace(part.key);
  Leaf& leaf = found->second;
  if (is_new) {
    leaf.key = {part.key};
    const double half_m = static_cast<double>(leaf.key.width_cm()) / 200;
    leaf.centre = geo::FromGrid(leaf.key.corner()) + geo::Vec3{half_m, half_m, half_m};
    const geo::Geodetic place = geo::ToGeodetic(leaf.centre);
    leaf.lat = place.lat_deg;
    leaf.lon = place.lon_deg;
  }
  leaf.heard_ns = now_ns;
  leaf.parts.resize(std::max<size_t>(part.parts, size_t{part.number} + 1));
  leaf.parts[part.number] = {
      part.tick, part.members, part.players,
      std::string(reinterpret_cast<const char*>(part.payload.data()), part.payload.size())};
  return leaf;
}

std::vector<ConsoleMap::Leaf> ConsoleMap::Forget(int64_t before_ns) {
  std::vector<Leaf> gone;
  for (auto leaf = leaves_.begin(); leaf != leaves_.end();) {
    if (leaf->second.heard_ns >= before_ns) {
      ++leaf;
      continue;
    }
    gone.push_back(std::move(leaf->second));
    leaf = leaves_.erase(leaf);
  }
  return gone;
}

bool ConsoleMap::Shows(const ConsoleRectangle& view, const Leaf& leaf) {
  return view.Contains(leaf.lat, leaf.lon, kLeafMarginDeg);
}

ConsoleMap::Count ConsoleMap::In(const ConsoleRectangle& view) const {
  Count count;
  for (const auto& [key, leaf] : leaves_) {
    if (!Shows(view, leaf)) continue;
    count.entities += leaf.members();
    count.players += leaf.players();
  }
  return count;
}

std::vector<ConsoleMap::Cell> ConsoleMap::CellsOf(const ConsoleRectangle& view, double zoom) const {
  struct Sum {
    geo::Vec3 place;
    uint64_t entities = 0, players = 0;
  };
  // 64 px are 10,019 km / 2^zoom at the equator, and a node of level L is 21,475 km / 2^L wide.
  int level = std::clamp(static_cast<int>(std::lround(zoom)) + 1, 1, kMinLeafLevel);
  std::unordered_map<uint64_t, Sum> sums;
  for (;; --level) {
    sums.clear();
    for (const auto& [key, leaf] : leaves_) {
      const uint32_t members = leaf.members();
      if (members == 0 || !Shows(view, leaf)) continue;
      Sum& sum = sums[leaf.key.ancestor(std::min(level, leaf.key.level())).bits];
      sum.place = sum.place + leaf.centre * static_cast<double>(members);
      sum.entities += members;
      sum.players += leaf.players();
    }
    if (sums.size() <= kMaxCells || level == 1) break;
  }
  std::vector<Cell> cells;
  for (const auto& [key, sum] : sums) {
    const geo::Geodetic place =
        geo::ToGeodetic(sum.place * (1.0 / static_cast<double>(sum.entities)));
    cells.push_back({static_cast<float>(place.lat_deg), static_cast<float>(place.lon_deg),
                     static_cast<uint32_t>(sum.entities), static_cast<uint32_t>(sum.players)});
  }
  return cells;
}

void ConsoleFrames::Begin(uint32_t tick) {
  // A frame is of one tick: what changes it, or what is full, begins the next.
  if (!out_.empty() && (tick != tick_ || out_.size() >= kFrameBytes || count_ == UINT16_MAX))
    Flush();
  if (!out_.empty()) return;
  tick_ = tick;
  count_ = 0;
  Append(type_);
  Append(uint8_t{0});
  Append(count_);
  Append(tick_);
}

void ConsoleFrames::AddPart(const ConsoleMap::Leaf& leaf, uint8_t number) {
  // A leaf that went and came again has fewer of them by now.
  if (number >= leaf.parts.size()) return;
  const ConsoleMap::Part& part = leaf.parts[number];
  if (part.tick == 0) return;  // its turn has not come yet
  Begin(part.tick);
  Append(leaf.key.bits);
  Append(number);
  Append(static_cast<uint8_t>(std::min<size_t>(leaf.parts.size(), 255)));
  Append(uint8_t{1});
  Append(uint8_t{0});
  Append(static_cast<uint16_t>(part.payload.size()));
  out_ += part.payload;
  ++count_;
}

void ConsoleFrames::AddCell(const ConsoleMap::Cell& cell, uint32_t tick) {
  Begin(tick);
  Append(cell.lat);
  Append(cell.lon);
  Append(cell.entities);
  Append(cell.players);
  ++count_;
}

void ConsoleFrames::AddGone(uint64_t key, uint32_t tick) {
  Begin(tick);
  Append(key);
  ++count_;
}

void ConsoleFrames::FlushEvenEmpty(uint32_t tick) {
  if (out_.empty() && !sent_) Begin(tick);
  Flush();
}

void ConsoleFrames::Flush() {
  if (out_.size() < kHeadBytes) return;
  std::memcpy(out_.data() + 2, &count_, sizeof count_);
  send_(out_);
  out_.clear();
  sent_ = true;
}

}  // namespace bluemarble::api
