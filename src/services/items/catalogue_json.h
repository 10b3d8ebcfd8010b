/// The catalogue as GET /v1/items gives it. Any thread.
#pragma once

#include <string>

#include "game/catalogue.h"

namespace bluemarble::items {

/// {"items":[{"id":1,"name":"bread","title":"Bread","max_stack":20},...]}, ascending id, UTF-8.
std::string CatalogueJson(const game::Catalogue& catalogue);

}  // namespace bluemarble::items
