// Covers src/net/sealed_server.cc, src/net/sealed_client.cc, src/net/sealed_pipe.cc,
// src/net/sealed_packets.cc, src/net/connect_token.cc.
//
// A sealed server, clients with good and bad tokens, and between them somebody who delivers,
// changes, repeats and drops what is under way; who also has the keys of a session and says under
// them what no library would. What arrives has been sent, and no oftener than that.
#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "fuzz_target.h"
#include "net/sealed_client.h"
#include "net/sealed_server.h"
#include "sealed_session_steps.h"

namespace net = bluemarble::net;
using bluemarble::fuzz::Delivery;
using bluemarble::fuzz::kSessionClients;
using bluemarble::fuzz::Require;
using bluemarble::fuzz::Step;
using bluemarble::fuzz::TokenKind;
using Bytes = std::vector<std::byte>;

namespace {

constexpr uint32_t kLoopback = 0x7f000001;
constexpr uint16_t kPort = 7777;
constexpr size_t kMaxUnderWay = 64;
constexpr int kMaxSteps = 512;

struct HandClock final : bluemarble::core::Clock {
  int64_t NowNs() const override { return now_ns; }
  int64_t WallUs() const override { return now_ns / 1000; }
  int64_t now_ns = 1'000'000'000'000;
};

class Script {
 public:
  explicit Script(std::span<const std::byte> bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  uint8_t Byte() {
    if (bytes_.empty()) return 0;
    const auto byte = std::to_integer<uint8_t>(bytes_.front());
    bytes_ = bytes_.subspan(1);
    return byte;
  }
  std::span<const std::byte> Text() {
    const size_t length = Byte();
    const auto text = bytes_.first(std::min(length, bytes_.size()));
    bytes_ = bytes_.subspan(text.size());
    return text;
  }

 private:
  std::span<const std::byte> bytes_;
};

struct UnderWay {
  size_t client = 0;
  bool up = false;
  Bytes bytes;
};

// Of one client; `insider` and `forger` are its session's ends once more, in wrong hands.
struct Player {
  std::optional<net::ConnectToken> token;
  std::unique_ptr<net::SealedClient> client;
  std::optional<net::SealedPipe> insider, forger;
  net::Address seen;  // by ENet
};

net::NetSettings Settings(uint8_t kind) {
  constexpr std::array<const char*, 3> kCiphers = {"auto", "aes256gcm", "chacha20poly1305"};
  net::NetSettings settings;
  settings.cipher = kCiphers[kind % 3];
  settings.max_peers_per_host = 3;
  settings.max_peers_per_address = kind < 128 ? 0 : 1;
  settings.rekey_datagrams = 4;
  settings.requests_per_address_s = 20;
  settings.resets_per_address_s = 1;
  return settings;
}

class Session final : private net::DatagramOutlet {
 public:
  explicit Session(uint8_t kind)
      : settings_(Settings(kind)),
        mint_(clock_, kLoopback, 60, net::kAllCiphers),
        other_mint_(clock_, kLoopback, 60, net::kAllCiphers),
        server_(settings_, mint_, net::Key{}) {
    server_.Attach(*this, stats_, kPort);
  }

  void Run(Script& script) {
    for (int step = 0; step < kMaxSteps && !script.empty(); ++step) {
      const uint8_t head = script.Byte();
      server_.SetNow(clock_.now_ns);
      Do(static_cast<Step>(head & 15), head >> 4 & 3, head >> 6, script);
    }
    server_.SayGoodbye(1);
  }

 private:
  void Do(Step step, size_t which, int variant, Script& script) {
    Player& player = players_[which];
    switch (step) {
      case Step::kAsk: {
        const uint8_t kind = script.Byte() % bluemarble::fuzz::kTokenKinds;
        Ask(which, static_cast<TokenKind>(kind), script.Byte());
        break;
      }
      case Step::kPoll: Poll(which); break;
      case Step::kDeliver: Deliver(static_cast<Delivery>(variant), script); break;
      case Step::kClientSays: ClientSays(which, script.Text()); break;
      case Step::kServerSays: ServerSays(which, script.Text()); break;
      case Step::kInsiderSays: Say(which, player.insider, variant == 1, true, script); break;
      case Step::kForgerSays: Say(which, player.forger, variant == 1, false, script); break;
      case Step::kWait: clock_.now_ns += int64_t{1'000'000} << script.Byte() % 24; break;
      case Step::kEnet: Enet(player, variant, script.Byte()); break;
      case Step::kHost:
        if (variant == 0) server_.Maintain();
        if (variant == 1) server_.SayGoodbye(1);
        if (variant == 2) mint_.RotateKey();
        break;
      case Step::kGoodbye: {
        const uint8_t reason = script.Byte();
        if (player.client != nullptr) Send(which, true, player.client->Goodbye(reason));
        break;
      }
      case Step::kRaw: Arrive({which, variant == 0, Copy(script.Text())}, Home(which)); break;
    }
    Require(server_.sessions() <= static_cast<size_t>(settings_.max_peers_per_host));
  }

  // Never at a null pointer: ENet's buffers are not either.
  static Bytes Copy(std::span<const std::byte> bytes) {
    Bytes copy;
    copy.reserve(bytes.size() + 1);
    copy.assign(bytes.begin(), bytes.end());
    return copy;
  }
  // Two share an address.
  static net::Address Home(size_t which) {
    return {kLoopback + static_cast<uint32_t>(which / 2), static_cast<uint16_t>(1000 + which)};
  }
  static net::Address Away(size_t which) {
    return {kLoopback + 8, static_cast<uint16_t>(2000 + which)};
  }

  void SendDirect(const net::Address& to, std::span<const std::byte> datagram) noexcept override {
    Send(to.port % 1000 % kSessionClients, false, datagram);
  }
  void Send(size_t which, bool up, std::span<const std::byte> datagram) {
    if (datagram.empty() || under_way_.size() == kMaxUnderWay) return;
    under_way_.push_back({which, up, Copy(datagram)});
  }

  void Ask(size_t which, TokenKind kind, uint8_t ciphers) {
    Player& player = players_[which];
    net::TokenMint& mint = kind == TokenKind::kOtherZone ? other_mint_ : mint_;
    const auto port = static_cast<uint16_t>(kind == TokenKind::kOtherPort ? kPort + 1 : kPort);
    const int64_t account = kind == TokenKind::kShared ? 7 : 100 + static_cast<int64_t>(which);
    const auto text = mint.Mint(port, account, "Ada");
    Require(text.ok());
    auto token = net::DecodeConnectToken(*text);
    Require(token.ok() && net::EncodeConnectToken(*token) == *text);
    if (kind == TokenKind::kSeen && last_token_) *token = *last_token_;
    if (kind == TokenKind::kForged) token->sealed[100] ^= std::byte{1};
    if (kind == TokenKind::kUnproven) token->to_server[0] ^= std::byte{1};
    last_token_ = *token;
    player = Player{};
    player.token = *token;
    player.client = std::make_unique<net::SealedClient>(*token, ciphers & 7, clock_.now_ns);
  }

  void Poll(size_t which) {
    net::SealedClient* client = players_[which].client.get();
    if (client == nullptr) return;
    for (int most = 0; most < 4; ++most) {
      const auto datagram = client->Poll(clock_.now_ns);
      if (datagram.empty()) break;
      Send(which, true, datagram);
    }
    Require(client->next_due_ns() > clock_.now_ns ||
            client->state() == net::SealedClient::State::kAsking);
  }

  void Deliver(Delivery how, Script& script) {
    if (under_way_.empty()) return;
    const auto at = under_way_.begin() + script.Byte() % static_cast<int>(under_way_.size());
    UnderWay datagram = *at;
    if (how != Delivery::kAndStays) under_way_.erase(at);
    if (how == Delivery::kChanged) {
      const size_t place = script.Byte() % datagram.bytes.size();
      datagram.bytes[place] ^= std::byte{script.Byte()};
    }
    const bool elsewhere = how == Delivery::kFromElsewhere;
    Arrive(datagram, elsewhere ? Away(datagram.client) : Home(datagram.client));
  }

  void Arrive(UnderWay datagram, net::Address from) {
    Player& player = players_[datagram.client];
    std::span<std::byte> bytes(datagram.bytes);
    if (datagram.up) {
      if (server_.Open(from, bytes) != net::DatagramSeam::Opened::kPass) return;
      player.seen = from;
      Require(said_up_[Copy(bytes)]-- > 0);
      return;
    }
    if (player.client == nullptr) return;
    Listen(player, bytes);
    if (player.client->Open(bytes, clock_.now_ns)) Require(said_down_[Copy(bytes)]-- > 0);
  }

  // An Accept that the client's own keys open is where the session's keys come from.
  void Listen(Player& player, std::span<const std::byte> bytes) {
    const auto accept = net::ReadAccept(aead_, player.token->to_client, bytes);
    if (!accept || player.insider) return;
    using Side = net::SealedPipe::Side;
    player.insider.emplace().Start(Side::kClient, accept->cipher, accept->session,
                                   player.token->to_server, player.token->to_client);
    player.forger.emplace().Start(Side::kServer, accept->cipher, accept->session,
                                  player.token->to_server, player.token->to_client);
  }

  void ClientSays(size_t which, std::span<const std::byte> text) {
    net::SealedClient* client = players_[which].client.get();
    if (client == nullptr) return;
    Bytes copy = Copy(text);
    const std::array<iovec, 2> parts{
        {{copy.data(), copy.size() / 2}, {copy.data() + copy.size() / 2, (copy.size() + 1) / 2}}};
    const auto datagram = client->Seal(parts);
    if (datagram.empty()) return;
    ++said_up_[copy];
    Send(which, true, datagram);
  }

  void ServerSays(size_t which, std::span<const std::byte> text) {
    Bytes copy = Copy(text);
    const iovec part{copy.data(), copy.size()};
    net::Address to = players_[which].seen;
    const size_t bytes = server_.Seal(to, {&part, 1}, out_);
    if (bytes == 0) return;
    ++said_down_[copy];
    Send(which, false, std::span(out_).first(bytes));
    // One that is too large for any datagram never leaves.
    const iovec large{large_.data(), large_.size()};
    Require(server_.Seal(to = players_[which].seen, {&large, 1}, out_) == 0);
  }

  void Say(size_t which, std::optional<net::SealedPipe>& pipe, bool control, bool up,
           Script& script) {
    const Bytes text = Copy(script.Text());
    if (!pipe) return;
    Bytes datagram(text.size() + net::kSealBytes);
    std::copy(text.begin(), text.end(), datagram.begin() + net::kSealHeadBytes);
    pipe->Seal(aead_, control ? net::PacketType::kControl : net::PacketType::kData, datagram);
    if (!control) ++(up ? said_up_ : said_down_)[text];
    Send(which, up, datagram);
  }

  void Enet(Player& player, int variant, uint8_t reason) {
    if (variant == 0) {
      const auto peer = server_.OnConnected(player.seen);
      Require(peer.identity.size() <= net::kMaxIdentityBytes);
    }
    if (variant == 1) server_.OnGone(player.seen, reason);
    if (variant == 2) server_.OnMalformed(player.seen);
    if (variant == 3) (void)server_.Ended(player.seen);
  }

  const net::NetSettings settings_;
  HandClock clock_;
  net::TokenMint mint_, other_mint_;
  net::HostStats stats_;
  net::SealedServer server_;
  net::Aead aead_;
  std::optional<net::ConnectToken> last_token_;
  std::array<Player, kSessionClients> players_;
  std::vector<UnderWay> under_way_;
  std::map<Bytes, int> said_up_, said_down_;
  std::array<std::byte, 1300> large_{};
  std::array<std::byte, bluemarble::kDatagramBytes> out_{};
};

}  // namespace

FUZZ_TARGET(sealed_session) {
  Script script(bytes);
  Session(script.Byte()).Run(script);
}
