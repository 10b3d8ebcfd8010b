#include "support/sim_network.h"

#include <algorithm>
#include <utility>

namespace bluemarble::support {

using net::Channel;
using net::InboundKind;

int64_t SimNetwork::Delay() {
  return faults_.latency_ns +
         (faults_.jitter_ns > 0
              ? static_cast<int64_t>(random_.Below(static_cast<uint64_t>(faults_.jitter_ns)))
              : 0);
}

void SimNetwork::Post(Queue& queue, int64_t& reliable_ns, Event event) {
  if (event.kind != InboundKind::kMessage || event.channel == Channel::kReliable) {
    // Each loss costs a resend; what follows waits for it.
    constexpr int64_t kResendNs = 100'000'000;
    int64_t due = now_ns_ + Delay();
    for (int tries = 0; tries < 5 && random_.Chance(faults_.loss); ++tries) due += kResendNs;
    reliable_ns = std::max(reliable_ns, due);
    queue.emplace(std::pair(reliable_ns, order_++), std::move(event));
    return;
  }
  if (random_.Chance(faults_.duplicate))
    queue.emplace(std::pair(now_ns_ + Delay(), order_++), event);
  if (random_.Chance(faults_.loss)) return;
  queue.emplace(std::pair(now_ns_ + Delay(), order_++), std::move(event));
}

client::Link& SimNetwork::Connect(Listener& listener, uint32_t address_v4) {
  End& end = ends_.emplace_back();
  end.network = this;
  end.index = ends_.size() - 1;
  end.peer = core::PeerId::Make(0, static_cast<uint32_t>(end.index & 0xffff),
                                static_cast<uint32_t>(end.index >> 16) + 1);
  end.listener = &listener;
  end.address_v4 = address_v4;
  end.client_open = true;
  Post(up_, end.reliable_up_ns,
       {.kind = InboundKind::kConnected, .end = end.index, .bytes = std::exchange(identity_, {})});
  return end;
}

void SimNetwork::Vanish(client::Link& link) { static_cast<End&>(link).client_open = false; }

void SimNetwork::CutAll() {
  up_.clear();
  down_.clear();
  for (End& end : ends_) end.client_open = end.server_open = false;
}

void SimNetwork::End::Send(Channel channel, std::span<const std::byte> bytes) {
  if (!client_open) return;
  network->Post(network->up_, reliable_up_ns,
                {.kind = InboundKind::kMessage,
                 .channel = channel,
                 .end = index,
                 .bytes = {bytes.begin(), bytes.end()}});
}

void SimNetwork::End::Close(uint32_t reason) {
  if (!client_open) return;
  network->Post(network->up_, reliable_up_ns,
                {.kind = InboundKind::kDisconnected, .reason = reason, .end = index});
  client_open = false;
}

SimNetwork::End* SimNetwork::EndOf(core::PeerId peer) {
  const size_t index = size_t{peer.slot()} | size_t{peer.generation() - 1} << 16;
  return index < ends_.size() && ends_[index].server_open ? &ends_[index] : nullptr;
}

bool SimNetwork::Receive(net::Inbound& out) {
  while (!up_.empty() && up_.begin()->first.first <= now_ns_) {
    Event event = std::move(up_.begin()->second);
    up_.erase(up_.begin());
    End& end = ends_[event.end];
    if (event.kind == InboundKind::kConnected) {
      end.server_open = true;
      Post(down_, end.reliable_down_ns, {.kind = InboundKind::kConnected, .end = event.end});
    } else if (!end.server_open) {
      continue;
    } else if (event.kind == InboundKind::kDisconnected) {
      end.server_open = false;
    }
    received_ = std::move(event.bytes);
    out = {event.kind, event.channel, end.peer, event.reason, end.address_v4, received_};
    return true;
  }
  return false;
}

core::Status SimNetwork::Send(core::PeerId peer, Channel channel,
                              std::span<const std::byte> bytes) {
  End* end = EndOf(peer);
  if (end == nullptr) return {core::Code::kStale, "the peer is gone"};
  if (channel == Channel::kUnreliable && bytes.size() > max_unreliable_bytes()) {
    return {core::Code::kNoSpace, "larger than one datagram"};
  }
  if (refuse_sends_ > 0) {
    --refuse_sends_;
    return {core::Code::kFull, "net.outbound_queue_bytes"};
  }
  to_client_bytes_ += bytes.size();
  ++to_client_datagrams_;
  Post(down_, end->reliable_down_ns,
       {.kind = InboundKind::kMessage,
        .channel = channel,
        .end = end->index,
        .bytes = {bytes.begin(), bytes.end()}});
  return {};
}

void SimNetwork::Disconnect(core::PeerId peer, uint32_t reason) {
  End* end = EndOf(peer);
  if (end == nullptr) return;
  end->server_open = false;
  Post(down_, end->reliable_down_ns,
       {.kind = InboundKind::kDisconnected, .reason = reason, .end = end->index});
}

void SimNetwork::Deliver(End& end, const Event& event) {
  switch (event.kind) {
    case InboundKind::kConnected: end.listener->OnConnected(now_ns_); break;
    case InboundKind::kMessage: end.listener->OnMessage(event.channel, event.bytes, now_ns_); break;
    case InboundKind::kDisconnected:
      end.client_open = false;
      end.listener->OnDisconnected(event.reason, now_ns_);
      break;
  }
}

void SimNetwork::Advance(int64_t now_ns) {
  now_ns_ = now_ns;
  while (!down_.empty() && down_.begin()->first.first <= now_ns) {
    const Event event = std::move(down_.begin()->second);
    down_.erase(down_.begin());
    if (ends_[event.end].client_open) Deliver(ends_[event.end], event);
  }
}

}  // namespace bluemarble::support
