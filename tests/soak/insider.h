/// One cheating client below the client library: it joins, has a sealed session with good keys and
/// a real ENet peer above it, and beside what that peer says it seals and sends whatever it is told
/// to. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bluemarble/client.h"
#include "core/clock.h"
#include "net/address.h"
#include "net/enet_hooks.h"
#include "net/sealed_client.h"
#include "protocol/control.h"

struct _ENetHost;
struct _ENetPeer;

namespace bluemarble::insiders {

using Bytes = std::vector<std::byte>;

/// What the kernel refuses is lost.
void SendToLoopback(int fd, uint16_t port, std::span<const std::byte> datagram);

/// The newest datagrams of all sessions, for mutating.
class Captures {
 public:
  void Add(std::span<const std::byte> datagram) {
    if (kept_.size() < kMost) kept_.emplace_back();
    kept_[next_++ % kMost].assign(datagram.begin(), datagram.end());
  }
  const std::vector<Bytes>& kept() const { return kept_; }

 private:
  static constexpr size_t kMost = 512;
  std::vector<Bytes> kept_;
  size_t next_ = 0;
};

struct Tapped {
  Captures enet;  ///< What ENet gave to be sealed.
  Captures wire;  ///< What left.
};

class Insider final : private net::HookedSocket {
 public:
  enum class State : uint8_t { kIdle, kShaking, kConnecting, kConnected, kPlaying, kEnded };

  /// `plays` false: it stays connected and does not log in. `tapped` outlives it.
  Insider(const core::Clock& clock, Tapped& tapped, bool plays, uint64_t seed);
  ~Insider() override;
  Insider(const Insider&) = delete;
  Insider& operator=(const Insider&) = delete;

  /// A new session; false: the ticket is none of a sealed server, or there is no socket.
  bool Begin(const JoinTicket& ticket);
  /// Call every few milliseconds.
  void Service();
  /// Seals `enet` as one datagram of this session and sends it; larger than kEnetMtu: it does not.
  void Seal(std::span<const std::byte> enet);
  /// Sends as it is, from the session's address.
  void SendRaw(std::span<const std::byte> datagram);
  /// A sealed goodbye for any reason, and stays.
  void SayGoodbye(uint32_t reason);
  /// From now on those three send to this port on loopback instead, as load beside a zone that is
  /// not attacked; what the session itself says goes to the server.
  void Divert(uint16_t port) { diverted_ = port; }
  /// Leaves with a goodbye.
  void Quit();

  State state() const { return state_; }
  /// The host that it was told to use last.
  const net::Address& server() const { return server_; }
  /// Has it what it wants, to begin to cheat?
  bool ready() const { return state_ == (plays_ ? State::kPlaying : State::kConnected); }
  /// kEnded: a bluemarble::DisconnectReason, kNone when nothing was said.
  uint32_t end_reason() const { return end_reason_; }
  /// The first two bytes of its ENet datagrams but for the flags: peer and session.
  uint16_t head() const;

 private:
  int Send(const net::Address& to, std::span<const iovec> parts) noexcept override;
  int Receive(net::Address& from, std::span<std::byte> out) noexcept override;
  void AnswerSealed() noexcept;
  void ToServer(std::span<const std::byte> datagram);
  bool ConnectEnet();
  void OnMessage(std::span<const std::byte> bytes);
  void LogIn();
  void Play(int64_t now_ns);
  void Say(uint8_t channel, std::span<const std::byte> bytes);
  void End(uint32_t reason);
  void Destroy();

  const core::Clock& clock_;
  Tapped& tapped_;
  const bool plays_;
  const uint64_t seed_;
  State state_ = State::kIdle;
  uint32_t end_reason_ = 0;
  uint16_t diverted_ = 0;  // 0: not
  net::Address server_;
  std::unique_ptr<net::SealedClient> sealed_;
  _ENetHost* host_ = nullptr;
  _ENetPeer* peer_ = nullptr;
  int64_t began_ns_ = 0, heard_ns_ = 0, entered_ns_ = 0, said_ns_ = 0;
  uint64_t said_ = 0;
  std::optional<protocol::Welcome> welcome_;
};

}  // namespace bluemarble::insiders
