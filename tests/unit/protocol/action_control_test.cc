// Actions, answers, inventory and trade: what travels, what is refused for its form, and what is
// not.
#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <string>
#include <utility>

#include "core/hash.h"
#include "protocol/control.h"

namespace bluemarble::protocol {
namespace {

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();

ActionKey Key(int first = 1) {
  ActionKey key{};
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::byte>(first + 16 * int(i));
  return key;
}

std::vector<std::byte> Bytes(const std::string& text) {
  std::vector<std::byte> bytes(text.size());
  for (size_t i = 0; i < text.size(); ++i) bytes[i] = static_cast<std::byte>(text[i]);
  return bytes;
}

// A length-delimited protobuf field of less than 128 bytes.
std::string Field(int number, const std::string& content) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(content.size())} +
         content;
}
std::string Number(int number, uint64_t value) {
  std::string out{static_cast<char>(number << 3)};
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}

std::vector<std::pair<std::string, ClientControl>> ClientMessages() {
  return {
      {"pick up", Action{Key(1), PickUp{0xfff00001}}},
      {"drop", Action{Key(2), Drop{(int64_t{5} << 40) + 1}}},
      {"give", Action{Key(3), Give{7, {1, 2, 3, 4, 5, 6, 7, 8}, 9}}},
      {"give nothing but gold", Action{Key(3), Give{7, {}, 9}}},
      {"offer", Action{Key(4), OfferTrade{11, {12, 13}, 14, {15, 16, 17}, 18}}},
      {"accept", Action{Key(5), AcceptTrade{uint64_t{1} << 63}}},
      {"split", Action{Key(6), Split{19, 20}}},
      {"merge", Action{Key(7), Merge{21, 22}}},
      {"decline", DeclineTrade{23, {}}},
      {"withdraw", DeclineTrade{0, Key(8)}},
  };
}

std::vector<std::pair<std::string, ServerControl>> ServerMessages() {
  return {
      {"ok", ActionResult{Key(1), ActionOutcome::kOk, ActionReason::kNone, "done", true, 77}},
      {"refused", ActionResult{Key(2), ActionOutcome::kRefused, ActionReason::kNoSuchItem,
                               "there is none", false, 0}},
      {"unknown", ActionResult{Key(3), ActionOutcome::kUnknown, ActionReason::kNone, "", false, 0}},
      {"inventory", InventoryUpdate{true, false, {{1, 2, 3}, {4, 5, 6}}, {7, 8}, 9}},
      {"gold alone", InventoryUpdate{false, true, {}, {}, 10}},
      {"offered", TradeOffered{1, 2, {{3, 4, 5}}, 6, {7, 8}, 9}},
      {"closed", TradeClosed{1, ActionReason::kDeclined}},
      {"closed by being done", TradeClosed{2, ActionReason::kNone}},
  };
}

// The messages of this file only; a login has no comparison.
bool Same(const ClientControl& a, const ClientControl& b) {
  if (a.index() != b.index()) return false;
  if (const auto* action = std::get_if<Action>(&a)) return *action == std::get<Action>(b);
  return std::get<DeclineTrade>(a) == std::get<DeclineTrade>(b);
}
bool Same(const ServerControl& a, const ServerControl& b) {
  if (a.index() != b.index()) return false;
  if (const auto* m = std::get_if<ActionResult>(&a)) return *m == std::get<ActionResult>(b);
  if (const auto* m = std::get_if<InventoryUpdate>(&a)) return *m == std::get<InventoryUpdate>(b);
  if (const auto* m = std::get_if<TradeOffered>(&a)) return *m == std::get<TradeOffered>(b);
  return std::get<TradeClosed>(a) == std::get<TradeClosed>(b);
}

TEST(ActionControl, EveryMessageComesBackAsItWas) {
  for (const auto& [name, message] : ClientMessages()) {
    const auto back = DecodeClientControl(Encode(message));
    ASSERT_TRUE(back.ok()) << name << ": " << back.status().context();
    EXPECT_TRUE(Same(*back, message)) << name;
  }
  for (const auto& [name, message] : ServerMessages()) {
    const auto back = DecodeServerControl(Encode(message));
    ASSERT_TRUE(back.ok()) << name << ": " << back.status().context();
    EXPECT_TRUE(Same(*back, message)) << name;
  }
}

TEST(ActionControl, RefusesEveryTruncationOfEveryMessage) {
  for (const auto& [name, message] : ClientMessages()) {
    const auto bytes = Encode(message);
    for (size_t size = 0; size < bytes.size(); ++size)
      EXPECT_FALSE(DecodeClientControl(std::span(bytes).first(size)).ok()) << name << " " << size;
  }
  for (const auto& [name, message] : ServerMessages()) {
    const auto bytes = Encode(message);
    for (size_t size = 0; size < bytes.size(); ++size)
      EXPECT_FALSE(DecodeServerControl(std::span(bytes).first(size)).ok()) << name << " " << size;
  }
}

TEST(ActionControl, HostileAmountsPassToBeRefusedByName) {
  for (int64_t amount : {int64_t{0}, int64_t{-1}, int64_t{1} << 31, kMost, kLeast}) {
    const Action actions[] = {
        {Key(), Drop{amount}},
        {Key(), Give{1, {amount, amount}, amount}},
        {Key(), OfferTrade{1, {amount}, amount, {amount}, amount}},
        {Key(), Split{amount, static_cast<uint32_t>(amount)}},
        {Key(), Merge{amount, amount}},
    };
    for (const Action& action : actions) {
      const auto back = DecodeClientControl(Encode(ClientControl(action)));
      ASSERT_TRUE(back.ok()) << amount;
      EXPECT_EQ(std::get<Action>(*back), action) << amount;
    }
  }
}

struct FormCase {
  const char* name;
  std::string bytes;
  bool good;
};

TEST(ActionControl, ChecksTheForm) {
  const std::string key(16, 'k');
  const std::string drop = Field(3, Number(1, 5));
  const FormCase cases[] = {
      {"as it should be", Field(3, Field(1, key) + drop), true},
      {"another order of fields", Field(3, drop + Field(1, key)), true},
      {"a field of a newer client", Field(3, Field(1, key) + drop + Number(15, 1)), true},
      {"an empty kind", Field(3, Field(1, key) + Field(3, "")), true},
      {"the last of two kinds counts", Field(3, Field(1, key) + drop + Field(2, "")), true},
      {"no key", Field(3, drop), false},
      {"a short key", Field(3, Field(1, std::string(15, 'k')) + drop), false},
      {"a long key", Field(3, Field(1, std::string(17, 'k')) + drop), false},
      {"a zero key", Field(3, Field(1, std::string(16, '\0')) + drop), false},
      {"no kind", Field(3, Field(1, key)), false},
      {"a kind of a newer client", Field(3, Field(1, key) + Field(14, "")), false},
      {"nothing at all", Field(3, ""), false},
      {"a kind that is no message", Field(3, Field(1, key) + Number(3, 1)), false},
      {"a decline", Field(4, Number(1, 5)), true},
      {"a decline of nothing", Field(4, ""), true},
      {"a withdrawal", Field(4, Field(2, key)), true},
      {"a withdrawal with a short key", Field(4, Field(2, "k")), false},
      {"a withdrawal with a zero key", Field(4, Field(2, std::string(16, '\0'))), false},
  };
  for (const FormCase& c : cases)
    EXPECT_EQ(DecodeClientControl(Bytes(c.bytes)).ok(), c.good) << c.name;
  EXPECT_FALSE(DecodeServerControl(Bytes(Field(4, Number(2, 0)))).ok()) << "a result without a key";
  EXPECT_EQ(DecodeServerControl(Bytes(Field(14, ""))).status().code(), core::Code::kNotFound);
}

TEST(ActionControl, TakesEightItemsInAListAndRefusesNine) {
  const std::vector<int64_t> eight(8, 1), nine(9, 1);
  const auto decodes = [](const auto& what) {
    return DecodeClientControl(Encode(ClientControl(Action{Key(), what}))).ok();
  };
  EXPECT_TRUE(decodes(Give{1, eight, 0}));
  EXPECT_FALSE(decodes(Give{1, nine, 0}));
  EXPECT_TRUE(decodes(OfferTrade{1, eight, 0, eight, 0}));
  EXPECT_FALSE(decodes(OfferTrade{1, nine, 0, {}, 0}));
  EXPECT_FALSE(decodes(OfferTrade{1, {}, 0, nine, 0}));
}

TEST(ActionControl, FindsNoNameForNumbersOfANewerServer) {
  const auto result = [](uint64_t outcome, uint64_t reason) {
    const auto back = DecodeServerControl(
        Bytes(Field(4, Field(1, std::string(16, 'k')) + Number(2, outcome) + Number(3, reason))));
    return std::get<ActionResult>(back.value());
  };
  EXPECT_EQ(result(1, 15).reason, ActionReason::kNoSuchItem);
  EXPECT_EQ(result(3, 0).outcome, ActionOutcome::kUnknown);
  EXPECT_EQ(result(257, 0).outcome, ActionOutcome::kUnknown);
  for (uint64_t reason : {16, 255, 256, 257, 0x7fffffff})
    EXPECT_STREQ(ActionReasonName(result(1, reason).reason), "unknown") << reason;
  const auto closed = DecodeServerControl(Bytes(Field(7, Number(1, 1) + Number(2, 256 + 13))));
  EXPECT_STREQ(ActionReasonName(std::get<TradeClosed>(*closed).reason), "unknown");
}

TEST(ActionControl, EveryReasonHasANameOfItsOwn) {
  std::set<std::string> names;
  for (uint32_t i = 0; i < kActionReasons; ++i)
    names.insert(ActionReasonName(static_cast<ActionReason>(i)));
  EXPECT_EQ(names.size(), kActionReasons);
  EXPECT_FALSE(names.contains("unknown"));
  EXPECT_STREQ(ActionReasonName(static_cast<ActionReason>(kActionReasons)), "unknown");
}

TEST(ActionControl, CutsTextsBetweenCharactersSoThatAMessageFits) {
  for (const char* character : {"x", "ä", "€", "🙂"}) {
    for (size_t lead = 0; lead < 4; ++lead) {
      std::string text(lead, 'x');
      while (text.size() < 5000) text += character;
      const std::string redirect(512, 'r');
      const ServerControl messages[] = {
          ActionResult{Key(), ActionOutcome::kRefused, ActionReason::kBusy, text, true, kLeast},
          ServerGoodbye{DisconnectReason::kInternal, text},
          Refused{DisconnectReason::kWrongShard, text, redirect, ~0u, ~0u},
      };
      for (const ServerControl& message : messages) {
        const auto bytes = Encode(message);
        EXPECT_LE(bytes.size(), kMaxControlBytes);
        const auto back = DecodeServerControl(bytes);
        ASSERT_TRUE(back.ok()) << back.status().context();
        std::string got;
        if (const auto* m = std::get_if<ActionResult>(&*back)) got = m->text;
        if (const auto* m = std::get_if<ServerGoodbye>(&*back)) got = m->text;
        if (const auto* m = std::get_if<Refused>(&*back)) {
          got = m->text;
          EXPECT_EQ(m->redirect, redirect);
        }
        EXPECT_GT(got.size(), 400u);
        EXPECT_EQ(got, text.substr(0, got.size()));
        EXPECT_EQ((got.size() - lead) % std::string(character).size(), 0u);
      }
    }
  }
}

TEST(ActionControl, TheLargestListsFitIntoAMessage) {
  InventoryUpdate update{true, true, {}, {}, kLeast};
  update.items.assign(kItemsPerUpdate, Item{kLeast, ~0u, ~0u});
  EXPECT_LE(Encode(ServerControl(update)).size(), kMaxControlBytes);
  update.items.clear();
  update.gone.assign(kItemsPerUpdate, kLeast);
  EXPECT_LE(Encode(ServerControl(update)).size(), kMaxControlBytes);
  TradeOffered offered{~0ull, ~0u, {}, kLeast, {}, kLeast};
  offered.get.assign(kMaxTradeItems, Item{kLeast, ~0u, ~0u});
  offered.give_item_ids.assign(kMaxTradeItems, kLeast);
  EXPECT_LE(Encode(ServerControl(offered)).size(), kMaxControlBytes);
}

TEST(ActionControl, AnInventoryUpdateOfMoreThanOneMessageHoldsIsRefused) {
  // InventoryUpdate (field 5) of nothing but `gone` (field 4, packed): that many ones.
  const auto gone = [](size_t count) {
    std::vector<std::byte> bytes{std::byte{0x2a}, static_cast<std::byte>(count + 2),
                                 std::byte{0x22}, static_cast<std::byte>(count)};
    bytes.insert(bytes.end(), count, std::byte{1});
    return DecodeServerControl(bytes).status().code();
  };
  EXPECT_EQ(gone(kItemsPerUpdate), core::Code::kOk);
  EXPECT_EQ(gone(kItemsPerUpdate + 1), core::Code::kInvalid);
}

TEST(ActionControl, ChangedBytesNeverGetPastTheBounds) {
  constexpr uint64_t kSeed = 11;
  core::Random random(kSeed);
  int decoded = 0;
  for (int round = 0; round < 2'000; ++round) {
    for (const auto& [name, message] : ClientMessages()) {
      auto bytes = Encode(message);
      for (uint64_t flips = 1 + random.Below(3); flips > 0; --flips)
        bytes[random.Below(bytes.size())] ^= static_cast<std::byte>(1u << random.Below(8));
      const auto back = DecodeClientControl(bytes);
      if (!back.ok()) continue;
      ++decoded;
      const auto* action = std::get_if<Action>(&*back);
      if (action == nullptr) continue;
      EXPECT_NE(action->key, ActionKey{});
      if (const auto* give = std::get_if<Give>(&action->what)) {
        EXPECT_LE(give->item_ids.size(), size_t{kMaxTradeItems});
      }
    }
  }
  EXPECT_GT(decoded, 1'000);  // else nothing was tried
}

TEST(ActionDigest, IsOfWhatIsAskedForAndNotOfWhatARestartChanges) {
  const auto digest = [](auto what, int key = 1) { return DigestOf(Action{Key(key), what}); };
  EXPECT_EQ(digest(PickUp{1}), digest(PickUp{2}, 9));
  EXPECT_EQ(digest(AcceptTrade{1}), digest(AcceptTrade{2}));
  EXPECT_EQ(digest(Give{1, {5}, 6}), digest(Give{2, {5}, 6}));
  EXPECT_EQ(digest(OfferTrade{1, {5}, 6, {7}, 8}), digest(OfferTrade{2, {5}, 6, {7}, 8}));

  const std::set<uint64_t> different = {
      digest(PickUp{}),
      digest(AcceptTrade{}),
      digest(Drop{5}),
      digest(Drop{6}),
      digest(Give{1, {5}, 6}),
      digest(Give{1, {5}, 7}),
      digest(Give{1, {5}, -6}),
      digest(Give{1, {5, 6}, 0}),
      digest(Give{1, {6, 5}, 0}),
      digest(Give{1, {}, 5}),
      digest(Give{1, {0}, 5}),
      digest(OfferTrade{1, {5}, 6, {7}, 8}),
      digest(OfferTrade{1, {7}, 6, {5}, 8}),
      digest(OfferTrade{1, {5}, 8, {7}, 6}),
      digest(OfferTrade{1, {5, 7}, 6, {}, 8}),
      digest(OfferTrade{1, {}, 6, {5, 7}, 8}),
      digest(Split{5, 6}),
      digest(Split{5, 7}),
      digest(Merge{5, 6}),
      digest(Merge{6, 5}),
  };
  EXPECT_EQ(different.size(), 20u);
}

// It is stored with the key for days: another version of the server must find the same.
TEST(ActionDigest, NeverChanges) {
  EXPECT_EQ(DigestOf(Action{Key(), Drop{5}}), 12722693310452771276u);
  EXPECT_EQ(DigestOf(Action{Key(), OfferTrade{1, {2, 3}, 4, {5}, 6}}), 15298926756065738005u);
}

}  // namespace
}  // namespace bluemarble::protocol
