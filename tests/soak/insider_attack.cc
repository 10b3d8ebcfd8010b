// What cheating clients and blind strangers do to a sealed zone; tests/soak/insiders.py runs it and
// looks at the zone meanwhile. One JSON object on stdout; exit 0: the attack was carried out.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/clock.h"
#include "forged.h"
#include "insider_crew.h"
#include "mutants.h"
#include "net/precheck.h"
#include "net/sealed_packets.h"

namespace bluemarble::insiders {
namespace {

using nlohmann::json;

const core::SystemClock kClock;
constexpr double kGatherSeconds = 60;
constexpr uint16_t kPeers = 4095;  // ids 0 to 4094; 4095 is nobody

struct Options {
  std::string server, victims;
  uint64_t seed = 1, count = 1'000'000;
  size_t sessions = 32, play_every = 4, whole = 4, guesses = 200;
  uint16_t ids = 128, insider_ids = kPeers, decoy_port = 0;
  double rate_hz = 20'000, most_seconds = 3600;
};

double SecondsSince(int64_t ns) { return static_cast<double>(kClock.NowNs() - ns) / 1e9; }

[[noreturn]] void Fail(const std::string& why) {
  std::cerr << "insider_attack: " << why << '\n';
  std::exit(2);
}

/// Keeps a rate, and makes up for no pause by a burst, which the kernel would drop. `idle` is
/// called now and then.
class Pace {
 public:
  Pace(double rate_hz, std::function<void()> idle)
      : every_ns_(1e9 / rate_hz), idle_(std::move(idle)) {}
  void Spend() {
    constexpr int kAtOnce = 64;
    due_ns_ += every_ns_;
    if (++spent_ % kAtOnce != 0) return;
    idle_();
    constexpr double kMostBehindNs = 20e6;
    due_ns_ = std::max(due_ns_, static_cast<double>(kClock.NowNs()) - kMostBehindNs);
    while (due_ns_ > static_cast<double>(kClock.NowNs())) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      idle_();
    }
  }

 private:
  const double every_ns_;
  const std::function<void()> idle_;
  double due_ns_ = 0;
  uint64_t spent_ = 0;
};

// ---- T-8

struct Victim {
  net::Address client, server;
};

std::vector<Victim> ReadVictims(const std::string& file) {
  constexpr uint32_t kLoopbackV4 = 0x7f000001;
  std::ifstream in(file);
  std::vector<Victim> out;
  uint16_t client = 0, server = 0;
  while (in >> client >> server) out.push_back({{kLoopbackV4, client}, {kLoopbackV4, server}});
  if (out.empty()) Fail("no victims in " + file);
  return out;
}

class Kick {
 public:
  explicit Kick(const Options& options)
      : options_(options),
        crew_(kClock, {.server = options.server, .size = 1, .play_every = 1, .seed = options.seed}),
        pace_(options.rate_hz, [this] { crew_.Service(); }),
        random_(options.seed) {}

  json Run() {
    if (!raw_.open()) Fail("raw sockets need root");
    const auto victims = ReadVictims(options_.victims);
    if (!crew_.Gather(1, kGatherSeconds)) Fail("the insider is not let in: " + crew_.last_error());
    crew_.at(0).Divert(options_.decoy_port);
    std::cerr << "begins" << std::endl;
    const int64_t began_ns = kClock.NowNs();
    json out{{"attack", "kick"}, {"victims", victims.size()}};
    for (size_t i = 0; i < victims.size() && SecondsSince(began_ns) < options_.most_seconds; ++i) {
      AsVictim(victims[i], i < options_.whole ? kPeers : options_.ids);
      AsServer(victims[i]);
    }
    raw_.Flush();
    out["forged_enet"] = enet_;
    out["forged_seals"] = seals_;
    out["forged_to_clients"] = to_clients_;
    out["not_sent"] = raw_.failed();
    AsInsider();
    out["sealed_for_others"] = for_others_;
    out["insider_sessions"] = crew_.begun();
    out["insider_ended"] = crew_.ended();
    out["seconds"] = SecondsSince(began_ns);
    crew_.Quit();
    return out;
  }

 private:
  void Forge(const net::Address& from, const net::Address& to, const Bytes& bytes,
             uint64_t& counter) {
    raw_.Send(from, options_.decoy_port == 0 ? to : net::Address{to.v4, options_.decoy_port},
              bytes);
    ++counter;
    pace_.Spend();
  }

  template <typename Visit>
  void EachCommand(uint16_t ids, Visit visit) {
    for (uint32_t id = 0; id <= ids; ++id) {
      const auto peer = static_cast<uint16_t>(id == ids ? kPeers : id);
      for (uint16_t session = 0; session < 4; ++session) {
        for (int kind = 1; kind <= kEnetKinds; ++kind)
          visit(EnetCommand(kind, static_cast<int>(random_.Below(2)), peer, session, random_));
      }
    }
  }

  void AsVictim(const Victim& victim, uint16_t ids) {
    EachCommand(ids,
                [&](const Bytes& bytes) { Forge(victim.client, victim.server, bytes, enet_); });
    for (size_t i = 0; i < options_.guesses; ++i) {
      for (const uint8_t type : std::array<uint8_t, 4>{0x04, 0x05, 0x84, 0x85}) {
        // A host that counted its sessions would be found by small numbers.
        const uint64_t session = random_.Chance(0.3) ? i : random_.Next();
        const size_t bytes = net::kSealBytes + random_.Below(kEnetMtu);
        Forge(victim.client, victim.server, SealedGuess(type, session, bytes, random_), seals_);
      }
      const auto type = static_cast<uint8_t>(1 + random_.Below(7));
      Forge(victim.client, victim.server, HandshakeGuess(type, random_), seals_);
    }
  }

  // What only a server says, and ENet's commands without a seal.
  void AsServer(const Victim& victim) {
    constexpr uint16_t kIdsOfClients = 4;
    EachCommand(kIdsOfClients, [&](const Bytes& bytes) {
      Forge(victim.server, victim.client, bytes, to_clients_);
    });
    for (size_t i = 0; i < options_.guesses; ++i) {
      for (const uint8_t type : std::array<uint8_t, 8>{2, 3, 4, 5, 6, 6, 6, 7})
        Forge(victim.server, victim.client, HandshakeGuess(type, random_), to_clients_);
    }
  }

  // With good keys of its own, for everybody else's peer. What the pre-check refuses would end it.
  void AsInsider() {
    Insider& insider = crew_.at(0);
    crew_.StayOut();
    EachCommand(options_.insider_ids, [&](const Bytes& bytes) {
      constexpr uint16_t kPeerAndSession = 0x3fff;
      const auto head = static_cast<uint16_t>(
          (std::to_integer<uint16_t>(bytes[0]) << 8 | std::to_integer<uint16_t>(bytes[1])) &
          kPeerAndSession);
      if (!insider.ready() || head == insider.head() ||
          net::Precheck(bytes, net::Direction::kToServer) != net::Verdict::kOk)
        return;
      insider.Seal(bytes);
      ++for_others_;
      pace_.Spend();
    });
  }

  const Options options_;
  Crew crew_;
  Pace pace_;
  core::Random random_;
  RawSocket raw_;
  uint64_t enet_ = 0, seals_ = 0, to_clients_ = 0, for_others_ = 0;
};

// ---- T-9

class Mutants {
 public:
  explicit Mutants(const Options& options)
      : options_(options),
        crew_(kClock, {.server = options.server,
                       .size = options.sessions,
                       .play_every = options.play_every,
                       .seed = options.seed}),
        mutator_(options.seed),
        stranger_(socket(AF_INET, SOCK_DGRAM, 0)) {}
  ~Mutants() { close(stranger_); }
  Mutants(const Mutants&) = delete;
  Mutants& operator=(const Mutants&) = delete;

  json Run() {
    constexpr uint16_t kSecondsOfCaptures = 2;
    if (!crew_.Gather(crew_.size(), kGatherSeconds))
      Fail("not all insiders are let in: " + crew_.last_error());
    for (const int64_t from_ns = kClock.NowNs(); SecondsSince(from_ns) < kSecondsOfCaptures;)
      Rest();
    for (size_t i = 0; i < crew_.size(); ++i) crew_.at(i).Divert(options_.decoy_port);
    std::cerr << "begins" << std::endl;
    const int64_t began_ns = kClock.NowNs();
    const uint64_t half = options_.count / 2;
    double spent = 0;
    while ((raw_ < half || sealed_ < half) && SecondsSince(began_ns) < options_.most_seconds) {
      // At most a twentieth of a second at once, so that a pause is no burst.
      const double due = options_.rate_hz / 2 * SecondsSince(began_ns);
      spent = std::max(spent, due - options_.rate_hz / 40);
      const auto now = static_cast<uint64_t>(due - spent);
      spent += static_cast<double>(now);
      for (uint64_t i = 0; i < now && raw_ < half; ++i) SendRaw();
      SendSealed(std::min(now, half - std::min(half, sealed_)));
      Rest();
    }
    json out{{"attack", "mutants"},
             {"raw", raw_},
             {"sealed", sealed_},
             {"sessions", crew_.begun()},
             {"ended", crew_.ended()},
             {"joins_failed", crew_.joins_failed()},
             {"last_error", crew_.last_error()},
             {"seconds", SecondsSince(began_ns)}};
    crew_.Quit();
    return out;
  }

 private:
  void Rest() {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    crew_.Service();
  }

  // Damaged outside, from the session's own address or a stranger's: sealed ones, and such as were
  // never sealed.
  void SendRaw() {
    const bool sealed = mutator_.random().Chance(0.6);
    const auto& captured = sealed ? crew_.tapped().wire.kept() : crew_.tapped().enet.kept();
    constexpr size_t kSomeMoreThanAllowed = kDatagramBytes + 64;
    Bytes bytes;
    if (mutator_.random().Chance(0.1)) {
      bytes = captured[mutator_.random().Below(captured.size())];
    } else {
      bytes = mutator_.Next(captured, kSomeMoreThanAllowed);
    }
    Insider& insider = crew_.at(mutator_.random().Below(crew_.size()));
    if (insider.ready() && mutator_.random().Chance(0.5)) {
      insider.SendRaw(bytes);
    } else {
      SendToLoopback(stranger_,
                     options_.decoy_port == 0 ? insider.server().port : options_.decoy_port, bytes);
    }
    ++raw_;
  }

  // The server ends who seals a few malformed ones; most go further than that.
  Bytes Choose(uint16_t head) {
    constexpr double kMalformed = 0.2;
    for (;;) {
      Bytes bytes = mutator_.NextEnet(crew_.tapped().enet.kept(), head);
      if (net::Precheck(bytes, net::Direction::kToServer) == net::Verdict::kOk ||
          mutator_.random().Chance(kMalformed))
        return bytes;
    }
  }

  // One to each session that stands, in turn: more would only follow the one that ends it.
  void SendSealed(uint64_t count) {
    for (size_t i = 0; i < crew_.size() && count > 0; ++i) {
      turn_ = (turn_ + 1) % crew_.size();
      Insider& insider = crew_.at(turn_);
      if (!insider.ready()) continue;
      if (mutator_.random().Chance(0.002)) {
        insider.SayGoodbye(static_cast<uint32_t>(mutator_.random().Next()));
      } else {
        insider.Seal(Choose(insider.head()));
      }
      ++sealed_;
      --count;
    }
  }

  const Options options_;
  Crew crew_;
  Mutator mutator_;
  const int stranger_;
  size_t turn_ = 0;
  uint64_t raw_ = 0, sealed_ = 0;
};

// ---- T-11

constexpr std::array<const char*, 4> kBombs{"million_pieces", "zero_length", "overlapping",
                                            "never_completed"};

Fragment Bomb(size_t kind, uint32_t number) {
  constexpr uint32_t kTotal = net::kMaxMessageBytes;
  constexpr size_t kPiece = 1100;
  const auto start = static_cast<uint16_t>(10 + number);
  switch (kind) {
    case 0: return {start, 1u << 20, number % 2, number % 3 == 0 ? 32u << 20 : kTotal, 0, kPiece};
    case 1: return {start, 3, number % 3, number % 2 == 0 ? 3000u : 0u, 0, 0};
    // One message whose pieces lie on each other.
    case 2: return {10, 58, number % 57, kTotal, 500 * (number % 57), kPiece};
    // A new message each time, of which everything is there but the first piece.
    default: return {start, 58, 1 + number % 56, kTotal, 1100 * (1 + number % 56), kPiece};
  }
}

json Fragments(const Options& options) {
  Crew crew(
      kClock,
      {.server = options.server, .size = options.sessions, .play_every = 1, .seed = options.seed});
  if (!crew.Gather(crew.size(), kGatherSeconds))
    Fail("not all insiders are let in: " + crew.last_error());
  std::cerr << "ready" << std::endl;
  // Who looks on begins to measure, and says so by a line.
  std::atomic<bool> go{false};
  std::jthread waiter([&go] {
    std::string line;
    std::getline(std::cin, line);
    go = true;
  });
  while (!go) {
    crew.Service();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const size_t playing = crew.ready();
  crew.StayOut();
  const int64_t began_ns = kClock.NowNs();
  constexpr double kMostSeconds = 8;
  constexpr uint32_t kAtOnce = 4;
  uint64_t sent = 0, still_in = 0;
  double slowest_s = 0;
  std::vector<double> ended_s(crew.size(), -1);
  for (uint32_t round = 0; SecondsSince(began_ns) < kMostSeconds; ++round) {
    still_in = 0;
    for (size_t i = 0; i < crew.size(); ++i) {
      Insider& insider = crew.at(i);
      if (!insider.ready()) {
        if (ended_s[i] < 0) ended_s[i] = SecondsSince(began_ns);
        continue;
      }
      ++still_in;
      for (uint32_t k = 0; k < kAtOnce; ++k, ++sent)
        insider.Seal(EnetFragment(insider.head(), Bomb(i % kBombs.size(), round * kAtOnce + k)));
    }
    if (still_in == 0) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    crew.Service();
  }
  std::map<std::string, double> slowest_by_kind;
  for (size_t i = 0; i < crew.size(); ++i) {
    slowest_s = std::max(slowest_s, ended_s[i]);
    double& slowest = slowest_by_kind[kBombs[i % kBombs.size()]];
    slowest = std::max(slowest, ended_s[i]);
  }
  json out{{"attack", "fragments"},  {"sessions", crew.size()},
           {"playing", playing},     {"sent", sent},
           {"still_in", still_in},   {"ended", crew.ended()},
           {"slowest_s", slowest_s}, {"slowest_s_by_kind", slowest_by_kind}};
  crew.Quit();
  return out;
}

int Main(int argc, char** argv) {
  CLI::App app{
      "Attacks on a sealed zone by cheating clients and blind strangers (TESTS T-8, T-9, T-11)"};
  app.require_subcommand(1);
  Options o;
  const auto common = [&o](CLI::App* sub) {
    sub->add_option("--server", o.server, "http://ADDRESS:PORT, auth.mode development")->required();
    sub->add_option("--seed", o.seed, "of what is sent");
    sub->add_option("--most-seconds", o.most_seconds, "fewer datagrams, if they take longer");
    sub->add_option("--rate-hz", o.rate_hz, "datagrams a second")->check(CLI::Range(1.0, 1e6));
    sub->add_option(
        "--decoy-port", o.decoy_port,
        "on loopback, which the attack is for instead of the zone: load for comparison");
    return sub;
  };
  CLI::App* kick = common(app.add_subcommand("kick", "forges others' datagrams; needs root"));
  kick->add_option("--victims", o.victims,
                   "lines of: port of a client on 127.0.0.1, port of its host")
      ->required();
  kick->add_option("--whole", o.whole, "victims for whom every peer id is tried");
  kick->add_option("--ids", o.ids, "peer ids that are tried for the others")
      ->check(CLI::Range(1, int{kPeers}));
  kick->add_option("--insider-ids", o.insider_ids, "peer ids that a client with keys seals for")
      ->check(CLI::Range(1, int{kPeers}));
  kick->add_option("--guesses", o.guesses, "of sessions and resets, for each victim");
  CLI::App* mutants =
      common(app.add_subcommand("mutants", "damaged datagrams, half of them sealed"));
  mutants->add_option("--count", o.count, "datagrams");
  mutants->add_option("--sessions", o.sessions, "cheating clients at a time")
      ->check(CLI::Range(1, 1000));
  mutants->add_option("--play-every", o.play_every, "every so manyth of them logs in")
      ->check(CLI::Range(1, 1000));
  CLI::App* fragments = common(
      app.add_subcommand("fragments", "fragment bombs; says ready on stderr and waits for a line"));
  fragments->add_option("--sessions", o.sessions, "cheating clients")->check(CLI::Range(1, 1000));
  CLI11_PARSE(app, argc, argv);
  json out;
  if (kick->parsed()) out = Kick(o).Run();
  if (mutants->parsed()) out = Mutants(o).Run();
  if (fragments->parsed()) out = Fragments(o);
  std::cout << out.dump() << std::endl;
  return 0;
}

}  // namespace
}  // namespace bluemarble::insiders

int main(int argc, char** argv) { return bluemarble::insiders::Main(argc, argv); }
