/// What a net thread reads and writes of ENet's datagrams by itself, past ENet's queues
/// (docs/decisions/0021-snapshots-past-enets-queues.md).
#pragma once

#include <arpa/inet.h>
#include <enet/enet.h>

#include "net/address.h"

namespace bluemarble::net {

/// A datagram of ENet's with one unsequenced command begins so.
struct UnsequencedHead {
  enet_uint16 peer_id;  // of ENetProtocolHeader, whose time only reliable commands need
  ENetProtocolSendUnsequenced command;
} ENET_PACKED;
inline constexpr enet_uint8 kUnsequencedCommand =
    int{ENET_PROTOCOL_COMMAND_SEND_UNSEQUENCED} | int{ENET_PROTOCOL_COMMAND_FLAG_UNSEQUENCED};

/// ENet's own view of where a peer is.
inline Address SeenAs(const ENetPeer& peer) {
  return {ntohl(peer.address.host), peer.address.port};
}

}  // namespace bluemarble::net
