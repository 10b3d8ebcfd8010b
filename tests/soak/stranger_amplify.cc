// T-3: what addresses that have proven nothing get back for what they send, in windows of time that
// each have their own kind of datagram, so that none hides behind another's bytes.
#include <algorithm>
#include <cstring>

#include "core/hash.h"
#include "tests/soak/stranger.h"

namespace bluemarble::stranger {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr uint32_t kSourcesPerHost = 64;
constexpr size_t kWhole = 200;            // of each kind, each from the next address
constexpr size_t kSessionTextPings = 60;  // at most; net/precheck.h allows 64 commands
constexpr size_t kRandomKinds = 600;
constexpr size_t kMostRandomBytes = 1472;
constexpr size_t kHeadBytes = 8;
// The last part of a window sends nothing: answers belong to the window of their questions.
constexpr double kSendingShare = 0.7;

using Datagrams = std::vector<Datagram>;

struct Flow {
  uint64_t in_packets = 0, in_bytes = 0, out_packets = 0, out_bytes = 0;

  bool over() const { return out_packets > in_packets || out_bytes > in_bytes; }
  void Add(const Flow& other) {
    in_packets += other.in_packets;
    in_bytes += other.in_bytes;
    out_packets += other.out_packets;
    out_bytes += other.out_bytes;
  }
  double byte_ratio() const { return Ratio(out_bytes, in_bytes); }
  double packet_ratio() const { return Ratio(out_packets, in_packets); }
  Json ToJson() const {
    return {{"in_packets", in_packets},
            {"in_bytes", in_bytes},
            {"out_packets", out_packets},
            {"out_bytes", out_bytes}};
  }

 private:
  static double Ratio(uint64_t out, uint64_t in) {
    return static_cast<double>(out) / static_cast<double>(std::max<uint64_t>(in, 1));
  }
};

class Amplifier {
 public:
  explicit Amplifier(const Options& options)
      : options_(options), offers_(options.tokens_file), random_(options.seed) {
    for (uint32_t i = 0; i < kSourcesPerHost; ++i)
      for (size_t host = 0; host < options.ports.size(); ++host)
        strangers_.emplace_back(StrangerV4(1000 * static_cast<uint32_t>(host) + i),
                                options.ports[host]);
  }

  Json Run() {
    Requests();
    Reflected();
    InSessions();
    Plain();
    Json out;
    out["windows"] = windows_;
    out["windows_over"] = windows_over_;
    out["most_bytes_ratio"] = most_bytes_ratio_;
    out["most_packets_ratio"] = most_packets_ratio_;
    out["total"] = total_.ToJson();
    out["spontaneous"] = Listen();
    out["kinds"] = kinds_;
    return out;
  }

 private:
  Offer Good() { return offers_.Take("good", options_.ports[0]); }

  void Requests() {
    const Offer offer = Good();
    OpenSession session(kOwner, Good());
    const net::Cookie foreign = CookieOf(session.source(), offer.token);
    All("request", RequestOf(offer.token));
    All("request_with_foreign_cookie", RequestOf(offer.token, foreign));
    All("request_accepted_before", session.request());
    session.SayGoodbye();
  }

  // What only servers say.
  void Reflected() {
    const Offer offer = Good();
    const auto tag = std::span(offer.token.sealed).last<net::kTagBytes>();
    OpenSession session(kOwner, Good());
    Datagram challenge(net::kChallengeBytes), refused(net::kRefusedBytes), reset(net::kResetBytes);
    net::WriteChallenge(tag, CookieOf(session.source(), offer.token),
                        std::span<std::byte, net::kChallengeBytes>(challenge));
    net::WriteRefused(net::RefusedReason::kExpired, tag,
                      std::span<std::byte, net::kRefusedBytes>(refused));
    net::WriteReset(random_.Next(), {}, std::span<std::byte, net::kResetBytes>(reset));
    All("challenge", challenge);
    All("accept", session.accept());
    All("refused", refused);
    All("reset", reset);
    session.SayGoodbye();
  }

  // A thief who copies a session's datagrams, and is faster than the original or later.
  void InSessions() {
    {
      OpenSession session(kOwner, Good());
      Datagrams fresh;
      for (size_t i = 0; i < kWhole; ++i)
        fresh.push_back(session.SealPings(1 + i % kSessionTextPings));
      Send("data_fresh", fresh, /*slow=*/true);
      Send("data_fresh_again", fresh);
      session.SayGoodbye();
    }
    {
      OpenSession session(kOwner, Good());
      All("data_changed", session.SealPings(kSessionTextPings), /*whole=*/false);
      session.SayGoodbye();
    }
    {
      OpenSession session(kOwner, Good());
      Datagrams responses, connects;
      std::array<std::byte, 9> response{static_cast<std::byte>(net::ControlKind::kPathResponse)};
      for (size_t i = 0; i < kWhole; ++i) {
        response[8] = static_cast<std::byte>(i);
        responses.push_back(session.Seal(net::PacketType::kControl, response));
        connects.push_back(session.Seal(net::PacketType::kData, EnetConnect()));
      }
      Send("control_fresh", responses);
      Send("data_enet_connect", connects);
      session.SayGoodbye();
    }
    Datagrams unknown;
    for (size_t i = 0; i < kWhole; ++i) {
      Datagram datagram = Noise(net::kSealBytes + random_.Below(300));
      datagram[0] = static_cast<std::byte>(net::PacketType::kData);
      unknown.push_back(datagram);
    }
    Send("data_of_no_session", unknown);
    All("data_of_no_session", unknown[0], /*whole=*/false);
  }

  void Plain() {
    All("enet_connect", EnetConnect());
    Datagrams random, typed;
    for (size_t i = 0; i < kRandomKinds; ++i) {
      random.push_back(Noise(random_.Below(kMostRandomBytes)));
      typed.push_back(Noise(1 + random_.Below(kDatagramBytes)));
      typed.back()[0] = static_cast<std::byte>(i);
    }
    Send("random", random);
    Send("random_of_each_type", typed);
  }

  /// As it is, cut at every length, and with noise behind its head.
  void All(const std::string& name, const Datagram& datagram, bool whole = true) {
    if (whole) Send(name, Datagrams(kWhole, datagram));
    Datagrams cut, noise;
    for (size_t size = 0; size < datagram.size(); ++size)
      cut.emplace_back(datagram.begin(), datagram.begin() + static_cast<ptrdiff_t>(size));
    for (size_t i = 0; i < kWhole; ++i) {
      noise.push_back(Noise(datagram.size()));
      std::copy_n(datagram.begin(), std::min(kHeadBytes, datagram.size()), noise.back().begin());
    }
    Send(name + "_cut", cut);
    Send(name + "_noise", noise);
  }

  /// `slow`: over a whole window, for what is answered ten times a second at most.
  void Send(const std::string& name, const Datagrams& datagrams, bool slow = false) {
    Flow flow;
    const int64_t window_ns = options_.window_ms * kMs;
    const auto sending_ns = static_cast<int64_t>(static_cast<double>(window_ns) * kSendingShare);
    for (size_t sent = 0; sent < datagrams.size();) {
      Flow window;
      const int64_t start_ns = NowNs();
      for (; sent < datagrams.size() && NowNs() < start_ns + sending_ns; ++sent) {
        strangers_[next_++ % strangers_.size()].Send(datagrams[sent]);
        ++window.in_packets;
        window.in_bytes += datagrams[sent].size();
        if (slow) SleepUntil(NowNs() + sending_ns / static_cast<int64_t>(datagrams.size() + 1));
        if (sent % 16 != 15) continue;
        Hear(window);
        if (!slow) SleepUntil(NowNs() + kMs);
      }
      while (NowNs() < start_ns + window_ns) {
        SleepUntil(std::min(NowNs() + 5 * kMs, start_ns + window_ns));
        Hear(window);
      }
      ++windows_;
      windows_over_ += window.over() ? 1 : 0;
      most_bytes_ratio_ = std::max(most_bytes_ratio_, window.byte_ratio());
      most_packets_ratio_ = std::max(most_packets_ratio_, window.packet_ratio());
      flow.Add(window);
    }
    total_.Add(flow);
    kinds_[name] = flow.ToJson();
  }

  void Hear(Flow& flow) {
    for (const Source& stranger : strangers_) {
      for (auto answer = stranger.Receive(); !answer.empty(); answer = stranger.Receive()) {
        ++flow.out_packets;
        flow.out_bytes += answer.size();
      }
    }
  }

  uint64_t Listen() {
    Flow flow;
    const auto end_ns = NowNs() + static_cast<int64_t>(options_.silence_s * 1e9);
    while (NowNs() < end_ns) {
      SleepUntil(NowNs() + 50 * kMs);
      Hear(flow);
    }
    return flow.out_packets;
  }

  Datagram Noise(size_t size) {
    Datagram out(size);
    for (std::byte& byte : out) byte = static_cast<std::byte>(random_.Next());
    return out;
  }

  // ENet's own first message, as it would be in plain mode (proto/WIRE.md, section 2).
  static Datagram EnetConnect() {
    constexpr unsigned char kConnect[] = {0x8f, 0xff, 0,    0,    0x82, 0xff, 0, 1,  //
                                          0,    0,    0xff, 0xff,                    //
                                          0,    0,    0x04, 0x8f, 0,    1,    0, 0,
                                          0,               // mtu, window
                                          0,    0,    2};  // channels
    constexpr size_t kBytes = 52, kConnectIdAt = 44;
    Datagram out(kBytes);
    std::memcpy(out.data(), kConnect, sizeof kConnect);
    out[kConnectIdAt] = std::byte{7};
    return out;
  }

  // The sessions' own address proves itself and is none of the strangers'.
  static constexpr uint32_t kOwner = 0x7f3f'0001;

  const Options& options_;
  Offers offers_;
  core::Random random_;
  std::vector<Source> strangers_;
  size_t next_ = 0;
  uint64_t windows_ = 0, windows_over_ = 0;
  double most_bytes_ratio_ = 0, most_packets_ratio_ = 0;
  Flow total_;
  Json kinds_;
};

}  // namespace

Json Amplify(const Options& options) { return Amplifier(options).Run(); }

}  // namespace bluemarble::stranger
