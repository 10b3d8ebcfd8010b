/// Which shard owns which longitudes, and where it is reached. Immutable after construction, any
/// thread.
#pragma once

#include <string>
#include <vector>

#include "core/result.h"
#include "geo/border.h"

namespace bluemarble::cluster {

/// One [[shards]] table of the settings.
struct ShardEntry {
  std::string id;
  double lon_min = -180;  ///< Degrees; the range may wrap over the antimeridian.
  double lon_max = 180;
  /// "http://address:port" of its HTTP interface; what a refused player is told.
  std::string http;
};

/// This process's own part of the Earth.
struct ShardSettings {
  std::string id = "earth";
  double lon_min = -180;
  double lon_max = 180;
};

class ShardMap {
 public:
  /// `own` need not be in the list; when it is, its range must be the same.
  ShardMap(const ShardSettings& own, const std::vector<ShardEntry>& shards);

  /// The HTTP address of the shard that owns this longitude; empty when the list names none.
  std::string AddressOf(double lon_deg) const;
  const geo::LongitudeRange& own_range() const { return own_range_; }

  /// One line per problem: bad range, missing or double id, overlapping ranges (gaps are allowed:
  /// nobody can log in there), an own range that the list contradicts, an address that is not
  /// http(s)://.
  static void Validate(const ShardSettings& own, const std::vector<ShardEntry>& shards,
                       std::vector<std::string>& problems);

 private:
  struct Owner {
    geo::LongitudeRange range;
    std::string http;
  };
  geo::LongitudeRange own_range_;
  std::vector<Owner> owners_;
};

}  // namespace bluemarble::cluster
