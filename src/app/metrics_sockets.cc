#include "app/metrics_sockets.h"

#include "app/metric_registrar.h"
#include "app/metrics_bytes.h"

namespace bluemarble::app {
namespace {

void RegisterStreams(Registrar& add, const net::StreamStats& stats) {
  // Beside the ENet hosts, under the same names where they mean the same.
  const ops::MetricLabels host = {{"host", "websocket"}};
  add.Level("net_peers", "Connected peers.", stats.connected, host);
  add.RoundTrips("net_round_trip_seconds",
                 "To each connected peer and back, as its transport measures it, once a second.",
                 stats.round_trip_ms, host);
  add.Count("net_connects_total", "Peers that connected.", stats.connects, host);
  add.Count("net_disconnects_total", "Peers that left or were ended.", stats.disconnects, host);
  add.Count("net_received_bytes_total", "UDP payload received.", stats.bytes_in, host);
  add.Count("net_sent_bytes_total", "UDP payload sent.", stats.bytes_out, host);
  add.Count("net_inbound_dropped_total", "Messages lost to a full inbound queue.",
            stats.inbound_dropped, host);
  add.Count("net_inbound_blocked_total", "Passes that waited for room in the inbound queue.",
            stats.inbound_blocked, host);
  add.Count("net_outbound_refused_total", "Messages refused by a full outbound queue.",
            stats.outbound_refused, host);
  add.Count("net_outbound_stale_total", "Messages whose peer had gone meanwhile.",
            stats.outbound_stale, host);
  add.Count("net_peer_queue_ended_total", "Peers ended because they do not read.",
            stats.queue_ended, host);
  add.Count("net_unsent_snapshot_bytes_total", "Snapshots that the zone sent and no socket took.",
            stats.late_bytes, host);
  const auto part = [&](const char* name, const core::Counter& bytes) {
    add.Count("net_sent_part_bytes_total", "What net_sent_bytes_total is made of.", bytes,
              {{"host", "websocket"}, {"part", name}});
  };
  part("snapshot", stats.sent_unreliable_bytes);
  for (size_t field = 0; field < net::kMessageFields; ++field)
    part(MessageFieldName(field), stats.sent_reliable_bytes[field]);
  part("channel", stats.messages_out);  // a byte each

  add.Count("stream_received_messages_total", "Messages of players over WebSocket.",
            stats.messages_in);
  add.Count("stream_sent_messages_total", "Messages to players over WebSocket.",
            stats.messages_out);
  add.Count("stream_late_snapshots_total",
            "Snapshots left out since net.stream_late_bytes waited before them.",
            stats.late_snapshots);
  add.Level("stream_waiting", "Players' WebSockets whose token has not come.", stats.waiting);
  const char* const refused = "Players' WebSockets refused, by reason.";
  const auto count = [&](const char* reason, const core::Counter& counter) {
    add.Count("stream_refused_total", refused, counter, {{"reason", reason}});
  };
  count("full", stats.refused_full);
  count("bad_token", stats.refused_bad_token);
  count("expired_token", stats.refused_expired);
  count("used_token", stats.refused_used);
  count("no_token", stats.no_token);
  count("malformed", stats.malformed);
}

}  // namespace

core::Status RegisterSockets(ops::MetricsRegistry& registry, const api::ApiStats& http,
                             const net::StreamTransport* streams) {
  Registrar add(registry);
  add.Level("http_websockets", "Open WebSockets.", http.web_sockets);
  add.Count("http_websockets_opened_total", "WebSockets opened.", http.opened_web_sockets);
  add.Count("http_websockets_refused_total", "WebSockets beyond http.max_websockets.",
            http.refused_web_sockets);
  add.Count("http_websocket_received_messages_total", "Messages that clients of WebSockets sent.",
            http.web_socket_messages);
  const char* const ended = "WebSockets that the server ended for their client's fault, by reason.";
  const auto count = [&](const char* reason, const core::Counter& counter) {
    add.Count("http_websockets_ended_total", ended, counter, {{"reason", reason}});
  };
  count("slow", http.web_sockets_slow);
  count("limited", http.web_sockets_limited);
  count("malformed", http.web_sockets_malformed);
  count("silent", http.web_sockets_silent);
  add.Count("http_origins_refused_total", "Requests of web pages that http.origins does not name.",
            http.refused_origins);
  if (streams != nullptr) RegisterStreams(add, streams->stats());
  return add.status();
}

}  // namespace bluemarble::app
