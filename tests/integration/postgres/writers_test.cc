/// T-31: 64 threads that ask at once, each after a random wait, many to be refused; a consumer on a
/// connection of its own that polls by seq. What it saw must be every event once and in order, and
/// lead to the state that the committer has in memory. A few seconds by default; scripts/soak sets
///
///   BLUEMARBLE_WRITERS_SECONDS (3), _WAIT_MS (100), _PLAYERS (4, of each writer), _SEED (1)
///
/// and takes the one line of JSON that is printed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/hash.h"
#include "persistence/committer.h"
#include "persistence/history.h"
#include "postgres_backend.h"

namespace bluemarble::persistence {
namespace {

constexpr int kWriters = 64;
constexpr int kPatienceMs = 120'000;
constexpr int64_t kStartingGold = 100;
constexpr size_t kLoginEvents = 6;
constexpr size_t kLoginEffects = 4;  // two items, two accounts

int64_t Size(const char* name, int64_t otherwise) {
  const char* const text = std::getenv(fmt::format("BLUEMARBLE_WRITERS_{}", name).c_str());
  return text == nullptr ? otherwise : std::max<int64_t>(1, std::atoll(text));
}

struct Sizes {
  int64_t seconds = Size("SECONDS", 3);
  int64_t wait_ms = Size("WAIT_MS", 100);
  int64_t players = Size("PLAYERS", 4);
  int64_t seed = Size("SEED", 1);
};

using RequestKey = std::pair<int64_t, std::array<std::byte, 16>>;

/// What one request came to, and how many events of items and accounts must name it.
struct Told {
  RequestKey key;
  Outcome outcome = Outcome::kUnknown;
  size_t effects = 0;
};

/// What all writers know of the world: stale by the time they act on it, as it should be.
class Market {
 public:
  void Add(const PlayerRow& row, const std::vector<ItemRow>& items) {
    const std::lock_guard lock(mutex_);
    players_.push_back({row.player_id, row.epoch});
    for (const ItemRow& item : items) Take(item);
  }
  void Changed(const std::vector<ItemRow>& items) {
    const std::lock_guard lock(mutex_);
    for (const ItemRow& item : items) Take(item);
  }
  Owner AnyPlayer(std::mt19937_64& random) {
    const std::lock_guard lock(mutex_);
    return players_[random() % players_.size()];
  }
  /// Often one of a few that everybody wants.
  ItemRow AnyItem(std::mt19937_64& random) {
    const std::lock_guard lock(mutex_);
    constexpr size_t kWanted = 32;
    const bool wanted = random() % 4 == 0;
    return items_[random() % std::min(items_.size(), wanted ? kWanted : items_.size())];
  }

 private:
  void Take(const ItemRow& item) {
    const auto [at, fresh] = place_.try_emplace(item.item_id, items_.size());
    if (fresh) return items_.push_back(item);
    if (items_[at->second].version < item.version) items_[at->second] = item;
  }

  std::mutex mutex_;
  std::vector<Owner> players_;
  std::vector<ItemRow> items_;
  std::map<int64_t, size_t> place_;
};

/// One thread: logs its own players in, and then changes all of them with each request, besides
/// what it gives to other writers' players or takes from them.
class Writer {
 public:
  Writer(Committer& committer, Market& market, const Sizes& sizes, int number)
      : committer_(committer),
        market_(market),
        sizes_(sizes),
        number_(number),
        random_(static_cast<uint64_t>(sizes.seed * kWriters + number)) {}

  void LogIn() {
    for (int64_t i = 0; i < sizes_.players; ++i) {
      DurableWrite write = Login(random_(), fmt::format("Writer {} {}", number_, i));
      write.at_us = 0;
      write.login->starters = {{7, 1000}, {8, 1}};
      write.login->starting_gold = kStartingGold;
      const WriteResult result = Ask(write, kLoginEffects);
      if (result.outcome != Outcome::kOk) return;
      rows.push_back(result.row);
      market_.Add(result.row, result.items);
    }
  }

  void Run(std::chrono::steady_clock::time_point until) {
    while (std::chrono::steady_clock::now() < until && problem.empty()) {
      DurableWrite write = Request();
      const size_t effects = Deal(write);
      Spoil(write);
      std::this_thread::sleep_for(std::chrono::microseconds(random_() % (1000 * sizes_.wait_ms)));
      const WriteResult result = Ask(write, effects);
      if (result.outcome != Outcome::kOk) continue;
      market_.Changed(result.changed);
      for (size_t i = 0; i < rows.size(); ++i) {
        ++rows[i].version;
        rows[i].state = write.updates[i].state;
      }
      // Whoever asks again hears the same, and nothing happens.
      if (random_() % 8 == 0) Repeat(write, result);
    }
  }

  std::vector<PlayerRow> rows;  ///< As told, ascending.
  std::vector<Told> told;
  std::map<Refusal, int> refusals;
  int repeats = 0;
  std::string problem;  ///< Empty: none.

 private:
  WriteResult Ask(const DurableWrite& write, size_t effects) {
    const auto result = committer_.CommitNow(write, kPatienceMs);
    if (!result.ok()) {
      problem = result.status().ToString();
      return {};
    }
    told.push_back({{write.key.player_id, write.key.bytes}, result->outcome, effects});
    if (result->outcome == Outcome::kRefused) ++refusals[result->refusal];
    return *result;
  }
  void Repeat(const DurableWrite& write, const WriteResult& first) {
    const auto again = committer_.CommitNow(write, kPatienceMs);
    const bool same = again.ok() && again->outcome == Outcome::kOk && again->repeated &&
                      again->row.version == first.row.version && again->seq == 0;
    if (!same) problem = "a repeat was told something else";
    ++repeats;
  }

  DurableWrite Request() {
    DurableWrite write;
    write.key = Key(rows[0].player_id, random_());
    write.tick = ++tick_;
    for (const PlayerRow& row : rows) {
      const PlayerState state = StateAt(static_cast<double>(random_() % 1000));
      write.updates.push_back({row.player_id, row.epoch, row.version, state, EventKind::kSample,
                               EncodePlayerState(state)});
    }
    return write;
  }
  bool IsMine(int64_t player_id) const {
    return std::ranges::binary_search(rows, player_id, {}, &PlayerRow::player_id);
  }
  /// An item and gold between one of mine and anybody; the number of events that makes.
  size_t Deal(DurableWrite& write) {
    const PlayerRow& mine = rows[random_() % rows.size()];
    const ItemRow item = market_.AnyItem(random_);
    const Owner other = market_.AnyPlayer(random_);
    size_t effects = 0;
    auto owned = [&](const Owner& owner) {
      const bool known =
          IsMine(owner.player_id) ||
          std::ranges::find(write.owners, owner.player_id, &Owner::player_id) != write.owners.end();
      if (!known) write.owners.push_back(owner);
    };
    if (IsMine(item.holder) && random_() % 2 == 0 && item.quantity > 1) {
      write.items = {Split(item, 1)};
      effects += 2;
    } else if (item.quantity != 0 && item.holder != mine.player_id) {
      owned({item.holder, 1});
      write.items = {Move(item, mine.player_id)};
      effects += 1;
    }
    if (other.player_id != mine.player_id) {
      owned(other);
      const auto amount = static_cast<int64_t>(random_() % (kStartingGold / 2)) + 1;
      const bool pays = random_() % 2 == 0;
      write.postings = pays ? Pay(mine.player_id, other.player_id, amount)
                            : Pay(other.player_id, mine.player_id, amount);
      effects += 2;
    }
    std::ranges::sort(write.owners, {}, &Owner::player_id);
    return effects;
  }
  /// Every fourth: its last part is one that must not be, so that all of it is undone.
  void Spoil(DurableWrite& write) {
    switch (random_() % 16) {
      case 0: write.updates.back().expected_version += 1; break;
      case 1: write.updates.back().expected_version -= 1; break;
      case 2:
        if (!write.items.empty()) write.items.back().expected_version += 1;
        break;
      case 3:
        for (Posting& posting : write.postings) posting.amount *= 1'000'000;
        break;
      default: break;
    }
  }

  Committer& committer_;
  Market& market_;
  const Sizes& sizes_;
  const int number_;
  std::mt19937_64 random_;
  core::Tick tick_ = 100;
};

/// Polls by seq, and keeps of each aggregate what the newest event says.
class Consumer {
 public:
  explicit Consumer(const DatabaseSettings& settings) : settings_(settings) {}

  /// On a thread of its own, until a poll after `done` has nothing new.
  void Run(const std::atomic<bool>& done) {
    auto reader = OpenPgReader(settings_);
    if (!reader.ok()) return void(problem = reader.status().ToString());
    std::mt19937_64 random(7);
    while (problem.empty()) {
      const bool written = done.load();
      const auto events = (*reader)->ReadEventsAfter(seq, kPage);
      if (!events.ok()) return void(problem = events.status().ToString());
      for (const EventRow& event : *events) See(event);
      ++polls;
      if (events->empty()) {
        if (written) return;
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 20'000));
      }
    }
  }

  static uint64_t HashOf(const EventRow& event) {
    uint64_t hash = core::HashBytes(event.payload, static_cast<uint64_t>(event.version));
    for (const int64_t part : {event.aggregate_id, int64_t{static_cast<uint8_t>(event.kind)},
                               event.at_us, event.epoch, event.seq}) {
      hash = core::HashCombine(hash, static_cast<uint64_t>(part));
    }
    return hash;
  }

  int64_t seq = 0;
  int64_t polls = 0;
  std::vector<uint64_t> seen;  ///< HashOf each event; the first is seq 1.
  std::map<AggregateId, DecodedEvent> newest;
  std::map<RequestKey, size_t> effects;
  std::string problem;

 private:
  static constexpr size_t kPage = 1000;

  void See(const EventRow& row) {
    const AggregateId id{row.aggregate_type, row.aggregate_id};
    const auto before = newest.find(id);
    const int64_t version = before == newest.end() ? 0 : before->second.row.version;
    if (row.seq != seq + 1)
      problem = fmt::format("seq {} after {}", row.seq, seq);
    else if (row.version != version + 1)
      problem = fmt::format("{}: version {} after {}", ToString(id), row.version, version);
    seq = row.seq;
    seen.push_back(HashOf(row));
    DecodedEvent event = DecodeEvent(row);
    if (!event.readable) problem = fmt::format("seq {} cannot be read", row.seq);
    if (id.type != AggregateType::kPlayer) ++effects[{event.cause.player_id, event.cause.key}];
    newest.insert_or_assign(id, std::move(event));
  }

  const DatabaseSettings settings_;
};

class PgWriters : public testing::Test {
 protected:
  void SetUp() override {
    database_ = NewSettings(support::PgCluster::Shared());
    ASSERT_TRUE(Migrate(database_).ok());
    // What this machine cannot do in time is not what is asked here.
    database_.call_timeout_ms = 60'000;
    PgStoreOptions options;
    options.database = database_;
    auto store = OpenPgStore(options, clock_);
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    PersistenceSettings settings;
    settings.stall_ms = 60'000;
    committer_ = std::make_unique<Committer>(settings, std::move(*store), clock_);
    committer_->Start();
  }

  void Write() {
    Market market;
    Consumer& consumer = consumer_.emplace(database_);
    std::atomic<bool> done{false};
    std::thread polling([&] { consumer.Run(done); });
    for (int i = 0; i < kWriters; ++i) writers_.emplace_back(*committer_, market, sizes_, i);
    auto everybody = [this](auto act) {
      std::vector<std::thread> threads;
      for (Writer& writer : writers_) threads.emplace_back([&writer, act] { act(writer); });
      for (std::thread& thread : threads) thread.join();
    };
    everybody([](Writer& writer) { writer.LogIn(); });
    const auto start = std::chrono::steady_clock::now();
    const auto until = start + std::chrono::seconds(sizes_.seconds);
    everybody([until](Writer& writer) {
      if (writer.problem.empty()) writer.Run(until);
    });
    seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    done = true;
    polling.join();
  }

  void ExpectEachEventOnceAndInOrder() {
    const std::vector<uint64_t>& seen = consumer_->seen;
    auto reader = OpenPgReader(database_);
    ASSERT_TRUE(reader.ok()) << reader.status().ToString();
    size_t read = 0;
    for (bool more = true; more;) {
      const auto events = (*reader)->ReadEventsAfter(static_cast<int64_t>(read), 5000);
      ASSERT_TRUE(events.ok()) << events.status().ToString();
      more = !events->empty();
      for (const EventRow& event : *events) {
        ASSERT_LT(read, seen.size()) << "the consumer has not seen " << event.seq;
        ASSERT_EQ(seen[read++], Consumer::HashOf(event)) << event.seq;
      }
    }
    EXPECT_EQ(read, seen.size());
  }

  void ExpectWhatWasToldAndNothingElse() {
    size_t with_effects = 0;
    for (const Writer& writer : writers_) {
      for (const Told& told : writer.told) {
        const auto found = consumer_->effects.find(told.key);
        const size_t effects = found == consumer_->effects.end() ? 0 : found->second;
        ASSERT_EQ(effects, told.outcome == Outcome::kOk ? told.effects : 0)
            << KeyText(told.key.second) << " " << OutcomeName(told.outcome);
        with_effects += effects != 0;
      }
    }
    EXPECT_EQ(consumer_->effects.size(), with_effects);
  }

  /// What the consumer's events lead to is what the writers know of their players, and what the
  /// committer has in memory of their things.
  void ExpectTheLiveState() {
    std::map<int64_t, Inventory> rebuilt;
    for (const auto& [id, event] : consumer_->newest) {
      if (id.type == AggregateType::kItem && event.item.quantity != 0)
        rebuilt[event.item.holder].items.push_back(event.item);
      if (id.type == AggregateType::kAccount) rebuilt[id.id].gold = event.balance;
    }
    for (const Writer& writer : writers_) {
      for (const PlayerRow& row : writer.rows) {
        const DecodedEvent& newest = consumer_->newest[{AggregateType::kPlayer, row.player_id}];
        ASSERT_EQ(newest.row.version, row.version);
        ASSERT_EQ(newest.player, row.state);
        const auto live = committer_->inventories().Find(row.player_id);
        ASSERT_TRUE(live.has_value()) << row.player_id;
        ASSERT_EQ(*live, rebuilt[row.player_id]) << row.player_id;
      }
    }
  }

  void ExpectTheRowsAreWhereTheEventsLead() {
    auto reader = OpenPgReader(database_);
    ASSERT_TRUE(reader.ok()) << reader.status().ToString();
    Verifier verifier(**reader);
    VerifyCursor cursor;
    while (cursor.stage != VerifyCursor::Stage::kDone) {
      ASSERT_TRUE(verifier.Step(cursor, 100'000).ok());
    }
    for (const Finding& finding : verifier.report().listed)
      ADD_FAILURE() << ToString(finding.aggregate) << ": " << finding.what;
    EXPECT_EQ(verifier.report().aggregates, consumer_->newest.size());
    const auto lines = (*reader)->Audit();
    ASSERT_TRUE(lines.ok()) << lines.status().ToString();
    for (const AuditLine& line : *lines) {
      if (line.must_be_zero) {
        EXPECT_EQ(line.value, 0) << line.name;
      }
    }
  }

  void Print() {
    size_t ok = 0, repeats = 0;
    std::map<Refusal, int> refusals;
    for (const Writer& writer : writers_) {
      ok += static_cast<size_t>(std::ranges::count(writer.told, Outcome::kOk, &Told::outcome));
      repeats += static_cast<size_t>(writer.repeats);
      for (const auto& [refusal, count] : writer.refusals) refusals[refusal] += count;
    }
    const size_t logins = writers_.size() * static_cast<size_t>(sizes_.players);
    std::string by_reason;
    for (const auto& [refusal, count] : refusals) {
      by_reason +=
          fmt::format("{}\"{}\":{}", by_reason.empty() ? "" : ",", RefusalName(refusal), count);
    }
    fmt::print(
        "{{\"writers\":{},\"wait_ms\":{},\"players\":{},\"seed\":{},\"seconds\":{:.1f},\"ok\":{},"
        "\"refused\":{{{}}},\"repeats\":{},\"polls\":{},\"events\":{},\"events_per_s\":{:.0f}}}\n",
        kWriters, sizes_.wait_ms, logins, sizes_.seed, seconds_, ok, by_reason, repeats,
        consumer_->polls, consumer_->seen.size(),
        static_cast<double>(consumer_->seen.size() - logins * kLoginEvents) / seconds_);
    for (const Refusal refusal : {Refusal::kVersion, Refusal::kInsufficient, Refusal::kNotHolder})
      EXPECT_GT(refusals[refusal], 0) << RefusalName(refusal) << ": nothing was undone";
    EXPECT_GT(repeats, 0u);
  }

  const Sizes sizes_;
  const core::SystemClock clock_;
  DatabaseSettings database_;
  std::unique_ptr<Committer> committer_;
  std::vector<Writer> writers_;
  std::optional<Consumer> consumer_;
  double seconds_ = 0;
};

TEST_F(PgWriters, AConsumerSeesEveryEventOfManyWritersOnceInOrderAndTheyLeadToTheLiveState) {
  Write();
  for (const Writer& writer : writers_) ASSERT_EQ(writer.problem, "");
  ASSERT_EQ(consumer_->problem, "");
  ExpectEachEventOnceAndInOrder();
  ExpectWhatWasToldAndNothingElse();
  ExpectTheLiveState();
  EXPECT_FALSE(committer_->Stop(kPatienceMs).timed_out);
  ExpectTheRowsAreWhereTheEventsLead();
  Print();
}

}  // namespace
}  // namespace bluemarble::persistence
