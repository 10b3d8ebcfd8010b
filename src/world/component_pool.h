/// A sparse-set column of a component that only some entities have: dense values, O(1) find, add
/// and remove, no allocation after construction. Owned by the zone thread; workers of a parallel
/// system may write different rows. Rows are 0..size()-1; Remove moves the last row into the hole.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/hash.h"
#include "core/ids.h"
#include "core/result.h"

namespace bluemarble::world {

template <typename T>
class ComponentPool {
 public:
  /// Holds at most `capacity` components of entities whose index is below `max_entities`.
  ComponentPool(uint32_t capacity, uint32_t max_entities) : capacity_(capacity) {
    ids_.reserve(capacity);
    values_.reserve(capacity);
    row_of_index_.assign(max_entities, kNoRow);
  }

  static constexpr uint32_t kNoRow = 0xffffffffu;

  /// kFull: the pool's capacity; kConflict: the entity has one already; kInvalid: no such index.
  core::Status Add(core::EntityId id, const T& value) {
    if (id.index() >= row_of_index_.size()) return {core::Code::kInvalid, "entity index"};
    if (row_of_index_[id.index()] != kNoRow) return {core::Code::kConflict, "component exists"};
    if (size() == capacity_) return {core::Code::kFull, "component pool"};
    row_of_index_[id.index()] = size();
    ids_.push_back(id);
    values_.push_back(value);
    return {};
  }

  /// False when the entity has none.
  bool Remove(core::EntityId id) {
    const uint32_t row = RowOf(id);
    if (row == kNoRow) return false;
    row_of_index_[ids_.back().index()] = row;
    ids_[row] = ids_.back();
    values_[row] = values_.back();
    ids_.pop_back();
    values_.pop_back();
    row_of_index_[id.index()] = kNoRow;
    return true;
  }

  /// Null when the entity has none. Valid until the next Add or Remove.
  T* Find(core::EntityId id) {
    const uint32_t row = RowOf(id);
    return row == kNoRow ? nullptr : &values_[row];
  }
  const T* Find(core::EntityId id) const {
    const uint32_t row = RowOf(id);
    return row == kNoRow ? nullptr : &values_[row];
  }

  uint32_t size() const { return static_cast<uint32_t>(ids_.size()); }
  uint32_t capacity() const { return capacity_; }
  std::span<const core::EntityId> ids() const { return ids_; }
  std::span<T> values() { return values_; }
  std::span<const T> values() const { return values_; }

  /// In row order; `hash_value(const T&)` gives one component's hash.
  template <typename HashValue>
  uint64_t Hash(HashValue hash_value) const {
    uint64_t hash = size();
    for (uint32_t row = 0; row < size(); ++row) {
      hash = core::HashCombine(hash, ids_[row].bits);
      hash = core::HashCombine(hash, hash_value(values_[row]));
    }
    return hash;
  }

 private:
  uint32_t RowOf(core::EntityId id) const {
    if (id.index() >= row_of_index_.size()) return kNoRow;
    const uint32_t row = row_of_index_[id.index()];
    return row != kNoRow && ids_[row] == id ? row : kNoRow;
  }

  uint32_t capacity_;
  std::vector<core::EntityId> ids_;
  std::vector<T> values_;
  std::vector<uint32_t> row_of_index_;
};

}  // namespace bluemarble::world
