/// The sealed seam of one host (proto/SESSION.md, docs/decisions/0011): answers requests without
/// holding anything until an address and a token are proven, keeps the table of sessions, gives
/// ENet a fixed virtual address for each, and opens and seals what passes. Owned by the host's net
/// thread; everything is allocated by the constructor, but for what OpenSSL takes in handshakes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "net/aead.h"
#include "net/connect_token.h"
#include "net/datagram_seam.h"
#include "net/flood_filter.h"
#include "net/net_stats.h"
#include "net/number_window.h"
#include "net/rate_gate.h"
#include "net/sealed_packets.h"
#include "net/sealed_pipe.h"
#include "net/settings.h"

namespace bluemarble::net {

class SealedServer final : public DatagramSeam {
 public:
  /// The mask that net.cipher stands for.
  static uint8_t CiphersOf(const NetSettings& settings);

  /// `mint` outlives it. `reset_key`: the same after a restart.
  SealedServer(const NetSettings& settings, const TokenMint& mint, const Key& reset_key);
  ~SealedServer() override;

  core::Status AllowBind(uint32_t) const override { return {}; }
  void Attach(DatagramOutlet& outlet, HostStats& stats, uint16_t port) override;
  std::span<const sock_filter> FloodFilter() const noexcept override { return flood_filter_; }
  void SetNow(int64_t now_ns) noexcept override { now_ns_ = now_ns; }
  Opened Open(Address& from, std::span<std::byte>& datagram) noexcept override;
  size_t Seal(Address& to, std::span<const iovec> parts,
              std::span<std::byte> out) noexcept override;
  void ExpectFar(std::span<const std::byte> datagram) noexcept override;
  void ExpectNear(std::span<const std::byte> datagram) noexcept override;
  void ExpectSeal(const Address& to) noexcept override;
  Peer OnConnected(const Address& seen) noexcept override;
  void OnGone(const Address& seen, uint32_t reason) noexcept override;
  void OnMalformed(const Address& seen) noexcept override;
  std::optional<uint32_t> Ended(const Address& seen) const noexcept override;
  void Maintain() noexcept override;
  void SayGoodbye(uint32_t reason) noexcept override;

  size_t sessions() const { return sessions_.size() - free_.size(); }

 private:
  enum class State : uint8_t {
    kFree,
    kAccepted,  // the client has its keys; ENet does not know it yet
    kConnected,
    kEnding,  // says goodbye
  };
  struct Session {
    SealedPipe pipe;
    State state = State::kFree;
    bool ended_below = false;  // by us or the client's goodbye: ENet is to be told
    uint8_t goodbyes_left = 0;
    uint8_t malformed = 0;  // of its datagrams
    uint8_t identity_bytes = 0;
    uint16_t virtual_port = 0;  // counts the slot's uses, so that ENet never mixes two up
    std::optional<uint32_t> connect_id;
    uint32_t end_reason = 0;
    Address address;    // where it is sent to: proven
    Address candidate;  // heard from, not proven yet
    Address bound;      // where its token was proven
    uint64_t challenge = 0;
    int64_t challenged_ns = kNever, drawn_ns = kNever;
    int64_t asked_ns = 0, heard_ns = 0, phase_ns = 0, ending_ns = 0;
    std::array<std::byte, kAcceptBytes> accept{};
    std::array<std::byte, kMaxIdentityBytes> identity{};
  };
  struct Entry {  // of the open-addressing table from id to slot
    uint64_t session = 0;
    uint16_t slot = 0;
  };
  static constexpr int64_t kNever = INT64_MIN / 2;
  static constexpr uint64_t kNoToken = UINT64_MAX;
  static constexpr int64_t kNoAccount = INT64_MIN;

 public:
  /// What one session costs besides ENet's peer, bytes; issue 4 allows 2 KB.
  static constexpr size_t kSessionBytes = sizeof(Session) + 2 * 2 * sizeof(Entry) +
                                          2 * sizeof(uint64_t) + sizeof(uint32_t) +
                                          sizeof(uint16_t);

 private:
  Opened OnRequest(const Address& from, std::span<const std::byte> datagram);
  void Challenge(const Address& from, const RequestView& request);
  bool CookieFits(const Address& from, const RequestView& request);
  Opened OnProvenRequest(const Address& from, const RequestView& request);
  Opened RepeatAccept(const Address& from, const RequestView& request, uint64_t number);
  Opened RefuseToken(const Address& from, const RequestView& request, SealEvent event,
                     RefusedReason reason);
  Opened Accept(const Address& from, const RequestView& request, const TokenContent& token,
                Cipher cipher);
  std::optional<Cipher> Choose(uint8_t offered) const;
  size_t SessionsFrom(uint32_t v4) const;

  Opened OnSealed(Address& from, std::span<std::byte>& datagram, PacketType type);
  void AnswerUnknown(const Address& from, uint64_t session);
  bool OnControl(Session& session, const Address& from, std::span<const std::byte> text);
  void ConsiderPath(Session& session, const Address& from, size_t bytes_in);
  bool AdmitConnect(Session& session, std::span<const std::byte> enet) const;

  void SendControl(Session& session, const Address& to, ControlKind kind,
                   std::span<const std::byte> body);
  void SendGoodbye(Session& session);
  void End(Session& session, uint32_t reason, bool tell_client, bool tell_enet);
  void Free(Session& session);

  Session* FindVirtual(const Address& seen);
  const Session* FindVirtual(const Address& seen) const {
    return const_cast<SealedServer*>(this)->FindVirtual(seen);
  }
  Session* FindSession(uint64_t session);
  static void Fetch(const Session& session);
  void Index(uint64_t session, uint16_t slot);
  void Unindex(uint64_t session);
  uint16_t SlotOf(const Session& session) const {
    return static_cast<uint16_t>(&session - sessions_.data());
  }
  void Count(SealEvent event) { stats_->seal[static_cast<size_t>(event)].Add(); }
  Opened Refuse(SealEvent event) {
    Count(event);
    return Opened::kRefused;
  }

  const TokenMint& mint_;
  const size_t max_per_address_;
  const uint8_t ciphers_;
  const uint64_t rekey_datagrams_;
  const int64_t rekey_ns_, half_open_ns_, idle_ns_;
  DatagramOutlet* outlet_ = nullptr;
  HostStats* stats_ = nullptr;
  uint16_t port_ = 0;
  int64_t now_ns_ = 0;

  Aead aead_;
  Key mark_key_;  // of all hosts
  SessionMark mark_;
  std::vector<sock_filter> flood_filter_;
  Mac cookie_mac_;
  Mac reset_mac_;
  // Addresses not proven have a budget of their own: who forges them cannot spend the others'.
  RateGate unproven_gate_, proven_gate_, reset_gate_;

  std::vector<Session> sessions_;
  std::vector<uint16_t> free_;
  std::vector<Entry> index_;  // a power of two, at most half full
  size_t index_mask_;
  // Beside the sessions, so that looking through all of them stays in the first-level cache.
  std::vector<uint64_t> token_numbers_;  // kNoToken: slot not in use
  std::vector<uint32_t> addresses_v4_;
  std::vector<int64_t> half_open_accounts_;  // whose, while ENet does not know it
  // Which tokens have been used, of the last million minted.
  std::unique_ptr<NumberWindow<16'384>> used_tokens_;
};

}  // namespace bluemarble::net
