/// How fast durable events are, against what the same PostgreSQL takes from a bare COPY loop: in
/// one run, on one private cluster, rounds of each kind taking turns so that a neighbour's load
/// falls on all alike. Prints one JSON object; exit 1 when a ratio is below its limit.
///
///   durable_bench [--rounds n] [--players n] [--group n] [--groups-per-round n]
#include <fmt/format.h>
#include <libpq-fe.h>
#include <sys/resource.h>
#include <sys/times.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "persistence/pg_migrate.h"
#include "persistence/pg_partitions.h"
#include "persistence/pg_store.h"
#include "support/pg_cluster.h"

namespace bluemarble {
namespace {

using namespace persistence;

constexpr double kTransactionalLimit = 0.2;
constexpr double kProgressiveLimit = 0.6;
constexpr int kUpdatesPerRow = 10;
constexpr int64_t kStartUs = 1'795'000'000'000'000;
constexpr uint32_t kApple = 1;

struct Sizes {
  int rounds = 8;
  int players = 5000;
  int group = 1000;
  int groups_per_round = 10;
};

[[noreturn]] void Fail(const std::string& why) { throw std::runtime_error(why); }
void Check(const core::Status& status) {
  if (!status.ok()) Fail(status.ToString());
}

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
double ClientCpu() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}
double ServerCpu(const support::PgCluster& cluster) {
  double ticks = 0;
  for (const pid_t pid : cluster.Processes()) {
    std::ifstream file(fmt::format("/proc/{}/stat", pid));
    const std::string line((std::istreambuf_iterator<char>(file)), {});
    const size_t after = line.rfind(')');
    if (after == std::string::npos) continue;
    unsigned long user = 0;
    unsigned long system = 0;
    std::sscanf(line.c_str() + after + 2, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu",
                &user, &system);
    ticks += static_cast<double>(user + system);
  }
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

struct Measured {
  double seconds = 0;
  double client_cpu = 0;
  double server_cpu = 0;
  double count = 0;
  double rate() const { return count / seconds; }
};

/// The clock that the store stamps partitions by.
class FixedClock final : public core::Clock {
 public:
  int64_t NowNs() const override { return 1; }
  int64_t WallUs() const override { return kStartUs; }
};

class Bench {
 public:
  explicit Bench(const Sizes& sizes) : sizes_(sizes) {
    settings_.url = cluster_.url();
    settings_.schema = "zone";
    settings_.call_timeout_ms = 60'000;
    auto migration = OpenPgForMigration(settings_);
    Check(migration.status());
    Check(PgMigrateUp(**migration, false, 1).status());
    store_ = Open(settings_);
    // The bare loop's table: the same migration and partitions in a schema of its own.
    bare_settings_ = settings_;
    bare_settings_.schema = "bare";
    auto bare = OpenPgForMigration(bare_settings_);
    Check(bare.status());
    Check(PgMigrateUp(**bare, false, 1).status());
    Check(MakeEventPartitions(**bare, {}, kStartUs).status());
    bare_.reset(PQconnectdb(cluster_.url().c_str()));
    Exec("SET search_path = bare");
    LogEverybodyIn();
  }

  int Run() {
    for (int round = 0; round < sizes_.rounds; ++round) {
      CopyRound();
      TransactionalRound();
      ProgressiveRound();
      TradeRound();
    }
    const double transactional = transactional_.rate() / copy_.rate();
    const double progressive = progressive_.rate() / copy_.rate();
    const bool pass = transactional >= kTransactionalLimit && progressive >= kProgressiveLimit;
    std::string json = fmt::format(
        "{{\"id\":\"durable_bench\",\"players\":{},\"group\":{},\"rounds\":{},"
        "\"groups_per_round\":{}",
        sizes_.players, sizes_.group, sizes_.rounds, sizes_.groups_per_round);
    json += Line("copy_rows_per_s", copy_);
    json += Line("transactional_events_per_s", transactional_);
    json += Line("progressive_updates_per_s", progressive_);
    json += Line("trades_per_s", trades_);
    json += fmt::format(
        ",\"transactional_ratio\":{:.3f},\"transactional_limit\":{},\"progressive_ratio\":{:.3f},"
        "\"progressive_limit\":{},\"pass\":{}}}",
        transactional, kTransactionalLimit, progressive, kProgressiveLimit, pass);
    std::puts(json.c_str());
    store_.reset();
    bare_.reset();
    // Killed, as the cluster's destructor would, a postmaster leaves its children to be reaped by
    // whoever is process 1, which in a container may be nobody.
    cluster_.Stop();
    return pass ? 0 : 1;
  }

 private:
  struct Player {
    PlayerRow row;
    int64_t item = 0;
    int64_t item_version = 0;
  };

  static std::string Line(const char* name, const Measured& m) {
    return fmt::format(",\"{}\":{:.0f},\"{}_client_cpu\":{:.2f},\"{}_server_cpu\":{:.2f}", name,
                       m.rate(), name, m.client_cpu / m.seconds, name, m.server_cpu / m.seconds);
  }

  std::unique_ptr<Store> Open(const DatabaseSettings& settings) {
    PgStoreOptions options;
    options.database = settings;
    options.holder = "durable_bench";
    auto store = OpenPgStore(options, clock_);
    Check(store.status());
    return std::move(*store);
  }

  void Exec(const char* sql) {
    PGresult* result = PQexec(bare_.get(), sql);
    const ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_COPY_IN) Fail(PQerrorMessage(bare_.get()));
  }

  IdempotencyKey NextKey(int64_t player_id) {
    IdempotencyKey key{player_id, {}};
    const uint64_t halves[2] = {random_(), random_()};
    std::memcpy(key.bytes.data(), halves, sizeof(halves));
    return key;
  }
  PlayerState NextState(const PlayerState& from) {
    PlayerState state = from;
    state.x_m += static_cast<double>(random_() % 1000) / 500.0 - 1.0;
    state.y_m += static_cast<double>(random_() % 1000) / 500.0 - 1.0;
    state.yaw = static_cast<uint16_t>(random_());
    return state;
  }

  void LogEverybodyIn() {
    players_.resize(static_cast<size_t>(sizes_.players));
    std::vector<DurableWrite> writes;
    for (int i = 0; i < sizes_.players; ++i) {
      DurableWrite write;
      write.key = NextKey(0);
      write.at_us = ++now_us_;
      write.tick = ++tick_;
      PlayerLogin login;
      login.name = PlayerName::From(fmt::format("Player {}", i));
      login.initial = {4'000'000.0 + i % 100, 3'000'000.0 + i / 100, 3'900'000.0, 12, 100, 0, 0};
      login.starters = {{kApple, 5}};
      login.starting_gold = 1000;
      write.login = login;
      writes.push_back(std::move(write));
      if (static_cast<int>(writes.size()) < sizes_.group && i + 1 < sizes_.players) continue;
      const std::vector<WriteResult> results = Commit(writes);
      for (size_t k = 0; k < results.size(); ++k) {
        Player& player = players_[static_cast<size_t>(i) + 1 - results.size() + k];
        player.row = results[k].row;
        player.item = results[k].items.at(0).item_id;
        player.item_version = results[k].items.at(0).version;
      }
      writes.clear();
    }
  }

  std::vector<WriteResult> Commit(const std::vector<DurableWrite>& writes) {
    std::vector<WriteResult> results(writes.size());
    CommitReport report;
    Check(store_->Commit({writes, {}, 0}, results, report));
    for (const WriteResult& result : results) {
      if (result.outcome != Outcome::kOk) {
        Fail(fmt::format("refused: {}", RefusalName(result.refusal)));
      }
    }
    return results;
  }

  void Measure(Measured& into, const std::function<double()>& body) {
    const double client = ClientCpu();
    const double server = ServerCpu(cluster_);
    const double start = Now();
    const double count = body();
    into.seconds += Now() - start;
    into.client_cpu += ClientCpu() - client;
    into.server_cpu += ServerCpu(cluster_) - server;
    into.count += count;
  }

  // The rows are made before the clock runs: what is measured is the server and the wire.
  void CopyRound() {
    std::vector<std::string> batches;
    for (int g = 0; g < sizes_.groups_per_round; ++g) {
      std::string text;
      for (int i = 0; i < sizes_.group; ++i) {
        const size_t p = bare_next_++ % players_.size();
        const int64_t version =
            static_cast<int64_t>(bare_next_ / players_.size()) + 3;  // ascending per player
        text += fmt::format("1\t{}\t{}\t{}\t{}\t{}\t4\t{}\t\\\\x", players_[p].row.player_id,
                            version, ++now_us_, bare_next_, ++tick_, players_[p].row.epoch);
        for (const std::byte byte : EncodePlayerState(NextState(players_[p].row.state))) {
          text += fmt::format("{:02x}", static_cast<unsigned>(byte));
        }
        text += '\n';
      }
      batches.push_back(std::move(text));
    }
    Measure(copy_, [&] {
      for (const std::string& batch : batches) {
        Exec("BEGIN");
        Exec(
            "COPY event (aggregate_type, aggregate_id, version, at_us, seq, tick, kind, epoch,"
            " payload) FROM STDIN");
        PQputCopyData(bare_.get(), batch.data(), static_cast<int>(batch.size()));
        PQputCopyEnd(bare_.get(), nullptr);
        while (PGresult* result = PQgetResult(bare_.get())) {
          if (PQresultStatus(result) != PGRES_COMMAND_OK) Fail(PQerrorMessage(bare_.get()));
          PQclear(result);
        }
        Exec("COMMIT");
      }
      return static_cast<double>(sizes_.group) * sizes_.groups_per_round;
    });
  }

  // Requests are made before the clock runs, as the zone thread makes them beside the committer.
  void TransactionalRound() {
    std::vector<std::vector<DurableWrite>> groups(static_cast<size_t>(sizes_.groups_per_round));
    for (auto& group : groups) {
      for (int i = 0; i < sizes_.group; ++i) {
        Player& player = players_[next_++ % players_.size()];
        DurableWrite write;
        write.key = NextKey(player.row.player_id);
        write.at_us = ++now_us_;
        write.tick = ++tick_;
        player.row.state = NextState(player.row.state);
        write.updates.push_back({player.row.player_id, player.row.epoch, player.row.version++,
                                 player.row.state, EventKind::kSample,
                                 EncodePlayerState(player.row.state)});
        group.push_back(std::move(write));
      }
    }
    Measure(transactional_, [&] {
      double events = 0;
      for (const auto& group : groups) events += static_cast<double>(Commit(group).size());
      return events;
    });
  }

  // Ten updates of each player arrive, the newest is written: what CommitPipeline does.
  void ProgressiveRound() {
    std::vector<PositionSave> updates;
    for (int n = 0; n < kUpdatesPerRow; ++n) {
      ++tick_;
      for (Player& player : players_) {
        player.row.state = NextState(player.row.state);
        updates.push_back({player.row.player_id, player.row.epoch, tick_, player.row.state});
      }
    }
    Measure(progressive_, [&] {
      std::unordered_map<int64_t, size_t> place;
      std::vector<PositionSave> newest;
      for (const PositionSave& update : updates) {
        const auto [at, fresh] = place.try_emplace(update.player_id, newest.size());
        if (fresh) {
          newest.push_back(update);
        } else {
          newest[at->second] = update;
        }
      }
      CommitReport report;
      Check(store_->Commit({{}, newest, 0}, {}, report));
      if (report.positions_saved != players_.size()) Fail("positions were not saved");
      return static_cast<double>(updates.size());
    });
  }

  // Each gives the other an item; gold goes one way.
  void TradeRound() {
    std::vector<DurableWrite> group;
    std::vector<std::pair<Player*, Player*>> pairs;
    for (int i = 0; i < sizes_.group / 4; ++i) {
      Player& a = players_[trade_next_ % players_.size()];
      Player& b = players_[(trade_next_ + 1) % players_.size()];
      trade_next_ += 2;
      Player& first = a.row.player_id < b.row.player_id ? a : b;
      Player& second = &first == &a ? b : a;
      DurableWrite write;
      write.key = NextKey(first.row.player_id);
      write.also = NextKey(second.row.player_id);
      write.at_us = ++now_us_;
      write.tick = ++tick_;
      write.owners = {{first.row.player_id, first.row.epoch},
                      {second.row.player_id, second.row.epoch}};
      auto give = [](const Player& from, const Player& to) {
        ItemChange change;
        change.op = ItemOp::kMove;
        change.item_id = from.item;
        change.expected_version = from.item_version;
        change.from_holder = from.row.player_id;
        change.to_holder = to.row.player_id;
        return change;
      };
      write.items = {give(first, second), give(second, first)};
      write.postings = {{first.row.player_id, -1}, {second.row.player_id, 1}};
      pairs.emplace_back(&first, &second);
      group.push_back(std::move(write));
    }
    Measure(trades_, [&] { return static_cast<double>(Commit(group).size()); });
    for (auto& [a, b] : pairs) {
      std::swap(a->item, b->item);
      std::swap(a->item_version, b->item_version);
      ++a->item_version;
      ++b->item_version;
    }
  }

  const Sizes sizes_;
  support::PgCluster cluster_;
  FixedClock clock_;
  DatabaseSettings settings_;
  DatabaseSettings bare_settings_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<PGconn, decltype(&PQfinish)> bare_{nullptr, &PQfinish};
  std::mt19937_64 random_{7};
  std::vector<Player> players_;
  int64_t now_us_ = kStartUs;
  core::Tick tick_ = 1;
  size_t next_ = 0;
  size_t bare_next_ = 0;
  size_t trade_next_ = 0;
  Measured copy_;
  Measured transactional_;
  Measured progressive_;
  Measured trades_;
};

}  // namespace
}  // namespace bluemarble

int main(int argc, char** argv) {
  bluemarble::Sizes sizes;
  const std::pair<std::string, int*> options[] = {{"--rounds", &sizes.rounds},
                                                  {"--players", &sizes.players},
                                                  {"--group", &sizes.group},
                                                  {"--groups-per-round", &sizes.groups_per_round}};
  for (int i = 1; i < argc; i += 2) {
    const auto* option = std::find_if(std::begin(options), std::end(options),
                                      [&](const auto& o) { return o.first == argv[i]; });
    const int value = i + 1 < argc ? std::atoi(argv[i + 1]) : 0;
    if (option == std::end(options) || value < 1) {
      std::fprintf(stderr, "durable_bench: not understood: %s\n", argv[i]);
      return 2;
    }
    *option->second = value;
  }
  try {
    return bluemarble::Bench(sizes).Run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "durable_bench: %s\n", error.what());
    return 2;
  }
}
