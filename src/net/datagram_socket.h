/// The UDP socket of one ENet host: drains the kernel's buffer into a bounded ring, drops what ENet
/// must not see, and absorbs every send error (PITFALLS E-1, E-2, E-6, E-12). Owned by the host's
/// net thread.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <vector>

#include "core/result.h"
#include "net/datagram_seam.h"
#include "net/enet_hooks.h"
#include "net/net_stats.h"
#include "net/settings.h"

namespace bluemarble::net {

class DatagramSocket final : public DatagramOutlet {
 public:
  DatagramSocket(const NetSettings& settings, DatagramSeam& seam, HostStats& stats);

  /// Takes over the descriptor of a bound ENet host (which still closes it): buffers asked and read
  /// back.
  void Attach(int fd);

  /// Moves at most `budget` datagrams from the kernel into the ring, dropping what may not pass.
  /// True when the kernel had no more. Full ring: the datagram is read, dropped and counted, so
  /// that it is known.
  bool Drain(int budget);

  /// The oldest datagram in the ring, copied to `out`; 0: none.
  int Take(Address& from, std::span<std::byte> out) noexcept;
  bool empty() const { return head_ == tail_; }
  /// The one that Take gives after `ahead` others; empty: not there.
  std::span<const std::byte> Coming(size_t ahead) const {
    if (head_ - tail_ <= ahead) return {};
    const size_t index = (tail_ + ahead) & slots_mask_;
    return {data_.get() + index * stride_, slots_[index].size};
  }

  /// Sends one datagram. False: it did not leave, which is counted.
  bool Send(const Address& to, std::span<const iovec> parts) noexcept;

  /// The same for one unreliable message behind ENet's `head`, but it leaves with the next
  /// SendPosted, or when there are kPosted of them; and here the socket attributes the bytes, as
  /// only then it is known what left.
  void Post(const Address& to, std::span<const std::byte> head,
            std::span<const std::byte> message) noexcept;
  void SendPosted() noexcept;

  /// Sends what the seam says on its own.
  void SendDirect(const Address& to, std::span<const std::byte> datagram) noexcept override;

  /// Copies the kernel's drop count of this socket into the stats.
  void ReadKernelDrops();

  /// Has the kernel drop by the seam's filter while more than kFloodPerLook datagrams are refused
  /// between two calls, and until they have been fewer for kCalmLooks calls; four times a second.
  /// What it drops is counted with the kernel's drops, no more by reason.
  void GuardAgainstFloods();
  static constexpr uint64_t kFloodPerLook = 10'000;
  static constexpr int kCalmLooks = 40;

  int fd() const { return fd_; }

 private:
  static constexpr size_t kBatch = 64;
  static constexpr size_t kPosted = 32;
  struct Slot {
    Address from;
    uint16_t size = 0;  // 0: dropped after it was received
  };

  size_t ReceiveBatch(size_t wanted);
  bool Admit(size_t index, const mmsghdr& received, const sockaddr_in& name);
  bool Refuse(DropReason reason);
  void AttachFilter();
  bool Transmit(const Address& to, std::span<const std::byte> datagram) noexcept;
  /// Sealed for the address, which may change; 0: it cannot leave, which is counted.
  size_t SealTo(Address& to, std::span<const iovec> parts, std::span<std::byte> out) noexcept;
  std::span<std::byte> BytesOf(size_t slot) { return {data_.get() + slot * stride_, stride_}; }

  const size_t datagram_bytes_;
  const size_t stride_;
  const size_t slots_mask_;
  DatagramSeam& seam_;
  HostStats& stats_;
  const int receive_buffer_bytes_, send_buffer_bytes_;
  int fd_ = -1;
  std::vector<Slot> slots_;  // a power of two; head_ and tail_ count on and are masked
  std::unique_ptr<std::byte[]> data_;
  std::vector<std::byte> overflow_;
  size_t head_ = 0, tail_ = 0;
  uint64_t unwanted_ = 0;  // until the last look
  int calm_looks_ = 0;
  bool filter_impossible_ = false;
  std::array<mmsghdr, kBatch> messages_{};
  std::array<iovec, kBatch> parts_{};
  std::array<sockaddr_in, kBatch> names_{};

  struct Posted {
    uint16_t head_bytes = 0, message_bytes = 0;
  };
  std::vector<std::byte> sealed_;  // stride_ for each posted one, and one for Send
  std::array<Posted, kPosted> posted_{};
  std::array<mmsghdr, kPosted> out_messages_{};
  std::array<iovec, kPosted> out_parts_{};
  std::array<sockaddr_in, kPosted> out_names_{};
  size_t posted_count_ = 0;
};

}  // namespace bluemarble::net
