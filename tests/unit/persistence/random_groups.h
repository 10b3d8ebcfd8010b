/// Random groups of writes, good and bad ones, against a store and against a model that knows only
/// the rules: it copies the whole world before each write and throws the copy away on a refusal.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/hash.h"
#include "store_contract_backend.h"

namespace bluemarble::persistence {

class RandomGroups {
 public:
  RandomGroups(Backend& backend, uint64_t seed) : backend_(backend), random_(seed), seed_(seed) {}

  void Run(int groups) {
    for (int i = 0; i < groups && !testing::Test::HasFailure(); ++i) {
      SCOPED_TRACE("seed " + std::to_string(seed_) + " group " + std::to_string(i));
      RunGroup(1 + random_.Below(12));
      if (random_.Below(20) == 0) backend_.Restart();
    }
    CompareEvents();
  }
  /// By outcome and refusal, so that a test can tell whether it tried anything.
  const std::map<Refusal, int>& answers() const { return answers_; }

 private:
  struct World {
    std::map<std::string, int64_t> names;
    std::map<int64_t, int64_t> versions;  // of players
    std::map<int64_t, ItemRow> items;
    std::map<int64_t, int64_t> gold;
    std::map<uint32_t, std::pair<int64_t, int64_t>> supply;
    int64_t next_player = 1;
    int64_t next_item = 1;
    int64_t events = 0;
  };
  struct Answer {
    Refusal refusal = Refusal::kNone;
    bool repeated = false;
  };

  int64_t Id(int64_t number) const { return ShardPrefix("zone") << kPlayerNumberBits | number; }

  // ---- The model.

  Answer Expect(const DurableWrite& write) {
    if (const auto known = keys_.find(write.key); known != keys_.end()) {
      if (known->second.first != RequestDigest(write)) return {Refusal::kKeyReused, false};
      return {known->second.second, true};
    }
    World next = world_;
    const Refusal refusal = Try(write, next);
    if (refusal == Refusal::kNone) world_ = std::move(next);
    if (refusal == Refusal::kNone || IsFinal(refusal))
      keys_[write.key] = {RequestDigest(write), refusal};
    return {refusal, false};
  }

  Refusal Try(const DurableWrite& write, World& world) const {
    if (write.refuse_with != Refusal::kNone) return write.refuse_with;
    if (write.login) return TryLogin(write, world);
    int64_t sum = 0;
    for (const Posting& posting : write.postings) sum += posting.amount;
    if (sum != 0) return Refusal::kInvalid;
    for (const Owner& owner : write.owners) {
      if (!world.versions.contains(owner.player_id)) return Refusal::kNotFound;
      if (owner.epoch != 1) return Refusal::kNotOwner;
    }
    for (const PlayerUpdate& update : write.updates) {
      if (world.versions.at(update.player_id) != update.expected_version) return Refusal::kVersion;
      ++world.versions[update.player_id];
      ++world.events;
    }
    for (const ItemChange& change : write.items) {
      const Refusal refusal = TryItem(change, world);
      if (refusal != Refusal::kNone) return refusal;
    }
    for (const Posting& posting : write.postings) {
      int64_t& gold = world.gold[posting.account_id];
      gold += posting.amount;
      ++world.events;
      if (posting.account_id > 0 && gold < 0) return Refusal::kInsufficient;
    }
    return Refusal::kNone;
  }

  Refusal TryLogin(const DurableWrite& write, World& world) const {
    const std::string name(write.login->name.view());
    if (!world.names.contains(name)) {
      const int64_t id = Id(world.next_player++);
      world.names[name] = id;
      world.versions[id] = 1;
      ++world.events;
      for (const Starter& starter : write.login->starters)
        Make(starter.definition, starter.quantity, id, {}, world);
      if (write.login->starting_gold != 0) {
        world.gold[kMintAccount] -= write.login->starting_gold;
        world.gold[id] += write.login->starting_gold;
        world.events += 2;
      }
    }
    ++world.versions[world.names[name]];
    ++world.events;
    return Refusal::kNone;
  }

  void Put(uint32_t definition, uint32_t quantity, int64_t holder, const ItemPlace& place,
           World& world) const {
    const int64_t id = Id(world.next_item++);
    world.items[id] = {id, 1, holder, definition, quantity, place};
    ++world.events;
  }
  void Make(uint32_t definition, uint32_t quantity, int64_t holder, const ItemPlace& place,
            World& world) const {
    Put(definition, quantity, holder, place, world);
    world.supply[definition].first += quantity;
  }

  static Refusal Look(const World& world, int64_t id, int64_t version, int64_t holder) {
    const auto found = world.items.find(id);
    if (found == world.items.end() || found->second.holder != holder) return Refusal::kNotHolder;
    return found->second.version == version ? Refusal::kNone : Refusal::kVersion;
  }

  Refusal TryItem(const ItemChange& change, World& world) const {
    if (change.op == ItemOp::kCreate) {
      Make(change.definition, change.quantity, change.to_holder, change.place, world);
      return Refusal::kNone;
    }
    Refusal refusal = Look(world, change.item_id, change.expected_version, change.from_holder);
    if (refusal != Refusal::kNone) return refusal;
    ItemRow& item = world.items[change.item_id];
    ++item.version;
    ++world.events;
    if (change.op == ItemOp::kMove) {
      item.holder = change.to_holder;
      item.place = change.place;
    } else if (change.op == ItemOp::kSplit) {
      if (change.quantity >= item.quantity) return Refusal::kBadAmount;
      item.quantity -= change.quantity;
      Put(item.definition, change.quantity, item.holder, item.place, world);
    } else if (change.op == ItemOp::kMerge) {
      refusal = Look(world, change.other_item_id, change.other_version, change.from_holder);
      if (refusal != Refusal::kNone) return refusal;
      if (world.items[change.other_item_id].definition != item.definition) return Refusal::kInvalid;
      item.quantity += world.items[change.other_item_id].quantity;
      world.items.erase(change.other_item_id);
      ++world.events;
    } else {
      world.supply[item.definition].second += item.quantity;
      world.items.erase(change.item_id);
    }
    return Refusal::kNone;
  }

  // ---- What is tried.

  DurableWrite Draw() {
    if (!history_.empty() && random_.Below(12) == 0)
      return history_[random_.Below(history_.size())];
    const uint64_t number = ++number_;
    const uint64_t what = random_.Below(10);
    if (world_.names.size() < 2 || what == 0) {
      DurableWrite login = Login(number, "Player" + std::to_string(random_.Below(5)));
      login.login->starting_gold = static_cast<int64_t>(random_.Below(3) * 50);
      for (uint64_t i = random_.Below(3); i > 0; --i)
        login.login->starters.push_back({1 + static_cast<uint32_t>(random_.Below(3)), 5});
      return login;
    }
    const PlayerRow first = AnyPlayer();
    if (what == 1) return Sample(number, first, first.version - Slip(), 1, number);
    PlayerRow second = AnyPlayer();
    DurableWrite write = second.player_id == first.player_id ? Action(number, {first})
                                                             : Action(number, {first, second});
    write.tick = number;
    if (what == 2) {
      write.refuse_with = random_.Below(2) == 0 ? Refusal::kTooFar : Refusal::kBusy;
      return write;
    }
    if (random_.Below(30) == 0) write.owners[0].epoch = 2;
    std::set<int64_t> used;
    for (uint64_t i = random_.Below(4); i > 0; --i) AddItem(write, used);
    if (write.items.empty() || random_.Below(3) == 0) AddPayment(write);
    return write;
  }

  int64_t Slip() { return random_.Below(8) == 0 ? 1 : 0; }

  PlayerRow AnyPlayer() {
    auto it = world_.names.begin();
    std::advance(it, static_cast<int64_t>(random_.Below(world_.names.size())));
    PlayerRow row;
    row.player_id = it->second;
    row.version = world_.versions[it->second];
    row.epoch = 1;
    return row;
  }
  int64_t AnyHolder(const DurableWrite& write) {
    const uint64_t draw = random_.Below(write.owners.size() + 1);
    return draw == write.owners.size() ? kHeldByWorld : write.owners[draw].player_id;
  }
  const ItemRow* AnyItem(const DurableWrite& write, std::set<int64_t>& used) {
    std::vector<const ItemRow*> within;
    for (const auto& [id, item] : world_.items) {
      bool reach = item.holder <= 0;
      for (const Owner& owner : write.owners) reach |= owner.player_id == item.holder;
      if (reach && !used.contains(id)) within.push_back(&item);
    }
    if (within.empty()) return nullptr;
    const ItemRow* item = within[random_.Below(within.size())];
    used.insert(item->item_id);
    return item;
  }

  void AddItem(DurableWrite& write, std::set<int64_t>& used) {
    const ItemRow* found = AnyItem(write, used);
    const uint64_t what = random_.Below(6);
    if (found == nullptr || what == 0) {
      const int64_t holder = AnyHolder(write);
      write.items.push_back(Create(1 + static_cast<uint32_t>(random_.Below(3)),
                                   1 + static_cast<uint32_t>(random_.Below(9)), holder,
                                   PlaceFor(holder)));
      return;
    }
    ItemRow item = *found;
    item.version += Slip();
    if (random_.Below(20) == 0) item.item_id += 1'000'000;
    if (what == 1) {
      write.items.push_back(Destroy(item));
    } else if (what == 2) {
      write.items.push_back(Split(item, 1 + static_cast<uint32_t>(random_.Below(6))));
    } else if (const ItemRow* other = what == 3 ? AnyItem(write, used) : nullptr) {
      write.items.push_back(Merge(item, *other));
    } else if (const int64_t to = AnyHolder(write); to != item.holder) {
      write.items.push_back(Move(item, to, PlaceFor(to)));
    }
  }
  ItemPlace PlaceFor(int64_t holder) {
    return holder == kHeldByWorld ? PlaceAt(static_cast<double>(random_.Below(1000))) : ItemPlace{};
  }

  void AddPayment(DurableWrite& write) {
    const int64_t system[] = {kMintAccount, kSinkAccount, kAdjustmentAccount};
    const int64_t payer = write.owners[0].player_id;
    int64_t other = system[random_.Below(3)];
    if (write.owners.size() > 1 && random_.Below(2) == 0) other = write.owners[1].player_id;
    write.postings = Pay(payer, other, static_cast<int64_t>(random_.Below(80)) - 40);
    if (write.postings[0].amount == 0) write.postings = Pay(payer, other, 1);
    if (random_.Below(30) == 0) ++write.postings[0].amount;
    if (write.postings[0].amount == 0) write.postings = Pay(payer, other, 1);
  }

  // ---- Both together.

  void RunGroup(uint64_t size) {
    std::vector<DurableWrite> writes;
    std::vector<Answer> expected;
    for (uint64_t i = 0; i < size; ++i) {
      writes.push_back(Draw());
      expected.push_back(Expect(writes.back()));
      history_.push_back(writes.back());
    }
    std::vector<WriteResult> results(size);
    CommitReport report;
    const core::Status status = backend_.store().Commit({writes, {}, 0}, results, report);
    ASSERT_TRUE(status.ok()) << status.ToString();
    for (size_t i = 0; i < size; ++i) {
      EXPECT_EQ(RefusalName(results[i].refusal), RefusalName(expected[i].refusal)) << i;
      EXPECT_EQ(results[i].repeated, expected[i].repeated) << i;
      EXPECT_EQ(results[i].outcome == Outcome::kOk, results[i].refusal == Refusal::kNone) << i;
      ++answers_[results[i].refusal];
    }
    EXPECT_FALSE(report.rerun);
    EXPECT_EQ(report.last_seq, world_.events) << "no event more or less, and no gap";
    CompareRows();
  }

  void CompareRows() {
    std::map<int64_t, std::vector<ItemRow>> held;
    for (const auto& [id, item] : world_.items) held[item.holder].push_back(item);
    EXPECT_EQ(backend_.ItemsOf(kHeldByWorld), held[kHeldByWorld]);
    int64_t gold = 0;
    for (const auto& [name, id] : world_.names) {
      EXPECT_EQ(backend_.ItemsOf(id), held[id]) << name;
      EXPECT_EQ(backend_.store().LoadPlayer(name)->version, world_.versions[id]) << name;
    }
    for (const auto& [account, balance] : world_.gold) {
      EXPECT_EQ(backend_.Account(account).balance, balance) << account;
      gold += backend_.Account(account).balance;
    }
    EXPECT_EQ(gold, 0);
    for (const auto& [definition, sums] : world_.supply)
      EXPECT_EQ(backend_.Supply(definition), sums) << definition;
  }

  void CompareEvents() {
    std::map<std::pair<AggregateType, int64_t>, int64_t> versions;
    int64_t seq = 0;
    for (const EventRow& event : backend_.AllEvents()) {
      EXPECT_EQ(event.seq, ++seq);
      EXPECT_EQ(event.version, ++versions[std::pair(event.aggregate_type, event.aggregate_id)]);
    }
    EXPECT_EQ(seq, world_.events);
  }

  Backend& backend_;
  core::Random random_;
  const uint64_t seed_;
  World world_;
  std::map<IdempotencyKey, std::pair<uint64_t, Refusal>> keys_;
  std::vector<DurableWrite> history_;
  std::map<Refusal, int> answers_;
  uint64_t number_ = 0;
};

}  // namespace bluemarble::persistence
