/// What an operator may set about the network; parsed by ops/, immutable after start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bluemarble/wire.h"

namespace bluemarble::net {

struct NetSettings {
  /// IPv4 address to listen on. Default loopback, the only kind that plain mode accepts. Too
  /// narrow: clients cannot reach it; too wide (0.0.0.0): every interface of the machine is open.
  std::string bind = "127.0.0.1";
  /// "sealed": connect tokens and sealed datagrams (DESIGN §5). "plain": everybody is who they say;
  /// loopback only, for tests and development.
  std::string security = "sealed";
  /// IPv4 address that clients are told. Empty: `bind`. Wrong: nobody finds the zone.
  std::string public_address = "";
  /// UDP port of host 0; host i listens on port + i. 0: the kernel chooses each (tests).
  uint16_t port = 7777;
  /// ENet hosts, each with its own port and thread. Too low: 4,095 peers is a host's end, and one
  /// thread sends at most about 300,000 datagrams/s; too high: threads that compete with the zone
  /// for cores.
  int hosts = 2;
  /// Peer slots of one host, 1..4095 (ENet's limit). Too low: joins are refused; too high: 0.5 KB
  /// each.
  int max_peers_per_host = 4095;
  /// Kernel receive buffer of a host, bytes. Too low: a storm of joins is dropped by the kernel
  /// (PITFALLS E-12); too high: kernel memory, and old input is served late after a stall.
  int receive_buffer_bytes = 4 * 1024 * 1024;
  /// Kernel send buffer of a host, bytes. Too low: a tick's burst is cut (counted as send errors).
  int send_buffer_bytes = 4 * 1024 * 1024;
  /// Largest UDP payload either way, bytes. Too low: more datagrams; too high: paths that fragment
  /// or drop.
  int datagram_bytes = static_cast<int>(kDatagramBytes);
  /// Datagrams that wait between kernel and ENet, of a host. Too low: bursts drop; too high: 1.2 KB
  /// each.
  int datagram_queue = 4096;
  /// Queue from a net thread to the zone thread, bytes. Full: unreliable messages drop, then ENet
  /// waits.
  size_t inbound_queue_bytes = 8 * 1024 * 1024;
  /// Queue from the zone thread to a net thread, bytes: at least one tick of everything that is
  /// sent.
  size_t outbound_queue_bytes = 16 * 1024 * 1024;
  /// Bytes that may wait for one peer inside ENet. Above: unreliable messages drop, a reliable one
  /// ends the peer (PITFALLS E-9). Too low: a bad minute of a good client ends it; too high:
  /// memory.
  size_t peer_queue_bytes = 1024 * 1024;
  /// Peers of one address on one host, 0: no limit. Too low: players behind one NAT lock each other
  /// out.
  int max_peers_per_address = 0;
  /// Datagrams that one pass hands to ENet before it sends again. Too low: input waits a tick; too
  /// high: a flood delays the sends of a tick.
  int service_budget = 2048;
  /// Queues between the zone thread and the players on WebSockets, bytes each way: at least some
  /// ticks of everything that is sent to them. Full: as above.
  size_t stream_queue_bytes = 2 * 1024 * 1024;
  /// While more waits to be written to a player's WebSocket, bytes, snapshots for it are left out.
  /// Too low: every crowd costs it snapshots; too high: what it is shown is old.
  size_t stream_late_bytes = 8192;
  /// Time between two drains of the socket, microseconds: the net thread naps in between so that it
  /// wakes 500 times a second, not once per datagram. Too low: CPU; too high: latency and kernel
  /// drops.
  int drain_interval_us = 2000;
  /// ENet is serviced at least this often when no tick arrives, milliseconds: acks, resends,
  /// timeouts.
  int idle_service_ms = 50;
  /// A peer that acknowledges nothing for this long is gone, milliseconds; who is silent goes
  /// sooner, by session.timeout_ms. Too low: ENet resends at doubling pauses, so three losses in a
  /// row end a player on a slow path; too high: peers that never log in hold slots.
  int peer_timeout_ms = 15000;
  /// How long a peer that we end may take to acknowledge, milliseconds, before its slot is cleared.
  int linger_ms = 2000;

  /// How long a connect token is good for, seconds. Too low: slow clients ask twice; too high: a
  /// stolen one is good for longer.
  int token_life_s = 60;
  /// "auto": AES-256-GCM where both processors have it in hardware; "aes256gcm" or
  /// "chacha20poly1305": that one only. Clients that cannot are refused.
  std::string cipher = "auto";
  /// Datagrams under one key before the next key is taken.
  int64_t rekey_datagrams = int64_t{1} << 30;
  /// And at the latest after this many seconds.
  int rekey_s = 3600;
  /// A session that connects no further than to the seal is freed after this long, milliseconds.
  int half_open_ms = 5000;
  /// Requests of addresses not proven yet that a host answers per second, and those of one address.
  /// Too low: a storm of logins takes longer; too high: a flood costs CPU (4 µs each).
  int requests_per_s = 10'000;
  int requests_per_address_s = 1000;
  /// Datagrams of unknown sessions that a host answers with a reset per second, and those of one
  /// address. Too low: after a restart clients learn of it later; too high: as above.
  int resets_per_s = 5000;
  int resets_per_address_s = 2000;

  bool sealed() const { return security == "sealed"; }

  /// Appends one line per problem, naming the setting; no line: usable.
  void Validate(std::vector<std::string>& problems) const;
};

}  // namespace bluemarble::net
