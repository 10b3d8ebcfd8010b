#include "app/metrics.h"

#include <fmt/format.h>

#include <functional>
#include <thread>
#include <utility>

#include "app/metric_registrar.h"
#include "app/metrics_bytes.h"
#include "app/metrics_durable.h"
#include "bluemarble/wire.h"
#include "ops/log_sinks.h"
#include "ops/process_stats.h"

namespace bluemarble::app {
namespace {

void RegisterZone(Registrar& add, const Zone& zone, const ZoneLoop& loop) {
  const ZoneStats& stats = zone.stats();
  add.Micros("zone_tick_duration_seconds",
             "Scheduled start of a tick to its last datagram handed over.", stats.tick_us);
  add.Micros("zone_tick_cpu_seconds", "CPU time of the zone thread in one tick.",
             loop.stats().tick_cpu_us);
  for (size_t i = 0; i < kPhases; ++i) {
    add.Micros("zone_phase_duration_seconds", "Time in one phase of the tick.", stats.phase_us[i],
               {{"phase", PhaseName(static_cast<Phase>(i))}});
  }
  add.Count("zone_ticks_total", "Ticks run.", stats.ticks);
  add.Level("zone_entities", "Living entities.", stats.entities);
  add.Level("zone_octree_leaves", "Leaves of the octree.", stats.leaves);
  add.Count("zone_index_failures_total", "Entities that the octree refused.", stats.index_failures);
  add.Count("zone_ticks_skipped_total", "Ticks given up because the loop was too late.",
            loop.stats().skipped);
  add.Count("zone_ticks_late_total", "Ticks that began after the next one's scheduled start.",
            loop.stats().late);
  add.Level("zone_relief_step", "Steps of relief in force, 0 to 4.", loop.stats().relief_step);
  add.Level("zone_dilation_percent", "Length of a tick's period, of the regular one.",
            loop.stats().dilation_pct);
  add.Count("zone_allocations_total", "Heap allocations of the zone thread.",
            loop.stats().allocations);
  add.CountRead("zone_cpu_seconds_total", "CPU time of the zone thread.",
                [&loop] { return static_cast<double>(loop.stats().cpu_us.Get()) * 1e-6; });
}

void RegisterSlow(Registrar& add, const SlowStats& stats) {
  add.Count("zone_slow_ticks_total", "Ticks that overran, as tick.slow_ms says.", stats.slow_ticks);
  add.Count("zone_slow_incidents_total", "Runs of slow ticks whose beginning was kept.",
            stats.incidents);
}

void RegisterSessions(Registrar& add, const session::SessionStats& stats) {
  for (uint32_t reason = 0; reason < kDisconnectReasons; ++reason) {
    const char* name = DisconnectReasonName(static_cast<DisconnectReason>(reason));
    add.Count("session_ended_total", "Sessions ended, by reason.", stats.ended[reason],
              {{"reason", name}});
    add.Count("session_refused_messages_total", "Messages that ended their session, by reason.",
              stats.refused_messages[reason], {{"reason", name}});
  }
  for (const DisconnectReason reason : session::kGateReasons) {
    for (size_t m = 0; m < session::kMessageNames; ++m) {
      add.Count("gate_refused_messages_total",
                "Messages that ended their session, by what they said they were.",
                stats.refused_by_message[m][static_cast<size_t>(reason)],
                {{"message", session::MessageName(static_cast<session::MessageIndex>(m))},
                 {"reason", DisconnectReasonName(reason)}});
    }
  }
  for (size_t i = 0; i < session::kViolations; ++i) {
    add.Count("conduct_violations_total", "What honest clients do not do, by kind.",
              stats.violations[i],
              {{"kind", session::ViolationName(static_cast<session::Violation>(i))}});
  }
  add.Count("conduct_flagged_total", "Times that a player reached conduct.flag_score.",
            stats.flagged);
  add.Count("conduct_kicked_total", "Sessions ended at conduct.kick_score.", stats.kicked);
  add.Count("conduct_put_back_total", "Bodies put back where they had been.", stats.put_back);
  add.Level("conduct_players", "Players whose violations are remembered.", stats.conduct_players);
  add.Count("conduct_notes_refused_total", "Conduct events that the store would not take.",
            stats.notes_refused);
  add.Count("gate_ignored_messages_total",
            "Messages left out because all sessions of their address said too much.",
            stats.ignored_messages);
  add.Count("gate_addresses_forgotten_total", "Addresses that made room for newer ones.",
            stats.addresses_forgotten);
  add.Count("session_connected_total", "Peers that connected.", stats.connected);
  add.Count("session_logins_total", "Players that entered the world.", stats.logins);
  add.Count("session_no_slot_total", "Peers sent away because the session table was full.",
            stats.refused_no_slot);
  add.Level("session_players", "Players in play.", stats.players);
  add.Level("session_pending_players", "Sessions not in play.", stats.pending);
  add.Level("session_lingering_players", "Players in play whose connection is lost.",
            stats.lingering);
  add.Count("session_resumed_total", "Welcomes back to players who were still in play.",
            stats.resumed);
  add.Count("session_lingers_expired_total", "Lost players who did not come back in time.",
            stats.lingers_expired);
  add.Count("session_lingers_evicted_total", "Lost players who made room in a full zone.",
            stats.lingers_evicted);
  add.Count("session_snapshots_dropped_total", "Snapshots lost to a full outbound queue.",
            stats.snapshots_dropped);
  add.Count("session_save_queue_full_total", "Saves put off because the durable queue was full.",
            stats.save_queue_full);
  add.Count("session_logouts_refused_total", "Logout events that the store would not take.",
            stats.logouts_refused);
  add.Count("session_quarantined_total", "Players kept out for a while: damaged rows.",
            stats.quarantined);
  add.Count("session_quarantine_refusals_total", "Logins refused meanwhile.",
            stats.quarantine_refusals);
  add.Count("session_stray_messages_total", "Messages of peers without a session.",
            stats.stray_messages);
  add.Count("session_commands_accepted_total", "Commands that were in time.", stats.input.accepted);
  add.Count("session_commands_late_total", "Commands whose tick was over.", stats.input.late);
  add.Count("session_commands_early_total", "Commands too far ahead.", stats.input.early);
  add.Count("session_commands_held_total", "Ticks on which the last command was held.",
            stats.input.held);
  add.Count("session_inputs_repeated_total", "Input messages whose newest tick had come before.",
            stats.input.repeated);
  add.Count("session_predictions_confirmed_total", "Predictions of clients that were right.",
            stats.input.confirmed);
  add.Count("session_predictions_wrong_total", "Predictions that were corrected.",
            stats.input.mismatched);
}

void RegisterReplication(Registrar& add, const replication::ReplicationStats& stats) {
  add.Count("replication_datagrams_total", "Snapshots built.", stats.datagrams);
  add.Count("replication_sent_bytes_total", "Bytes of snapshots.", stats.bytes);
  add.Count("replication_parts_total", "Leaf-block parts sent.", stats.parts_sent);
  add.Count("replication_keyframes_total", "Parts sent without a base.", stats.keyframes_sent);
  add.Count("replication_blocks_encoded_total", "Parts encoded.", stats.blocks_encoded);
  add.Count("replication_block_cache_hits_total", "Parts copied from the tick's cache.",
            stats.block_cache_hits);
  add.Count("replication_entity_updates_total", "Member records sent.", stats.entity_updates);
  add.Count("replication_parts_deferred_total", "Due parts that did not fit the budget.",
            stats.parts_deferred);
  add.Count("replication_leaves_over_limit_total", "Hits of replication.max_leaves_per_viewer.",
            stats.leaves_over_limit);
  add.Count("replication_acks_unknown_total", "Acks of datagrams never sent or forgotten.",
            stats.acks_unknown);
  add.Count("replication_scratch_full_total", "Tick scratch exhausted.", stats.scratch_full);
  add.Count("replication_drops_full_total", "Leaves that could not be forgotten yet.",
            stats.drops_full);
  add.Count("replication_looks_put_off_total",
            "Viewers, by ticks, too many to look around out of turn.", stats.looks_put_off);
  add.Count("replication_arrivals_lost_total",
            "Entities that came into a leaf when too many did in one tick.", stats.arrivals_lost);
  add.Count("replication_blocks_not_shared_total", "Blocks of parts with too many bases in use.",
            stats.blocks_not_shared);
}

void RegisterNet(Registrar& add, const net::EnetTransport& transport) {
  const net::TickStats& ticks = transport.tick_stats();
  add.Micros("net_tick_to_wire_seconds", "Scheduled start of a tick to its last datagram sent.",
             ticks.tick_to_wire_us);
  add.Count("net_ticks_missed_total", "Ticks on the wire after the next one's scheduled start.",
            ticks.ticks_missed);
  add.Count("net_ticks_unmeasured_total", "Ticks too old to measure.", ticks.ticks_unmeasured);
  for (int host = 0; host < transport.hosts(); ++host) {
    const net::HostStats& stats = transport.host_stats(host);
    const ops::MetricLabels label = {{"host", fmt::format("{}", host)}};
    add.Count("net_received_datagrams_total", "Datagrams received.", stats.datagrams_in, label);
    add.Count("net_received_bytes_total", "UDP payload received.", stats.bytes_in, label);
    add.Count("net_sent_datagrams_total", "Datagrams sent.", stats.datagrams_out, label);
    add.Count("net_sent_bytes_total", "UDP payload sent.", stats.bytes_out, label);
    for (int i = 0; i < net::kDropReasons; ++i) {
      add.Count("net_dropped_datagrams_total", "Datagrams that did not reach ENet.",
                stats.drops[static_cast<size_t>(i)],
                {{"host", fmt::format("{}", host)},
                 {"reason", std::string(DropReasonName(net::DropReason(i)))}});
    }
    for (int i = 1; i < net::kVerdicts; ++i) {
      add.Count("net_malformed_datagrams_total", "Datagrams whose ENet commands were refused.",
                stats.malformed[static_cast<size_t>(i)],
                {{"host", fmt::format("{}", host)},
                 {"reason", std::string(VerdictName(net::Verdict(i)))}});
    }
    for (int i = 0; i < net::kSealEvents; ++i) {
      add.Count("net_seal_events_total", "What the sealed transport did or refused, by reason.",
                stats.seal[static_cast<size_t>(i)],
                {{"host", fmt::format("{}", host)},
                 {"reason", std::string(SealEventName(net::SealEvent(i)))}});
    }
    add.Level("net_seal_sessions", "Sealed sessions, those that only begin or end included.",
              stats.seal_sessions, label);
    add.Count("net_seal_opened_total", "Datagrams of sealed sessions that were opened.",
              stats.seal_opened, label);
    add.Count("net_seal_sequences_total",
              "Datagrams that sealed sessions sent, up to the newest opened; those not opened are "
              "lost, or late.",
              stats.seal_sequences, label);
    add.Count("net_receive_errors_total", "Failed receive calls.", stats.receive_errors, label);
    add.Count("net_send_errors_total", "Datagrams that the kernel refused.", stats.send_errors,
              label);
    add.Count("net_oversized_sends_total", "Datagrams above net.datagram_bytes, not sent.",
              stats.send_oversized, label);
    add.Count("net_service_failures_total", "Failed passes of ENet.", stats.service_failures,
              label);
    add.Count("net_kernel_dropped_datagrams_total",
              "Dropped by the kernel: its receive buffer was full, or by the flood filter.",
              stats.kernel_drops, label);
    add.Level("net_flood_filter",
              "1 while so much is refused that the kernel drops what no player can have sent.",
              stats.flood_filter, label);
    add.Level("net_peers", "Connected peers.", stats.peers_connected, label);
    add.RoundTrips("net_round_trip_seconds",
                   "To each connected peer and back, as its transport measures it, once a second.",
                   stats.round_trip_ms, label);
    add.Count("net_connects_total", "Peers that connected.", stats.connects, label);
    add.Count("net_disconnects_total", "Peers that left or were ended.", stats.disconnects, label);
    add.Count("net_timeouts_total", "Peers that fell silent.", stats.timeouts, label);
    add.Count("net_inbound_dropped_total", "Messages lost to a full inbound queue.",
              stats.inbound_dropped, label);
    add.Count("net_outbound_refused_total", "Messages refused by a full outbound queue.",
              stats.outbound_refused, label);
    add.Count("net_peer_queue_ended_total", "Peers ended because they do not read.",
              stats.peer_queue_ended, label);
    add.Count("net_peer_deaf_ended_total", "Peers ended because ENet's waiting data stayed high.",
              stats.peer_deaf_ended, label);
    add.Count("net_inbound_blocked_total", "Passes that waited for room in the inbound queue.",
              stats.inbound_blocked, label);
    add.Count("net_outbound_stale_total", "Messages whose peer had gone meanwhile.",
              stats.outbound_stale, label);
    add.Count("net_send_refused_total", "Datagrams that could not be sealed.", stats.send_refused,
              label);
    add.Level("net_receive_buffer_bytes", "Receive buffer that the kernel granted.",
              stats.receive_buffer_bytes, label);
  }
}

void RegisterRecorder(Registrar& add, const Recorder* recorder) {
  add.Read("recording_running", "1 while --record records.",
           [recorder] { return recorder != nullptr && recorder->running() ? 1.0 : 0.0; });
  if (recorder == nullptr) return;
  add.Count("recording_recorded_bytes_total", "Written by the flight recorder.",
            recorder->recorded_bytes());
}

void RegisterChat(Registrar& add, const chat::ChatStats& stats) {
  for (const ChatScope scope : {ChatScope::kZone, ChatScope::kLocal}) {
    add.Count("chat_said_lines_total", "Lines of chat taken, by scope.",
              stats.said[static_cast<size_t>(scope) - 1], {{"scope", chat::ScopeName(scope)}});
  }
  for (uint32_t reason = 1; reason < kChatReasons; ++reason) {
    add.Count("chat_refused_lines_total", "Lines of chat refused, by reason.",
              stats.refused[reason], {{"reason", ChatReasonName(static_cast<ChatReason>(reason))}});
  }
  add.Count("chat_heard_lines_total", "Lines handed to players.", stats.heard);
  add.Count("chat_missed_lines_total", "Lines that a full queue cost a player.", stats.missed);
  add.Count("chat_delayed_lines_total", "Lines that some heard a tick or more later.",
            stats.delayed);
  add.Level("chat_waiting_lines", "Lines on their way now.", stats.waiting);
}

std::string HistogramJson(const char* name, const core::Histogram& histogram) {
  std::string out = fmt::format("\"{}\":[", name);
  bool first = true;
  for (int i = 0; i < core::Histogram::kBuckets; ++i) {
    const uint64_t count = histogram.bucket(i);
    if (count == 0) continue;
    out += fmt::format("{}[{},{}]", first ? "" : ",", core::Histogram::UpperBound(i), count);
    first = false;
  }
  return out + "]";
}

}  // namespace

core::Status RegisterMetrics(ops::MetricsRegistry& registry, const Counted& counted) {
  Registrar add(registry);
  RegisterZone(add, counted.zone, counted.loop);
  RegisterSessions(add, counted.zone.session_stats());
  RegisterReplication(add, counted.zone.replication_stats());
  RegisterNet(add, counted.transport);
  RegisterBytes(add, counted.zone.replication_stats(), counted.zone.session_stats(),
                counted.transport);
  RegisterSlow(add, counted.slow.stats());
  RegisterItems(add, counted.zone.item_stats());
  RegisterChat(add, counted.zone.chat_stats());
  RegisterDurable(add, counted.durable);
  RegisterRecorder(add, counted.recorder);
  add.Keep(ops::AddProcessMetrics(registry));
  return add.status();
}

core::Status RegisterOperators(ops::MetricsRegistry& registry, const api::AdminStats& admin,
                               const ArchivistStats* archivist) {
  Registrar add(registry);
  const char* const asked = "Requests to the operator's interface, by what became of them.";
  add.Count("admin_requests_total", asked, admin.allowed, {{"result", "allowed"}});
  add.Count("admin_requests_total", asked, admin.denied, {{"result", "denied"}});
  add.Count("admin_requests_total", asked, admin.limited, {{"result", "limited"}});
  if (archivist == nullptr) return add.status();
  add.Count("archive_runs_total", "Looks for old event partitions.", archivist->runs);
  add.Count("archive_failures_total", "Looks that ended early.", archivist->failures);
  add.Count("archive_partitions_total", "Partitions exported and dropped.", archivist->partitions);
  add.Count("archive_events_total", "Events in them.", archivist->events);
  return add.status();
}

core::Status RegisterHttpAndLog(ops::MetricsRegistry& registry, const api::ApiStats& http) {
  Registrar add(registry);
  const char* const answered = "HTTP answers by status class.";
  add.Count("http_responses_total", answered, http.responses_2xx, {{"class", "2xx"}});
  add.Count("http_responses_total", answered, http.responses_3xx, {{"class", "3xx"}});
  add.Count("http_responses_total", answered, http.responses_4xx, {{"class", "4xx"}});
  add.Count("http_responses_total", answered, http.responses_5xx, {{"class", "5xx"}});
  add.Count("http_connections_total", "HTTP connections accepted.", http.accepted_connections);
  add.Count("http_connections_refused_total", "HTTP connections beyond http.max_connections.",
            http.refused_connections);
  add.Count("http_blocking_refused_total", "Requests beyond http.blocking_queue.",
            http.refused_blocking);
  add.Count("http_connections_displaced_total",
            "HTTP connections closed to make room at http.max_connections.",
            http.displaced_connections);
  add.Count("http_tls_failures_total", "TLS handshakes that failed or took too long.",
            http.tls_failures);
  add.Count("http_timeouts_total", "HTTP connections that were too slow.", http.timeouts);
  add.CountRead("log_lost_lines_total", "Log lines lost to a full queue.",
                [] { return static_cast<double>(ops::GetLogStats().overrun); });
  add.CountRead("log_write_failures_total", "Log lines that could not be written.",
                [] { return static_cast<double>(ops::GetLogStats().write_failures); });
  return add.status();
}

core::Status RegisterLimits(ops::MetricsRegistry& registry, const char* version,
                            const ZoneSettings& settings) {
  Registrar add(registry);
  add.Keep(registry.AddGauge("zoned_build_info", "1; what runs here, and for which shard.",
                             {{"version", version}, {"shard", settings.shard.id}},
                             [] { return 1.0; }));
  add.Read("zone_tick_rate_hertz", "tick.hz.",
           [hz = settings.tick.hz] { return static_cast<double>(hz); });
  add.Read("session_max_players", "session.max_players.",
           [most = settings.session.max_players] { return static_cast<double>(most); });
  return add.status();
}

core::Status RegisterAdmission(ops::MetricsRegistry& registry, const Admission& admission) {
  Registrar add(registry);
  add.Count("admission_put_off_total", "Joins that were told to come later: too many at once.",
            admission.paced());
  add.Count("admission_overload_refused_total",
            "Joins that were refused: the zone had no relief left (tick.max_dilation_pct).",
            admission.overload_refused());
  return add.status();
}

std::string StatsJson(const Counted& counted, int tick_hz, double uptime_s) {
  const ZoneStats& zone = counted.zone.stats();
  const net::TickStats& ticks = counted.transport.tick_stats();
  constexpr double kMegabyte = 1e6;
  std::string out = fmt::format(
      "{{\"tick_hz\":{},\"tick\":{},\"uptime_s\":{:.3f},\"players\":{},\"entities\":{},\"ticks\":{}"
      ","
      "\"flagged\":{},\"kicked\":{},\"missed_ticks\":{},\"allocations\":{},\"cpu_s\":{:.4f},\"zone_"
      "cpu_s\":{:.4f},\"rss_mb\":{:."
      "1f},"
      "\"steal_ticks_s\":{:.3f},\"cores\":{},\"histograms\":{{",
      tick_hz, zone.tick.Get(), uptime_s, counted.zone.session_stats().players.Get(),
      zone.entities.Get(), zone.ticks.Get(), counted.zone.session_stats().flagged.Get(),
      counted.zone.session_stats().kicked.Get(),
      ticks.ticks_missed.Get() + counted.loop.stats().skipped.Get(),
      counted.loop.stats().allocations.Get(), ops::ProcessCpuSeconds(),
      static_cast<double>(counted.loop.stats().cpu_us.Get()) / 1e6,
      static_cast<double>(ops::ResidentBytes()) / kMegabyte, ops::MachineStealSeconds(),
      std::thread::hardware_concurrency());
  out += HistogramJson("tick_us", zone.tick_us) + ",";
  out += HistogramJson("tick_to_wire_us", ticks.tick_to_wire_us) + ",";
  out += HistogramJson("tick_cpu_us", counted.loop.stats().tick_cpu_us) + ",";
  out += HistogramJson("commit_us", counted.durable.committer().stats().commit_us);
  for (size_t i = 0; i < kPhases; ++i) {
    const std::string name = fmt::format("{}_us", PhaseName(static_cast<Phase>(i)));
    out += "," + HistogramJson(name.c_str(), zone.phase_us[i]);
  }
  return out + "}}\n";
}

}  // namespace bluemarble::app
