#include "tools/zonebot/moving_others.h"

#include <cmath>

namespace bluemarble::zonebot {

void MovingOthers::Look(size_t index, const Client& client, int64_t now_ns) {
  Seen& seen = seen_[index];
  ++seen.looks;
  client.ForEachEntity(now_ns, [&](const EntityView& view) {
    if (view.kind != kPlayerKind) return;
    const auto [it, added] = seen.others.try_emplace(view.id, Other{view.position, false, 0});
    Other& other = it->second;
    other.look = seen.looks;
    if (other.moved) return;
    const double x = view.position.x - other.first.x, y = view.position.y - other.first.y,
                 z = view.position.z - other.first.z;
    other.moved = std::sqrt(x * x + y * y + z * z) > kMovedM;
  });
}

int MovingOthers::Count(size_t index) const {
  const Seen& seen = seen_[index];
  int count = 0;
  for (const auto& [id, other] : seen.others)
    if (other.moved && other.look + 1 >= seen.looks) ++count;
  return count;
}

}  // namespace bluemarble::zonebot
