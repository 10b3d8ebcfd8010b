/// The server that most teams write first: one thread, ENet, every tick the full state of everybody
/// near to everyone. Only for comparison (peers.py).
///
///   naive_enet PORT     on loopback until SIGTERM; once a second a line of JSON about all so far
///
/// It is not made worse than it must be: a grid finds who is near, packets never become fragments,
/// and ENet's throttle, which would drop states silently, is off.
#include <enet/enet.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "core/counters.h"
#include "tests/bench/peers/naive_scene.h"

namespace bluemarble::bench {
namespace {

constexpr int64_t kTickNs = static_cast<int64_t>(1e9 / kNaiveHz);
constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int kSocketBytes = 4 << 20;

std::atomic<bool> g_stop{false};
extern "C" void OnNaiveStop(int) { g_stop = true; }

struct Player {
  ENetPeer* peer = nullptr;
  NaiveEntity state{};
  NaiveInput input{};
};

class NaiveServer {
 public:
  bool Open(uint16_t port) {
    ENetAddress address{};
    enet_address_set_host_ip(&address, "127.0.0.1");
    address.port = port;
    host_ = enet_host_create(&address, ENET_PROTOCOL_MAXIMUM_PEER_ID, kNaiveChannels, 0, 0);
    if (host_ == nullptr) return false;
    for (const int option : {SO_RCVBUF, SO_SNDBUF})
      setsockopt(host_->socket, SOL_SOCKET, option, &kSocketBytes, sizeof kSocketBytes);
    players_.reserve(ENET_PROTOCOL_MAXIMUM_PEER_ID);
    return true;
  }

  void Run() {
    int64_t due_ns = clock_.NowNs() + kTickNs;
    int64_t said_ns = due_ns;
    while (!g_stop) {
      Receive(due_ns);
      Move();
      Send();
      const int64_t now_ns = clock_.NowNs();
      ++ticks_;
      tick_us_.Add(static_cast<uint64_t>((now_ns - due_ns) / 1000));
      if (now_ns >= due_ns + kTickNs) ++late_;
      // A slot that went by is not made up for.
      while (due_ns <= now_ns) due_ns += kTickNs;
      if (now_ns - said_ns < kSecondNs) continue;
      said_ns = now_ns;
      fmt::print(
          "{{\"t_s\": {:.6f}, \"ticks\": {}, \"late\": {}, \"players\": {}, "
          "\"tick_ms_p99\": {:.3f}}}\n",
          static_cast<double>(now_ns) / 1e9, ticks_, late_, players_.size(),
          static_cast<double>(tick_us_.Quantile(0.99)) / 1000);
      std::fflush(stdout);
    }
    enet_host_destroy(host_);
  }

 private:
  void Receive(int64_t until_ns) {
    for (;;) {
      const int64_t left_ms = (until_ns - clock_.NowNs()) / 1'000'000;
      ENetEvent event;
      const int got =
          enet_host_service(host_, &event, left_ms > 0 ? static_cast<uint32_t>(left_ms) : 0);
      if (got > 0) {
        Handle(event);
      } else if (clock_.NowNs() >= until_ns) {
        return;
      }
    }
  }

  void Handle(const ENetEvent& event) {
    if (event.type == ENET_EVENT_TYPE_CONNECT) {
      enet_peer_throttle_configure(event.peer, ENET_PEER_PACKET_THROTTLE_INTERVAL,
                                   ENET_PEER_PACKET_THROTTLE_SCALE, 0);
    } else if (event.type == ENET_EVENT_TYPE_DISCONNECT) {
      Forget(event.peer);
    } else if (event.type == ENET_EVENT_TYPE_RECEIVE) {
      Player* player = PlayerOf(event.peer);
      if (player == nullptr && event.packet->dataLength == sizeof(NaiveHello)) {
        Admit(event);
      } else if (player != nullptr && event.packet->dataLength == sizeof(NaiveInput)) {
        NaiveInput input;
        std::memcpy(&input, event.packet->data, sizeof input);
        if (input.sequence >= player->input.sequence) player->input = input;
      }
      enet_packet_destroy(event.packet);
    }
  }

  // ENet carries a pointer for each peer; an index into players_, from 1, is in it.
  Player* PlayerOf(const ENetPeer* peer) {
    const auto number = reinterpret_cast<uintptr_t>(peer->data);
    return number == 0 ? nullptr : &players_[number - 1];
  }

  void Admit(const ENetEvent& event) {
    NaiveHello hello;
    std::memcpy(&hello, event.packet->data, sizeof hello);
    Player player;
    player.peer = event.peer;
    player.state.id = ++last_id_;
    player.state.x = hello.x;
    player.state.y = hello.y;
    players_.push_back(player);
    event.peer->data = reinterpret_cast<void*>(players_.size());
  }

  void Forget(ENetPeer* peer) {
    Player* gone = PlayerOf(peer);
    if (gone == nullptr) return;
    *gone = players_.back();
    gone->peer->data = peer->data;
    peer->data = nullptr;
    players_.pop_back();
  }

  void Move() {
    constexpr auto kStepS = static_cast<float>(1 / kNaiveHz);
    for (Player& player : players_) {
      const float wish = std::hypot(player.input.move_x, player.input.move_y);
      const float scale = kNaiveMaxMps / std::max(wish, 1.0f);
      NaiveEntity& state = player.state;
      state.vx = player.input.move_x * scale;
      state.vy = player.input.move_y * scale;
      state.x += state.vx * kStepS;
      state.y += state.vy * kStepS;
      state.yaw = player.input.yaw;
    }
  }

  static uint64_t CellOf(float x, float y, int east, int north) {
    const auto column =
        static_cast<uint32_t>(static_cast<int>(std::floor(x / kNaiveSightM)) + east);
    const auto row = static_cast<uint32_t>(static_cast<int>(std::floor(y / kNaiveSightM)) + north);
    return uint64_t{column} << 32 | row;
  }

  void Send() {
    for (auto& [cell, members] : grid_) members.clear();
    for (const Player& player : players_)
      grid_[CellOf(player.state.x, player.state.y, 0, 0)].push_back(player.state);
    for (const Player& player : players_) {
      Look(player.state);
      SendTo(player.peer);
    }
    enet_host_flush(host_);
  }

  void Look(const NaiveEntity& from) {
    near_.clear();
    for (int east = -1; east <= 1; ++east) {
      for (int north = -1; north <= 1; ++north) {
        const auto cell = grid_.find(CellOf(from.x, from.y, east, north));
        if (cell == grid_.end()) continue;
        for (const NaiveEntity& other : cell->second) {
          const float x = other.x - from.x, y = other.y - from.y;
          if (x * x + y * y <= kNaiveSightM * kNaiveSightM) near_.push_back(other);
        }
      }
    }
  }

  void SendTo(ENetPeer* peer) {
    const NaiveHead head{static_cast<uint32_t>(ticks_), static_cast<uint32_t>(near_.size())};
    size_t done = 0;
    while (done < near_.size()) {  // at least the player itself
      const size_t count = std::min(kNaiveEntities, near_.size() - done);
      ENetPacket* packet = enet_packet_create(nullptr, sizeof head + count * sizeof(NaiveEntity),
                                              ENET_PACKET_FLAG_UNSEQUENCED);
      std::memcpy(packet->data, &head, sizeof head);
      std::memcpy(packet->data + sizeof head, near_.data() + done, count * sizeof(NaiveEntity));
      if (enet_peer_send(peer, kNaiveState, packet) != 0) enet_packet_destroy(packet);
      done += count;
    }
  }

  const core::SystemClock clock_;
  ENetHost* host_ = nullptr;
  std::vector<Player> players_;
  std::unordered_map<uint64_t, std::vector<NaiveEntity>> grid_;
  std::vector<NaiveEntity> near_;
  uint32_t last_id_ = 0;
  uint64_t ticks_ = 0, late_ = 0;
  core::Histogram tick_us_;
};

}  // namespace
}  // namespace bluemarble::bench

int main(int argc, char** argv) {
  const int port = argc == 2 ? std::atoi(argv[1]) : 0;
  if (port <= 0 || port > 65'535) {
    std::fputs("usage: naive_enet PORT\n", stderr);
    return 64;
  }
  std::signal(SIGTERM, bluemarble::bench::OnNaiveStop);
  std::signal(SIGINT, bluemarble::bench::OnNaiveStop);
  if (enet_initialize() != 0) return 70;
  bluemarble::bench::NaiveServer server;
  if (!server.Open(static_cast<uint16_t>(port))) {
    std::fprintf(stderr, "naive_enet: port %d cannot be had\n", port);
    return 69;
  }
  server.Run();
  return 0;
}
