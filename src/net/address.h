/// An IPv4 UDP endpoint in host byte order. Values only, any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "core/result.h"

namespace bluemarble::net {

struct Address {
  uint32_t v4 = 0;  ///< Host byte order: 127.0.0.1 is 0x7f000001.
  uint16_t port = 0;

  friend constexpr auto operator<=>(const Address&, const Address&) = default;
};

constexpr bool IsLoopback(uint32_t v4) { return v4 >> 24 == 127; }

/// May a datagram honestly come from here? Not from 0/8, multicast, class E or the broadcast
/// address.
constexpr bool IsUnicastSource(uint32_t v4) { return v4 >> 24 != 0 && v4 >> 24 < 224; }

/// Dotted quad only, no names: nothing here may wait for a resolver. kInvalid otherwise.
core::Result<uint32_t> ParseV4(const std::string& text);

/// "127.0.0.1:7777". Allocates.
std::string ToString(const Address& address);

}  // namespace bluemarble::net
