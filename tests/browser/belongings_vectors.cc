// What the C++ client sends of actions, and what it reads of answers, inventory and offers.
#include <algorithm>
#include <cinttypes>
#include <cstddef>
#include <cstdio>
#include <span>
#include <vector>

#include "client/actions.h"
#include "core/hash.h"
#include "json_lines.h"
#include "protocol/control.h"

namespace client = bluemarble::client;
namespace core = bluemarble::core;
namespace protocol = bluemarble::protocol;

namespace browser_test {

void PrintHex(FILE* out, std::span<const std::byte> bytes) {
  for (const std::byte byte : bytes) std::fprintf(out, "%02x", std::to_integer<unsigned>(byte));
}

namespace {

constexpr uint64_t kBelongingsSeed = 10;

// 64 bits as text: doubles of JSON do not hold them.
void PrintIds(FILE* out, const char* name, const std::vector<int64_t>& ids) {
  std::fprintf(out, R"(,"%s":[)", name);
  for (size_t i = 0; i < ids.size(); ++i)
    std::fprintf(out, R"(%s"%)" PRId64 R"(")", i == 0 ? "" : ",", ids[i]);
  std::fprintf(out, "]");
}

void PrintItems(FILE* out, const char* name, const std::vector<protocol::Item>& items) {
  std::fprintf(out, R"(,"%s":[)", name);
  for (size_t i = 0; i < items.size(); ++i)
    std::fprintf(out, R"(%s["%)" PRId64 R"(",%u,%u])", i == 0 ? "" : ",", items[i].item_id,
                 items[i].definition, items[i].quantity);
  std::fprintf(out, "]");
}

template <typename Message>
void PrintBytes(FILE* out, const Message& message) {
  std::fprintf(out, R"(,"bytes":")");
  PrintHex(out, protocol::Encode(message));
  std::fprintf(out, "\"}\n");
}

class Belongings {
 public:
  explicit Belongings(FILE* out) : out_(out) {}
  void Print() {
    for (int i = 0; i < 140; ++i) PrintAction(static_cast<bluemarble::ActionKind>(1 + i % 7));
    for (int i = 0; i < 40; ++i) {
      PrintResult(i);
      PrintUpdate();
      PrintOffer();
      PrintClosed(i);
    }
  }

 private:
  int64_t Id() {
    return static_cast<int64_t>(random_.Next() >> random_.Below(63)) *
           (random_.Chance(0.1) ? 0 : 1);
  }
  uint32_t Number() { return static_cast<uint32_t>(random_.Next()) >> random_.Below(32); }
  std::vector<int64_t> Ids(size_t most) {
    std::vector<int64_t> ids(random_.Below(most + 1));
    for (int64_t& id : ids) id = Id();
    return ids;
  }
  std::vector<protocol::Item> Items(size_t most) {
    std::vector<protocol::Item> items(random_.Below(most + 1));
    for (protocol::Item& item : items) item = {Id(), Number(), Number()};
    return items;
  }
  protocol::ActionKey Key() {
    protocol::ActionKey key;
    for (std::byte& each : key) each = static_cast<std::byte>(random_.Next());
    return key;
  }

  void PrintAction(bluemarble::ActionKind kind) {
    bluemarble::Action action;
    action.kind = kind;
    for (uint8_t& each : action.key) each = static_cast<uint8_t>(random_.Next());
    action.entity_id = Number();
    action.items = Ids(bluemarble::kMaxTradeItems);
    action.items.resize(std::max<size_t>(action.items.size(), 2));  // what a merge needs
    if (kind == bluemarble::ActionKind::kDrop || kind == bluemarble::ActionKind::kSplit)
      action.items.resize(1);
    action.want_items = Ids(bluemarble::kMaxTradeItems);
    action.gold = Id() % (int64_t{1} << 53) * (random_.Chance(0.2) ? -1 : 1);
    action.want_gold = Number();
    action.trade_id = static_cast<uint64_t>(Id()) * 2;
    action.quantity = Number();
    std::fprintf(out_, R"({"kind":"action","what":%d,"entity":%u,"gold":%)" PRId64,
                 static_cast<int>(kind), action.entity_id, action.gold);
    std::fprintf(out_, R"(,"wantGold":%)" PRId64 R"(,"trade":"%)" PRIu64 R"(","quantity":%u)",
                 action.want_gold, action.trade_id, action.quantity);
    PrintIds(out_, "items", action.items);
    PrintIds(out_, "want", action.want_items);
    std::fprintf(out_, R"(,"key":")");
    PrintHex(out_, std::as_bytes(std::span(action.key)));
    std::fprintf(out_, "\"");
    PrintBytes(out_, protocol::ClientControl(client::ToMessage(action)));
  }

  void PrintResult(int i) {
    protocol::ActionResult result;
    result.key = Key();
    result.outcome = static_cast<bluemarble::ActionOutcome>(i % 3);
    result.reason = static_cast<bluemarble::ActionReason>(i % 16);
    result.text = i % 4 == 0 ? "" : "zu weit weg, gr\u00f6\u00dfer";
    result.repeated = i % 2 == 0;
    result.item_id = Id();
    std::fprintf(
        out_,
        R"({"kind":"result","outcome":%d,"reason":%d,"text":"%s","repeated":%s,"item":"%)" PRId64
        R"(","key":")",
        i % 3, i % 16, result.text.c_str(), result.repeated ? "true" : "false", result.item_id);
    PrintHex(out_, result.key);
    std::fprintf(out_, "\"");
    PrintBytes(out_, protocol::ServerControl(result));
  }

  void PrintUpdate() {
    protocol::InventoryUpdate update;
    update.whole = random_.Chance(0.5);
    update.complete = random_.Chance(0.5);
    update.items = Items(16);
    update.gone = Ids(16);
    update.gold = Number();
    std::fprintf(out_, R"({"kind":"inventory","whole":%s,"complete":%s,"gold":%)" PRId64,
                 update.whole ? "true" : "false", update.complete ? "true" : "false", update.gold);
    PrintItems(out_, "items", update.items);
    PrintIds(out_, "gone", update.gone);
    PrintBytes(out_, protocol::ServerControl(update));
  }

  void PrintOffer() {
    protocol::TradeOffered offer{
        static_cast<uint64_t>(Id()) * 2, Number(), Items(8), Number(), Ids(8), Number()};
    std::fprintf(out_,
                 R"({"kind":"offered","trade":"%)" PRIu64 R"(","entity":%u,"getGold":%)" PRId64
                 R"(,"giveGold":%)" PRId64,
                 offer.trade_id, offer.entity_id, offer.get_gold, offer.give_gold);
    PrintItems(out_, "get", offer.get);
    PrintIds(out_, "give", offer.give_item_ids);
    PrintBytes(out_, protocol::ServerControl(offer));
  }

  void PrintClosed(int i) {
    const protocol::TradeClosed closed{static_cast<uint64_t>(Id()) * 2,
                                       static_cast<bluemarble::ActionReason>(i % 16)};
    std::fprintf(out_, R"({"kind":"closed","trade":"%)" PRIu64 R"(","reason":%d)", closed.trade_id,
                 i % 16);
    PrintBytes(out_, protocol::ServerControl(closed));
  }

  FILE* out_;
  core::Random random_{kBelongingsSeed};
};

}  // namespace

void PrintBelongings(FILE* out) { Belongings(out).Print(); }

}  // namespace browser_test
