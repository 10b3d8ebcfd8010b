/// The heads of the records that cross between a net thread and the zone thread through
/// core::ByteRing.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "core/ids.h"
#include "net/transport.h"

namespace bluemarble::net {

/// Net thread to zone thread; the message's bytes follow.
struct InboundHead {
  uint64_t peer;
  uint32_t reason;
  uint32_t address_v4;
  InboundKind kind;
  Channel channel;
};

enum class OutboundKind : uint8_t { kMessage, kDisconnect };

/// Zone thread to net thread; the message's bytes follow.
struct OutboundHead {
  uint64_t peer;
  uint32_t reason;
  OutboundKind kind;
  Channel channel;
};

template <typename Head>
std::span<const std::byte> BytesOf(const Head& head) {
  return std::as_bytes(std::span<const Head, 1>(&head, 1));
}

template <typename Head>
Head ReadHead(std::span<const std::byte> record) {
  Head head;
  std::memcpy(&head, record.data(), sizeof head);
  return head;
}

}  // namespace bluemarble::net
