/// A client's side of the sealed transport: the handshake and then sealing and opening. Owns no
/// socket and reads no clock; whoever owns it sends what it gives out. One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include <sys/uio.h>

#include "net/aead.h"
#include "net/connect_token.h"
#include "net/sealed_packets.h"
#include "net/sealed_pipe.h"

namespace bluemarble::net {

class SealedClient {
 public:
  enum class State : uint8_t {
    kAsking,  ///< Requests go out.
    kOpen,    ///< Both sides have the keys.
    kEnded,   ///< end_reason() says why.
  };
  /// Requests are repeated this often; 5 a second.
  static constexpr int64_t kResendNs = 200'000'000;
  /// A refusal is not sealed, so it counts only if no Accept comes for this long.
  static constexpr int64_t kRefusalGraceNs = 500'000'000;

  /// `ciphers` 0: those this machine is good at.
  SealedClient(const ConnectToken& token, uint8_t ciphers, int64_t now_ns);
  ~SealedClient();

  State state() const { return state_; }
  /// A bluemarble::DisconnectReason.
  uint32_t end_reason() const { return end_reason_; }
  Cipher cipher() const { return cipher_; }

  /// A datagram that is due now, valid until the next call; empty: none. Call until empty.
  std::span<const std::byte> Poll(int64_t now_ns);
  int64_t next_due_ns() const;

  /// Opens what was received, in place. True: `datagram` is now for ENet. Poll afterwards.
  bool Open(std::span<std::byte>& datagram, int64_t now_ns);
  /// Seals what ENet sends: a datagram valid until the next call; empty: not open, or too large.
  std::span<const std::byte> Seal(std::span<const iovec> parts);
  /// A sealed goodbye; worth saying three times. Valid until the next call; empty: not open.
  std::span<const std::byte> Goodbye(uint32_t reason);

 private:
  void OnChallenge(std::span<const std::byte> datagram, int64_t now_ns);
  void OnRefused(std::span<const std::byte> datagram, int64_t now_ns);
  void OnAccept(std::span<const std::byte> datagram);
  void OnReset(std::span<const std::byte> datagram);
  void OnControl(std::span<const std::byte> text);
  std::span<const std::byte> SealControl(ControlKind kind, std::span<const std::byte> body);
  void End(uint32_t reason);

  ConnectToken token_;
  const uint8_t ciphers_;
  State state_ = State::kAsking;
  Cipher cipher_ = Cipher::kChaCha20Poly1305;
  uint32_t end_reason_ = 0;
  Cookie cookie_{};
  int64_t request_due_ns_;
  std::optional<uint32_t> refused_;
  int64_t refused_until_ns_ = 0;
  std::optional<std::array<std::byte, 8>> path_challenge_;  // not answered yet
  Mac16 reset_token_{};
  Aead aead_;
  SealedPipe pipe_;
  std::array<std::byte, kDatagramBytes> out_{};
};

}  // namespace bluemarble::net
