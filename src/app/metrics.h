/// Gives the zone's counters their names on /metrics and their places in /v1/stats. Any thread may
/// scrape; everything is read without locks.
#pragma once

#include <string>

#include "api/admin_guard.h"
#include "api/http_server.h"
#include "app/admission.h"
#include "app/archivist.h"
#include "app/durable_side.h"
#include "app/recorder.h"
#include "app/slow_ticks.h"
#include "app/zone.h"
#include "app/zone_loop.h"
#include "core/clock.h"
#include "core/result.h"
#include "net/enet_transport.h"
#include "ops/metrics.h"

namespace bluemarble::app {

/// The parts of a running daemon that count; all outlive whoever reads them.
struct Counted {
  const Zone& zone;
  const ZoneLoop& loop;
  const SlowTicks& slow;
  const net::EnetTransport& transport;
  const DurableSide& durable;
  const Recorder* recorder;  ///< Null: no recording.
};

/// The first refusal is our own mistake.
core::Status RegisterMetrics(ops::MetricsRegistry& registry, const Counted& counted);
/// Who used the operator's interface, and what was archived (null: nothing is).
core::Status RegisterOperators(ops::MetricsRegistry& registry, const api::AdminStats& admin,
                               const ArchivistStats* archivist);
/// The HTTP endpoint's and the log's own counts.
core::Status RegisterHttpAndLog(ops::MetricsRegistry& registry, const api::ApiStats& http);
/// What the settings allow, beside which the counts are read, and what runs here.
core::Status RegisterLimits(ops::MetricsRegistry& registry, const char* version,
                            const ZoneSettings& settings);
core::Status RegisterAdmission(ops::MetricsRegistry& registry, const Admission& admission);

/// The JSON of GET /v1/stats: totals since the start and histograms as [upper bound, count] pairs
/// of the buckets that are not empty. zonebot takes differences of two of them.
std::string StatsJson(const Counted& counted, int tick_hz, double uptime_s);

}  // namespace bluemarble::app
