#include "net/datagram_socket.h"

#include <linux/sock_diag.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/log.h"
#include "core/look_ahead.h"
#include "net/precheck.h"

namespace bluemarble::net {
namespace {

// Privileged processes may exceed the kernel's maximum, others get what it allows.
int AskBuffer(int fd, int force_option, int option, int bytes) {
  if (setsockopt(fd, SOL_SOCKET, force_option, &bytes, sizeof bytes) != 0) {
    setsockopt(fd, SOL_SOCKET, option, &bytes, sizeof bytes);
  }
  int granted = 0;
  socklen_t length = sizeof granted;
  getsockopt(fd, SOL_SOCKET, option, &granted, &length);
  return granted / 2;  // the kernel reports twice what was asked, for its own bookkeeping
}

sockaddr_in NameOf(const Address& address) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(address.v4);
  name.sin_port = htons(address.port);
  return name;
}

}  // namespace

DatagramSocket::DatagramSocket(const NetSettings& settings, DatagramSeam& seam, HostStats& stats)
    : datagram_bytes_(static_cast<size_t>(settings.datagram_bytes)),
      stride_((datagram_bytes_ + 63) & ~size_t{63}),
      slots_mask_(std::bit_ceil(static_cast<size_t>(settings.datagram_queue)) - 1),
      seam_(seam),
      stats_(stats),
      receive_buffer_bytes_(settings.receive_buffer_bytes),
      send_buffer_bytes_(settings.send_buffer_bytes),
      slots_(slots_mask_ + 1),
      data_(std::make_unique_for_overwrite<std::byte[]>((slots_mask_ + 1) * stride_)),
      overflow_(stride_),
      sealed_((kPosted + 1) * stride_) {}

void DatagramSocket::Attach(int fd) {
  fd_ = fd;
  const int granted = AskBuffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, receive_buffer_bytes_);
  AskBuffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, send_buffer_bytes_);
  // No datagram of ours is larger than every path allows; without the mark the kernel takes each an
  // identification from counters that all threads share.
  const int dont_fragment = IP_PMTUDISC_PROBE;
  setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &dont_fragment, sizeof dont_fragment);
  stats_.receive_buffer_bytes.Set(static_cast<uint64_t>(granted));
  if (granted < receive_buffer_bytes_) {
    core::Log(core::LogLevel::kWarn, "receive_buffer_clipped",
              "asked_bytes={} granted_bytes={} raise=net.core.rmem_max", receive_buffer_bytes_,
              granted);
  }
}

bool DatagramSocket::Drain(int budget) {
  while (budget > 0) {
    const size_t free = slots_.size() - (head_ - tail_);
    const size_t to_end = slots_.size() - (head_ & slots_mask_);
    const size_t wanted = std::min({kBatch, free, to_end, static_cast<size_t>(budget)});
    const size_t got = ReceiveBatch(wanted);
    if (got == 0 || (wanted > 0 && got < wanted)) return true;
    budget -= static_cast<int>(got);
  }
  return false;
}

// `wanted` 0: the ring is full; one datagram is read over the edge, to be counted.
size_t DatagramSocket::ReceiveBatch(size_t wanted) {
  const size_t count = std::max<size_t>(wanted, 1);
  for (size_t i = 0; i < count; ++i) {
    const auto room = wanted == 0 ? std::span(overflow_) : BytesOf((head_ + i) & slots_mask_);
    parts_[i] = {room.data(), datagram_bytes_};
    messages_[i] = {};
    messages_[i].msg_hdr.msg_name = &names_[i];
    messages_[i].msg_hdr.msg_namelen = sizeof names_[i];
    messages_[i].msg_hdr.msg_iov = &parts_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
  }
  const int got =
      recvmmsg(fd_, messages_.data(), static_cast<unsigned>(count), MSG_DONTWAIT, nullptr);
  if (got < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) stats_.receive_errors.Add();
    return 0;
  }
  constexpr size_t kFar = core::LookAhead<int>::kFar, kNear = core::LookAhead<int>::kNear;
  const auto received = [&](size_t i) {
    return std::span<const std::byte>(static_cast<const std::byte*>(parts_[i].iov_base),
                                      messages_[i].msg_len);
  };
  for (size_t i = 0; i < static_cast<size_t>(got); ++i) {
    if (i + kFar < static_cast<size_t>(got)) seam_.ExpectFar(received(i + kFar));
    if (i + kNear < static_cast<size_t>(got)) seam_.ExpectNear(received(i + kNear));
    stats_.datagrams_in.Add();
    stats_.bytes_in.Add(messages_[i].msg_len);
    if (wanted == 0) {
      Refuse(DropReason::kQueueFull);
    } else if (Admit(head_ & slots_mask_, messages_[i], names_[i])) {
      ++head_;
    } else if (i + 1 < static_cast<size_t>(got)) {
      slots_[head_ & slots_mask_].size = 0;  // its successors are already in place behind it
      ++head_;
    }
  }
  return static_cast<size_t>(got);
}

bool DatagramSocket::Admit(size_t index, const mmsghdr& received, const sockaddr_in& name) {
  if ((received.msg_hdr.msg_flags & MSG_TRUNC) != 0) return Refuse(DropReason::kOversized);
  Address from{ntohl(name.sin_addr.s_addr), ntohs(name.sin_port)};
  if (from.port == 0) return Refuse(DropReason::kSourcePort);
  if (!IsUnicastSource(from.v4)) return Refuse(DropReason::kSourceAddress);

  const auto room = BytesOf(index);
  auto datagram = room.first(received.msg_len);
  switch (seam_.Open(from, datagram)) {
    case DatagramSeam::Opened::kPass: break;
    case DatagramSeam::Opened::kTaken: return false;
    case DatagramSeam::Opened::kRefused: return Refuse(DropReason::kSeal);
  }
  const Verdict verdict = Precheck(datagram, Direction::kToServer);
  if (verdict != Verdict::kOk) {
    stats_.malformed[static_cast<size_t>(verdict)].Add();
    seam_.OnMalformed(from);
    return Refuse(DropReason::kMalformed);
  }
  ClampNegotiation(datagram, static_cast<uint32_t>(kEnetMtu));
  if (datagram.data() != room.data()) std::memmove(room.data(), datagram.data(), datagram.size());
  slots_[index] = {from, static_cast<uint16_t>(datagram.size())};
  return true;
}

bool DatagramSocket::Refuse(DropReason reason) {
  stats_.drops[static_cast<size_t>(reason)].Add();
  return false;
}

int DatagramSocket::Take(Address& from, std::span<std::byte> out) noexcept {
  while (head_ != tail_) {
    const size_t index = tail_++ & slots_mask_;
    const Slot& slot = slots_[index];
    if (slot.size == 0 || slot.size > out.size()) continue;
    from = slot.from;
    std::memcpy(out.data(), BytesOf(index).data(), slot.size);
    return slot.size;
  }
  return 0;
}

bool DatagramSocket::Send(const Address& to, std::span<const iovec> parts) noexcept {
  size_t plain_bytes = 0;
  for (const iovec& part : parts) plain_bytes += part.iov_len;
  Address address = to;
  const auto room = std::span(sealed_).last(stride_);
  const size_t bytes = SealTo(address, parts, room);
  if (bytes == 0 || !Transmit(address, room.first(bytes))) return false;
  stats_.sent_seal_bytes.Add(bytes - plain_bytes);
  return true;
}

size_t DatagramSocket::SealTo(Address& to, std::span<const iovec> parts,
                              std::span<std::byte> out) noexcept {
  const size_t bytes = seam_.Seal(to, parts, out);
  if (bytes == 0) {
    stats_.send_refused.Add();
    return 0;
  }
  if (bytes > datagram_bytes_) {
    assert(false && "a datagram above net.datagram_bytes");
    stats_.send_oversized.Add();
    return 0;
  }
  return bytes;
}

void DatagramSocket::Post(const Address& to, std::span<const std::byte> head,
                          std::span<const std::byte> message) noexcept {
  if (posted_count_ == kPosted) SendPosted();
  const std::array<iovec, 2> parts{{{const_cast<std::byte*>(head.data()), head.size()},
                                    {const_cast<std::byte*>(message.data()), message.size()}}};
  Address address = to;
  const size_t i = posted_count_;
  const auto room = std::span(sealed_).subspan(i * stride_, stride_);
  const size_t bytes = SealTo(address, parts, room);
  if (bytes == 0) {
    stats_.unsent_unreliable_bytes.Add(message.size());
    return;
  }
  posted_[i] = {static_cast<uint16_t>(head.size()), static_cast<uint16_t>(message.size())};
  out_names_[i] = NameOf(address);
  out_parts_[i] = {room.data(), bytes};
  out_messages_[i] = {};
  out_messages_[i].msg_hdr.msg_name = &out_names_[i];
  out_messages_[i].msg_hdr.msg_namelen = sizeof out_names_[i];
  out_messages_[i].msg_hdr.msg_iov = &out_parts_[i];
  out_messages_[i].msg_hdr.msg_iovlen = 1;
  ++posted_count_;
}

// The kernel stops at the first that it refuses, which is passed over.
void DatagramSocket::SendPosted() noexcept {
  for (size_t next = 0; next < posted_count_;) {
    const int sent =
        sendmmsg(fd_, out_messages_.data() + next, static_cast<unsigned>(posted_count_ - next),
                 MSG_NOSIGNAL | MSG_DONTWAIT);
    for (size_t end = next + static_cast<size_t>(std::max(sent, 0)); next < end; ++next) {
      const Posted& posted = posted_[next];
      const size_t bytes = out_parts_[next].iov_len;
      stats_.datagrams_out.Add();
      stats_.bytes_out.Add(bytes);
      stats_.sent_unreliable_bytes.Add(posted.message_bytes);
      stats_.sent_enet_bytes.Add(posted.head_bytes);
      stats_.sent_seal_bytes.Add(bytes - posted.head_bytes - posted.message_bytes);
    }
    if (sent > 0) continue;
    stats_.send_errors.Add();
    stats_.unsent_unreliable_bytes.Add(posted_[next++].message_bytes);
  }
  posted_count_ = 0;
}

void DatagramSocket::SendDirect(const Address& to, std::span<const std::byte> datagram) noexcept {
  if (Transmit(to, datagram)) stats_.sent_own_bytes.Add(datagram.size());
}

bool DatagramSocket::Transmit(const Address& to, std::span<const std::byte> datagram) noexcept {
  const sockaddr_in name = NameOf(to);
  if (sendto(fd_, datagram.data(), datagram.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
             reinterpret_cast<const sockaddr*>(&name), sizeof name) < 0) {
    stats_.send_errors.Add();
    return false;
  }
  stats_.datagrams_out.Add();
  stats_.bytes_out.Add(datagram.size());
  return true;
}

// The net thread refuses at 1 to 2 µs each, so that a flood of some 100,000/s makes players wait
// for it, and one of 500,000/s loses theirs in a full receive buffer. Below a flood each refusal
// shall have its reason.
void DatagramSocket::GuardAgainstFloods() {
  const uint64_t unwanted =
      stats_.drops[static_cast<size_t>(DropReason::kSeal)].Get() + stats_.kernel_drops.Get();
  const bool flood = unwanted - std::exchange(unwanted_, unwanted) > kFloodPerLook;
  calm_looks_ = flood ? 0 : calm_looks_ + 1;
  const bool filtering = stats_.flood_filter.Get() != 0;
  if (flood && !filtering && !filter_impossible_) {
    AttachFilter();
  } else if (filtering && calm_looks_ >= kCalmLooks) {
    const int unused = 0;
    setsockopt(fd_, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused);
    stats_.flood_filter.Set(0);
    core::Log(core::LogLevel::kInfo, "flood_filter_off", "unwanted={}", unwanted_);
  }
}

void DatagramSocket::AttachFilter() {
  const auto filter = seam_.FloodFilter();
  if (filter.empty()) return;
  const sock_fprog program{static_cast<unsigned short>(filter.size()),
                           const_cast<sock_filter*>(filter.data())};
  filter_impossible_ = setsockopt(fd_, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0;
  if (filter_impossible_) {
    core::Log(core::LogLevel::kWarn, "flood_filter_impossible", "error={}", std::strerror(errno));
    return;
  }
  stats_.flood_filter.Set(1);
  core::Log(core::LogLevel::kWarn, "flood_filter_on", "unwanted={}", unwanted_);
}

void DatagramSocket::ReadKernelDrops() {
  std::array<uint32_t, SK_MEMINFO_VARS> memory{};
  socklen_t length = sizeof memory;
  if (getsockopt(fd_, SOL_SOCKET, SO_MEMINFO, memory.data(), &length) == 0) {
    stats_.kernel_drops.Set(memory[SK_MEMINFO_DROPS]);
  }
}

}  // namespace bluemarble::net
