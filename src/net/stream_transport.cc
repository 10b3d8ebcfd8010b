#include "net/stream_transport.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "net/address.h"
#include "net/precheck.h"
#include "net/sealed_packets.h"
#include "net/sealed_server.h"

namespace bluemarble::net {
namespace {

// What the tokens of streams say instead of an ENet host's port.
constexpr uint16_t kStreamPort = 1;
// Streams without a token that may stand at a time, of all: whoever opens more pushes out his own.
constexpr size_t kWaitingShare = 4;
constexpr int kIdleMs = 50;
constexpr int kStreamRoundTripPasses = 1000 / kIdleMs;  // of maintenance

std::span<const std::byte, kSealedTokenBytes> SealedOf(const ConnectToken& token) {
  return token.sealed;
}

}  // namespace

StreamTransport::StreamTransport(const NetSettings& settings, const Shape& shape,
                                 const core::Clock& clock)
    : shape_(shape),
      max_per_address_(static_cast<size_t>(settings.max_peers_per_address)),
      max_waiting_(std::max<size_t>(shape.slots / kWaitingShare, 1)),
      late_bytes_(settings.stream_late_bytes),
      queue_bytes_(settings.peer_queue_bytes),
      half_open_ns_(int64_t{settings.half_open_ms} * 1'000'000),
      clock_(clock),
      inbound_(settings.stream_queue_bytes),
      outbound_(settings.stream_queue_bytes),
      slots_(shape.slots),
      used_tokens_(std::make_unique<NumberWindow<1024>>()),
      known_(shape.host, 1, shape.slots) {
  if (settings.sealed()) {
    const auto bound = ParseV4(settings.bind);
    mint_ = std::make_unique<TokenMint>(clock, bound.ok() ? *bound : 0, settings.token_life_s,
                                        SealedServer::CiphersOf(settings));
  }
  free_.reserve(shape.slots);
  for (size_t i = shape.slots; i > 0; --i) free_.push_back(static_cast<uint16_t>(i - 1));
  owed_ends_.reserve(shape.slots);
}

StreamTransport::~StreamTransport() {
  Stop(static_cast<uint32_t>(DisconnectReason::kServerStopping));
  if (bell_fd_ >= 0) close(bell_fd_);
}

core::Status StreamTransport::Start() {
  bell_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (bell_fd_ < 0) return {core::Code::kUnavailable, "no eventfd for the streams' thread"};
  thread_ = std::thread([this] { Run(); });
  return {};
}

void StreamTransport::Stop(uint32_t reason) {
  if (thread_.joinable()) {
    ending_.store(true, std::memory_order_release);
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(bell_fd_, &one, sizeof one);
    thread_.join();
  }
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  for (Slot& slot : slots_) {
    if (slot.link != nullptr)
      slot.link->Close(static_cast<uint16_t>(kStreamEnded + reason),
                       DisconnectReasonName(static_cast<DisconnectReason>(reason)));
    if (slot.state != State::kFree) Free(slot);
  }
}

core::Result<std::string> StreamTransport::Mint(int64_t account_id, std::string_view name) const {
  if (mint_ == nullptr) return {core::Code::kUnavailable, "plain mode has no connect tokens"};
  return mint_->Mint(kStreamPort, account_id, name);
}

void StreamTransport::RotateTokenKey() {
  if (mint_ != nullptr) mint_->RotateKey();
}

core::Result<core::PeerId> StreamTransport::Enter(std::shared_ptr<StreamLink> link,
                                                  uint32_t address_v4) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return {core::Code::kUnavailable, "the server is stopping"};
  size_t same_address = 0, waiting = 0;
  Slot* longest = nullptr;
  for (Slot& slot : slots_) {
    if (slot.state == State::kFree) continue;
    if (slot.address_v4 == address_v4) ++same_address;
    if (slot.state != State::kWaiting) continue;
    ++waiting;
    if (longest == nullptr || slot.entered_ns < longest->entered_ns) longest = &slot;
  }
  if (max_per_address_ > 0 && same_address >= max_per_address_) {
    stats_.refused_full.Add();
    return {core::Code::kFull, "too many of your address (net.max_peers_per_address)"};
  }
  if (longest != nullptr && (waiting >= max_waiting_ || free_.empty())) CloseWaiting(*longest);
  if (free_.empty()) {
    stats_.refused_full.Add();
    return {core::Code::kFull, "every place is taken (http.max_websockets)"};
  }
  Slot& slot = slots_[free_.back()];
  free_.pop_back();
  if (++slot.generation == 0) slot.generation = 1;
  slot.state = State::kWaiting;
  slot.address_v4 = address_v4;
  slot.entered_ns = clock_.NowNs();
  slot.link = std::move(link);
  stats_.waiting.Set(stats_.waiting.Get() + 1);
  return IdOf(slot);
}

bool StreamTransport::Take(core::PeerId peer, std::span<const std::byte> message) {
  const std::lock_guard lock(mutex_);
  Slot* const slot = Find(peer);
  if (slot == nullptr || slot->state == State::kGone) return true;
  if (slot->state == State::kWaiting) return TakeToken(*slot, message);
  if (message.size() < 2 || std::to_integer<uint8_t>(message[0]) > 1) {
    stats_.malformed.Add();
    constexpr auto kReason = static_cast<uint32_t>(DisconnectReason::kMalformed);
    slot->link->Close(kStreamEnded + kReason, "malformed");
    Gone(*slot, 0);
    return true;
  }
  const auto channel = static_cast<Channel>(message[0]);
  // What is longer is refused by the zone as it is, and needs no more of itself for that.
  const auto bytes = message.subspan(1, std::min(message.size() - 1, kMaxMessageBytes));
  const InboundHead head{peer.bits, 0, slot->address_v4, InboundKind::kMessage, channel};
  if (!inbound_.Push(BytesOf(head), bytes)) {
    if (channel == Channel::kReliable) {
      stats_.inbound_blocked.Add();
      return false;
    }
    stats_.inbound_dropped.Add();
    return true;
  }
  stats_.messages_in.Add();
  stats_.bytes_in.Add(message.size());
  return true;
}

bool StreamTransport::TakeToken(Slot& slot, std::span<const std::byte> message) {
  std::array<std::byte, kMaxIdentityBytes> identity{};
  size_t identity_bytes = 0;
  uint64_t number = 0;
  if (mint_ != nullptr) {
    const auto token =
        DecodeConnectToken({reinterpret_cast<const char*>(message.data()), message.size()});
    TokenContent content;
    const TokenVerdict verdict = token.ok()
                                     ? mint_->Open(SealedOf(*token), kStreamPort, aead_, content)
                                     : TokenVerdict::kForged;
    if (verdict == TokenVerdict::kExpired) {
      RefuseToken(slot, stats_.refused_expired, static_cast<uint16_t>(RefusedReason::kExpired),
                  "the token has expired");
      return true;
    }
    if (verdict != TokenVerdict::kOk || !EqualSecret(content.to_server, token->to_server)) {
      RefuseToken(slot, stats_.refused_bad_token, static_cast<uint16_t>(RefusedReason::kBadToken),
                  "no token of this server's for WebSocket");
      return true;
    }
    number = TokenNumber(SealedOf(*token));
    if (used_tokens_->Seen(number)) {
      RefuseToken(slot, stats_.refused_used, static_cast<uint16_t>(RefusedReason::kUsed),
                  "the token has been used");
      return true;
    }
    identity_bytes = WriteIdentity({content.account_id, content.name()}, identity);
  }
  if (!Tell(InboundKind::kConnected, slot, std::span(identity).first(identity_bytes))) {
    stats_.inbound_blocked.Add();
    return false;
  }
  if (mint_ != nullptr) used_tokens_->Mark(number);
  slot.state = State::kConnected;
  stats_.waiting.Set(stats_.waiting.Get() - 1);
  stats_.connected.Set(stats_.connected.Get() + 1);
  stats_.connects.Add();
  return true;
}

void StreamTransport::RefuseToken(Slot& slot, core::Counter& counter, uint16_t reason,
                                  std::string_view text) {
  counter.Add();
  slot.link->Close(static_cast<uint16_t>(kStreamRefused + reason), text);
  Free(slot);
}

void StreamTransport::CloseWaiting(Slot& slot) {
  stats_.no_token.Add();
  constexpr auto kReason = static_cast<uint32_t>(DisconnectReason::kTimeout);
  slot.link->Close(kStreamEnded + kReason, "no token came");
  Free(slot);
}

void StreamTransport::Leave(core::PeerId peer, uint32_t reason) {
  const std::lock_guard lock(mutex_);
  Slot* const slot = Find(peer);
  if (slot == nullptr) return;
  if (slot->state == State::kWaiting) return Free(*slot);
  if (slot->state == State::kConnected) Gone(*slot, reason);
}

void StreamTransport::Gone(Slot& slot, uint32_t reason) {
  slot.reason = reason;
  slot.link.reset();
  stats_.disconnects.Add();
  if (Tell(InboundKind::kDisconnected, slot)) return Free(slot);
  stats_.connected.Set(stats_.connected.Get() - 1);
  slot.state = State::kGone;
  ++gone_;
}

bool StreamTransport::Tell(InboundKind kind, const Slot& slot, std::span<const std::byte> bytes) {
  const uint32_t reason = kind == InboundKind::kDisconnected ? slot.reason : 0;
  return inbound_.Push(
      BytesOf(InboundHead{IdOf(slot).bits, reason, slot.address_v4, kind, Channel::kReliable}),
      bytes);
}

StreamTransport::Slot* StreamTransport::Find(core::PeerId peer) {
  if (peer.host() != shape_.host || peer.slot() >= slots_.size()) return nullptr;
  Slot& slot = slots_[peer.slot()];
  return slot.state != State::kFree && slot.generation == peer.generation() ? &slot : nullptr;
}

uint32_t StreamTransport::RoundTripMs(core::PeerId peer) {
  const std::lock_guard lock(mutex_);
  const Slot* const slot = Find(peer);
  return slot == nullptr || slot->link == nullptr ? 0 : slot->link->round_trip_ms();
}

core::PeerId StreamTransport::IdOf(const Slot& slot) const {
  return core::PeerId::Make(shape_.host, static_cast<uint32_t>(&slot - slots_.data()),
                            slot.generation);
}

void StreamTransport::Free(Slot& slot) {
  if (slot.state == State::kWaiting) stats_.waiting.Set(stats_.waiting.Get() - 1);
  if (slot.state == State::kConnected) stats_.connected.Set(stats_.connected.Get() - 1);
  if (slot.state == State::kGone) --gone_;
  slot.state = State::kFree;
  slot.link.reset();
  free_.push_back(static_cast<uint16_t>(&slot - slots_.data()));
}

void StreamTransport::Run() {
  int64_t maintain_ns = 0;
  while (!ending_.load(std::memory_order_acquire)) {
    pollfd bell{bell_fd_, POLLIN, 0};
    poll(&bell, 1, kIdleMs);
    uint64_t rings;
    [[maybe_unused]] const ssize_t got = read(bell_fd_, &rings, sizeof rings);
    const uint64_t sequence = rung_.load(std::memory_order_acquire);
    for (auto record = outbound_.Front(); record.data() != nullptr; record = outbound_.Front()) {
      Hand(record);
      outbound_.Pop();
    }
    flushed_.store(sequence, std::memory_order_release);
    if (const int64_t now_ns = clock_.NowNs(); now_ns >= maintain_ns) {
      Maintain();
      maintain_ns = now_ns + int64_t{kIdleMs} * 1'000'000;
    }
  }
  // What the zone said last, its goodbyes among it.
  for (auto record = outbound_.Front(); record.data() != nullptr; record = outbound_.Front()) {
    Hand(record);
    outbound_.Pop();
  }
}

void StreamTransport::Hand(std::span<const std::byte> record) {
  const auto head = ReadHead<OutboundHead>(record);
  const core::PeerId peer{head.peer};
  if (head.kind == OutboundKind::kMessage)
    return HandMessage(peer, head.channel, record.subspan(sizeof head));
  const std::lock_guard lock(mutex_);
  Slot* const slot = Find(peer);
  if (slot == nullptr) return;
  if (slot->link != nullptr) {
    stats_.disconnects.Add();
    slot->link->Close(static_cast<uint16_t>(kStreamEnded + head.reason),
                      DisconnectReasonName(static_cast<DisconnectReason>(head.reason)));
  }
  Free(*slot);
}

void StreamTransport::CountStale(Channel channel, size_t bytes) {
  stats_.outbound_stale.Add();
  if (channel == Channel::kUnreliable) stats_.late_bytes.Add(bytes);
}

void StreamTransport::HandMessage(core::PeerId peer, Channel channel,
                                  std::span<const std::byte> bytes) {
  std::shared_ptr<StreamLink> link;
  {
    const std::lock_guard lock(mutex_);
    if (Slot* const slot = Find(peer)) link = slot->link;
    if (link == nullptr) return CountStale(channel, bytes.size());
  }
  const size_t waits = link->queued_bytes();
  if (channel == Channel::kUnreliable && waits > late_bytes_) {
    stats_.late_snapshots.Add();
    stats_.late_bytes.Add(bytes.size());
    return;
  }
  if (channel == Channel::kReliable && waits + bytes.size() > queue_bytes_) {
    constexpr auto kReason = static_cast<uint32_t>(DisconnectReason::kQueueOverflow);
    stats_.queue_ended.Add();
    link->Close(kStreamEnded + kReason, "queue_overflow");
    return Leave(peer, kReason);
  }
  out_[0] = static_cast<std::byte>(channel);
  std::memcpy(out_.data() + 1, bytes.data(), bytes.size());
  if (!link->Send(std::span(out_).first(1 + bytes.size())))
    return CountStale(channel, bytes.size());
  stats_.messages_out.Add();
  stats_.bytes_out.Add(1 + bytes.size());
  auto& part = channel == Channel::kUnreliable ? stats_.sent_unreliable_bytes
                                               : stats_.sent_reliable_bytes[MessageField(bytes[0])];
  part.Add(bytes.size());
}

void StreamTransport::Maintain() {
  const std::lock_guard lock(mutex_);
  if (++maintained_ % kStreamRoundTripPasses == 0) CountRoundTrips();
  if (gone_ == 0 && stats_.waiting.Get() == 0) return;
  const int64_t now_ns = clock_.NowNs();
  for (Slot& slot : slots_) {
    if (slot.state == State::kWaiting && now_ns - slot.entered_ns > half_open_ns_)
      CloseWaiting(slot);
    if (slot.state == State::kGone && Tell(InboundKind::kDisconnected, slot)) Free(slot);
  }
}

// Under mutex_.
void StreamTransport::CountRoundTrips() {
  for (const Slot& slot : slots_) {
    if (slot.state != State::kConnected || slot.link == nullptr) continue;
    if (const uint32_t ms = slot.link->round_trip_ms(); ms != 0) stats_.round_trip_ms.Add(ms);
  }
}

bool StreamTransport::Receive(Inbound& out) {
  owner_.Check();
  if (front_held_) {
    inbound_.Pop();
    front_held_ = false;
  }
  for (auto record = inbound_.Front(); record.data() != nullptr; record = inbound_.Front()) {
    const auto head = ReadHead<InboundHead>(record);
    if (!known_.Admit(head)) {
      inbound_.Pop();
      continue;
    }
    out = {head.kind,   head.channel,    {head.peer},
           head.reason, head.address_v4, record.subspan(sizeof head)};
    front_held_ = true;
    return true;
  }
  return false;
}

core::Status StreamTransport::Send(core::PeerId peer, Channel channel,
                                   std::span<const std::byte> bytes) {
  owner_.Check();
  if (!known_.Knows(peer)) return {core::Code::kStale, "the peer is gone"};
  if (bytes.empty() || bytes.size() > (channel == Channel::kUnreliable ? shape_.max_unreliable_bytes
                                                                       : kMaxMessageBytes)) {
    return {core::Code::kNoSpace, "larger than a message of this channel may be"};
  }
  if (!Push({peer.bits, 0, OutboundKind::kMessage, channel}, bytes)) {
    stats_.outbound_refused.Add();
    return {core::Code::kFull, "net.stream_queue_bytes"};
  }
  return {};
}

bool StreamTransport::Push(const OutboundHead& head, std::span<const std::byte> bytes) {
  if (!outbound_.Push(BytesOf(head), bytes)) return false;
  pushed_ = true;
  return true;
}

void StreamTransport::Disconnect(core::PeerId peer, uint32_t reason) {
  owner_.Check();
  if (!known_.Forget(peer)) return;
  const OutboundHead end{peer.bits, reason, OutboundKind::kDisconnect, Channel::kReliable};
  if (Push(end)) return;
  stats_.outbound_refused.Add();
  if (owed_ends_.size() < owed_ends_.capacity()) owed_ends_.push_back(end);
}

// Nobody is woken in a zone that nobody plays in over streams.
void StreamTransport::Flush(core::Tick, int64_t) {
  if (sequence_ == 0) owner_.Bind();
  owner_.Check();
  std::erase_if(owed_ends_, [this](const OutboundHead& end) { return Push(end); });
  if (!pushed_) return;
  pushed_ = false;
  rung_.store(++sequence_, std::memory_order_release);
  const uint64_t one = 1;
  // Fails only when the counter is full, and then the thread has been woken already.
  [[maybe_unused]] const ssize_t written = write(bell_fd_, &one, sizeof one);
}

int StreamTransport::unsent() const {
  return static_cast<int>(sequence_ - flushed_.load(std::memory_order_acquire));
}

}  // namespace bluemarble::net
