#include "persistence/live_table.h"

#include "persistence/journal_writer.h"

namespace bluemarble::persistence {

LiveTable::Stripe& LiveTable::StripeOf(int64_t player_id) {
  return stripes_[static_cast<uint64_t>(player_id) % kStripes];
}
const LiveTable::Stripe& LiveTable::StripeOf(int64_t player_id) const {
  return stripes_[static_cast<uint64_t>(player_id) % kStripes];
}

std::optional<PositionSave> LiveTable::Find(int64_t player_id) const {
  const Stripe& stripe = StripeOf(player_id);
  const std::lock_guard lock(stripe.mutex);
  const auto found = stripe.saves.find(player_id);
  if (found == stripe.saves.end()) return std::nullopt;
  return found->second;
}

size_t LiveTable::Size() const {
  size_t size = 0;
  for (const Stripe& stripe : stripes_) {
    const std::lock_guard lock(stripe.mutex);
    size += stripe.saves.size();
  }
  return size;
}

void LiveTable::Update(std::span<const PositionSave> saves) {
  for (const PositionSave& save : saves) {
    Stripe& stripe = StripeOf(save.player_id);
    const std::lock_guard lock(stripe.mutex);
    PositionSave& known = stripe.saves[save.player_id];
    if (known.player_id == 0 || IsNewer(save, known)) known = save;
  }
}

void LiveTable::Remove(int64_t player_id, core::Tick tick) {
  Stripe& stripe = StripeOf(player_id);
  const std::lock_guard lock(stripe.mutex);
  const auto found = stripe.saves.find(player_id);
  if (found != stripe.saves.end() && found->second.tick <= tick) stripe.saves.erase(found);
}

}  // namespace bluemarble::persistence
