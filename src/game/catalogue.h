/// What things there are in this game: the item catalogue, read from a file by app/catalogue_file.
/// Immutable after construction, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bluemarble::game {

/// One [[items]] table of the catalogue file.
struct ItemDefinition {
  /// 1..4095, unique, and for ever: what players own is stored with it.
  uint32_t id = 0;
  std::string name;   ///< snake_case, unique; what programs call it.
  std::string title;  ///< What people read.
  /// Most of them in one stack; 1: it does not stack.
  uint32_t max_stack = 1;
  /// How many a new player gets, in one stack; 0: none.
  uint32_t starter = 0;
  /// How often it is among the things that lie around in a new world, against the others' weights.
  uint32_t ground_weight = 0;
};

class Catalogue {
 public:
  static constexpr uint32_t kMaxId = 4095;
  static constexpr uint32_t kMaxStack = 1'000'000;
  static constexpr size_t kMaxNameBytes = 32;
  static constexpr size_t kMaxTitleBytes = 64;
  /// Kinds of things that a new player can get.
  static constexpr size_t kMaxStarters = 8;

  Catalogue() = default;
  /// `items` must pass Validate.
  explicit Catalogue(std::vector<ItemDefinition> items);

  /// One line per problem, naming the entry by its place in the file (1 is the first) and what is
  /// known of it.
  static void Validate(const std::vector<ItemDefinition>& items,
                       std::vector<std::string>& problems);

  /// Null when there is none: a thing that was stored under an older catalogue.
  const ItemDefinition* Find(uint32_t id) const;
  /// Ascending id.
  const std::vector<ItemDefinition>& items() const { return items_; }
  /// The definition that `bits` (uniform) choose by ground_weight; null when none has any.
  const ItemDefinition* ChooseForGround(uint64_t bits) const;

 private:
  std::vector<ItemDefinition> items_;
  uint64_t ground_weight_ = 0;
};

}  // namespace bluemarble::game
