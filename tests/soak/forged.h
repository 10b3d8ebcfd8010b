/// Datagrams of every kind by somebody who has no keys, and the raw socket that sends them from
/// somebody else's address. Values and one socket; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/hash.h"
#include "insider.h"
#include "net/address.h"

namespace bluemarble::insiders {

inline constexpr int kEnetKinds = 12;  ///< ENet 1.3's commands, 1 to 12.

/// One ENet datagram with one command of this kind for this peer and session, well formed.
/// `variant` 1: a DISCONNECT in passing, which wants no acknowledgement.
Bytes EnetCommand(int kind, int variant, uint16_t peer, uint16_t session, core::Random& random);

/// A SEND_FRAGMENT.
struct Fragment {
  uint16_t start = 0;
  uint32_t count = 0, number = 0, total = 0, offset = 0;
  size_t bytes = 0;
};
Bytes EnetFragment(uint16_t head, const Fragment& fragment);

/// Type byte, a guessed session, a guessed sequence and garbage for text and tag; `bytes` in all.
Bytes SealedGuess(uint8_t type, uint64_t session, size_t bytes, core::Random& random);
/// A datagram of the handshake or a reset in its right size, its secrets guessed.
Bytes HandshakeGuess(uint8_t type, core::Random& random);

/// Needs CAP_NET_RAW. Sends in batches.
class RawSocket {
 public:
  RawSocket();
  ~RawSocket();
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;

  bool open() const { return fd_ >= 0; }
  void Send(const net::Address& from, const net::Address& to, std::span<const std::byte> datagram);
  void Flush();
  uint64_t sent() const { return sent_; }
  uint64_t failed() const { return failed_; }

 private:
  struct Packet {
    Bytes bytes;
    net::Address to;
  };
  int fd_;
  std::vector<Packet> packets_;
  size_t waiting_ = 0;
  uint64_t sent_ = 0, failed_ = 0;
};

}  // namespace bluemarble::insiders
