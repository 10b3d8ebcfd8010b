/// Who holds a port: for the message of a failed bind. Reads /proc, allocates; start-up only.
#pragma once

#include <cstdint>
#include <string>

namespace bluemarble::net {

enum class PortKind : uint8_t { kUdp, kTcp };

/// "udp port 7777 is held by zoned (pid 1234)"; without the process when /proc does not show it
/// (another user's), and "... is in use" when nobody is found at all.
std::string DescribePortHolder(PortKind kind, uint16_t port);

}  // namespace bluemarble::net
