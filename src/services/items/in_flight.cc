#include "services/items/in_flight.h"

namespace bluemarble::items {

InFlight& InFlightTable::Add(const InFlight& action, core::Tick now) {
  uint64_t slot = slots_.size();
  if (free_.empty()) {
    slots_.push_back(action);
  } else {
    slot = free_.back();
    free_.pop_back();
    slots_[slot] = action;
  }
  ++size_;
  InFlight& kept = slots_[slot];
  kept.request.request_id = kIdBit | ++numbers_ << kSlotBits | slot;
  keys_.Add(static_cast<uint32_t>(slot), kept.request.player_id, kept.request.key);
  asked_.push_back({kept.request.request_id, now});
  return kept;
}

InFlight* InFlightTable::Find(uint64_t request_id) {
  const uint64_t slot = request_id & kNoSlot;
  if ((request_id & kIdBit) == 0 || slot >= slots_.size()) return nullptr;
  return slots_[slot].request.request_id == request_id ? &slots_[slot] : nullptr;
}

void InFlightTable::Remove(InFlight& action) {
  const auto slot = static_cast<uint32_t>(action.request.request_id & kNoSlot);
  keys_.Remove(slot);
  free_.push_back(slot);
  action.request.request_id = 0;
  --size_;
}

bool InFlightTable::Contains(int64_t player_id, const std::array<std::byte, 16>& key,
                             const InFlight* except) const {
  for (uint32_t slot = keys_.First(player_id, key); slot != KeyIndex::kNone;
       slot = keys_.Next(slot)) {
    if (&slots_[slot] != except) return true;
  }
  return false;
}

void InFlightTable::ForEach(core::FunctionRef<void(const InFlight&)> visit) const {
  if (size_ == 0) return;
  for (const InFlight& action : slots_) {
    if (action.request.request_id != 0) visit(action);
  }
}

void InFlightTable::TellOverdue(core::Tick before, core::FunctionRef<void(InFlight&)> tell) {
  for (; next_ < asked_.size(); ++next_) {
    InFlight* action = Find(asked_[next_].request_id);
    if (action == nullptr) continue;
    if (asked_[next_].at > before) break;
    tell(*action);
  }
  // Dropped in bulk, so that a long queue costs one move now and then.
  constexpr size_t kDropFrom = 1024;
  if (next_ == asked_.size() || (next_ >= kDropFrom && next_ * 2 >= asked_.size())) {
    asked_.erase(asked_.begin(), asked_.begin() + static_cast<ptrdiff_t>(next_));
    next_ = 0;
  }
}

}  // namespace bluemarble::items
