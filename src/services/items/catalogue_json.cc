#include "services/items/catalogue_json.h"

#include <fmt/format.h>

#include <iterator>

namespace bluemarble::items {
namespace {

/// Titles have no control characters (Catalogue::Validate).
void AppendText(std::string& out, const std::string& text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

}  // namespace

std::string CatalogueJson(const game::Catalogue& catalogue) {
  std::string out = "{\"items\":[";
  for (const game::ItemDefinition& item : catalogue.items()) {
    if (out.back() != '[') out += ',';
    fmt::format_to(std::back_inserter(out), "{{\"id\":{},\"name\":", item.id);
    AppendText(out, item.name);
    out += ",\"title\":";
    AppendText(out, item.title);
    fmt::format_to(std::back_inserter(out), ",\"max_stack\":{}}}", item.max_stack);
  }
  out += "]}\n";
  return out;
}

}  // namespace bluemarble::items
