/// Players for naive_enet: they walk as zonebot's do, send their input 15 times a second and count
/// what arrives. Only for comparison (peers.py).
///
///   naive_enet_clients PORT spread|crowd PLAYERS WARMUP_S SECONDS SEED
///
/// Prints "playing" when all are, and a report as JSON at the end. Light on purpose, since it runs
/// beside the server: 64 players share a socket, and of the states only the heads are read.
#include <enet/enet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/counters.h"
#include "tests/bench/peers/naive_scene.h"

namespace bluemarble::bench {
namespace {

constexpr size_t kPlayersPerSocket = 64;
constexpr int kSocketBytes = 4 << 20;
constexpr double kJoinsPerS = 400;
constexpr double kPatienceS = 30;  // to get in, beyond the ramp
// As zonebot places them (src/tools/zonebot/placing.cc).
constexpr double kPerDisc = 150, kCrowdRadiusM = 25;
constexpr float kSpreadWalkM = 50;

struct Plan {
  uint16_t port = 0;
  bool crowd = false;
  size_t players = 0;
  double warmup_s = 0, seconds = 0;
  uint64_t seed = 1;
};

struct Walker {
  NaiveWalker walk;
  NaiveHello spawn;
  ENetPeer* peer = nullptr;
  bool playing = false;
  uint32_t tick = 0;
  int64_t heard_ns = 0;
};

std::vector<Walker> Place(const Plan& plan) {
  core::Random random(plan.seed);
  const double disc_m =
      plan.crowd ? kCrowdRadiusM
                 : kNaiveSightM * std::sqrt(static_cast<double>(plan.players) / kPerDisc);
  std::vector<Walker> walkers;
  for (size_t i = 0; i < plan.players; ++i) {
    const double r = disc_m * std::sqrt(random.Unit());
    const double angle = 2 * std::numbers::pi * random.Unit();
    const auto x = static_cast<float>(r * std::cos(angle)),
               y = static_cast<float>(r * std::sin(angle));
    const uint64_t seed = core::HashCombine(plan.seed, i);
    if (plan.crowd)
      walkers.push_back({NaiveWalker(0, 0, static_cast<float>(kCrowdRadiusM), x, y, seed), {x, y}});
    else
      walkers.push_back({NaiveWalker(x, y, kSpreadWalkM, x, y, seed), {x, y}});
  }
  return walkers;
}

double CpuS() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

class NaiveClients {
 public:
  explicit NaiveClients(const Plan& plan) : plan_(plan), walkers_(Place(plan)) {}

  bool Open() {
    const size_t sockets = (walkers_.size() + kPlayersPerSocket - 1) / kPlayersPerSocket;
    for (size_t i = 0; i < sockets; ++i) {
      ENetHost* host = enet_host_create(nullptr, kPlayersPerSocket, kNaiveChannels, 0, 0);
      if (host == nullptr) return false;
      for (const int option : {SO_RCVBUF, SO_SNDBUF})
        setsockopt(host->socket, SOL_SOCKET, option, &kSocketBytes, sizeof kSocketBytes);
      hosts_.push_back(host);
      polled_.push_back({host->socket, POLLIN, 0});
    }
    return true;
  }

  void Run() {
    start_ns_ = clock_.NowNs();
    const double ramp_s = static_cast<double>(walkers_.size()) / kJoinsPerS;
    while (playing_ < walkers_.size() && ElapsedS() < ramp_s + kPatienceS) Turn();
    std::puts("playing");
    std::fflush(stdout);
    const double window_s = ElapsedS() + plan_.warmup_s;
    while (ElapsedS() < window_s) Turn();
    StartWindow();
    while (ElapsedS() < window_s + plan_.seconds) Turn();
    Print(ElapsedS() - window_s);
  }

 private:
  double ElapsedS() const { return static_cast<double>(clock_.NowNs() - start_ns_) / 1e9; }

  // One input of everybody each 1/15 s, one socket's players after another's.
  void Turn() {
    poll(polled_.data(), polled_.size(), 1);
    for (size_t i = 0; i < hosts_.size(); ++i)
      if (polled_[i].revents != 0) Drain(hosts_[i]);
    const double now_s = ElapsedS();
    Connect(now_s);
    const auto due =
        static_cast<uint64_t>(now_s * kNaiveInputsPerS * static_cast<double>(hosts_.size()));
    for (int i = 0; steered_ < due && i < static_cast<int>(hosts_.size()); ++i)
      Steer(steered_++ % hosts_.size(), now_s);
    steered_ = std::max(steered_, due);
  }

  void Connect(double now_s) {
    ENetAddress address{};
    enet_address_set_host_ip(&address, "127.0.0.1");
    address.port = plan_.port;
    const size_t wanted = std::min(walkers_.size(), static_cast<size_t>(now_s * kJoinsPerS));
    for (; asked_ < wanted; ++asked_) {
      ENetHost* host = hosts_[asked_ / kPlayersPerSocket];
      walkers_[asked_].peer = enet_host_connect(host, &address, kNaiveChannels, 0);
      if (walkers_[asked_].peer != nullptr) walkers_[asked_].peer->data = &walkers_[asked_];
    }
  }

  void Drain(ENetHost* host) {
    const int64_t now_ns = clock_.NowNs();
    ENetEvent event;
    while (enet_host_service(host, &event, 0) > 0) {
      auto* walker = static_cast<Walker*>(event.peer->data);
      if (event.type == ENET_EVENT_TYPE_CONNECT) {
        enet_peer_send(
            event.peer, kNaiveSure,
            enet_packet_create(&walker->spawn, sizeof walker->spawn, ENET_PACKET_FLAG_RELIABLE));
        walker->playing = true;
        ++playing_;
      } else if (event.type == ENET_EVENT_TYPE_DISCONNECT) {
        if (walker->playing) ++disconnected_;
        walker->playing = false;
      } else if (event.type == ENET_EVENT_TYPE_RECEIVE) {
        Hear(*walker, *event.packet, now_ns);
        enet_packet_destroy(event.packet);
      }
    }
  }

  void Hear(Walker& walker, const ENetPacket& packet, int64_t now_ns) {
    if (packet.dataLength < sizeof(NaiveHead)) return;
    NaiveHead head;
    std::memcpy(&head, packet.data, sizeof head);
    entities_ += (packet.dataLength - sizeof head) / sizeof(NaiveEntity);
    if (walker.heard_ns != 0 && static_cast<int32_t>(head.tick - walker.tick) <= 0) return;
    if (measuring_ && walker.heard_ns != 0) {
      gaps_us_.Add(static_cast<uint64_t>((now_ns - walker.heard_ns) / 1000));
      in_sight_.Add(head.in_sight);
    }
    walker.tick = head.tick;
    walker.heard_ns = now_ns;
  }

  void Steer(size_t index, double now_s) {
    const size_t from = index * kPlayersPerSocket;
    for (size_t i = from; i < std::min(from + kPlayersPerSocket, walkers_.size()); ++i) {
      Walker& walker = walkers_[i];
      if (!walker.playing) continue;
      const NaiveInput input = walker.walk.Step(now_s, 1 / kNaiveInputsPerS);
      enet_peer_send(walker.peer, kNaiveState,
                     enet_packet_create(&input, sizeof input, ENET_PACKET_FLAG_UNSEQUENCED));
    }
    Drain(hosts_[index]);  // sends as well
  }

  void StartWindow() {
    for (ENetHost* host : hosts_)
      host->totalReceivedData = host->totalReceivedPackets = host->totalSentPackets = 0;
    entities_ = 0;
    cpu_s_ = CpuS();
    measuring_ = true;
  }

  void Print(double seconds) const {
    uint64_t bytes = 0, packets = 0, sent = 0;
    for (const ENetHost* host : hosts_) {
      bytes += host->totalReceivedData;
      packets += host->totalReceivedPackets;
      sent += host->totalSentPackets;
    }
    const double player_s = seconds * static_cast<double>(std::max<size_t>(playing_, 1));
    auto per = [&](uint64_t amount) { return static_cast<double>(amount) / player_s; };
    auto ms = [&](double quantile) {
      return static_cast<double>(gaps_us_.Quantile(quantile)) / 1000;
    };
    fmt::print(
        "{{\"wanted\": {}, \"connected\": {}, \"disconnected\": {}, \"seconds\": {:.3f}, "
        "\"down_bytes_per_player_s\": {:.1f}, \"down_packets_per_player_s\": {:.2f}, "
        "\"up_packets_per_player_s\": {:.2f}, \"updates_per_player_s\": {:.2f}, "
        "\"entity_updates_per_player_s\": {:.1f}, \"gap_ms\": {{\"p50\": {:.2f}, \"p99\": {:.2f}, "
        "\"max\": {:.2f}}}, \"in_sight_p50\": {}, \"clients_cpu_s_per_s\": {:.3f}}}\n",
        walkers_.size(), playing_, disconnected_, seconds, per(bytes), per(packets), per(sent),
        per(gaps_us_.count()), per(entities_), ms(0.5), ms(0.99),
        static_cast<double>(gaps_us_.max()) / 1000, in_sight_.Quantile(0.5),
        (CpuS() - cpu_s_) / seconds);
  }

  const Plan plan_;
  const core::SystemClock clock_;
  std::vector<Walker> walkers_;  // never grows: ENet has their addresses
  std::vector<ENetHost*> hosts_;
  std::vector<pollfd> polled_;
  int64_t start_ns_ = 0;
  size_t asked_ = 0, playing_ = 0, disconnected_ = 0;
  uint64_t steered_ = 0, entities_ = 0;
  bool measuring_ = false;
  double cpu_s_ = 0;
  core::Histogram gaps_us_, in_sight_;
};

}  // namespace
}  // namespace bluemarble::bench

int main(int argc, char** argv) {
  using namespace bluemarble::bench;
  const std::string scene = argc == 7 ? argv[2] : "";
  if (scene != "spread" && scene != "crowd") {
    std::fputs("usage: naive_enet_clients PORT spread|crowd PLAYERS WARMUP_S SECONDS SEED\n",
               stderr);
    return 64;
  }
  const Plan plan{static_cast<uint16_t>(std::atoi(argv[1])),
                  scene == "crowd",
                  static_cast<size_t>(std::max(1, std::atoi(argv[3]))),
                  std::atof(argv[4]),
                  std::atof(argv[5]),
                  std::strtoull(argv[6], nullptr, 10)};
  if (enet_initialize() != 0) return 70;
  auto clients = std::make_unique<NaiveClients>(plan);
  if (!clients->Open()) {
    std::fputs("naive_enet_clients: no socket\n", stderr);
    return 71;
  }
  clients->Run();
  return 0;
}
