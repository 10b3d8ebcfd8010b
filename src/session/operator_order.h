/// What operators want done with who is in play: values only, an input of the tick that takes them.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace bluemarble::session {

struct OperatorOrder {
  enum class Kind : uint8_t {
    kKick = 1,  ///< Ends the player's session; `text` is told.
    kTeleport,  ///< Puts the player at the place, standing there.
    kAnnounce,  ///< `text` to everybody, as chat.
  };
  static constexpr size_t kMaxTextBytes = 256;

  int64_t player_id = 0;
  double lon_deg = 0, lat_deg = 0;
  double height_m = 0;  ///< Of kTeleport; NaN: the height of the ground where the player is.
  uint16_t text_bytes = 0;
  Kind kind = Kind::kKick;
  std::array<char, kMaxTextBytes + 1> text{};  ///< Ends with 0.
  std::array<char, 4> unused{};

  std::string_view view() const { return {text.data(), text_bytes}; }
  /// Cuts what is longer; validate first (core::ValidateText).
  void SetText(std::string_view value) {
    text_bytes =
        static_cast<uint16_t>(value.substr(0, kMaxTextBytes).copy(text.data(), kMaxTextBytes));
    text[text_bytes] = 0;
  }
};
static_assert(std::is_trivially_copyable_v<OperatorOrder> && sizeof(OperatorOrder) == 296);

}  // namespace bluemarble::session
