/// What the server told of the own inventory and of the trades that others offer. A message that is
/// not `complete` is one of several that count together: what is seen changes with the last of
/// them. One thread; no network, no clock. Source: proto/WIRE.md "Actions".
#pragma once

#include <cstdint>
#include <vector>

#include "bluemarble/client.h"
#include "protocol/control.h"

namespace bluemarble::client {

class Inventory {
 public:
  void OnUpdate(const protocol::InventoryUpdate& update);
  void OnOffered(const protocol::TradeOffered& offered);
  void OnClosed(const protocol::TradeClosed& closed);

  /// It was told whole once; before, nothing else counts.
  bool known() const { return known_; }
  /// Ascending item_id.
  const std::vector<InventoryItem>& items() const { return items_; }
  int64_t gold() const { return gold_; }
  /// Oldest first.
  const std::vector<TradeOffer>& offers() const { return offers_; }

 private:
  std::vector<InventoryItem> items_;
  std::vector<InventoryItem> next_;  // items_ once the message that is `complete` has come
  bool assembling_ = false;
  bool known_ = false;
  int64_t gold_ = 0;
  std::vector<TradeOffer> offers_;
};

}  // namespace bluemarble::client
