#include "app/serve.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <thread>

#include "api/endpoints.h"
#include "app/admission.h"
#include "app/metrics.h"
#include "app/recorder.h"
#include "app/reload.h"
#include "app/zone.h"
#include "app/zone_loop.h"
#include "core/log.h"
#include "net/enet_transport.h"
#include "net/port_holder.h"
#include "ops/exit_codes.h"
#include "ops/health.h"
#include "ops/log_sinks.h"
#include "ops/metrics.h"
#include "ops/shutdown.h"
#include "persistence/committer.h"
#include "persistence/sqlite_store.h"

namespace bluemarble::app {
namespace {

constexpr int64_t kZoneSilenceNs = 2'000'000'000;  // /healthz: a loop silent for longer is dead
constexpr int kStorePollMs = 200;
constexpr int kPeerGoodbyeMs = 500;

int Fail(ops::ExitCode code, const std::string& line) {
  fmt::print(stderr, "zoned: {}\n", line);
  return code;
}

ops::ExitCode ExitOf(core::Code code) {
  switch (code) {
    case core::Code::kDenied: return ops::kExitCannotCreate;
    case core::Code::kConflict: return ops::kExitNoPermission;
    case core::Code::kCorrupt:
    case core::Code::kStale: return ops::kExitBadData;
    case core::Code::kInvalid: return ops::kExitBadConfig;
    case core::Code::kUnavailable: return ops::kExitUnavailable;
    default: return ops::kExitInternal;
  }
}

int FailHttp(const core::Status& status, uint16_t port) {
  if (status.code() == core::Code::kConflict)
    return Fail(ops::kExitNoPermission, net::DescribePortHolder(net::PortKind::kTcp, port));
  return Fail(status.code() == core::Code::kDenied ? ops::kExitNoPermission : ops::kExitBadConfig,
              status.ToString());
}

/// The store's first grant of tick numbers. Nothing runs before it is durable.
core::Result<TickGrant> AskForTicks(persistence::Committer& committer, int tick_hz) {
  constexpr int kPatienceMs = 5000;
  constexpr core::Tick kFirstGrantSeconds = 3600;
  TickGrant grant;
  grant.first = committer.meta().reserved_tick + 1;
  const core::Tick up_to = grant.first + kFirstGrantSeconds * static_cast<core::Tick>(tick_hz);
  if (core::Status asked = committer.ReserveTicks(up_to); !asked.ok()) return asked;
  for (int waited_ms = 0; waited_ms < kPatienceMs; ++waited_ms) {
    persistence::Completion completion;
    if (committer.NextCompletion(completion)) {
      grant.last = completion.reserved_tick;
      return grant;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return core::Status(core::Code::kUnavailable, "the store does not answer");
}

/// Everything that exists only with --record.
struct Recording {
  std::unique_ptr<Recorder> recorder;
  std::unique_ptr<RecordingTransport> transport;
  std::unique_ptr<RecordingQueue> queue;
};

void PublishStoreHealth(ops::HealthComponent& health, const persistence::Committer& committer,
                        uint64_t queue_bytes) {
  if (committer.failed()) {
    health.Set(ops::HealthState::kNotReady, "the store gave up: restart zoned");
  } else if (committer.stats().away.Get() != 0) {
    health.Set(ops::HealthState::kNotReady, "the store is away");
  } else if (committer.queue_used_bytes() > queue_bytes / 4 * 3) {
    health.Set(ops::HealthState::kNotReady, "the store's queue is nearly full");
  } else {
    health.Set(ops::HealthState::kReady);
  }
}

void ReportStop(const persistence::StopReport& report) {
  for (const std::string& line : report.lines)
    core::Log(core::LogLevel::kError, "not_written", "{}", line);
  if (report.requests_unwritten + report.positions_unwritten == 0 && !report.timed_out) return;
  core::Log(core::LogLevel::kError, "stop_incomplete", "requests={} positions={} timed_out={}",
            report.requests_unwritten, report.positions_unwritten, report.timed_out);
}

}  // namespace

const char* Version() { return BLUEMARBLE_VERSION; }

int Serve(const Settings& settings, const ServeOptions& options) {
  // Static, since a committer that had to be left behind at the stop may still read it.
  static const core::SystemClock clock;
  const int hz = settings.zone.tick.hz;
  if (core::Status signals = ops::InstallSignalHandlers(); !signals.ok()) {
    return Fail(ops::kExitInternal, signals.ToString());
  }
  if (core::Status log = ops::StartLog(settings.log); !log.ok())
    return Fail(ops::kExitBadConfig, log.ToString());
  struct LogGuard {
    ~LogGuard() { ops::StopLog(); }
  } log_guard;

  // Ports first: they tell at once that another zoned runs here, before its data is touched.
  auto transport = net::EnetTransport::Open(settings.net, clock);
  if (!transport.ok()) {
    const bool taken = transport.status().code() == core::Code::kConflict ||
                       transport.status().code() == core::Code::kDenied;
    return Fail(taken ? ops::kExitNoPermission : ExitOf(transport.status().code()),
                transport.status().ToString());
  }

  api::HttpServer http(settings.http);
  if (core::Status bound = http.Bind(); !bound.ok()) return FailHttp(bound, settings.http.port);

  auto store =
      persistence::OpenSqliteStore({.data_dir = settings.zone.persistence.data_dir,
                                    .shard_id = settings.zone.shard.id,
                                    .world_seed = settings.zone.seed,
                                    .check_limit_mib = settings.zone.persistence.check_limit_mib},
                                   clock);
  if (!store.ok()) return Fail(ExitOf(store.status().code()), store.status().ToString());
  persistence::Committer committer(settings.zone.persistence, std::move(*store), clock);
  ZoneSettings zone_settings = settings.zone;
  zone_settings.seed = committer.meta().world_seed;
  committer.Start();
  const auto grant = AskForTicks(committer, hz);
  if (!grant.ok()) return Fail(ExitOf(grant.status().code()), grant.status().ToString());

  Recording recording;
  if (!options.record_dir.empty()) {
    auto recorder = Recorder::Open(options.record_dir,
                                   {.version = Version(),
                                    .settings_hash = 0,
                                    .seed = zone_settings.seed,
                                    .grant = *grant,
                                    .max_unreliable_bytes = (*transport)->max_unreliable_bytes()},
                                   options.settings_toml, settings.record);
    if (!recorder.ok()) return Fail(ops::kExitCannotCreate, recorder.status().ToString());
    recording.recorder = std::move(*recorder);
    recording.transport = std::make_unique<RecordingTransport>(**transport, *recording.recorder);
    recording.queue = std::make_unique<RecordingQueue>(committer, *recording.recorder);
  }

  core::WorkerPool workers(WorkersOf(zone_settings.tick));
  net::Transport* const zone_transport = recording.recorder
                                             ? recording.transport.get()
                                             : static_cast<net::Transport*>(transport->get());
  persistence::DurableQueue* const zone_store =
      recording.recorder ? recording.queue.get()
                         : static_cast<persistence::DurableQueue*>(&committer);
  auto zone = std::make_unique<Zone>(zone_settings, *grant,
                                     ZoneParts{*zone_transport, *zone_store, workers, clock});
  if (core::Status populated = zone->Populate(); !populated.ok()) {
    return Fail(ops::kExitBadConfig, populated.ToString());
  }

  ops::Health health(clock);
  ops::HealthComponent& zone_health = health.AddSupervised("zone", kZoneSilenceNs);
  ops::HealthComponent& store_health = health.Add("store");
  ZoneLoop loop(*zone, hz, grant->first, clock, zone_health, recording.recorder.get());
  const Counted counted{*zone, loop, **transport, committer, recording.recorder.get()};
  ops::MetricsRegistry metrics;
  if (core::Status registered = RegisterMetrics(metrics, counted); !registered.ok()) {
    return Fail(ops::kExitInternal, registered.ToString());
  }
  Admission admission(**transport, zone->session_stats(), committer, settings.net.bind,
                      settings.zone.session.max_players,
                      static_cast<uint32_t>(settings.net.max_peers_per_host));
  const int64_t started_ns = clock.NowNs();
  if (core::Status registered = RegisterHttpAndLog(metrics, http.stats()); !registered.ok()) {
    return Fail(ops::kExitInternal, registered.ToString());
  }
  struct HttpGuard {  // its handlers use what was built after it
    api::HttpServer& http;
    ~HttpGuard() { http.Stop(); }
  } http_guard{http};
  http.Serve(api::BuildRouter(
      {.metrics = [&] { return metrics.Serialize(); },
       .live =
           [&] {
             const ops::HealthReport report = health.Live();
             return api::Probe{report.ok, report.body};
           },
       .ready =
           [&](bool verbose) {
             const ops::HealthReport report = health.Ready(verbose);
             return api::Probe{report.ok, report.body};
           },
       .join = [&](const api::JoinRequest& request) { return admission.Join(request); },
       .stats =
           [&] {
             return StatsJson(counted, hz, static_cast<double>(clock.NowNs() - started_ns) / 1e9);
           }}));

  const uint32_t entities = zone->world().count();  // the loop's from the next line on
  loop.Start();
  zone_health.Set(ops::HealthState::kReady);
  PublishStoreHealth(store_health, committer, settings.zone.persistence.queue_bytes);
  core::Log(core::LogLevel::kInfo, "serving",
            "shard={} version={} http=http://{}:{} udp={}:{} hosts={} tick={} tick_hz={} "
            "workers={} entities={}",
            zone_settings.shard.id, Version(), settings.http.bind, http.bound_port(),
            settings.net.bind, (*transport)->port(0), (*transport)->hosts(), grant->first, hz,
            workers.workers(), entities);

  std::string log_level = settings.log.level;
  while (!ops::StopRequested() && !loop.failed() && !committer.failed()) {
    ops::WaitForSignal(kStorePollMs);
    if (ops::TakeReloadRequest()) ReloadLogLevel(options.sources, log_level);
    PublishStoreHealth(store_health, committer, settings.zone.persistence.queue_bytes);
  }

  core::Log(core::LogLevel::kInfo, "stopping", "tick={} players={}", zone->stats().tick.Get(),
            zone->session_stats().players.Get());
  zone_health.Set(ops::HealthState::kNotReady, "stopping");
  admission.Stop();
  loop.Stop();
  (*transport)->Stop(static_cast<uint32_t>(DisconnectReason::kServerStopping), kPeerGoodbyeMs);
  ReportStop(committer.Stop(settings.zone.persistence.stop_deadline_ms));
  http.Stop();
  recording.recorder.reset();
  core::Log(core::LogLevel::kInfo, "stopped", "tick={}", zone->stats().tick.Get());
  return committer.failed() || loop.failed() ? ops::kExitUnavailable : ops::kExitOk;
}

}  // namespace bluemarble::app
