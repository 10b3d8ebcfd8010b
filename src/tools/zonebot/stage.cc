#include "tools/zonebot/stage.h"

#include <algorithm>

namespace bluemarble::zonebot {
namespace {

constexpr int64_t kLookNs = 100'000'000;
constexpr uint8_t kItemKind = 4;  // proto/WIRE.md "Kinds"

}  // namespace

std::vector<bool> EyesOf(size_t bots, size_t group) {
  std::vector<bool> eyes(bots, false);
  for (size_t i = 0; i < bots; ++i) eyes[i] = i % group < kEyesPerGroup;
  return eyes;
}

Stage::Stage(const Traders& traders, size_t group)
    : traders_(traders), group_(group), grounds_((traders.size() + group - 1) / group) {}

void Stage::Look(size_t bot, int64_t now_ns) {
  Ground& ground = grounds_[bot / group_];
  if (now_ns < ground.looked_ns + kLookNs) return;
  ground.looked_ns = now_ns;
  ground.items.clear();
  const size_t first = bot / group_ * group_;
  for (size_t eye = first; eye < std::min(first + kEyesPerGroup, traders_.size()); ++eye) {
    if (!traders_.ready(eye)) continue;
    const Client& client = traders_.client(eye);
    const Vector3 own = client.own().position;
    client.ForEachEntity(now_ns, [&](const EntityView& entity) {
      if (entity.kind != kItemKind) return;
      const geo::Vec3 way{entity.position.x - own.x, entity.position.y - own.y,
                          entity.position.z - own.z};
      if (Length(way) <= kReachM) ground.items.push_back(entity.id);
    });
    return;
  }
}

std::vector<Neighbour> Stage::Others(size_t bot) const {
  std::vector<Neighbour> others;
  const size_t first = bot / group_ * group_;
  for (size_t other = first; other < std::min(first + group_, traders_.size()); ++other) {
    if (other == bot || !traders_.ready(other)) continue;
    const Client& client = traders_.client(other);
    others.push_back({other, client.own().id, client.inventory(), client.gold()});
  }
  return others;
}

}  // namespace bluemarble::zonebot
