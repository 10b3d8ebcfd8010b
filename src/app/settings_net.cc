#include "app/settings_net.h"

namespace bluemarble::app {

using ops::ConfigSchema;
using ops::ConfigSection;

void BindNet(ConfigSchema& schema, net::NetSettings& net) {
  ConfigSection& s = schema.Section("net", "Game traffic: ENet over UDP.");
  s.Add("bind", &net.bind,
        {.help = "IPv4 address to listen on. Plain security listens on loopback only."});
  s.Add("security", &net.security,
        {.help = "sealed: players come with a connect token, and every datagram is encrypted. "
                 "plain: everybody is who they say, on loopback, for tests and development.",
         .choices = {"sealed", "plain"}});
  s.Add("public_address", &net.public_address,
        {.help =
             "IPv4 address that players are told. Empty: net.bind, which 0.0.0.0 cannot be for."});
  s.Add("port", &net.port,
        {.help = "UDP port of host 0; host i listens on port + i. 0: the system chooses."});
  s.Add("hosts", &net.hosts,
        {.min = 1,
         .max = 16,
         .help = "ENet hosts, each with its own port and thread. Too low: one serves at most 4,095 "
                 "peers and one core's worth of sends; too high: threads that compete with the "
                 "zone for cores."});
  s.Add("max_peers_per_host", &net.max_peers_per_host,
        {.min = 1,
         .max = 4095,
         .help = "Too low: joins are refused as full; too high: only memory, 0.5 kB each. 4,095 is "
                 "ENet's limit."});
  s.Add("receive_buffer_bytes", &net.receive_buffer_bytes,
        {.unit = "bytes",
         .help = "Kernel buffer of a host. Too low: the kernel drops a storm of joins; too high: "
                 "after a stall old input is served late."});
  s.Add("send_buffer_bytes", &net.send_buffer_bytes,
        {.unit = "bytes",
         .help = "Kernel buffer of a host. Too low: the end of a tick's burst is lost "
                 "(net_send_errors_total); too high: only kernel memory."});
  s.Add("datagram_bytes", &net.datagram_bytes,
        {.min = 1200,
         .max = 1472,
         .unit = "bytes",
         .help = "Largest UDP payload. Too low: clients of the protocol are cut off, so 1,200 is "
                 "the least; too high: paths that fragment or drop."});
  s.Add("datagram_queue", &net.datagram_queue,
        {.help = "Datagrams that wait between kernel and ENet, per host. Too low: bursts are "
                 "dropped (queue_full); too high: 1.2 kB each, and floods are served late."});
  s.Add("inbound_queue_bytes", &net.inbound_queue_bytes,
        {.unit = "bytes",
         .help = "From a net thread to the zone. Too low: inputs are dropped while a tick is late; "
                 "too high: after a stall old input is served."});
  s.Add("outbound_queue_bytes", &net.outbound_queue_bytes,
        {.unit = "bytes",
         .help = "From the zone to a net thread. Too low: one tick's snapshots do not fit and are "
                 "dropped; too high: only memory."});
  s.Add("peer_queue_bytes", &net.peer_queue_bytes,
        {.unit = "bytes",
         .help = "What may wait for one peer; one that does not read is ended. Too low: a bad "
                 "minute of a good client ends it; too high: memory for dead ones."});
  s.Add("stream_queue_bytes", &net.stream_queue_bytes,
        {.unit = "bytes",
         .help = "Between the zone and the players on WebSockets, each way. Too low: likewise; too "
                 "high: only memory."});
  s.Add("stream_late_bytes", &net.stream_late_bytes,
        {.unit = "bytes",
         .help = "While more waits for a player's WebSocket, snapshots for it are left out. Too "
                 "low: crowds cost it snapshots; too high: what it is shown is old."});
  s.Add("max_peers_per_address", &net.max_peers_per_address,
        {.help = "Peers of one address on one host, 0: no limit. Too low: players behind one NAT "
                 "lock each other out; too high: one address can take all slots."});
  s.Add(
      "service_budget", &net.service_budget,
      {.help = "Datagrams handed to ENet in one pass. Too low: input waits for the next pass; too "
               "high: a flood delays the sends of a tick."});
  s.Add("drain_interval_us", &net.drain_interval_us,
        {.unit = "us",
         .help = "Pause between two drains of the socket. Too low: CPU for wake-ups; too high: "
                 "latency, and drops by the kernel."});
  s.Add("idle_service_ms", &net.idle_service_ms,
        {.unit = "ms",
         .help = "ENet is serviced at least this often when no tick comes. Too low: CPU for walks "
                 "over all peers; too high: late acknowledgements and resends."});
  s.Add("peer_timeout_ms", &net.peer_timeout_ms,
        {.unit = "ms",
         .help = "A peer that acknowledges nothing for this long is gone; who is silent goes "
                 "sooner, by session.timeout_ms. Too low: three losses in a row end a player on a "
                 "slow path; too high: dead peers hold slots."});
  s.Add("linger_ms", &net.linger_ms,
        {.unit = "ms",
         .help = "How long a peer that we end may take to acknowledge. Too low: it does not hear "
                 "why; too high: its slot is taken for longer."});
  s.Add("token_life_s", &net.token_life_s,
        {.min = 1,
         .max = 3600,
         .unit = "s",
         .help = "How long a connect token is good for. Too low: slow clients must ask twice; too "
                 "high: a stolen one is good for longer."});
  s.Add("cipher", &net.cipher,
        {.help = "auto: AES-256-GCM where both processors have it in hardware, else "
                 "ChaCha20-Poly1305. Naming one refuses clients that do not have it.",
         .choices = {"auto", "aes256gcm", "chacha20poly1305"}});
  s.Add("rekey_datagrams", &net.rekey_datagrams,
        {.min = 64,
         .unit = "datagrams",
         .help = "A session takes its next key after so many either way. Too low: CPU; too high: "
                 "more is readable with one stolen key."});
  s.Add("rekey_s", &net.rekey_s,
        {.min = 1, .max = 2592000, .unit = "s", .help = "And after so long. Likewise."});
  s.Add("half_open_ms", &net.half_open_ms,
        {.min = 100,
         .max = 60000,
         .unit = "ms",
         .help = "An accepted session that goes no further is freed after this. Too low: clients "
                 "on bad links fail to come in; too high: dead ones hold slots."});
  s.Add("requests_per_s", &net.requests_per_s,
        {.min = 1,
         .max = 1000000,
         .unit = "per second",
         .help = "Requests for sessions that a host answers, those of unproven addresses and those "
                 "of proven ones each. Too low: a storm of logins takes longer; too high: a flood "
                 "costs more, 5 us each."});
  s.Add("requests_per_address_s", &net.requests_per_address_s,
        {.min = 1,
         .max = 1000000,
         .unit = "per second",
         .help = "The same of one address. Too low: players behind one NAT come in slowly; too "
                 "high: one flooder takes the share of all."});
  s.Add("resets_per_s", &net.resets_per_s,
        {.min = 1,
         .max = 1000000,
         .unit = "per second",
         .help = "Datagrams of unknown sessions that a host answers. Too low: after a restart "
                 "clients learn of it later; too high: a flood costs more, 5 us each."});
  s.Add("resets_per_address_s", &net.resets_per_address_s,
        {.min = 1,
         .max = 1000000,
         .unit = "per second",
         .help = "The same to one address. Too low: players behind one NAT learn of a restart "
                 "later; too high: one flooder takes the share of all."});
}

}  // namespace bluemarble::app
