/// Who a peer is, as the connect token says: what Inbound::bytes of a kConnected hold in sealed
/// mode (empty in plain mode). Pure functions over bytes, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace bluemarble::net {

/// Longest player name that a connect token carries, bytes.
inline constexpr size_t kMaxIdentityName = 64;

struct Identity {
  int64_t account_id = 0;
  std::string_view name;  ///< 1..kMaxIdentityName bytes; borrows the bytes it was read from.
};

/// account_id as 8 bytes little-endian, then the name.
inline constexpr size_t kMaxIdentityBytes = 8 + kMaxIdentityName;

/// nullopt: no identity (plain mode), or not one of ours.
inline std::optional<Identity> ReadIdentity(std::span<const std::byte> bytes) {
  if (bytes.size() <= 8 || bytes.size() > kMaxIdentityBytes) return std::nullopt;
  uint64_t account = 0;
  for (size_t i = 0; i < 8; ++i) account |= std::to_integer<uint64_t>(bytes[i]) << (8 * i);
  const auto name = bytes.subspan(8);
  return Identity{static_cast<int64_t>(account),
                  {reinterpret_cast<const char*>(name.data()), name.size()}};
}

/// Writes `identity` and returns its length; 0 when the name is empty, too long, or does not fit.
inline size_t WriteIdentity(const Identity& identity, std::span<std::byte> out) {
  const size_t size = 8 + identity.name.size();
  if (identity.name.empty() || identity.name.size() > kMaxIdentityName || size > out.size())
    return 0;
  const auto account = static_cast<uint64_t>(identity.account_id);
  for (size_t i = 0; i < 8; ++i) out[i] = static_cast<std::byte>(account >> (8 * i));
  for (size_t i = 0; i < identity.name.size(); ++i)
    out[8 + i] = static_cast<std::byte>(identity.name[i]);
  return size;
}

}  // namespace bluemarble::net
