#include "tools/zonebot/choices.h"

#include <algorithm>
#include <array>

namespace bluemarble::zonebot {
namespace {

constexpr double kAcceptChance = 0.65, kDeclineChance = 0.2;
// Beyond this a bot drops rather than picks up, so that things stay in motion and nobody is full.
constexpr size_t kManyItems = 16;
constexpr int64_t kMostGold = 20;
constexpr size_t kMostItems = 3;

struct Weighted {
  Op op;
  uint64_t weight;
};

// Up to `most` different items.
std::vector<int64_t> Draw(std::span<const InventoryItem> items, uint64_t least, uint64_t most,
                          core::Random& random) {
  std::vector<int64_t> drawn;
  const uint64_t wanted = least + random.Below(most - least + 1);
  for (uint64_t i = 0; i < wanted && drawn.size() < items.size(); ++i) {
    const int64_t item = items[random.Below(items.size())].item_id;
    if (std::find(drawn.begin(), drawn.end(), item) == drawn.end()) drawn.push_back(item);
  }
  return drawn;
}

int64_t DrawGold(int64_t gold, core::Random& random) {
  const int64_t most = std::min(gold, kMostGold);
  return most <= 0 ? 0 : static_cast<int64_t>(random.Below(static_cast<uint64_t>(most) + 1));
}

const InventoryItem* FindStack(std::span<const InventoryItem> items) {
  const auto stack =
      std::find_if(items.begin(), items.end(), [](const auto& item) { return item.quantity > 1; });
  return stack == items.end() ? nullptr : &*stack;
}

std::optional<std::array<int64_t, 2>> FindAlike(std::span<const InventoryItem> items) {
  for (size_t i = 0; i < items.size(); ++i)
    for (size_t j = i + 1; j < items.size(); ++j)
      if (items[i].definition == items[j].definition)
        return std::array{items[i].item_id, items[j].item_id};
  return std::nullopt;
}

// All kinds that are possible now, by how often they shall be.
std::vector<Weighted> Possible(const Situation& s) {
  std::vector<Weighted> possible;
  auto add = [&](bool can, Op op, uint64_t weight) {
    if (can && Contains(s.allowed, op)) possible.push_back({op, weight});
  };
  const bool owns = !s.items.empty() || s.gold > 0;
  add(!s.ground.empty(), Op::kPickUp, s.items.size() > kManyItems ? 2 : 25);
  add(!s.items.empty(), Op::kDrop, s.items.size() > kManyItems ? 30 : 12);
  add(owns && !s.others.empty(), Op::kGive, 20);
  add(owns && !s.others.empty() && !s.offering, Op::kOffer, 25);
  add(FindStack(s.items) != nullptr, Op::kSplit, s.items.size() > kManyItems ? 2 : 8);
  add(FindAlike(s.items).has_value(), Op::kMerge, 10);
  return possible;
}

Choice Answer(const TradeOffer& offer, Op op) {
  Choice choice;
  choice.op = op;
  choice.action.kind = ActionKind::kAcceptTrade;
  choice.action.trade_id = offer.trade_id;
  return choice;
}

Choice Give(const Situation& s, core::Random& random) {
  Choice choice;
  const Neighbour& other = s.others[random.Below(s.others.size())];
  choice.partner = other.bot;
  choice.action.kind = ActionKind::kGive;
  choice.action.entity_id = other.entity_id;
  choice.action.items = Draw(s.items, 0, kMostItems, random);
  choice.action.gold = DrawGold(s.gold, random);
  if (choice.action.items.empty() && choice.action.gold == 0) {
    if (s.gold > 0) {
      choice.action.gold = 1;
    } else {
      choice.action.items = {s.items.front().item_id};
    }
  }
  return choice;
}

Choice Offer(const Situation& s, core::Random& random) {
  Choice choice = Give(s, random);
  choice.action.kind = ActionKind::kOfferTrade;
  const auto other = std::find_if(s.others.begin(), s.others.end(), [&](const Neighbour& each) {
    return each.bot == choice.partner;
  });
  choice.action.want_items = Draw(other->items, 0, kMostItems, random);
  choice.action.want_gold = DrawGold(other->gold, random);
  return choice;
}

}  // namespace

const char* OpName(Op op) {
  constexpr std::array<const char*, kOps> kNames = {"pick_up", "drop",  "give",  "offer",
                                                    "accept",  "split", "merge", "decline"};
  return kNames[static_cast<size_t>(op)];
}

std::optional<OpSet> ParseOps(std::string_view names) {
  OpSet set = 0;
  while (!names.empty()) {
    const size_t comma = std::min(names.find(','), names.size());
    const std::string_view name = names.substr(0, comma);
    names.remove_prefix(std::min(comma + 1, names.size()));
    size_t op = 0;
    while (op < kOps && name != OpName(static_cast<Op>(op))) ++op;
    if (op == kOps) return std::nullopt;
    set |= 1u << op;
  }
  return set == 0 ? std::nullopt : std::optional(set);
}

Op OpOf(ActionKind kind) { return static_cast<Op>(static_cast<uint8_t>(kind) - 1); }

std::optional<Choice> Choose(const Situation& s, core::Random& random) {
  if (!s.offers.empty()) {
    const double unit = random.Unit();
    const bool declines = Contains(s.allowed, Op::kDecline);
    if (Contains(s.allowed, Op::kAccept) && (unit < kAcceptChance || !declines))
      return Answer(s.offers.front(), Op::kAccept);
    if (declines && unit < kAcceptChance + kDeclineChance)
      return Answer(s.offers.front(), Op::kDecline);
  }
  const std::vector<Weighted> possible = Possible(s);
  uint64_t sum = 0;
  for (const Weighted& each : possible) sum += each.weight;
  if (sum == 0) return std::nullopt;
  uint64_t drawn = random.Below(sum);
  size_t pick = 0;
  while (drawn >= possible[pick].weight) drawn -= possible[pick++].weight;

  Choice choice;
  switch (possible[pick].op) {
    case Op::kPickUp:
      choice.action.kind = ActionKind::kPickUp;
      choice.action.entity_id = s.ground[random.Below(s.ground.size())];
      break;
    case Op::kDrop:
      choice.action.kind = ActionKind::kDrop;
      choice.action.items = {s.items[random.Below(s.items.size())].item_id};
      break;
    case Op::kGive: choice = Give(s, random); break;
    case Op::kOffer: choice = Offer(s, random); break;
    case Op::kSplit: {
      const InventoryItem& stack = *FindStack(s.items);
      choice.action.kind = ActionKind::kSplit;
      choice.action.items = {stack.item_id};
      choice.action.quantity = 1 + static_cast<uint32_t>(random.Below(stack.quantity - 1));
      break;
    }
    default: {
      const auto alike = *FindAlike(s.items);
      choice.action.kind = ActionKind::kMerge;
      choice.action.items = {alike[0], alike[1]};
      break;
    }
  }
  choice.op = possible[pick].op;
  return choice;
}

}  // namespace bluemarble::zonebot
