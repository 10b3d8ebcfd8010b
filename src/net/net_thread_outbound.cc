// What the zone hands to a net thread, on its way to the socket or into ENet's queues.
#include <enet/enet.h>

#include "net/enet_datagram.h"
#include "net/net_thread.h"

namespace bluemarble::net {

void NetThread::ApplyOutbound() {
  for (;;) {
    const auto record = outbound_.Front();
    if (record.data() == nullptr) break;
    FetchOutbound();
    const auto head = ReadHead<OutboundHead>(record);
    const core::PeerId id{head.peer};
    const size_t slot = id.slot();
    if (slot >= peers_.size() || !peers_[slot].connected ||
        peers_[slot].generation != id.generation()) {
      stats_.outbound_stale.Add();
      if (head.channel == Channel::kUnreliable)
        stats_.unsent_unreliable_bytes.Add(record.size() - sizeof head);
    } else if (head.kind == OutboundKind::kDisconnect) {
      Close(slot, head.reason, AfterQueue::kSent);
    } else {
      SendTo(slot, head.channel, record.subspan(sizeof head));
    }
    outbound_.Pop();
  }
  socket_.SendPosted();
}

// A peer tells which session is its own, so the one is fetched first and the other a few records
// later.
void NetThread::FetchOutbound() {
  for (;;) {
    const auto record = outbound_.Ahead(Upcoming::kFar);
    if (record.data() == nullptr) break;
    const size_t slot = core::PeerId{ReadHead<OutboundHead>(record).peer}.slot();
    FetchPeer(slot);
    upcoming_.Add(slot);
  }
  const size_t* const near = upcoming_.Turn();
  if (near != nullptr && *near < peers_.size()) seam_.ExpectSeal(SeenAs(host_->peers[*near]));
}

void NetThread::SendTo(size_t slot, Channel channel, std::span<const std::byte> bytes) {
  if (channel == Channel::kUnreliable) {
    SendUnsequenced(slot, bytes);
  } else {
    QueueReliable(slot, bytes);
  }
}

// A datagram of ENet's with one unsequenced command, sent in this pass: what ENet would make of the
// message when its turn comes, without a packet, a command and a queue for each.
void NetThread::SendUnsequenced(size_t slot, std::span<const std::byte> bytes) {
  ENetPeer& peer = host_->peers[slot];
  if (peer.state != ENET_PEER_STATE_CONNECTED) {
    stats_.outbound_stale.Add();
    stats_.unsent_unreliable_bytes.Add(bytes.size());
    return;
  }
  UnsequencedHead head;
  const unsigned session = peer.outgoingPeerID < ENET_PROTOCOL_MAXIMUM_PEER_ID
                               ? unsigned{peer.outgoingSessionID}
                                     << ENET_PROTOCOL_HEADER_SESSION_SHIFT
                               : 0u;
  head.peer_id = htons(static_cast<uint16_t>(peer.outgoingPeerID | session));
  head.command.header.command = kUnsequencedCommand;
  head.command.header.channelID = static_cast<enet_uint8>(Channel::kUnreliable);
  head.command.header.reliableSequenceNumber = 0;
  head.command.unsequencedGroup = htons(++peer.outgoingUnsequencedGroup);
  head.command.dataLength = htons(static_cast<uint16_t>(bytes.size()));
  socket_.Post(SeenAs(peer), BytesOf(head), bytes);
}

void NetThread::QueueReliable(size_t slot, std::span<const std::byte> bytes) {
  Peer& peer = peers_[slot];
  // A reliable stream with a hole in it is none: nothing more goes out, and the peer ends.
  if (peer.overflowed || peer.queued_bytes + bytes.size() > settings_.peer_queue_bytes) {
    peer.overflowed = true;
    EndOverflowed(slot);
    return;
  }
  ENetPacket* packet = enet_packet_create(bytes.data(), bytes.size(), ENET_PACKET_FLAG_RELIABLE);
  if (packet == nullptr) return;
  peer.queued_bytes += bytes.size();
  packet->userData = &peer;
  packet->freeCallback = OnPacketFreed;
  if (enet_peer_send(&host_->peers[slot], static_cast<enet_uint8>(Channel::kReliable), packet) <
      0) {
    enet_packet_destroy(packet);  // still ours (E-18)
    stats_.outbound_stale.Add();
  }
}

// At once, or when the zone can be told again.
void NetThread::EndOverflowed(size_t slot) {
  if (!peers_[slot].overflowed || !peers_[slot].connected || waiting_) return;
  peers_[slot].overflowed = false;
  stats_.peer_queue_ended.Add();
  Drop(slot, static_cast<uint32_t>(DisconnectReason::kQueueOverflow));
}

void NetThread::OnPacketFreed(ENetPacket* packet) {
  static_cast<Peer*>(packet->userData)->queued_bytes -= packet->dataLength;
}

}  // namespace bluemarble::net
