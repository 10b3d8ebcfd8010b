#include "tools/zonebot/trace.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

#include "tools/zonebot/csv.h"

namespace bluemarble::zonebot {
namespace {

enum class Units { kDegrees, kMetres };

struct Format {
  Units units = Units::kMetres;
  size_t fields = 0;
};

core::Result<Format> ParseHeader(std::string_view line, const std::string& file) {
  if (line == "t_s,agent,lon_deg,lat_deg,alt_m") return Format{Units::kDegrees, 5};
  if (line == "t_s,agent,x_m,y_m") return Format{Units::kMetres, 4};
  if (line == "t_s,agent,x_m,y_m,z_m") return Format{Units::kMetres, 5};
  return BadCsv(file, 1, 1,
                "expected the header t_s,agent,lon_deg,lat_deg,alt_m or t_s,agent,x_m,y_m[,z_m]");
}

// East and north metres of `place` in the frame at `origin`; the trace of one agent spans
// kilometres at most.
void Localise(const geo::Geodetic& origin, const geo::Geodetic& place, TraceSample& sample) {
  const geo::Vec3 from = geo::ToEcef(origin);
  const geo::LocalFrame frame = geo::FrameAt(from);
  const geo::Vec3 offset = geo::ToEcef(place) - from;
  sample.east_m = Dot(offset, frame.east);
  sample.north_m = Dot(offset, frame.north);
}

}  // namespace

core::Result<Trace> ParseTrace(std::string_view text, const std::string& file) {
  std::string_view line;
  if (!NextLine(text, line)) return BadCsv(file, 1, 1, "the file is empty");
  const auto format = ParseHeader(line, file);
  if (!format.ok()) return format.status();

  Trace trace;
  std::unordered_map<std::string, size_t> index;
  std::vector<std::string_view> fields;
  for (size_t number = 2; NextLine(text, line); ++number) {
    if (line.empty()) continue;
    SplitFields(line, fields);
    if (fields.size() != format->fields)
      return BadCsv(file, number, fields.size(),
                    "expected " + std::to_string(format->fields) + " fields, found " +
                        std::to_string(fields.size()));
    std::array<double, 5> values{};
    for (size_t i = 0; i < fields.size(); ++i)
      if (i != 1 && !ParseNumber(fields[i], values[i]))
        return BadCsv(file, number, i + 1, "not a number");
    if (fields[1].empty()) return BadCsv(file, number, 2, "the agent has no name");

    const auto [found, added] = index.try_emplace(std::string(fields[1]), trace.agents.size());
    if (added) trace.agents.push_back({found->first, std::nullopt, {}});
    TraceAgent& agent = trace.agents[found->second];
    TraceSample sample{values[0], values[2], values[3]};
    if (format->units == Units::kDegrees) {
      const auto place = geo::ValidateGeodetic({values[2], values[3], 0});
      if (!place.ok()) return BadCsv(file, number, 3, "not a place on Earth");
      if (!agent.origin) agent.origin = *place;
      Localise(*agent.origin, *place, sample);
    }
    if (!agent.samples.empty() && sample.t_s <= agent.samples.back().t_s)
      return BadCsv(file, number, 1, "times of an agent must ascend");
    agent.samples.push_back(sample);
  }
  if (trace.agents.empty()) return BadCsv(file, 2, 1, "no samples after the header");
  trace.begin_s = trace.end_s = trace.agents.front().samples.front().t_s;
  for (const TraceAgent& agent : trace.agents) {
    trace.begin_s = std::min(trace.begin_s, agent.samples.front().t_s);
    trace.end_s = std::max(trace.end_s, agent.samples.back().t_s);
  }
  return trace;
}

double Trace::TimeAt(double elapsed_s, double& direction) const {
  direction = 1;
  const double length = end_s - begin_s;
  if (length <= 0) return begin_s;
  const double phase = std::fmod(elapsed_s, 2 * length);
  if (phase <= length) return begin_s + phase;
  direction = -1;
  return end_s - (phase - length);
}

bool Trace::Recorded(size_t agent, double elapsed_s) const {
  double direction = 1;
  const double t = TimeAt(elapsed_s, direction);
  const std::vector<TraceSample>& samples = agents[agent].samples;
  return samples.front().t_s <= t && t <= samples.back().t_s;
}

TracePoint Trace::At(size_t agent, double elapsed_s) const {
  double direction = 1;
  const double t = TimeAt(elapsed_s, direction);
  const std::vector<TraceSample>& samples = agents[agent].samples;
  auto after = std::upper_bound(samples.begin(), samples.end(), t,
                                [](double time, const TraceSample& s) { return time < s.t_s; });
  if (after == samples.begin()) return {samples.front().east_m, samples.front().north_m, 0, 0};
  if (after == samples.end()) return {samples.back().east_m, samples.back().north_m, 0, 0};
  const TraceSample& a = *(after - 1);
  const TraceSample& b = *after;
  const double span = b.t_s - a.t_s;
  const double share = (t - a.t_s) / span;
  return {a.east_m + (b.east_m - a.east_m) * share, a.north_m + (b.north_m - a.north_m) * share,
          direction * (b.east_m - a.east_m) / span, direction * (b.north_m - a.north_m) / span};
}

}  // namespace bluemarble::zonebot
