/// A recorded movement file: who was where when. Immutable after parsing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "geo/planet.h"

namespace bluemarble::zonebot {

struct TraceSample {
  double t_s = 0;
  double east_m = 0, north_m = 0;  ///< From the agent's origin.
};

struct TraceAgent {
  std::string name;
  std::optional<geo::Geodetic>
      origin;  ///< Of files in degrees; those in metres lie around the anchor.
  std::vector<TraceSample> samples;  ///< Ascending times, at least one.
};

/// Where an agent is and how fast, in metres from its origin.
struct TracePoint {
  double east_m = 0, north_m = 0;
  double east_mps = 0, north_mps = 0;
};

struct Trace {
  std::vector<TraceAgent> agents;  ///< In order of first appearance.
  double begin_s = 0, end_s = 0;

  /// File time after `elapsed_s` of replay: forwards, then backwards, and so on, so that nobody
  /// jumps. `direction` is 1 or -1.
  double TimeAt(double elapsed_s, double& direction) const;
  /// Between the samples; outside of their span the agent stands at the first or last.
  TracePoint At(size_t agent, double elapsed_s) const;
  /// Is that time within the span of the agent's samples?
  bool Recorded(size_t agent, double elapsed_s) const;
};

/// `text` is CSV with the header t_s,agent,lon_deg,lat_deg,alt_m or t_s,agent,x_m,y_m[,z_m];
/// heights are not used, players walk on the ground. kInvalid names `file`, line, column and what
/// is wrong there.
core::Result<Trace> ParseTrace(std::string_view text, const std::string& file);

}  // namespace bluemarble::zonebot
