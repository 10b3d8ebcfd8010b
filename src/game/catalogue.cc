#include "game/catalogue.h"

#include <algorithm>
#include <map>
#include <utility>

namespace bluemarble::game {
namespace {

bool IsSnakeCase(const std::string& name) {
  if (name.empty() || name.front() < 'a' || name.front() > 'z') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool IsPlainText(const std::string& text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::string Range(uint32_t low, uint32_t high) {
  return std::to_string(low) + ".." + std::to_string(high);
}

}  // namespace

Catalogue::Catalogue(std::vector<ItemDefinition> items) : items_(std::move(items)) {
  std::sort(items_.begin(), items_.end(),
            [](const ItemDefinition& a, const ItemDefinition& b) { return a.id < b.id; });
  for (const ItemDefinition& item : items_) ground_weight_ += item.ground_weight;
}

void Catalogue::Validate(const std::vector<ItemDefinition>& items,
                         std::vector<std::string>& problems) {
  std::map<uint32_t, size_t> ids;
  std::map<std::string, size_t> names;
  size_t starters = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    const ItemDefinition& item = items[i];
    const std::string entry = "items[" + std::to_string(i + 1) + "] (id " +
                              std::to_string(item.id) + ", name \"" +
                              (IsSnakeCase(item.name) ? item.name : "?") + "\"): ";
    const auto problem = [&](const std::string& what) { problems.push_back(entry + what); };
    if (item.id < 1 || item.id > kMaxId) problem("id: not in " + Range(1, kMaxId));
    if (const auto [first, fresh] = ids.try_emplace(item.id, i + 1); !fresh)
      problem("id: items[" + std::to_string(first->second) + "] has it already");
    if (!IsSnakeCase(item.name) || item.name.size() > kMaxNameBytes) {
      problem("name: not snake_case of 1 to " + std::to_string(kMaxNameBytes) + " bytes");
    } else if (const auto [first, fresh] = names.try_emplace(item.name, i + 1); !fresh) {
      problem("name: items[" + std::to_string(first->second) + "] has it already");
    }
    if (item.title.empty() || item.title.size() > kMaxTitleBytes || !IsPlainText(item.title))
      problem("title: not 1 to " + std::to_string(kMaxTitleBytes) + " bytes of text");
    if (item.max_stack < 1 || item.max_stack > kMaxStack)
      problem("max_stack: not in " + Range(1, kMaxStack));
    if (item.starter > item.max_stack) problem("starter: more than max_stack");
    if (item.ground_weight > kMaxStack) problem("ground_weight: not in " + Range(0, kMaxStack));
    if (item.starter != 0 && ++starters == kMaxStarters + 1)
      problem("starter: more than " + std::to_string(kMaxStarters) + " items have one");
  }
}

const ItemDefinition* Catalogue::Find(uint32_t id) const {
  const auto found = std::lower_bound(
      items_.begin(), items_.end(), id,
      [](const ItemDefinition& item, uint32_t wanted) { return item.id < wanted; });
  return found != items_.end() && found->id == id ? &*found : nullptr;
}

const ItemDefinition* Catalogue::ChooseForGround(uint64_t bits) const {
  if (ground_weight_ == 0) return nullptr;
  uint64_t at = bits % ground_weight_;
  for (const ItemDefinition& item : items_) {
    if (at < item.ground_weight) return &item;
    at -= item.ground_weight;
  }
  return nullptr;
}

}  // namespace bluemarble::game
