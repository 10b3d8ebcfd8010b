#include "net/address.h"

#include <arpa/inet.h>
#include <fmt/core.h>

namespace bluemarble::net {

core::Result<uint32_t> ParseV4(const std::string& text) {
  in_addr parsed{};
  if (inet_pton(AF_INET, text.c_str(), &parsed) != 1) {
    return core::Status(core::Code::kInvalid, "not a dotted IPv4 address", text);
  }
  return ntohl(parsed.s_addr);
}

std::string ToString(const Address& address) {
  return fmt::format("{}.{}.{}.{}:{}", address.v4 >> 24, (address.v4 >> 16) & 0xff,
                     (address.v4 >> 8) & 0xff, address.v4 & 0xff, address.port);
}

}  // namespace bluemarble::net
