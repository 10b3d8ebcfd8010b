#include "cluster/shard_map.h"

#include <fmt/format.h>

#include <algorithm>

namespace bluemarble::cluster {
namespace {

using geo::LongitudeRange;

/// Half-open ranges overlap exactly when one holds the other's start.
bool Overlap(const LongitudeRange& a, const LongitudeRange& b) {
  return a.whole_earth() || b.whole_earth() || a.ContainsLongitude(b.lon_min_deg()) ||
         b.ContainsLongitude(a.lon_min_deg());
}

bool IsHttpAddress(const std::string& text) {
  return text.starts_with("http://") || text.starts_with("https://");
}

}  // namespace

ShardMap::ShardMap(const ShardSettings& own, const std::vector<ShardEntry>& shards) {
  if (const auto range = LongitudeRange::Make(own.lon_min, own.lon_max); range.ok())
    own_range_ = *range;
  for (const ShardEntry& shard : shards) {
    const auto range = LongitudeRange::Make(shard.lon_min, shard.lon_max);
    if (range.ok()) owners_.push_back({*range, shard.http});
  }
}

std::string ShardMap::AddressOf(double lon_deg) const {
  for (const Owner& owner : owners_) {
    if (owner.range.ContainsLongitude(lon_deg)) return owner.http;
  }
  return {};
}

void ShardMap::Validate(const ShardSettings& own, const std::vector<ShardEntry>& shards,
                        std::vector<std::string>& problems) {
  if (own.id.empty()) problems.push_back("shard.id: must not be empty");
  if (const auto range = LongitudeRange::Make(own.lon_min, own.lon_max); !range.ok()) {
    problems.push_back(fmt::format("shard.lon_min, shard.lon_max: {}", range.status().ToString()));
  }
  const bool listed = std::any_of(shards.begin(), shards.end(),
                                  [&](const ShardEntry& shard) { return shard.id == own.id; });
  if (!shards.empty() && !listed) {
    problems.push_back(fmt::format(
        "shards: \"{}\" (shard.id) is not in the list; add it or empty the list", own.id));
  }
  for (size_t i = 0; i < shards.size(); ++i) {
    const ShardEntry& shard = shards[i];
    const auto range = LongitudeRange::Make(shard.lon_min, shard.lon_max);
    if (shard.id.empty()) problems.push_back(fmt::format("shards[{}].id: must not be empty", i));
    if (!IsHttpAddress(shard.http)) {
      problems.push_back(
          fmt::format("shards[{}].http: \"{}\" is not http://address:port", i, shard.http));
    }
    if (!range.ok()) {
      problems.push_back(
          fmt::format("shards[{}].lon_min, lon_max: {}", i, range.status().ToString()));
      continue;
    }
    if (shard.id == own.id && (shard.lon_min != own.lon_min || shard.lon_max != own.lon_max)) {
      problems.push_back(
          fmt::format("shards[{}]: the range of \"{}\" is not that of shard.lon_min, shard.lon_max",
                      i, shard.id));
    }
    for (size_t j = 0; j < i; ++j) {
      const auto other = LongitudeRange::Make(shards[j].lon_min, shards[j].lon_max);
      if (shards[j].id == shard.id) {
        problems.push_back(
            fmt::format("shards[{}].id: \"{}\" is also the id of shards[{}]", i, shard.id, j));
      }
      if (other.ok() && Overlap(*range, *other)) {
        problems.push_back(
            fmt::format("shards[{}]: \"{}\" overlaps \"{}\"", i, shard.id, shards[j].id));
      }
    }
  }
}

}  // namespace bluemarble::cluster
