/// The metrics of items and of the durable side. Main thread, at start; scraped by any.
#pragma once

#include "app/durable_side.h"
#include "app/metric_registrar.h"
#include "services/items/item_stats.h"

namespace bluemarble::app {

void RegisterItems(Registrar& add, const items::ItemStats& stats);
void RegisterDurable(Registrar& add, const DurableSide& durable);

}  // namespace bluemarble::app
