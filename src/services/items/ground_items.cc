#include "services/items/ground_items.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/hash.h"
#include "core/log.h"
#include "protocol/item_look.h"

namespace bluemarble::items {
namespace {

world::Body BodyOf(const persistence::ItemPlace& place) {
  world::Body body;
  body.position = {place.x_m, place.y_m, place.z_m};
  body.ground_height_m = place.ground_height_m;
  return body;
}

world::Vitals VitalsOf(uint32_t definition) {
  const protocol::ItemLook look = protocol::LookOf(static_cast<uint16_t>(definition));
  return {look.health, look.animation};
}

uint64_t HashOf(const persistence::ItemRow& row) {
  uint64_t hash =
      core::HashCombine(static_cast<uint64_t>(row.item_id), static_cast<uint64_t>(row.version));
  hash = core::HashCombine(hash, uint64_t{row.definition} << 32 | row.quantity);
  hash = core::HashCombine(hash, std::bit_cast<uint64_t>(row.place.x_m));
  hash = core::HashCombine(hash, std::bit_cast<uint64_t>(row.place.y_m));
  return core::HashCombine(hash, std::bit_cast<uint64_t>(row.place.z_m));
}

}  // namespace

GroundItems::GroundItems(uint32_t capacity, world::World& world, world::Commands& commands,
                         ItemStats& stats)
    : world_(world), commands_(commands), stats_(stats), items_(capacity, world.capacity()) {}

void GroundItems::Add(const persistence::ItemRow& row) {
  const geo::Vec3 at{row.place.x_m, row.place.y_m, row.place.z_m};
  constexpr double kFarthestM = 1e8;  // damaged rows must not reach the grid
  if (!(Length(at) < kFarthestM) || !std::isfinite(row.place.ground_height_m)) {
    core::Log(core::LogLevel::kError, "stored_place_invalid", "item={}", row.item_id);
    return;
  }
  waiting_.push_back(row);
}

void GroundItems::Remove(core::EntityId entity) {
  if (items_.Remove(entity)) removed_.push_back(entity);
}

bool GroundItems::HasRoom() const {
  return items_.size() + waiting_.size() + reserved_places_ < items_.capacity();
}

void GroundItems::RequestEntities() {
  uint32_t gone = 0;
  for (; gone < removed_.size() && gone < kChangesPerTick; ++gone) {
    if (!commands_.Destroy(removed_[gone]).ok()) break;
  }
  removed_.erase(removed_.begin(), removed_.begin() + gone);

  const uint32_t room = items_.capacity() - items_.size();
  const auto due = static_cast<uint32_t>(
      std::min<size_t>({waiting_.size(), size_t{room}, size_t{kChangesPerTick}}));
  for (asked_ = 0; asked_ < due; ++asked_) {
    const persistence::ItemRow& row = waiting_[asked_];
    const core::Status asked = commands_.Create(
        {kOrderBit | asked_, world::Kind::kItem, BodyOf(row.place), VitalsOf(row.definition)});
    if (!asked.ok()) break;
  }
  stats_.ground_items.Set(items_.size());
  stats_.ground_waiting.Set(waiting_.size() - asked_);
  if (waiting_.size() <= room || full_logged_) return;
  full_logged_ = true;
  core::Log(core::LogLevel::kError, "ground_full",
            "items={} shown={} reason=\"no room for more things on the ground "
            "(world.max_entities); the others stay stored\"",
            items_.size() + waiting_.size(), items_.capacity());
}

void GroundItems::OnCreated(uint64_t order, const core::Result<core::EntityId>& entity) {
  const auto index = static_cast<uint32_t>(order & ~kOrderBit);
  persistence::ItemRow& row = waiting_[index];
  // Refused ones keep waiting.
  if (entity.ok() && items_.Add(*entity, {row, false}).ok()) row.item_id = 0;
  if (index + 1 != asked_) return;
  std::erase_if(waiting_, [](const persistence::ItemRow& done) { return done.item_id == 0; });
  asked_ = 0;
  stats_.ground_items.Set(items_.size());
}

uint64_t GroundItems::Hash() const {
  uint64_t hash = items_.Hash([](const GroundItem& item) {
    return core::HashCombine(HashOf(item.row), item.reserved ? 1 : 0);
  });
  hash = core::HashCombine(hash, reserved_places_);
  for (const persistence::ItemRow& row : waiting_) hash = core::HashCombine(hash, HashOf(row));
  return hash;
}

}  // namespace bluemarble::items
