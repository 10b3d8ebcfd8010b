#include "app/serve.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <thread>

#include "api/admin_endpoints.h"
#include "api/admin_secret.h"
#include "api/conduct_endpoint.h"
#include "api/endpoints.h"
#include "app/admission.h"
#include "app/archivist.h"
#include "app/auth_side.h"
#include "app/console_side.h"
#include "app/durable_side.h"
#include "app/exits.h"
#include "app/metrics.h"
#include "app/metrics_sockets.h"
#include "app/play_sockets.h"
#include "app/recorder.h"
#include "app/reload.h"
#include "app/reset_key.h"
#include "app/slow_ticks.h"
#include "app/stop_or_leave.h"
#include "app/tick_probe.h"
#include "app/zone.h"
#include "app/zone_loop.h"
#include "app/zone_orders.h"
#include "core/cores.h"
#include "core/crash_point.h"
#include "core/log.h"
#include "core/thread_priority.h"
#include "net/enet_transport.h"
#include "net/merged_transport.h"
#include "net/port_holder.h"
#include "net/stream_transport.h"
#include "ops/exit_codes.h"
#include "ops/health.h"
#include "ops/log_sinks.h"
#include "ops/metrics.h"
#include "ops/service_notify.h"
#include "ops/shutdown.h"
#include "services/items/catalogue_json.h"

namespace bluemarble::app {
namespace {

constexpr int64_t kZoneSilenceNs = 2'000'000'000;  // /healthz: a loop silent for longer is dead
constexpr int kStorePollMs = 200;
constexpr int64_t kTokenKeyNs = int64_t{3'600} * 1'000'000'000;  // a sealing key of connect tokens
constexpr int kPeerGoodbyeMs = 500;

int Fail(ops::ExitCode code, const std::string& line) {
  fmt::print(stderr, "zoned: {}\n", line);
  return code;
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
  TickGrant grant;
  grant.first = committer.meta().reserved_tick + 1;
  const core::Tick up_to = grant.first + TicksOfGrant(tick_hz);
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

/// The configured secret, or the one in the data folder, made when there is none.
core::Result<std::string> AdminSecretOf(const Settings& settings) {
  if (!settings.admin_secret.empty()) return settings.admin_secret;
  return api::ReadOrMakeAdminSecret(settings.zone.persistence.data_dir + "/" +
                                    api::kAdminSecretFile);
}

api::AdminProviders AdminProvidersOf(DurableSide& durable, const Zone& zone,
                                     const game::Catalogue& catalogue) {
  constexpr int kCommitPatienceMs = 5000;
  return {
      .with_reader =
          [&durable](const api::AdminProviders::UseReader& use) {
            auto reader = durable.readers().Acquire();
            if (!reader.ok()) return reader.status();
            const core::Status status = use(**reader);
            if (status.code() == core::Code::kUnavailable) reader->Drop();
            return status;
          },
      .in_doubt =
          [&durable] { return uint64_t{durable.committer().stats().in_doubt_since_ns.Get() != 0}; },
      .in_play = [&zone](int64_t player_id) { return zone.presence().Contains(player_id); },
      .tick = [&zone] { return zone.stats().tick.Get(); },
      .commit =
          [&durable](const persistence::DurableWrite& write) {
            return durable.committer().CommitNow(write, kCommitPatienceMs);
          },
      .taken_from_ground = {},  // the zone finds out when somebody bends down for it
      .player =
          [&durable](const api::PlayerQuery& query) {
            return query.id ? durable.state().Read(*query.id) : durable.state().Read(query.name);
          },
      .items = [json = items::CatalogueJson(catalogue)] { return json; },
  };
}

void ReportStop(const persistence::StopReport& report, bool journaled) {
  if (report.requests_unwritten + report.notes_unwritten == 0 && !report.timed_out && journaled) {
    if (report.positions_unwritten != 0) {
      core::Log(core::LogLevel::kInfo, "stop_leaves_positions_in_the_journal", "positions={}",
                report.positions_unwritten);
    }
    return;
  }
  if (report.requests_unwritten + report.positions_unwritten + report.notes_unwritten == 0 &&
      !report.timed_out)
    return;
  core::Log(core::LogLevel::kError, "stop_incomplete",
            "requests={} positions={} notes={} timed_out={}", report.requests_unwritten,
            report.positions_unwritten, report.notes_unwritten, report.timed_out);
}

// The threads that `start` starts are those that players wait for.
template <typename Start>
auto Foremost(const TickSettings& tick, core::Urgency urgency, Start start) {
  const core::PriorityScope scope(tick.nice, urgency);
  if (!scope.granted())
    core::Log(core::LogLevel::kInfo, "nice_not_allowed", "setting=tick.nice value={}", tick.nice);
  if (urgency == core::Urgency::kRealtime && !scope.realtime())
    core::Log(core::LogLevel::kInfo, "realtime_not_allowed", "setting=tick.realtime");
  return start();
}

// Without a core for all others a zone that falls behind would leave them nothing.
core::Urgency UrgencyOf(const TickSettings& tick) {
  const bool room = WorkersOf(tick) < core::UsableCores();
  return tick.realtime && room ? core::Urgency::kRealtime : core::Urgency::kNice;
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

  if (core::Status schema = DurableSide::CheckSchema(settings.zone.persistence); !schema.ok())
    return Fail(ExitOfStart(schema), schema.ToString());
  // Then the ports: they tell at once that another zoned runs here, before its data is touched.
  net::TransportSecurity security{.reset_key = {}, .public_address = settings.net.public_address};
  if (settings.net.sealed()) {
    const auto key = ReadOrMakeResetKey(settings.zone.persistence.data_dir);
    if (!key.ok()) return Fail(ExitOf(key.status().code()), key.status().ToString());
    security.reset_key = *key;
  }
  auto transport = Foremost(settings.zone.tick, core::Urgency::kNice, [&] {
    return net::EnetTransport::Open(settings.net, clock, security);
  });
  if (!transport.ok()) {
    const bool taken = transport.status().code() == core::Code::kConflict ||
                       transport.status().code() == core::Code::kDenied;
    return Fail(taken ? ops::kExitNoPermission : ExitOf(transport.status().code()),
                transport.status().ToString());
  }

  api::HttpServer http(settings.http);
  if (core::Status bound = http.Bind(); !bound.ok()) return FailHttp(bound, settings.http.port);

  // Players over WebSocket are one more host of the zone's.
  std::unique_ptr<net::StreamTransport> streams;
  std::optional<net::MergedTransport> merged;
  net::Transport* peers = transport->get();
  if (settings.http.max_websockets > 0) {
    const auto host = static_cast<uint32_t>((*transport)->hosts());
    streams = std::make_unique<net::StreamTransport>(
        settings.net,
        net::StreamTransport::Shape{.host = host,
                                    .slots = settings.http.max_websockets,
                                    .max_unreliable_bytes = (*transport)->max_unreliable_bytes()},
        clock);
    if (core::Status started = streams->Start(); !started.ok())
      return Fail(ops::kExitInternal, started.ToString());
    peers = &merged.emplace(**transport, host, *streams);
  }

  auto opened = DurableSide::Open({.settings = settings.zone.persistence,
                                   .shard_id = settings.zone.shard.id,
                                   .world_seed = settings.zone.seed,
                                   .take_over = options.take_over,
                                   .accept_restored = options.accept_restored},
                                  clock);
  if (!opened.ok()) {
    return Fail(ExitOfStart(opened.status()), opened.status().ToString());
  }
  StopOrLeave durable(std::move(*opened), settings.zone.persistence.stop_deadline_ms);
  persistence::Committer& committer = durable->committer();
  ZoneSettings zone_settings = settings.zone;
  zone_settings.seed = committer.meta().world_seed;
  durable->Start();
  const auto grant = AskForTicks(committer, hz);
  if (!grant.ok()) return Fail(ExitOf(grant.status().code()), grant.status().ToString());
  core::CrashPoint("start.after_ticks");

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
    recording.transport = std::make_unique<RecordingTransport>(*peers, *recording.recorder);
    recording.queue = std::make_unique<RecordingQueue>(committer, *recording.recorder);
  }

  core::WorkerPool workers = Foremost(zone_settings.tick, UrgencyOf(zone_settings.tick), [&] {
    return core::WorkerPool(WorkersOf(zone_settings.tick));
  });
  net::Transport* const zone_transport = recording.recorder ? recording.transport.get() : peers;
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
  durable->AddHealth(health);
  ZoneOrders orders;
  auto auth = AuthSide::Open(settings, clock, [&](int64_t account_id, int64_t until_us) {
    return orders.Give(
        {account_id, RefusedTicks(until_us, clock.WallUs(), settings.net.token_life_s, hz)});
  });
  if (!auth.ok()) return Fail(ExitOfStart(auth.status()), auth.status().ToString());
  (*auth)->AddHealth(health);
  SlowTicks slow(settings.zone.tick.slow, hz, clock);
  TickProbe probe(*zone, slow, clock, [&transport, &streams, &committer] {
    const size_t stream_in = streams ? streams->inbound_bytes() : 0;
    const size_t stream_out = streams ? streams->outbound_bytes() : 0;
    return QueueLevels{.inbound_bytes = (*transport)->inbound_bytes() + stream_in,
                       .outbound_bytes = (*transport)->outbound_bytes() + stream_out,
                       .commit_bytes = committer.queue_used_bytes(),
                       .positions_waiting = committer.stats().positions_waiting.Get()};
  });
  ConsoleWatch console_watch(settings.console.feed, hz, *zone);
  ZoneLoop loop(*zone, orders, settings.zone.tick, grant->first, clock, zone_health,
                recording.recorder.get(), settings.zone.tick.slow.history_s > 0 ? &probe : nullptr,
                &console_watch);
  const Counted counted{*zone, loop, slow, **transport, *durable, recording.recorder.get()};
  ops::MetricsRegistry metrics;
  if (core::Status registered = RegisterMetrics(metrics, counted); !registered.ok()) {
    return Fail(ops::kExitInternal, registered.ToString());
  }
  if (core::Status registered = RegisterLimits(metrics, Version(), zone_settings);
      !registered.ok()) {
    return Fail(ops::kExitInternal, registered.ToString());
  }
  const session::SessionSettings& session = settings.zone.session;
  Admission admission(
      **transport, zone->session_stats(), zone->presence(), committer,
      loop.stats().relief_exhausted, clock,
      settings.net.public_address.empty() ? settings.net.bind : settings.net.public_address,
      {.max_players = session.max_players,
       .max_pending = session.max_pending,
       .max_peers_per_host = static_cast<uint32_t>(settings.net.max_peers_per_host),
       .entries_per_s = static_cast<double>(session.enters_per_tick) * hz,
       .token_life_s = settings.net.token_life_s});
  if (core::Status registered = RegisterAdmission(metrics, admission); !registered.ok()) {
    return Fail(ops::kExitInternal, registered.ToString());
  }
  if (streams) admission.Offer(*streams);
  const int64_t started_ns = clock.NowNs();
  if (core::Status registered = RegisterHttpAndLog(metrics, http.stats()); !registered.ok()) {
    return Fail(ops::kExitInternal, registered.ToString());
  }
  if (core::Status registered = RegisterSockets(metrics, http.stats(), streams.get());
      !registered.ok()) {
    return Fail(ops::kExitInternal, registered.ToString());
  }
  if (core::Status registered = (*auth)->RegisterMetrics(metrics, http.stats()); !registered.ok()) {
    return Fail(ops::kExitInternal, registered.ToString());
  }
  std::optional<Archivist> archivist;
  const persistence::PersistenceSettings& kept = settings.zone.persistence;
  if (durable->has_postgres() && kept.retention.keep_days > 0) archivist.emplace(kept, clock);
  auto secret = AdminSecretOf(settings);
  if (!secret.ok()) return Fail(ExitOf(secret.status().code()), secret.status().ToString());
  api::AdminGuard guard(std::move(*secret), clock);
  if (core::Status registered =
          RegisterOperators(metrics, guard.stats(), archivist ? &archivist->stats() : nullptr);
      !registered.ok()) {
    return Fail(ops::kExitInternal, registered.ToString());
  }
  api::Router router = api::BuildRouter(
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
           },
       .authenticate = (*auth)->Authenticator()});
  if (streams) AddPlay(router, *streams);
  (*auth)->AddEndpoints(router, guard);
  api::AdminProviders operators =
      AdminProvidersOf(*durable, *zone, game::Catalogue(zone_settings.items));
  operators.slow = [&slow, hz] { return SlowTicksJson(slow, hz); };
  api::AddAdminEndpoints(router, std::move(operators), &guard, clock);
  const session::ConductSettings& conduct = zone_settings.session.conduct;
  api::AddConductEndpoint(router,
                          {.read = [&zone] { return zone->conduct_board().Read(); },
                           .tick = [&zone] { return zone->stats().tick.Get(); },
                           .flag_score = conduct.flag_score,
                           .kick_score = conduct.kick_score},
                          guard);
  ConfigInForce in_force(options.schema);
  ConsoleSide console({.settings = settings,
                       .watch = console_watch,
                       .orders = orders,
                       .auth = **auth,
                       .guard = guard,
                       .health = health,
                       .archivist = archivist ? &*archivist : nullptr,
                       .counted = counted,
                       .clock = clock,
                       .config = [&in_force] { return in_force.Json(); },
                       .round_trip_ms =
                           [&transport, &streams](core::PeerId peer) {
                             const auto udp_hosts = static_cast<uint32_t>((*transport)->hosts());
                             if (peer.host() < udp_hosts) return (*transport)->round_trip_ms(peer);
                             return streams ? streams->RoundTripMs(peer) : 0;
                           }});
  console.AddEndpoints(router);
  if (core::Status registered = console.RegisterMetrics(metrics); !registered.ok()) {
    return Fail(ops::kExitInternal, registered.ToString());
  }
  struct HttpGuard {  // its handlers use what was built before this
    api::HttpServer& http;
    ~HttpGuard() { http.Stop(); }
  } http_guard{http};
  durable->BeginServing();
  http.Serve(std::move(router));

  const uint32_t entities = zone->world().count();  // the loop's from the next line on
  Foremost(zone_settings.tick, UrgencyOf(zone_settings.tick), [&] { loop.Start(); });
  zone_health.Set(ops::HealthState::kReady);
  durable->PublishHealth();
  core::CrashPoint("start.serving");
  core::Log(core::LogLevel::kInfo, "serving",
            "shard={} version={} store={} cache={} http={}://{}:{} udp={}:{} hosts={} tick={} "
            "tick_hz={} "
            "workers={} entities={}",
            zone_settings.shard.id, Version(), durable->has_postgres() ? "postgresql" : "sqlite",
            durable->cache() != nullptr ? "redis" : "none",
            settings.http.tls_certificate_file.empty() ? "http" : "https", settings.http.bind,
            http.bound_port(), settings.net.bind, (*transport)->port(0), (*transport)->hosts(),
            grant->first, hz, workers.workers(), entities);

  ops::ServiceNotify notify(ops::NotifySettingsOfProcess());
  const std::string status = fmt::format("serving shard {} on UDP {}:{}", zone_settings.shard.id,
                                         settings.net.bind, (*transport)->port(0));
  notify.Ready(status);

  std::string log_level = settings.log.level;
  int64_t token_key_ns = clock.NowNs();
  while (!ops::StopRequested() && !loop.failed() && !committer.failed()) {
    ops::WaitForSignal(kStorePollMs);
    if (clock.NowNs() - token_key_ns > kTokenKeyNs) {
      (*transport)->RotateTokenKey();
      if (streams) streams->RotateTokenKey();
      token_key_ns = clock.NowNs();
    }
    if (ops::TakeReloadRequest()) {
      notify.Reloading(clock.NowNs());
      Reload(options.sources, log_level, http, in_force);
      (*auth)->ReloadKeys();
      notify.Ready(status);
    }
    durable->PublishHealth();
    durable->NoteLastCommit();
    notify.Alive(clock.NowNs(), zone->stats().ticks.Get());
  }

  notify.Stopping();
  core::Log(core::LogLevel::kInfo, "stopping", "tick={} players={}", zone->stats().tick.Get(),
            zone->session_stats().players.Get());
  zone_health.Set(ops::HealthState::kNotReady, "stopping");
  admission.Stop();
  loop.Stop();
  (*transport)->Stop(static_cast<uint32_t>(DisconnectReason::kServerStopping), kPeerGoodbyeMs);
  if (streams) streams->Stop(static_cast<uint32_t>(DisconnectReason::kServerStopping));
  core::CrashPoint("stop.begin");
  const persistence::StopReport& stopped = durable.Stop();
  ReportStop(stopped, settings.zone.persistence.journal.enabled && !durable->journal().degraded());
  http.Stop();
  recording.recorder.reset();
  core::CrashPoint("stop.end");
  core::Log(core::LogLevel::kInfo, "stopped", "tick={}", zone->stats().tick.Get());
  const bool lost_ownership = committer.lost_ownership();
  const bool failed = committer.failed() || loop.failed();
  if (lost_ownership) return ops::kExitLostLease;
  return failed ? ops::kExitUnavailable : ops::kExitOk;
}

}  // namespace bluemarble::app
