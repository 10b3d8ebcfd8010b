#include "world/commands.h"

#include <algorithm>

namespace bluemarble::world {

Commands::Commands(uint32_t capacity) : creations_(capacity), destructions_(capacity) {}

core::Status Commands::Create(const Creation& creation) {
  const uint32_t slot = creation_count_.fetch_add(1, std::memory_order_relaxed);
  if (slot >= creations_.size()) return {core::Code::kFull, "creations of one tick"};
  creations_[slot] = creation;
  return {};
}

core::Status Commands::Destroy(core::EntityId id) {
  const uint32_t slot = destruction_count_.fetch_add(1, std::memory_order_relaxed);
  if (slot >= destructions_.size()) return {core::Code::kFull, "destructions of one tick"};
  destructions_[slot] = id;
  return {};
}

void Commands::Apply(
    World& world, core::FunctionRef<void(core::EntityId)> destroyed,
    core::FunctionRef<void(const Creation&, const core::Result<core::EntityId>&)> created) {
  // The counts may have run past the end: those beyond were refused.
  const auto destructions = std::min<size_t>(destruction_count_.exchange(0), destructions_.size());
  const auto creations = std::min<size_t>(creation_count_.exchange(0), creations_.size());
  std::sort(destructions_.begin(), destructions_.begin() + static_cast<ptrdiff_t>(destructions));
  std::sort(creations_.begin(), creations_.begin() + static_cast<ptrdiff_t>(creations),
            [](const Creation& a, const Creation& b) { return a.order < b.order; });
  for (size_t i = 0; i < destructions; ++i) {
    if (!world.Alive(destructions_[i])) continue;
    destroyed(destructions_[i]);
    (void)world.Destroy(destructions_[i]);
  }
  for (size_t i = 0; i < creations; ++i) {
    const Creation& wish = creations_[i];
    created(wish, world.Create(wish.kind, wish.body, wish.vitals));
  }
}

}  // namespace bluemarble::world
