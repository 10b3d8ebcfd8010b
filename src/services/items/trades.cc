#include "services/items/trades.h"

namespace bluemarble::items {

Offer* Trades::Add(const Offer& offer) {
  uint64_t slot = slots_.size();
  if (free_.empty()) {
    if (slot >> kSlotBits != 0) return nullptr;
    slots_.push_back(offer);
  } else {
    slot = free_.back();
    free_.pop_back();
    slots_[slot] = offer;
  }
  slots_[slot].id = ++numbers_ << kSlotBits | slot;
  keys_.Add(static_cast<uint32_t>(slot), offer.from, offer.key);
  owners_.Add(static_cast<uint32_t>(slot), offer.from, {});
  ++size_;
  return &slots_[slot];
}

void Trades::Remove(Offer& offer) {
  const auto slot = static_cast<uint32_t>(offer.id & ((1u << kSlotBits) - 1));
  keys_.Remove(slot);
  owners_.Remove(slot);
  free_.push_back(slot);
  offer.id = 0;
  offer.state = OfferState::kFree;
  --size_;
}

Offer* Trades::Find(uint64_t id) {
  const uint64_t slot = id & ((1u << kSlotBits) - 1);
  if (id == 0 || slot >= slots_.size()) return nullptr;
  return slots_[slot].id == id ? &slots_[slot] : nullptr;
}

Offer* Trades::FindByKey(int64_t from, const protocol::ActionKey& key) {
  const uint32_t slot = keys_.First(from, key);
  return slot == KeyIndex::kNone ? nullptr : &slots_[slot];
}

Trades::Count Trades::CountOf(int64_t from, int64_t to) const {
  Count count;
  for (uint32_t slot = owners_.First(from, {}); slot != KeyIndex::kNone;
       slot = owners_.Next(slot)) {
    ++count.offers;
    if (slots_[slot].to == to) count.to_the_same = true;
  }
  return count;
}

void Trades::ForEach(core::FunctionRef<void(Offer&)> visit) {
  if (size_ == 0) return;
  for (Offer& offer : slots_) {
    if (offer.id != 0) visit(offer);
  }
}

}  // namespace bluemarble::items
