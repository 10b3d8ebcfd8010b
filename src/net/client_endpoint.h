/// The client's end of a connection: one ENet host with one peer and a small socket, no thread.
/// Thousands live in one load generator, so an idle Service costs about a microsecond. Used by one
/// thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/clock.h"
#include "core/result.h"
#include "net/address.h"
#include "net/connect_token.h"
#include "net/enet_hooks.h"
#include "net/link_conditions.h"
#include "net/sealed_client.h"
#include "net/transport.h"

struct _ENetHost;
struct _ENetPeer;
struct _ENetPacket;

namespace bluemarble::net {

struct ClientEndpointOptions {
  LinkConditions link{};
  /// Time to connect, milliseconds. Afterwards nothing acknowledged for three times as long ends
  /// the connection.
  int timeout_ms = 5000;
  /// Kernel buffers, bytes. Used only while datagrams wait; must take the 58 fragments of the
  /// largest message at once, which the kernel counts as 2.3 KB each.
  int socket_buffer_bytes = 256 * 1024;
  /// Ciphers offered to a sealed server; 0: those this machine is good at.
  uint8_t ciphers = 0;
};

/// UDP payload, ENet's overhead included, before loss on the way up and after it on the way down.
struct LinkCounters {
  uint64_t datagrams_up = 0, bytes_up = 0, datagrams_down = 0, bytes_down = 0;
  uint64_t dropped_down = 0;  ///< Oversized or refused by the pre-check.
  uint64_t send_errors = 0;
};

class ClientEndpoint final : private HookedSocket {
 public:
  ClientEndpoint(const core::Clock& clock, const ClientEndpointOptions& options = {});
  ~ClientEndpoint() override;
  ClientEndpoint(const ClientEndpoint&) = delete;
  ClientEndpoint& operator=(const ClientEndpoint&) = delete;

  /// Starts connecting; Receive tells kConnected, or kDisconnected with reason 0 when nobody
  /// answered. kInvalid: address; kFull: no descriptor; kConflict: already connected or connecting.
  core::Status Connect(const std::string& address_v4, uint16_t port);
  /// The same to a sealed host, with the token that POST /v1/join gave (DecodeConnectToken).
  /// kDisconnected then also tells what the server said of the token: kBadToken, kZoneFull, or in
  /// the middle of a session kSessionUnknown when the server has forgotten it (it was restarted).
  core::Status Connect(const std::string& address_v4, uint16_t port, const ConnectToken& token);

  /// Goes on from a new local port, as behind a router that forgot us: for tests. The descriptor
  /// keeps its number. kStale: not connected.
  core::Status Rebind();

  /// Nothing leaves or arrives until then, in the clock's time: for tests of outages.
  void GoDark(int64_t until_ns) { dark_until_ns_ = until_ns; }

  /// Reads what came in, resends, pings, and sends what was queued. Call it often: at least every
  /// 10 ms while connected, and when fd() is readable. `readable` false (a poll said so) saves the
  /// system call that looks.
  void Service(bool readable = true);
  /// The next event; `bytes` is valid until the next call. Never blocks.
  bool Receive(Inbound& out);

  /// Queues a message; Service or Flush sends it. kStale: not connected; kNoSpace: it does not fit
  /// into one datagram.
  core::Status Send(Channel channel, std::span<const std::byte> bytes);
  /// Sends what is queued without looking for input.
  void Flush();

  /// Says goodbye after what was queued; kDisconnected follows, with this reason, when it is
  /// acknowledged.
  void Disconnect(uint32_t reason);
  /// Forgets the connection without a word, as a crashed client would.
  void Abandon();

  bool connected() const { return connected_; }
  uint32_t rtt_ms()
      const;  ///< ENet's mean, which includes up to one tick of the server; 0 before connecting.
  int fd() const;  ///< For poll; -1 before Connect.
  /// When Service has something to do besides reading, monotonic; INT64_MAX: only the 10 ms rule.
  /// The sealed handshake counts.
  int64_t next_due_ns() const;
  const LinkCounters& counters() const { return counters_; }
  /// The session's cipher; nullopt: plain, or not accepted yet.
  std::optional<Cipher> cipher() const;

 private:
  int Send(const Address& to, std::span<const iovec> parts) noexcept override;
  int Receive(Address& from, std::span<std::byte> out) noexcept override;
  core::Status OpenSocket(const std::string& address_v4, uint16_t port);
  core::Status ConnectEnet();
  core::Status PrepareSocket(int fd) const;
  void Shake(bool readable);
  void SendSealed(std::span<const std::byte> datagram) noexcept;
  void AnswerSealed() noexcept;
  void SayGoodbye() noexcept;
  void Put(std::span<const iovec> parts, size_t bytes) noexcept;
  void Transmit(std::span<const iovec> parts) noexcept;
  size_t ReadSocket(std::span<std::byte> out) noexcept;
  void ReleaseDelayed();
  bool dark() const { return dark_until_ns_ != 0 && clock_.NowNs() < dark_until_ns_; }
  void OnConnect();
  void End(uint32_t reason);
  void Destroy();

  const core::Clock& clock_;
  const ClientEndpointOptions options_;
  _ENetHost* host_ = nullptr;
  _ENetPeer* peer_ = nullptr;
  _ENetPacket* held_ = nullptr;  // behind the last Inbound
  Address server_;
  std::unique_ptr<SealedClient> sealed_;  // null: plain
  int64_t give_up_ns_ = 0;                // of the sealed handshake, which comes before ENet's
  int64_t dark_until_ns_ = 0;
  bool shaking_ = false;
  bool readable_ = false;
  bool connected_ = false;
  bool connect_untold_ = false;
  std::optional<uint32_t> end_untold_;
  std::optional<uint32_t> goodbye_;       // the reason we gave
  std::unique_ptr<LinkQueue> up_, down_;  // null on a perfect link
  LinkCounters counters_;
};

}  // namespace bluemarble::net
