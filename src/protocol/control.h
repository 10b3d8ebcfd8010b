/// Control messages (channel 0) as plain structs; protobuf stays behind control.cc. Pure functions,
/// any thread; they allocate, so they run at login and goodbye, never per tick. Source:
/// proto/control.proto.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "bluemarble/wire.h"
#include "core/result.h"
#include "geo/planet.h"

namespace bluemarble::protocol {

inline constexpr size_t kMaxControlBytes = 1024;
inline constexpr size_t kMaxTokenBytes = 512;

struct Login {
  uint32_t protocol_version = kProtocolVersion;
  std::string token;
  std::string client_version;
  std::optional<geo::Geodetic> spawn;
};
struct ClientGoodbye {};
using ClientControl = std::variant<Login, ClientGoodbye>;

struct Welcome {
  uint32_t protocol_version = kProtocolVersion;
  uint32_t entity_id = 0;
  uint64_t tick = 0;
  uint32_t tick_hz = 30;
  geo::Vec3 position;
  double ground_height_m = 0;
  uint16_t yaw = 0;
  double max_speed_mps = 0;
  double acceleration_mps2 = 0;
  std::array<double, kReplicationClasses> class_radius_m{};
  std::array<uint32_t, kReplicationClasses> class_period_ticks{};
  std::string shard_id;
  int64_t player_id = 0;
  double lon_min_deg = -180, lon_max_deg = 180;
};
struct Refused {
  DisconnectReason reason = DisconnectReason::kNone;
  std::string text;
  std::string redirect;
  uint32_t version_min = 0, version_max = 0;
};
struct ServerGoodbye {
  DisconnectReason reason = DisconnectReason::kNone;
  std::string text;
};
using ServerControl = std::variant<Welcome, Refused, ServerGoodbye>;

std::vector<std::byte> Encode(const ClientControl& message);
std::vector<std::byte> Encode(const ServerControl& message);

/// kInvalid: more than kMaxControlBytes, not protobuf, no body, or a field out of its bounds (the
/// context says which).
core::Result<ClientControl> DecodeClientControl(std::span<const std::byte> bytes);
core::Result<ServerControl> DecodeServerControl(std::span<const std::byte> bytes);

}  // namespace bluemarble::protocol
