#include "world/world.h"

#include <bit>

#include "core/hash.h"

namespace bluemarble::world {
namespace {

uint64_t Add(uint64_t hash, geo::Vec3 v) {
  hash = core::HashCombine(hash, std::bit_cast<uint64_t>(v.x));
  hash = core::HashCombine(hash, std::bit_cast<uint64_t>(v.y));
  return core::HashCombine(hash, std::bit_cast<uint64_t>(v.z));
}

uint16_t NextGeneration(uint16_t generation) {
  const auto next = static_cast<uint16_t>((generation + 1u) & core::EntityId::kGenerationMask);
  return next == 0 ? uint16_t{1} : next;
}

}  // namespace

World::World(const WorldSettings& settings) : capacity_(settings.max_entities) {
  ids_.reserve(capacity_);
  kinds_.reserve(capacity_);
  bodies_.reserve(capacity_);
  vitals_.reserve(capacity_);
  row_of_index_.assign(capacity_, kNoRow);
  generation_of_index_.assign(capacity_, 1);
  free_.resize(capacity_);
  for (uint32_t i = 0; i < capacity_; ++i) free_[i] = i;
  free_count_ = capacity_;
}

core::Result<core::EntityId> World::Create(Kind kind, const Body& body, const Vitals& vitals) {
  if (free_count_ == 0) return {core::Code::kFull, "too many entities (world.max_entities)"};
  const uint32_t index = free_[free_head_];
  free_head_ = (free_head_ + 1) % capacity_;
  --free_count_;
  const auto id = core::EntityId::Make(index, generation_of_index_[index]);
  row_of_index_[index] = count();
  ids_.push_back(id);
  kinds_.push_back(kind);
  bodies_.push_back(body);
  vitals_.push_back(vitals);
  return id;
}

core::Status World::Destroy(core::EntityId id) {
  const uint32_t row = RowOf(id);
  if (row == kNoRow) return {core::Code::kNotFound, "no such entity"};
  const uint32_t index = id.index();
  row_of_index_[ids_.back().index()] = row;
  ids_[row] = ids_.back();
  kinds_[row] = kinds_.back();
  bodies_[row] = bodies_.back();
  vitals_[row] = vitals_.back();
  ids_.pop_back();
  kinds_.pop_back();
  bodies_.pop_back();
  vitals_.pop_back();
  row_of_index_[index] = kNoRow;
  generation_of_index_[index] = NextGeneration(generation_of_index_[index]);
  free_[(free_head_ + free_count_) % capacity_] = index;
  ++free_count_;
  return {};
}

bool World::Alive(core::EntityId id) const { return RowOf(id) != kNoRow; }

uint32_t World::RowOf(core::EntityId id) const {
  const uint32_t index = id.index();
  if (index >= capacity_) return kNoRow;
  const uint32_t row = row_of_index_[index];
  return row != kNoRow && ids_[row] == id ? row : kNoRow;
}

uint64_t World::Hash() const {
  uint64_t hash = count();
  for (uint32_t row = 0; row < count(); ++row) {
    const Body& body = bodies_[row];
    const Vitals& vitals = vitals_[row];
    hash =
        core::HashCombine(hash, uint64_t{ids_[row].bits} << 8 | static_cast<uint64_t>(kinds_[row]));
    hash = Add(Add(hash, body.position), body.velocity);
    hash = core::HashCombine(hash, std::bit_cast<uint64_t>(body.ground_height_m));
    hash = core::HashCombine(
        hash, uint64_t{body.yaw} << 16 | uint64_t{vitals.health} << 8 | uint64_t{vitals.animation});
  }
  return hash;
}

}  // namespace bluemarble::world
