// T-14: floods of what no key opens. And a player's captured datagrams shown again in every way
// that a stranger on its path has, of which nothing may be opened.
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "core/hash.h"
#include "tests/soak/wiretap.h"

namespace bluemarble::stranger {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr uint32_t kVictim = 0x7f3f'0001;
constexpr double kCaptureS = 1;
constexpr double kJoinS = 5;

using Datagrams = std::vector<Datagram>;

void Join(Wiretap& victim) {
  for (const int64_t end_ns = NowNs() + static_cast<int64_t>(kJoinS * 1e9);
       !victim.playing() && NowNs() < end_ns;) {
    victim.Play(0.05);
  }
  if (!victim.playing()) GiveUp("the client did not come into play");
}

Json Victim(const Wiretap& victim) {
  return {{"playing", victim.playing()},
          {"end_reason", static_cast<uint32_t>(victim.end_reason())},
          {"sealed_up", victim.sealed_up()}};
}

// ---- captured datagrams

constexpr size_t kChanged = 20;  // captured datagrams that are cut and flipped
constexpr uint64_t kPerMs = 16;
constexpr int64_t kAnswerNs = 100 * kMs;

Tally SendAll(const Source& from, const Datagrams& datagrams) {
  Tally tally;
  for (const Datagram& datagram : datagrams) {
    from.Send(datagram);
    tally.Sent(datagram);
    if (tally.sent % kPerMs == 0) SleepUntil(NowNs() + kMs);
  }
  return tally;
}

Datagrams Cut(const Datagrams& captured) {
  Datagrams out;
  for (size_t i = 0; i < captured.size(); i += std::max<size_t>(captured.size() / kChanged, 1))
    for (size_t size = 0; size < captured[i].size(); ++size)
      out.emplace_back(captured[i].begin(), captured[i].begin() + static_cast<ptrdiff_t>(size));
  return out;
}

Datagrams Flipped(const Datagrams& captured, core::Random& random) {
  Datagrams out;
  for (size_t i = 0; i < captured.size(); i += std::max<size_t>(captured.size() / kChanged, 1)) {
    for (size_t at = 0; at < captured[i].size(); ++at) {
      out.push_back(captured[i]);
      out.back()[at] ^= static_cast<std::byte>(1u << random.Below(8));
    }
  }
  return out;
}

// ---- junk

constexpr size_t kPool = 4096;
constexpr size_t kBatch = 64;
constexpr size_t kSourcesPerHost = 8;
constexpr size_t kMostJunkBytes = 400;

Datagram Junk(core::Random& random, const Datagrams& captured) {
  Datagram out(1 + random.Below(kMostJunkBytes));
  for (std::byte& byte : out) byte = static_cast<std::byte>(random.Next());
  const Datagram& one = captured[random.Below(captured.size())];
  switch (random.Below(5)) {
    case 0: break;
    case 1:  // of a type that there is, and of no session
      out[0] = static_cast<std::byte>(random.Below(8) | (random.Chance(0.5) ? 0x80u : 0u));
      break;
    case 2:  // of the session that there is
      out.resize(std::max(out.size(), net::kSealBytes));
      std::copy_n(one.begin(), std::min<size_t>(one.size(), 9), out.begin());
      break;
    case 3:
      out.assign(one.begin(), one.begin() + static_cast<ptrdiff_t>(random.Below(one.size())));
      break;
    default:
      out = one;
      out[random.Below(out.size())] ^= static_cast<std::byte>(1u << random.Below(8));
  }
  return out;
}

double ThreadCpuS() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// The pool in turn, a batch to a host at a time.
class Flood {
 public:
  Flood(const Options& options, const Datagrams& pool) : options_(options) {
    const auto& ports = options.flood_ports.empty() ? options.ports : options.flood_ports;
    for (uint32_t i = 0; i < kSourcesPerHost; ++i)
      for (size_t host = 0; host < ports.size(); ++host)
        sources_.emplace_back(StrangerV4(1000 * static_cast<uint32_t>(host) + i), ports[host]);
    for (const Datagram& datagram : pool) {
      parts_.push_back({const_cast<std::byte*>(datagram.data()), datagram.size()});
      bytes_ += datagram.size();
    }
  }

  Json Run() {
    const double cpu_s = ThreadCpuS();
    const int64_t start_ns = NowNs();
    const auto end_ns = start_ns + static_cast<int64_t>(options_.seconds * 1e9);
    for (int64_t now_ns = start_ns; now_ns < end_ns; now_ns = NowNs()) {
      if (options_.rate_hz <= 0) {
        SendBatch(kBatch);
        continue;
      }
      const auto due =
          static_cast<uint64_t>(static_cast<double>(now_ns - start_ns) / 1e9 * options_.rate_hz);
      while (sent_ < due) SendBatch(std::min<uint64_t>(kBatch, due - sent_));
      SleepUntil(now_ns + kMs);
    }
    const double seconds = static_cast<double>(NowNs() - start_ns) / 1e9;
    return {{"sent", sent_},
            {"seconds", seconds},
            {"per_s", static_cast<double>(sent_) / seconds},
            {"mean_bytes", static_cast<double>(bytes_) / static_cast<double>(parts_.size())},
            {"cpu_share", (ThreadCpuS() - cpu_s) / seconds}};
  }

 private:
  void SendBatch(size_t count) {
    std::array<mmsghdr, kBatch> messages{};
    for (size_t i = 0; i < count; ++i) {
      messages[i].msg_hdr.msg_iov = &parts_[next_++ % parts_.size()];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const Source& from = sources_[batches_++ % sources_.size()];
    const int sent =
        sendmmsg(from.fd(), messages.data(), static_cast<unsigned>(count), MSG_NOSIGNAL);
    if (sent > 0) sent_ += static_cast<uint64_t>(sent);
  }

  const Options& options_;
  std::vector<Source> sources_;
  std::vector<iovec> parts_;
  size_t next_ = 0, batches_ = 0;
  uint64_t sent_ = 0, bytes_ = 0;
};

}  // namespace

Json ReplayCaptured(const Options& options) {
  Offers offers(options.tokens_file);
  core::Random random(options.seed);
  const Offer offer = offers.Take("good", options.ports[0]);
  Wiretap victim(offer, kVictim);
  victim.set_capturing(true);
  Join(victim);
  victim.Play(options.seconds);
  victim.set_capturing(false);
  const Datagrams& up = victim.up();

  Json sets;
  const auto show = [&](const char* name, const Source& from, const Datagrams& datagrams) {
    Tally tally = SendAll(from, datagrams);
    // The client's own path stays the client's to read.
    if (&from != &victim.to_zone()) tally.Hear(from, NowNs() + kAnswerNs);
    sets[name] = tally.ToJson();
    victim.Play(0.05);  // or its silence would end it
  };
  const Source elsewhere(StrangerV4(1), options.ports[0]);
  show("replayed", victim.to_zone(), up);
  show("reordered", victim.to_zone(), Datagrams(up.rbegin(), up.rend()));
  show("cut", victim.to_zone(), Cut(up));
  show("flipped", victim.to_zone(), Flipped(up, random));
  show("reflected", victim.to_zone(), victim.down());
  show("from_elsewhere", elsewhere, up);
  show("cut_from_elsewhere", elsewhere, Cut(up));
  show("flipped_from_elsewhere", elsewhere, Flipped(up, random));
  if (options.ports.size() > 1) show("to_other_host", Source(StrangerV4(2), options.ports[1]), up);
  if (options.other_port != 0)
    show("to_other_shard", Source(StrangerV4(3), options.other_port), up);
  victim.Play(0.5);
  return {{"captured_up", up.size()},
          {"captured_down", victim.down().size()},
          {"sets", sets},
          {"victim", Victim(victim)}};
}

Json FloodJunk(const Options& options) {
  Offers offers(options.tokens_file);
  core::Random random(options.seed);
  Wiretap victim(offers.Take("good", options.ports[0]), kVictim);
  victim.set_capturing(true);
  Join(victim);
  victim.Play(kCaptureS);
  victim.set_capturing(false);
  Datagrams pool;
  while (pool.size() < kPool) pool.push_back(Junk(random, victim.up()));

  std::atomic<bool> stop = false;
  std::jthread playing([&] {
    while (!stop) victim.Play(0.01);
  });
  SleepUntil(options.begin_ns);
  Json out = Flood(options, pool).Run();
  stop = true;
  playing.join();
  out["victim"] = Victim(victim);
  return out;
}

}  // namespace bluemarble::stranger
