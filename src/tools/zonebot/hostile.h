/// Actions that a server must refuse with a reason, whatever is in them (TESTS T-28). Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "bluemarble/client.h"

namespace bluemarble::zonebot {

struct HostileAction {
  std::string what;
  Action action;
};

/// `own`, `theirs`: who acts and another player within reach, by entity; what each holds.
struct HostileScene {
  uint32_t own = 0, theirs = 0;
  std::span<const InventoryItem> own_items, their_items;
  int64_t own_gold = 0, their_gold = 0;
};
/// Those that the scene allows: without an own item, none that needs one.
std::vector<HostileAction> HostileActions(const HostileScene& scene);

}  // namespace bluemarble::zonebot
