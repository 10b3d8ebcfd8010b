// T-6: every way in which a connect token may be wrong, and the price of refusing many.
#include <algorithm>

#include "core/hash.h"
#include "tests/soak/stranger.h"

namespace bluemarble::stranger {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kAnswerNs = 100 * kMs;
// The server keeps a session that ended for a second, and looks four times a second.
constexpr int64_t kForgottenNs = 1'600 * kMs;
constexpr size_t kTokenAt = 28, kTokenTextAt = kTokenAt + 12;  // proto/SESSION.md, Request
constexpr size_t kTokenTextBytes = net::kSealedTokenBytes - 12 - net::kTagBytes;
constexpr size_t kProvenBytes = net::kProofAt + 16;

Tally Show(const Source& source, const Datagram& request) {
  Tally tally;
  source.Send(request);
  tally.Sent(request);
  tally.Hear(source, NowNs() + kAnswerNs);
  return tally;
}

/// A bearer who has proven an address and knows the token's keys.
Tally ShowHonestly(uint32_t v4, uint16_t port, const net::ConnectToken& token) {
  const Source source(v4, port);
  return Show(source, RequestOf(token, CookieOf(source, token)));
}

Tally ShowFlipped(const Offer& offer) {
  const Source source(StrangerV4(0), offer.token.address.port);
  const net::Cookie cookie = CookieOf(source, offer.token);
  const Datagram good = RequestOf(offer.token, cookie);
  Tally tally;
  const auto show = [&](const Datagram& bad) {
    source.Send(bad);
    tally.Sent(bad);
    tally.Hear(source);
  };
  for (const std::byte mask : {std::byte{0x01}, std::byte{0x80}, std::byte{0xff}}) {
    for (size_t i = 0; i < kProvenBytes; ++i) {
      Datagram bad = good;
      bad[i] ^= mask;
      show(bad);
    }
    for (size_t i = 0; i < net::kKeyBytes; ++i) {
      net::ConnectToken wrong = offer.token;
      wrong.to_server[i] ^= mask;
      show(RequestOf(wrong, cookie));
    }
  }
  tally.Hear(source, NowNs() + kAnswerNs);
  return tally;
}

/// Shown from a second address before, during and after the session that it opens.
Json ShowTwice(const Offer& offer) {
  const Source thief(StrangerV4(2), offer.token.address.port);
  const net::Cookie cookie = CookieOf(thief, offer.token);
  OpenSession session(StrangerV4(1), offer);
  Json out;
  out["other_address_cookie"] = Show(thief, session.request()).ToJson();
  out["other_address"] = Show(thief, RequestOf(offer.token, cookie)).ToJson();
  // The one case in which an Accept may come again, the same bytes as before.
  session.source().Send(session.request());
  const auto again = session.source().Receive(NowNs() + kAnswerNs);
  out["repeat_is_the_same"] = std::ranges::equal(again, session.accept());
  session.SayGoodbye();
  SleepUntil(NowNs() + kForgottenNs);
  const net::Cookie later = CookieOf(session.source(), offer.token);
  out["second_use"] = Show(session.source(), RequestOf(offer.token, later)).ToJson();
  out["second_use_elsewhere"] =
      ShowHonestly(StrangerV4(2), offer.token.address.port, offer.token).ToJson();
  return out;
}

/// Bad tokens with cookies that are good, from many addresses to each host.
class TokenFlood {
 public:
  TokenFlood(const Options& options, Offers& offers) : options_(options), random_(options.seed) {
    const Offer elsewhere = offers.Take("other_shard"), before = offers.Take("before_restart"),
                expired = offers.Take("expired");
    for (size_t host = 0; host < options.ports.size(); ++host) {
      const uint16_t port = options.ports[host];
      const uint16_t next = options.ports[(host + 1) % options.ports.size()];
      std::vector<Bad> bad = {{Change::kToken, offers.Take("good", port).token},
                              {Change::kProof, offers.Take("good", port).token},
                              {Change::kNothing, elsewhere.token},
                              {Change::kNothing, before.token},
                              {Change::kNothing, expired.token}};
      if (next != port) bad.push_back({Change::kNothing, offers.Take("good", next).token});
      for (uint32_t i = 0; i < kSources; ++i) {
        const auto number = static_cast<uint32_t>(1000 * (host + 1)) + i;
        lanes_.push_back({Source(StrangerV4(number), port), bad});
      }
    }
  }

  Json Run() {
    GetCookies();
    Tally tally;
    const int64_t start_ns = NowNs();
    const auto end_ns = start_ns + static_cast<int64_t>(options_.seconds * 1e9);
    int64_t cookies_ns = start_ns;
    for (int64_t now_ns = start_ns; now_ns < end_ns; now_ns = NowNs()) {
      if (now_ns - cookies_ns > kCookieNs) {
        GetCookies();
        cookies_ns = now_ns;
      }
      const auto due =
          static_cast<uint64_t>(static_cast<double>(now_ns - start_ns) / 1e9 * options_.rate_hz);
      while (tally.sent < due) ShowOne(tally);
      for (const Lane& lane : lanes_) tally.Hear(lane.source);
      SleepUntil(now_ns + kMs);
    }
    const double seconds = static_cast<double>(NowNs() - start_ns) / 1e9;
    SleepUntil(NowNs() + kAnswerNs);
    for (const Lane& lane : lanes_) tally.Hear(lane.source);
    Json out = tally.ToJson();
    out["seconds"] = seconds;
    out["per_s"] = static_cast<double>(tally.sent) / seconds;
    return out;
  }

 private:
  static constexpr uint32_t kSources = 24;
  static constexpr int64_t kCookieNs = 3'500 * kMs;  // a cookie is good for 5 s at least

  enum class Change { kNothing, kToken, kProof };
  struct Bad {
    Change change;
    net::ConnectToken token;
    Datagram request = {};
  };
  struct Lane {
    Source source;
    std::vector<Bad> bad;
  };

  // All at once: each answer takes as long as the zone naps between two looks at its socket.
  void GetCookies() {
    for (Lane& lane : lanes_) {
      for (Bad& bad : lane.bad) {
        bad.request.clear();
        lane.source.Send(RequestOf(bad.token));
      }
    }
    const int64_t until_ns = NowNs() + kAnswerNs;
    for (Lane& lane : lanes_) {
      const auto wanted = [](const Bad& bad) { return bad.request.empty(); };
      while (std::ranges::any_of(lane.bad, wanted)) {
        const auto answer = lane.source.Receive(until_ns);
        if (answer.empty()) break;
        if (const auto challenge = net::ReadChallenge(answer)) TakeCookie(lane, *challenge);
      }
      for (Bad& bad : lane.bad)
        if (wanted(bad)) bad.request = RequestOf(bad.token, CookieOf(lane.source, bad.token));
    }
  }

  static void TakeCookie(Lane& lane, const net::ChallengeView& challenge) {
    net::Cookie cookie;
    std::ranges::copy(challenge.cookie, cookie.begin());
    for (Bad& bad : lane.bad) {
      const auto tag = std::span(bad.token.sealed).last<net::kTagBytes>();
      if (std::ranges::equal(tag, challenge.token_tag)) bad.request = RequestOf(bad.token, cookie);
    }
  }

  void ShowOne(Tally& tally) {
    const Lane& lane = lanes_[tally.sent % lanes_.size()];
    const Bad& bad = lane.bad[tally.sent / lanes_.size() % lane.bad.size()];
    Datagram request = bad.request;
    const auto flip = static_cast<std::byte>(1 + random_.Below(255));
    if (bad.change == Change::kToken)
      request[kTokenTextAt + random_.Below(kTokenTextBytes)] ^= flip;
    if (bad.change == Change::kProof) request[net::kProofAt + random_.Below(16)] ^= flip;
    lane.source.Send(request);
    tally.Sent(request);
  }

  const Options& options_;
  core::Random random_;
  std::vector<Lane> lanes_;
};

}  // namespace

Json AttackTokens(const Options& options) {
  Offers offers(options.tokens_file);
  Json out;
  out["flipped"] = ShowFlipped(offers.Take("good")).ToJson();
  if (options.ports.size() > 1) {
    const Offer offer = offers.Take("good", options.ports[0]);
    out["other_host"] = ShowHonestly(StrangerV4(3), options.ports[1], offer.token).ToJson();
  }
  for (const char* kind : {"expired", "other_shard", "before_restart"}) {
    const Offer offer = offers.Take(kind);
    Tally tally;
    for (const uint16_t port : options.ports) {
      const Tally one = ShowHonestly(StrangerV4(4), port, offer.token);
      tally.sent += one.sent;
      tally.heard += one.heard;
      for (const auto& [type, count] : one.by_type) tally.by_type[type] += count;
    }
    out[kind] = tally.ToJson();
  }
  out["twice"] = ShowTwice(offers.Take("good"));
  return out;
}

Json FloodTokens(const Options& options) {
  Offers offers(options.tokens_file);
  return TokenFlood(options, offers).Run();
}

}  // namespace bluemarble::stranger
