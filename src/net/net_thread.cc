#include "net/net_thread.h"

#include <arpa/inet.h>
#include <enet/enet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "bluemarble/wire.h"
#include "core/log.h"
#include "net/enet_datagram.h"
#include "net/port_holder.h"

namespace bluemarble::net {
namespace {

constexpr int64_t kMsNs = 1'000'000;
// enet_host_service would walk all peers after its 256th datagram; one less per call avoids the
// walk.
constexpr int kDatagramsPerCall = 255;
constexpr size_t kMaxWaitingBytes = 256 * 1024;  // E-8
constexpr size_t kDeafBytes = 64 * 1024;         // E-7
constexpr int64_t kDeafNs = 10'000 * kMsNs;      // E-7
constexpr size_t kRoundTripPasses = 4;           // of maintenance, for each peer's to be counted
constexpr int kTimeoutLimit = 32;                // ENet's default; the two times below decide

bool InUse(const ENetPeer& peer) { return peer.state != ENET_PEER_STATE_DISCONNECTED; }

core::Status BindFailure(int error, const Address& address) {
  if (error == EADDRINUSE) {
    return {core::Code::kConflict, "cannot bind", DescribePortHolder(PortKind::kUdp, address.port)};
  }
  const bool denied = error == EACCES || error == EPERM;  // a port below 1024, a security module
  return {denied ? core::Code::kDenied : core::Code::kUnavailable,
          "cannot bind (net.bind, net.port)",
          ToString(address) + ": " + (error == 0 ? "no socket" : std::strerror(error))};
}

}  // namespace

NetThread::NetThread(const NetSettings& settings, int index, const core::Clock& clock,
                     DatagramSeam& seam)
    : settings_(settings),
      index_(index),
      clock_(clock),
      seam_(seam),
      socket_(settings_, seam, stats_),
      inbound_(settings.inbound_queue_bytes),
      outbound_(settings.outbound_queue_bytes),
      peers_(static_cast<size_t>(settings.max_peers_per_host)),
      round_trips_ms_(peers_.size()) {
  closing_slots_.reserve(peers_.size());
}

NetThread::~NetThread() {
  if (thread_.joinable()) Stop(0, 0);
  ForgetWaiting();
  if (host_ != nullptr) {
    UnregisterSocket(socket_.fd());
    host_->peerCount = peers_.size();
    enet_host_destroy(host_);
  }
  if (bell_fd_ >= 0) close(bell_fd_);
}

core::Status NetThread::Start() {
  const auto v4 = ParseV4(settings_.bind);
  if (!v4.ok()) return v4.status();
  const auto port = static_cast<uint16_t>(settings_.port == 0 ? 0 : settings_.port + index_);
  const ENetAddress address{htonl(*v4), port};
  {
    // No SO_REUSEADDR and no SO_REUSEPORT: a second process is refused instead of sharing (U-2).
    BindScope scope;
    host_ = enet_host_create(&address, peers_.size(), 2, 0, 0);
    if (host_ == nullptr) return BindFailure(scope.bind_errno(), {*v4, port});
  }
  if (auto status = RegisterSocket(host_->socket, this); !status.ok()) return status;
  socket_.Attach(host_->socket);
  port_ = host_->address.port;
  seam_.Attach(socket_, stats_, port_);
  host_->mtu = static_cast<enet_uint32>(kEnetMtu);
  host_->maximumPacketSize = kMaxMessageBytes;
  host_->maximumWaitingData = kMaxWaitingBytes;
  if (settings_.max_peers_per_address > 0) {
    host_->duplicatePeers = static_cast<size_t>(settings_.max_peers_per_address);
  }
  bell_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (bell_fd_ < 0) return {core::Code::kUnavailable, "no eventfd for a net thread"};
  core::Log(core::LogLevel::kInfo, "net_listening", "host={} address={} receive_buffer_bytes={}",
            index_, ToString({*v4, port_}), stats_.receive_buffer_bytes.Get());
  thread_ = std::thread([this] { Run(); });
  return {};
}

void NetThread::Stop(uint32_t reason, int patience_ms) {
  if (!thread_.joinable()) return;
  stop_reason_ = reason;
  stop_patience_ms_ = patience_ms;
  stopping_.store(true, std::memory_order_release);
  Ring(rung_.load(std::memory_order_relaxed));
  thread_.join();
}

void NetThread::Ring(uint64_t sequence) {
  rung_.store(sequence, std::memory_order_release);
  const uint64_t one = 1;
  // Fails only when the counter is full, and then the thread has been woken already.
  [[maybe_unused]] const ssize_t written = write(bell_fd_, &one, sizeof one);
}

// ENet is told that all of it was sent, always. What it composes itself is the header in front and
// what lies among its commands; the rest are messages, each where it was created.
int NetThread::Send(const Address& to, std::span<const iovec> parts) noexcept {
  const bool sent = socket_.Send(to, parts);
  const auto* const commands = reinterpret_cast<const std::byte*>(host_->commands);
  size_t bytes = 0, messages = 0;
  for (const iovec& part : parts) {
    const auto* const begin = static_cast<const std::byte*>(part.iov_base);
    const bool composed =
        &part == parts.data() || (begin >= commands && begin < commands + sizeof host_->commands);
    bytes += part.iov_len;
    if (composed || part.iov_len == 0) continue;
    messages += part.iov_len;
    if (sent) stats_.sent_reliable_bytes[MessageField(*begin)].Add(part.iov_len);
  }
  if (sent) stats_.sent_enet_bytes.Add(bytes - messages);
  return static_cast<int>(bytes);
}

// ENet's receive loop. `peerCount` is what makes its walks cheap: 0 while ENet may only walk, the
// true count while it looks up the peer of a datagram that it was given.
int NetThread::Receive(Address& from, std::span<std::byte> out) noexcept {
  if (!walking_ && receive_budget_ > 0 && receive_in_call_ < kDatagramsPerCall) {
    while (walk_peers_ < peers_.size() && InUse(host_->peers[walk_peers_ - 1])) ++walk_peers_;
    for (int length = 0; receive_budget_ > 0 && (length = socket_.Take(from, out)) > 0;) {
      --receive_budget_;
      FetchComing();
      if (TakeUnsequenced(from, out.first(static_cast<size_t>(length)))) continue;
      host_->peerCount = walk_peers_;
      ++receive_in_call_;
      return length;
    }
  }
  walking_ = false;
  host_->peerCount = 0;
  return 0;
}

void NetThread::FetchPeer(size_t slot) const {
  if (slot >= peers_.size()) return;
  core::Fetch(&peers_[slot]);
  core::Fetch(&host_->peers[slot], 128);
}

void NetThread::FetchComing() const {
  const auto datagram = socket_.Coming(Upcoming::kNear);
  enet_uint16 peer_id;  // every datagram of ENet's begins with it
  if (datagram.size() < sizeof peer_id) return;
  std::memcpy(&peer_id, datagram.data(), sizeof peer_id);
  FetchPeer(ntohs(peer_id) & ENET_PROTOCOL_MAXIMUM_PEER_ID);
}

// What clients send nearly always: a datagram with one unsequenced command, for the zone at once.
// False: ENet shall have it, which also refuses what does not belong to a peer.
bool NetThread::TakeUnsequenced(const Address& from, std::span<const std::byte> datagram) {
  UnsequencedHead head;
  if (datagram.size() < sizeof head) return false;
  std::memcpy(&head, datagram.data(), sizeof head);
  const uint16_t flagged = ntohs(head.peer_id);
  const size_t slot = flagged & ENET_PROTOCOL_MAXIMUM_PEER_ID;
  const auto bytes = datagram.subspan(sizeof head);
  if ((flagged & ENET_PROTOCOL_HEADER_FLAG_MASK) != 0 ||
      head.command.header.command != kUnsequencedCommand ||
      head.command.header.channelID != static_cast<enet_uint8>(Channel::kUnreliable) ||
      ntohs(head.command.dataLength) != bytes.size() || slot >= walk_peers_) {
    return false;
  }
  const ENetPeer& peer = host_->peers[slot];
  const auto session =
      (flagged & ENET_PROTOCOL_HEADER_SESSION_MASK) >> ENET_PROTOCOL_HEADER_SESSION_SHIFT;
  if (peer.state != ENET_PEER_STATE_CONNECTED || SeenAs(peer) != from ||
      session != peer.incomingSessionID || !peers_[slot].connected) {
    return false;
  }
  const InboundHead to_zone{IdOf(slot).bits, 0, 0, InboundKind::kMessage, Channel::kUnreliable};
  if (!Deliver(to_zone, bytes)) stats_.inbound_dropped.Add();
  return true;
}

void NetThread::Run() {
  owner_.Bind();
  pthread_setname_np(pthread_self(), "net");
  while (!stopping_.load(std::memory_order_acquire)) {
    WaitForWork(clock_.NowNs());
    const uint64_t rung = rung_.load(std::memory_order_acquire);
    seam_.SetNow(clock_.NowNs());
    drained_ = socket_.Drain(settings_.service_budget);
    const int64_t now_ns = clock_.NowNs();
    next_drain_ns_ = now_ns + int64_t{settings_.drain_interval_us} * 1000;

    ReceivePass();
    const bool flush = rung != flushed_.load(std::memory_order_relaxed);
    if (flush || now_ns - last_send_ns_ >= settings_.idle_service_ms * kMsNs) {
      ApplyOutbound();
      SendPass();
      last_send_ns_ = now_ns;
      if (flush) CompleteFlush(rung);
    }
    if (now_ns >= next_maintain_ns_) {
      Maintain(now_ns);
      next_maintain_ns_ = now_ns + 250 * kMsNs;
    }
  }
  SayGoodbye();
}

// Sleeps until the bell rings, ENet is due, or datagrams may be there. Between two drains the
// socket is not watched: at thousands of datagrams a second one wake-up each would cost more than
// all the rest.
void NetThread::WaitForWork(int64_t now_ns) {
  const bool more_now = !drained_ || !socket_.empty();
  int64_t until = last_send_ns_ + settings_.idle_service_ms * kMsNs;
  nfds_t watched = 2;
  if (now_ns < next_drain_ns_) {
    until = std::min(until, next_drain_ns_);
    watched = 1;
  }
  if (more_now && !waiting_) until = now_ns;
  const int64_t sleep_ns = std::max<int64_t>(until - now_ns, 0);
  const timespec timeout{sleep_ns / 1'000'000'000, sleep_ns % 1'000'000'000};
  std::array<pollfd, 2> fds{{{bell_fd_, POLLIN, 0}, {socket_.fd(), POLLIN, 0}}};
  if (ppoll(fds.data(), watched, &timeout, nullptr) > 0 && (fds[0].revents & POLLIN) != 0) {
    uint64_t rings;
    [[maybe_unused]] const ssize_t got = read(bell_fd_, &rings, sizeof rings);
  }
}

// Gives ENet what came in and passes on what ENet makes of it, without a walk over the peers.
void NetThread::ReceivePass() {
  owner_.Check();
  receive_budget_ = settings_.service_budget;
  for (;;) {
    DispatchEvents();
    if (waiting_) {
      stats_.inbound_blocked.Add();
      return;
    }
    if (socket_.empty() || receive_budget_ == 0) return;
    host_->peerCount = 0;
    walking_ = false;
    receive_in_call_ = 0;
    ENetEvent event;
    const int result = enet_host_service(host_, &event, 0);
    if (result < 0) stats_.service_failures.Add();
    if (result > 0) Handle(event);
  }
}

// One walk over the peers: resends, timeouts, pings, and everything queued goes to the kernel.
void NetThread::SendPass() {
  owner_.Check();
  stats_.service_passes.Add();
  walking_ = true;
  while (walking_ && !waiting_) {
    // A timeout ends enet_host_service in the middle of its walk; the next call goes on with it.
    host_->peerCount = walk_peers_;
    ENetEvent event;
    const int result = enet_host_service(host_, &event, 0);
    if (result < 0) stats_.service_failures.Add();
    if (result > 0) Handle(event);
  }
  walking_ = false;
  if (waiting_) {  // ENet may not produce another event now, but what is queued still leaves
    host_->peerCount = walk_peers_;
    enet_host_flush(host_);
  }
  while (walk_peers_ > 1 && !InUse(host_->peers[walk_peers_ - 1]) &&
         !InUse(host_->peers[walk_peers_ - 2])) {
    --walk_peers_;
  }
}

void NetThread::DispatchEvents() {
  if (waiting_) {
    const std::span<const std::byte> bytes =
        waiting_->packet == nullptr
            ? std::span<const std::byte>(waiting_->identity).first(waiting_->identity_bytes)
            : std::as_bytes(std::span(waiting_->packet->data, waiting_->packet->dataLength));
    if (!inbound_.Push(BytesOf(waiting_->head), bytes)) return;
    if (waiting_->packet != nullptr) enet_packet_destroy(waiting_->packet);
    waiting_.reset();
  }
  ENetEvent event;
  while (!waiting_ && enet_host_check_events(host_, &event) > 0) Handle(event);
}

void NetThread::CompleteFlush(uint64_t sequence) {
  const int64_t now_ns = clock_.NowNs();
  uint64_t done = flushed_.load(std::memory_order_relaxed);
  done = std::max(done, sequence < kFlushHistory ? 0 : sequence - kFlushHistory);
  while (done < sequence)
    flushed_ns_[++done % kFlushHistory].store(now_ns, std::memory_order_relaxed);
  flushed_.store(sequence, std::memory_order_release);
}

// Four times a second: closings that nobody acknowledges, peers gone deaf, levels.
void NetThread::Maintain(int64_t now_ns) {
  socket_.ReadKernelDrops();
  socket_.GuardAgainstFloods();
  std::erase_if(closing_slots_, [&](uint16_t slot) {
    Peer& peer = peers_[slot];
    if (peer.closing && now_ns - peer.closing_since_ns < settings_.linger_ms * kMsNs) return false;
    if (peer.closing) {
      seam_.OnGone(SeenAs(host_->peers[slot]), peer.closing_reason);
      ResetPeer(slot);
    }
    return true;
  });
  seam_.Maintain();
  ++maintained_;
  for (size_t slot = 0; slot < walk_peers_; ++slot) {
    EndWithSession(slot);
    EndOverflowed(slot);
    Peer& peer = peers_[slot];
    const uint32_t round_trip_ms =
        peer.connected ? std::max<uint32_t>(host_->peers[slot].roundTripTime, 1) : 0;
    round_trips_ms_[slot].store(round_trip_ms, std::memory_order_relaxed);
    if (peer.connected && (slot + maintained_) % kRoundTripPasses == 0)
      stats_.round_trip_ms.Add(round_trip_ms);
    if (!peer.connected || host_->peers[slot].totalWaitingData <= kDeafBytes) {
      peer.deaf_since_ns = 0;
    } else if (peer.deaf_since_ns == 0) {
      peer.deaf_since_ns = now_ns;
    } else if (now_ns - peer.deaf_since_ns > kDeafNs && !waiting_) {
      stats_.peer_deaf_ended.Add();
      Drop(slot, static_cast<uint32_t>(DisconnectReason::kInternal));
    }
  }
}

// A session that ended below ENet takes its peer with it, known to the zone or not.
void NetThread::EndWithSession(size_t slot) {
  if (waiting_ || !InUse(host_->peers[slot])) return;
  const auto reason = seam_.Ended(SeenAs(host_->peers[slot]));
  if (!reason) return;
  Peer& peer = peers_[slot];
  if (peer.connected) {
    peer.connected = false;
    CountEnd(*reason);
    const InboundHead head{IdOf(slot).bits, *reason, 0, InboundKind::kDisconnected,
                           Channel::kReliable};
    if (!Deliver(head, {})) waiting_ = Waiting{head};
  }
  ResetPeer(slot);
}

// From here on nobody reads the inbound queue, and who connects now is told to go as well.
void NetThread::SayGoodbye() {
  ApplyOutbound();
  const int64_t deadline_ns = clock_.NowNs() + stop_patience_ms_ * kMsNs;
  for (;;) {
    for (size_t slot = 0; slot < walk_peers_; ++slot) {
      if (peers_[slot].connected) Close(slot, stop_reason_, AfterQueue::kSent);
    }
    ForgetWaiting();
    SendPass();
    const bool all_gone =
        std::none_of(peers_.begin(), peers_.end(), [](const Peer& p) { return p.closing; });
    if (all_gone || clock_.NowNs() >= deadline_ns) break;
    pollfd readable{socket_.fd(), POLLIN, 0};
    poll(&readable, 1, 10);
    seam_.SetNow(clock_.NowNs());
    socket_.Drain(settings_.service_budget);
    ReceivePass();
  }
  seam_.SayGoodbye(stop_reason_);
}

void NetThread::ForgetWaiting() {
  if (waiting_ && waiting_->packet != nullptr) enet_packet_destroy(waiting_->packet);
  waiting_.reset();
}

void NetThread::Handle(ENetEvent& event) {
  switch (event.type) {
    case ENET_EVENT_TYPE_CONNECT: OnConnect(*event.peer); break;
    case ENET_EVENT_TYPE_DISCONNECT: OnDisconnect(*event.peer, event.data); break;
    case ENET_EVENT_TYPE_RECEIVE: OnMessage(*event.peer, event.channelID, event.packet); break;
    case ENET_EVENT_TYPE_NONE: break;
  }
  // Else ENet tells every peer its bandwidth, reliably, after each join and leave of anybody.
  host_->recalculateBandwidthLimits = 0;
}

void NetThread::OnConnect(ENetPeer& peer) {
  const size_t slot = peer.incomingPeerID;
  Peer& own = peers_[slot];
  own.generation = own.generation == UINT32_MAX ? 1 : own.generation + 1;
  own.connected = true;
  own.closing = false;
  own.overflowed = false;
  own.deaf_since_ns = 0;
  round_trips_ms_[slot].store(0, std::memory_order_relaxed);
  peer.data = nullptr;
  peer.mtu = std::min(peer.mtu, static_cast<enet_uint32>(kEnetMtu));
  // Set here, not by enet_peer_throttle_configure: that sends a reliable command to every new peer.
  peer.packetThrottleInterval = kThrottleIntervalMs;
  peer.packetThrottleAcceleration = kThrottleAcceleration;
  peer.packetThrottleDeceleration = kThrottleDeceleration;
  const auto timeout_ms = static_cast<enet_uint32>(settings_.peer_timeout_ms);
  enet_peer_timeout(&peer, kTimeoutLimit, timeout_ms, timeout_ms);
  enet_peer_ping_interval(&peer, kPingIntervalMs);
  stats_.connects.Add();
  stats_.peers_connected.Set(stats_.peers_connected.Get() + 1);
  const DatagramSeam::Peer who = seam_.OnConnected(SeenAs(peer));
  const InboundHead head{IdOf(slot).bits, 0, who.address_v4, InboundKind::kConnected,
                         Channel::kReliable};
  if (Deliver(head, who.identity)) return;
  waiting_ = Waiting{head};
  waiting_->identity_bytes = std::min(who.identity.size(), waiting_->identity.size());
  std::copy_n(who.identity.begin(), waiting_->identity_bytes, waiting_->identity.begin());
}

void NetThread::OnDisconnect(ENetPeer& peer, uint32_t reason) {
  const size_t slot = peer.incomingPeerID;
  Peer& own = peers_[slot];
  peer.data = nullptr;
  constexpr auto kTimeout = static_cast<uint32_t>(DisconnectReason::kTimeout);
  seam_.OnGone(SeenAs(peer), own.closing ? own.closing_reason : reason == 0 ? kTimeout : reason);
  own.closing = false;
  if (!own.connected) return;
  own.connected = false;
  CountEnd(reason);
  const InboundHead head{IdOf(slot).bits, reason, 0, InboundKind::kDisconnected,
                         Channel::kReliable};
  if (!Deliver(head, {})) waiting_ = Waiting{head};
}

void NetThread::OnMessage(ENetPeer& peer, uint8_t channel, ENetPacket* packet) {
  const size_t slot = peer.incomingPeerID;
  if (peers_[slot].connected) {
    const InboundHead head{IdOf(slot).bits, 0, 0, InboundKind::kMessage,
                           static_cast<Channel>(channel)};
    if (!Deliver(head, std::as_bytes(std::span(packet->data, packet->dataLength)))) {
      if (head.channel == Channel::kReliable) {
        waiting_ = Waiting{.head = head, .packet = packet};
        return;
      }
      stats_.inbound_dropped.Add();
    }
  }
  enet_packet_destroy(packet);
}

void NetThread::CountEnd(uint32_t reason) {
  stats_.disconnects.Add();
  if (reason == 0) stats_.timeouts.Add();
  stats_.peers_connected.Set(stats_.peers_connected.Get() - 1);
}

// Unreliable messages leave an eighth of the queue to what must not be lost.
bool NetThread::Deliver(const InboundHead& head, std::span<const std::byte> bytes) {
  if (head.kind == InboundKind::kMessage && head.channel == Channel::kUnreliable &&
      inbound_.used_bytes() > inbound_.capacity_bytes() / 8 * 7) {
    return false;
  }
  return inbound_.Push(BytesOf(head), bytes);
}

void NetThread::Close(size_t slot, uint32_t reason, AfterQueue after) {
  Peer& peer = peers_[slot];
  peer.connected = false;
  peer.closing = true;
  peer.closing_reason = reason;
  peer.closing_since_ns = clock_.NowNs();
  closing_slots_.push_back(static_cast<uint16_t>(slot));
  stats_.disconnects.Add();
  stats_.peers_connected.Set(stats_.peers_connected.Get() - 1);
  if (after == AfterQueue::kSent) {
    enet_peer_disconnect_later(&host_->peers[slot], reason);
  } else {
    enet_peer_disconnect(&host_->peers[slot], reason);
  }
}

void NetThread::ResetPeer(size_t slot) {
  enet_peer_reset(&host_->peers[slot]);
  peers_[slot].closing = false;
}

void NetThread::Drop(size_t slot, uint32_t reason) {
  const InboundHead head{IdOf(slot).bits, reason, 0, InboundKind::kDisconnected,
                         Channel::kReliable};
  if (!Deliver(head, {})) waiting_ = Waiting{head};
  Close(slot, reason, AfterQueue::kDropped);
}

core::PeerId NetThread::IdOf(size_t slot) const {
  return core::PeerId::Make(static_cast<uint32_t>(index_), static_cast<uint32_t>(slot),
                            peers_[slot].generation);
}

}  // namespace bluemarble::net
