/// What the attacks of stranger_attack share: sockets of many addresses, the tokens that a scene
/// hands over, and a tally of what comes back. Whatever cannot be carried out ends the program.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "net/connect_token.h"
#include "net/sealed_packets.h"
#include "net/sealed_pipe.h"

namespace bluemarble::stranger {

using Datagram = std::vector<std::byte>;
using Json = nlohmann::ordered_json;

struct Options {
  std::string tokens_file;  ///< Lines of "kind token"; what kinds, the attack says.
  std::vector<uint16_t> ports;
  std::vector<uint16_t> flood_ports;  ///< Of junk; none: `ports`.
  uint16_t other_port = 0;            ///< Of another shard.
  double seconds = 5;
  double rate_hz = 0;    ///< 0: as many as one core sends.
  int64_t begin_ns = 0;  ///< Of the flood, monotonic.
  double silence_s = 120;
  int window_ms = 1000;
  uint64_t seed = 1;
};

Json AttackTokens(const Options& options);
Json FloodTokens(const Options& options);
Json Amplify(const Options& options);
Json ReplayCaptured(const Options& options);
Json FloodJunk(const Options& options);

[[noreturn]] void GiveUp(const std::string& why);
int64_t NowNs();
void SleepUntil(int64_t ns);

struct Offer {
  std::string kind;
  std::string text;  ///< As POST /v1/join gave it.
  net::ConnectToken token;
};
class Offers {
 public:
  explicit Offers(const std::string& file);
  /// The next one of this kind, and for this port unless it is 0; each is given out once.
  Offer Take(const std::string& kind, uint16_t port = 0);

 private:
  std::vector<Offer> offers_;
};

/// The number-th of many loopback addresses that nobody else uses.
constexpr uint32_t StrangerV4(uint32_t number) { return 0x7f40'0001 + number; }

/// A UDP socket of an address of its own that talks to one port of the zone.
class Source {
 public:
  Source(uint32_t v4, uint16_t port);
  ~Source();
  Source(Source&& other) noexcept;
  Source& operator=(Source&&) = delete;

  void Send(std::span<const std::byte> datagram) const;
  /// What came, valid until the next call of any Source; empty: nothing until then.
  std::span<std::byte> Receive(int64_t until_ns = 0) const;
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

/// What came back, by type.
struct Tally {
  void Sent(std::span<const std::byte> datagram);
  void Heard(std::span<const std::byte> answer);
  /// Everything that comes until then.
  void Hear(const Source& source, int64_t until_ns = 0);
  uint64_t accepts() const;
  Json ToJson() const;

  uint64_t sent = 0, bytes_sent = 0, heard = 0, bytes_heard = 0;
  std::map<std::string, uint64_t> by_type;
};

Datagram RequestOf(const net::ConnectToken& token, const net::Cookie& cookie = {});
/// Asks until it is told one.
net::Cookie CookieOf(const Source& source, const net::ConnectToken& token);

/// A session opened by hand, whose client seals whatever it likes.
class OpenSession {
 public:
  OpenSession(uint32_t v4, const Offer& offer);

  Datagram Seal(net::PacketType type, std::span<const std::byte> text);
  /// Pings that ENet takes for those of a peer it does not know: 4 + 4 * count bytes.
  Datagram SealPings(size_t count);
  void SayGoodbye();

  const Source& source() const { return source_; }
  const Datagram& request() const { return request_; }  ///< That was accepted.
  const Datagram& accept() const { return accept_; }

 private:
  Source source_;
  net::Aead aead_;
  net::SealedPipe pipe_;
  Datagram request_, accept_;
};

}  // namespace bluemarble::stranger
