/// A sealed server and sealed clients without sockets, on a manual clock: datagrams are values that
/// a test may keep, change, repeat and send from elsewhere.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "net/sealed_client.h"
#include "net/sealed_server.h"

namespace bluemarble::net {

using Datagram = std::vector<std::byte>;

inline Datagram Copy(std::span<const std::byte> bytes) { return {bytes.begin(), bytes.end()}; }
inline std::string TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class ManualClock final : public core::Clock {
 public:
  int64_t NowNs() const override { return now_ns; }
  int64_t WallUs() const override { return 0; }
  int64_t now_ns = 1'000'000'000'000;
};

struct Client {
  Client(const ConnectToken& token, Address from, uint8_t ciphers, int64_t now_ns)
      : address(from), sealed(token, ciphers, now_ns) {}
  Address address;
  SealedClient sealed;
};

class SealedPair : private DatagramOutlet {
 public:
  struct Sent {
    Address to;
    Datagram bytes;
  };
  struct Arrived {
    DatagramSeam::Opened opened = DatagramSeam::Opened::kRefused;
    Address seen;
    std::string text;
  };
  static constexpr uint16_t kPort = 7777;
  static constexpr uint32_t kV4 = 0x7f000001;

  explicit SealedPair(NetSettings s = Small())
      : settings(std::move(s)), mint(clock, kV4, settings.token_life_s, kAllCiphers) {
    Restart();
  }
  static NetSettings Small() {
    NetSettings settings;
    settings.security = "sealed";
    settings.max_peers_per_host = 8;
    return settings;
  }

  /// The process again: the same reset key and nothing else of before.
  void Restart() {
    stats = std::make_unique<HostStats>();
    server = std::make_unique<SealedServer>(settings, mint, reset_key);
    server->Attach(*this, *stats, kPort);
  }

  ConnectToken Token(const std::string& name = "ada", uint16_t port = kPort) {
    auto text = mint.Mint(port, 7, name);
    EXPECT_TRUE(text.ok());
    auto token = DecodeConnectToken(*text);
    EXPECT_TRUE(token.ok());
    return *token;
  }
  static Address At(uint16_t port, uint32_t v4 = kV4) { return {v4, port}; }

  void Advance(int64_t ms) { clock.now_ns += ms * 1'000'000; }

  /// The server receives `bytes`; what it answers is in `sent`.
  Arrived Receive(const Address& from, std::span<const std::byte> bytes) {
    Datagram copy = Copy(bytes);
    Arrived arrived;
    arrived.seen = from;
    std::span<std::byte> datagram(copy);
    server->SetNow(clock.now_ns);
    arrived.opened = server->Open(arrived.seen, datagram);
    if (arrived.opened == DatagramSeam::Opened::kPass) arrived.text = TextOf(datagram);
    return arrived;
  }
  void Maintain() {
    server->SetNow(clock.now_ns);
    server->Maintain();
  }

  /// Everything that is under way between the server and `client`, until nothing is.
  void Settle(Client& client) {
    for (int round = 0; round < 20; ++round) {
      bool quiet = true;
      for (auto due = client.sealed.Poll(clock.now_ns); !due.empty();
           due = client.sealed.Poll(clock.now_ns)) {
        quiet = false;
        Receive(client.address, due);
      }
      for (Sent& datagram : std::exchange(sent, {})) {
        if (datagram.to != client.address) continue;
        quiet = false;
        std::span<std::byte> bytes(datagram.bytes);
        if (client.sealed.Open(bytes, clock.now_ns)) client_heard.push_back(TextOf(bytes));
      }
      if (quiet) return;
    }
  }

  std::unique_ptr<Client> Ask(const ConnectToken& token, Address from, uint8_t ciphers = 0) {
    return std::make_unique<Client>(token, from, ciphers, clock.now_ns);
  }
  /// A client with an open session, known to the server by `seen`.
  std::unique_ptr<Client> Join(Address from, uint8_t ciphers = 0) {
    auto client = Ask(Token(), from, ciphers);
    Settle(*client);
    EXPECT_EQ(client->sealed.state(), SealedClient::State::kOpen);
    const Arrived first = Receive(from, Up(*client, "hello"));
    EXPECT_EQ(first.opened, DatagramSeam::Opened::kPass);
    seen = first.seen;
    server->OnConnected(seen);
    return client;
  }

  /// A sealed datagram of the client's, not sent yet.
  static Datagram Up(Client& client, const std::string& text) {
    const iovec part{const_cast<char*>(text.data()), text.size()};
    return Copy(client.sealed.Seal({&part, 1}));
  }
  /// A sealed datagram of the server's, and where it would go.
  Sent Down(const Address& virtual_address, const std::string& text) {
    const iovec part{const_cast<char*>(text.data()), text.size()};
    Sent out{virtual_address, Datagram(kDatagramBytes)};
    server->SetNow(clock.now_ns);
    out.bytes.resize(server->Seal(out.to, {&part, 1}, out.bytes));
    if (out.bytes.empty()) return {};
    return out;
  }
  /// What the client makes of it; empty: nothing.
  std::string Hear(Client& client, const Datagram& datagram) {
    Datagram copy = datagram;
    std::span<std::byte> bytes(copy);
    return client.sealed.Open(bytes, clock.now_ns) ? TextOf(bytes) : std::string();
  }

  uint64_t Counted(SealEvent event) const { return stats->seal[static_cast<size_t>(event)].Get(); }

  NetSettings settings;
  ManualClock clock;
  TokenMint mint;
  Key reset_key = RandomKey();
  std::unique_ptr<HostStats> stats;
  std::unique_ptr<SealedServer> server;
  std::vector<Sent> sent;
  std::vector<std::string> client_heard;
  Address seen;  // of the last Join

 private:
  void SendDirect(const Address& to, std::span<const std::byte> datagram) noexcept override {
    sent.push_back({to, Copy(datagram)});
  }
};

}  // namespace bluemarble::net
