#include "net/enet_transport.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <string>

#include "core/look_ahead.h"
#include "net/enet_hooks.h"
#include "net/precheck.h"
#include "net/sealed_server.h"

namespace bluemarble::net {

EnetTransport::EnetTransport(const NetSettings& settings, const core::Clock& clock,
                             const TransportSecurity& security)
    : known_(0, static_cast<size_t>(settings.hosts),
             static_cast<size_t>(settings.max_peers_per_host)) {
  owed_ends_.reserve(known_.most());
  const Key reset_key = security.reset_key.value_or(RandomKey());
  if (settings.sealed()) {
    const std::string& told =
        security.public_address.empty() ? settings.bind : security.public_address;
    mint_ = std::make_unique<TokenMint>(clock, *ParseV4(told), settings.token_life_s,
                                        SealedServer::CiphersOf(settings));
  }
  for (int i = 0; i < settings.hosts; ++i) {
    if (mint_ == nullptr) {
      seams_.push_back(std::make_unique<PlainSeam>());
    } else {
      seams_.push_back(std::make_unique<SealedServer>(settings, *mint_, reset_key));
    }
    threads_.push_back(std::make_unique<NetThread>(settings, i, clock, *seams_.back()));
  }
}

EnetTransport::~EnetTransport() {
  Stop(static_cast<uint32_t>(DisconnectReason::kServerStopping), 0);
}

core::Result<std::unique_ptr<EnetTransport>> EnetTransport::Open(
    const NetSettings& settings, const core::Clock& clock, const TransportSecurity& security) {
  std::vector<std::string> problems;
  settings.Validate(problems);
  if (!problems.empty()) {
    return core::Status(core::Code::kInvalid, "network settings",
                        fmt::format("{}", fmt::join(problems, "; ")));
  }
  if (!security.public_address.empty() && !ParseV4(security.public_address).ok())
    return core::Status(core::Code::kInvalid, "the public address is no dotted IPv4 address");
  std::unique_ptr<EnetTransport> transport(new EnetTransport(settings, clock, security));
  for (const auto& seam : transport->seams_) {
    if (auto status = seam->AllowBind(*ParseV4(settings.bind)); !status.ok()) return status;
  }
  if (auto status = VerifyHooks(); !status.ok()) return status;
  for (auto& thread : transport->threads_) {
    if (auto status = thread->Start(); !status.ok()) return status;
  }
  return transport;
}

core::Result<std::string> EnetTransport::Mint(int host, int64_t account_id,
                                              std::string_view name) const {
  if (mint_ == nullptr) return {core::Code::kUnavailable, "plain mode has no connect tokens"};
  if (host < 0 || host >= hosts()) return {core::Code::kInvalid, "no such host"};
  return mint_->Mint(port(host), account_id, name);
}

void EnetTransport::RotateTokenKey() {
  if (mint_ != nullptr) mint_->RotateKey();
}

void EnetTransport::Stop(uint32_t reason, int patience_ms) {
  for (auto& thread : threads_) thread->Stop(reason, patience_ms);
}

uint32_t EnetTransport::round_trip_ms(core::PeerId peer) const {
  if (peer.host() >= threads_.size() || peer.slot() >= known_.slots()) return 0;
  return threads_[peer.host()]->round_trip_ms(peer.slot());
}

size_t EnetTransport::inbound_bytes() const {
  size_t bytes = 0;
  for (const auto& thread : threads_) bytes += thread->inbound().used_bytes();
  return bytes;
}

size_t EnetTransport::outbound_bytes() const {
  size_t bytes = 0;
  for (const auto& thread : threads_) bytes += thread->outbound().used_bytes();
  return bytes;
}

bool EnetTransport::Receive(Inbound& out) {
  owner_.Check();
  if (front_held_) {
    threads_[current_host_]->inbound().Pop();
    front_held_ = false;
  }
  for (size_t empty_hosts = 0; empty_hosts < threads_.size();) {
    core::ByteRing& ring = threads_[current_host_]->inbound();
    const auto record = ring.Front();
    if (record.data() == nullptr) {
      current_host_ = (current_host_ + 1) % threads_.size();
      ++empty_hosts;
      continue;
    }
    const auto head = ReadHead<InboundHead>(record);
    if (!known_.Admit(head)) {
      ring.Pop();
      continue;
    }
    out = {head.kind,   head.channel,    {head.peer},
           head.reason, head.address_v4, record.subspan(sizeof head)};
    front_held_ = true;
    return true;
  }
  return false;
}

core::PeerId EnetTransport::Upcoming() {
  const auto record = threads_[current_host_]->inbound().Ahead(core::LookAhead<int>::kFar);
  return {record.data() == nullptr ? 0 : ReadHead<InboundHead>(record).peer};
}

core::Status EnetTransport::Send(core::PeerId peer, Channel channel,
                                 std::span<const std::byte> bytes) {
  owner_.Check();
  if (!known_.Knows(peer)) return {core::Code::kStale, "the peer is gone"};
  if (bytes.size() > (channel == Channel::kUnreliable ? kMaxUnreliableBytes : kMaxMessageBytes)) {
    return {core::Code::kNoSpace, "larger than a message of this channel may be"};
  }
  NetThread& thread = *threads_[peer.host()];
  const OutboundHead head{peer.bits, 0, OutboundKind::kMessage, channel};
  if (!thread.outbound().Push(BytesOf(head), bytes)) {
    thread.stats().outbound_refused.Add();
    return {core::Code::kFull, "net.outbound_queue_bytes"};
  }
  return {};
}

void EnetTransport::Disconnect(core::PeerId peer, uint32_t reason) {
  owner_.Check();
  if (!known_.Forget(peer)) return;
  const OutboundHead end{peer.bits, reason, OutboundKind::kDisconnect, Channel::kReliable};
  if (PushEnd(end)) return;
  threads_[peer.host()]->stats().outbound_refused.Add();
  if (owed_ends_.size() < owed_ends_.capacity()) owed_ends_.push_back(end);
}

bool EnetTransport::PushEnd(const OutboundHead& end) {
  return threads_[core::PeerId{end.peer}.host()]->outbound().Push(BytesOf(end));
}

void EnetTransport::RetryEnds() {
  std::erase_if(owed_ends_, [this](const OutboundHead& end) { return PushEnd(end); });
}

void EnetTransport::Flush(core::Tick, int64_t scheduled_ns) {
  if (sequence_ == 0) owner_.Bind();
  owner_.Check();
  RetryEnds();
  ++sequence_;
  scheduled_ns_[sequence_ % NetThread::kFlushHistory] = scheduled_ns;
  for (auto& thread : threads_) thread->Ring(sequence_);
  tick_stats_.ticks_flushed.Add();
  MeasureFlushes();
}

int EnetTransport::unsent() const {
  uint64_t sent = sequence_;
  for (const auto& thread : threads_) sent = std::min(sent, thread->flushed());
  return static_cast<int>(sequence_ - sent);
}

// A tick counts once every host has sent it, with the latest of their times. Its successor's
// scheduled start is known by then, which tells whether it was missed.
void EnetTransport::MeasureFlushes() {
  uint64_t done = sequence_ - 1;
  for (const auto& thread : threads_) done = std::min(done, thread->flushed());
  while (measured_ < done) {
    ++measured_;
    // The margin keeps a net thread from overwriting the time while we read it.
    if (sequence_ - measured_ >= NetThread::kFlushHistory - 2) {
      tick_stats_.ticks_unmeasured.Add();
      continue;
    }
    int64_t last_ns = 0;
    for (const auto& thread : threads_) last_ns = std::max(last_ns, thread->flushed_ns(measured_));
    const int64_t took_ns = last_ns - scheduled_ns_[measured_ % NetThread::kFlushHistory];
    tick_stats_.tick_to_wire_us.Add(static_cast<uint64_t>(std::max<int64_t>(took_ns, 0)) / 1000);
    if (last_ns > scheduled_ns_[(measured_ + 1) % NetThread::kFlushHistory])
      tick_stats_.ticks_missed.Add();
  }
}

}  // namespace bluemarble::net
