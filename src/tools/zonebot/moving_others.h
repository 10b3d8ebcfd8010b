/// How many other players each checked bot holds that moved within the window. Used by the main
/// thread.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "bluemarble/client.h"

namespace bluemarble::zonebot {

class MovingOthers {
 public:
  static constexpr double kMovedM = 0.2;
  static constexpr uint8_t kPlayerKind = 1;

  explicit MovingOthers(std::vector<size_t> checked)
      : checked_(std::move(checked)), seen_(checked_.size()) {}
  const std::vector<size_t>& checked() const { return checked_; }

  /// Notes where the `index`-th checked bot draws the others now.
  void Look(size_t index, const Client& client, int64_t now_ns);
  /// Others that the bot saw in its last two looks and that moved since it first saw them.
  int Count(size_t index) const;

 private:
  struct Other {
    Vector3 first;
    bool moved = false;
    uint32_t look = 0;
  };
  struct Seen {
    std::unordered_map<uint32_t, Other> others;
    uint32_t looks = 0;
  };
  std::vector<size_t> checked_;
  std::vector<Seen> seen_;
};

}  // namespace bluemarble::zonebot
