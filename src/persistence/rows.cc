#include "persistence/rows.h"

namespace bluemarble::persistence {
namespace {

constexpr std::byte kStateFormat{1};
constexpr size_t kStateBytes = 1 + 4 * 8 + 4 + 2;

}  // namespace

std::string_view EventKindName(EventKind kind) {
  switch (kind) {
    case EventKind::kPlayerCreated: return "player_created";
    case EventKind::kLogin: return "login";
    case EventKind::kLogout: return "logout";
    case EventKind::kSample: return "sample";
  }
  return "unknown";
}

std::vector<std::byte> EncodePlayerState(const PlayerState& state) {
  std::vector<std::byte> bytes(kStateBytes);
  bytes[0] = kStateFormat;
  std::memcpy(bytes.data() + 1, &state.x_m, 8);
  std::memcpy(bytes.data() + 9, &state.y_m, 8);
  std::memcpy(bytes.data() + 17, &state.z_m, 8);
  std::memcpy(bytes.data() + 25, &state.ground_height_m, 8);
  std::memcpy(bytes.data() + 33, &state.health, 4);
  std::memcpy(bytes.data() + 37, &state.yaw, 2);
  return bytes;
}

bool DecodePlayerState(const std::vector<std::byte>& payload, PlayerState& out) {
  if (payload.size() != kStateBytes || payload[0] != kStateFormat) return false;
  PlayerState state;
  std::memcpy(&state.x_m, payload.data() + 1, 8);
  std::memcpy(&state.y_m, payload.data() + 9, 8);
  std::memcpy(&state.z_m, payload.data() + 17, 8);
  std::memcpy(&state.ground_height_m, payload.data() + 25, 8);
  std::memcpy(&state.health, payload.data() + 33, 4);
  std::memcpy(&state.yaw, payload.data() + 37, 2);
  out = state;
  return true;
}

}  // namespace bluemarble::persistence
