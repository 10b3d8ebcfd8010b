/// A transport and clients over real loopback sockets, driven until something holds.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "net/client_endpoint.h"
#include "net/enet_transport.h"

namespace bluemarble::net {

inline std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// An Inbound that owns its bytes.
struct Seen {
  InboundKind kind;
  Channel channel;
  core::PeerId peer;
  uint32_t reason;
  uint32_t address_v4;
  std::string text;

  explicit Seen(const Inbound& in)
      : kind(in.kind),
        channel(in.channel),
        peer(in.peer),
        reason(in.reason),
        address_v4(in.address_v4),
        text(reinterpret_cast<const char*>(in.bytes.data()), in.bytes.size()) {}
};

class Loopback {
 public:
  explicit Loopback(NetSettings settings = Small(), const TransportSecurity& security = {}) {
    auto opened = EnetTransport::Open(settings, clock_, security);
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    if (opened.ok()) server = std::move(*opened);
  }

  static NetSettings Small() {
    NetSettings settings;
    settings.security = "plain";
    settings.port = 0;
    settings.hosts = 1;
    settings.max_peers_per_host = 64;
    settings.idle_service_ms = 5;
    return settings;
  }

  /// A connect token for `host` of a sealed server.
  ConnectToken Token(const std::string& name = "ada", int host = 0) {
    auto text = server->Mint(host, 7, name);
    EXPECT_TRUE(text.ok()) << text.status().ToString();
    return *DecodeConnectToken(*text);
  }

  ClientEndpoint& AddClient(const ClientEndpointOptions& options = {}, int host = 0) {
    clients.push_back(std::make_unique<ClientEndpoint>(clock_, options));
    const auto status = server->sealed() ? clients.back()->Connect("127.0.0.1", server->port(host),
                                                                   Token("ada", host))
                                         : clients.back()->Connect("127.0.0.1", server->port(host));
    EXPECT_TRUE(status.ok()) << status.ToString();
    heard.emplace_back();
    return *clients.back();
  }

  /// One round: every client serviced and drained, the server's events collected, one Flush.
  void Step() {
    Inbound in;
    for (size_t i = 0; i < clients.size(); ++i) {
      clients[i]->Service();
      while (clients[i]->Receive(in)) heard[i].emplace_back(in);
    }
    while (server->Receive(in)) events.emplace_back(in);
    server->Flush(++tick_, clock_.NowNs());
  }

  /// Steps until `holds`, at most 20 s (a hang, not a measure of speed). Yields between the rounds.
  bool Until(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      Step();
      std::this_thread::yield();
    }
    return true;
  }

  size_t Count(InboundKind kind) const {
    size_t n = 0;
    for (const Seen& seen : events) n += seen.kind == kind ? 1 : 0;
    return n;
  }
  const Seen* Last(InboundKind kind) const {
    for (auto it = events.rbegin(); it != events.rend(); ++it) {
      if (it->kind == kind) return &*it;
    }
    return nullptr;
  }
  size_t CountAt(size_t client, InboundKind kind) const {
    size_t n = 0;
    for (const Seen& seen : heard[client]) n += seen.kind == kind ? 1 : 0;
    return n;
  }

  /// Connects one client and returns the server's name for it.
  core::PeerId Join() {
    const size_t before = Count(InboundKind::kConnected);
    AddClient();
    EXPECT_TRUE(Until(
        [&] { return Count(InboundKind::kConnected) > before && clients.back()->connected(); }));
    const Seen* last = Last(InboundKind::kConnected);
    return last == nullptr ? core::PeerId{} : last->peer;
  }

  uint64_t Counted(SealEvent event) const {
    return server->host_stats(0).seal[static_cast<size_t>(event)].Get();
  }
  uint64_t Drops(DropReason reason) const {
    return server->host_stats(0).drops[static_cast<size_t>(reason)].Get();
  }

  core::SystemClock clock_;
  std::unique_ptr<EnetTransport> server;
  std::vector<std::unique_ptr<ClientEndpoint>> clients;
  std::vector<std::vector<Seen>> heard;  // per client
  std::vector<Seen> events;              // at the server

 private:
  core::Tick tick_ = 0;
};

}  // namespace bluemarble::net
