#include "tools/zonebot/fleet.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/clock.h"
#include "core/hash.h"

namespace bluemarble::zonebot {
namespace {

constexpr int64_t kSweepNs = 4'000'000;  // granularity of due times
constexpr int64_t kConnectingPollNs = 10'000'000;
constexpr size_t kEventsPerWait = 512;
constexpr size_t kPollsPerClockReading = 16;  // arrival times stay right within about 0.1 ms
constexpr int64_t kGoodbyeNs = 1'000'000'000;
constexpr double kErrorUnitsPerM = 10'000;

const core::SystemClock kClock;

ClientOptions OptionsOf(const Options& options, const BotPlan& plan, bool decodes, size_t index) {
  ClientOptions out;
  const geo::Geodetic spawn = geo::ToGeodetic(plan.spawn);
  out.spawn = GeoPosition{spawn.lon_deg, spawn.lat_deg, 0};
  out.decode = decodes;
  out.loss = options.loss_pct / 100;
  out.latency_ms = options.latency_ms;
  out.jitter_ms = options.jitter_ms;
  out.seed = core::HashCombine(options.seed, index);
  out.client_version = "zonebot";
  return out;
}

}  // namespace

Fleet::Fleet(const Options& options, const std::vector<BotPlan>& plans, const Trace& trace,
             const std::vector<bool>& decodes)
    : talker_(plans.size(), options.chat_per_s, core::HashCombine(options.seed, plans.size())),
      clients_(plans.size(), nullptr),
      origin_ns_(kClock.NowNs()) {
  bots_.reserve(plans.size());
  for (size_t i = 0; i < plans.size(); ++i) {
    bots_.push_back(Bot{Client(OptionsOf(options, plans[i], decodes[i], i)),
                        Steering(plans[i], trace, core::HashCombine(options.seed + 1, i))});
    bots_.back().decodes = decodes[i];
  }
}

Fleet::~Fleet() {
  if (epoll_ >= 0) close(epoll_);
}

core::Status Fleet::Open() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) return {core::Code::kDenied, "epoll_create1", std::strerror(errno)};
  return core::Status::Ok();
}

void Fleet::Connect(std::vector<Joiner::Answer>& answers, int64_t now_ns) {
  for (Joiner::Answer& answer : answers) {
    Bot& bot = bots_[answer.bot];
    if (!answer.result.ok) {
      Refuse(bot, "join", answer.result.error);
      continue;
    }
    if (!bot.client.Connect(answer.result.ticket)) {
      Refuse(bot, "socket", bot.client.error());
      continue;
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = answer.bot;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, bot.client.fd(), &event) != 0) {
      Refuse(bot, "socket", std::strerror(errno));
      continue;
    }
    bot.phase = Phase::kConnecting;
    bot.asked_ns = answer.asked_ns;
    bot.due_ns = now_ns;
  }
  answers.clear();
}

void Fleet::Refuse(Bot& bot, const std::string& reason, const std::string& text) {
  bot.phase = Phase::kDone;
  ++refused_;
  // One line for each kind: thousands may follow.
  if (refused_by_reason_[reason]++ == 0)
    std::fprintf(stderr, "zonebot: refused (%s): %s\n", reason.c_str(), text.c_str());
}

void Fleet::Turn(int wait_ms) {
  std::array<epoll_event, kEventsPerWait> events;
  const int ready = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_ms);
  int64_t now_ns = kClock.NowNs();
  for (int i = 0; i < ready; ++i) {
    if (static_cast<size_t>(i) % kPollsPerClockReading == kPollsPerClockReading - 1)
      now_ns = kClock.NowNs();
    Poll(events[static_cast<size_t>(i)].data.u64, now_ns, true);
  }
  if (now_ns < swept_ns_ + kSweepNs) return;
  swept_ns_ = now_ns;
  size_t polled = 0;
  for (size_t i = 0; i < bots_.size(); ++i) {
    Bot& bot = bots_[i];
    if (bot.phase == Phase::kWaiting) continue;
    if (bot.phase == Phase::kPlaying && !quitting_) {
      if (now_ns >= bot.decide_ns) Decide(bot, now_ns);
      talker_.Speak(i, bot.client, now_ns);
    }
    if (now_ns < bot.due_ns) continue;
    if (++polled % kPollsPerClockReading == 0) now_ns = kClock.NowNs();
    Poll(i, now_ns, false);
  }
}

void Fleet::Poll(size_t index, int64_t now_ns, bool readable) {
  Bot& bot = bots_[index];
  bot.client.Poll(now_ns, readable);
  talker_.Listen(index, bot.client, now_ns);
  OnPhase(index, now_ns);
  bot.due_ns = bot.client.NextDueNs();
  if (bot.phase == Phase::kConnecting)
    bot.due_ns = std::min(bot.due_ns, now_ns + kConnectingPollNs);
}

void Fleet::Decide(Bot& bot, int64_t now_ns) {
  const OwnView own = bot.client.own();
  const double elapsed_s = static_cast<double>(now_ns - origin_ns_) / 1e9;
  bot.client.SetInput(bot.steering.Decide({own.predicted.x, own.predicted.y, own.predicted.z},
                                          bot.client.max_speed_mps(), elapsed_s));
  bot.decide_ns = now_ns + static_cast<int64_t>(bot.steering.interval_s() * 1e9);
  bot.due_ns = std::min(bot.due_ns, bot.client.NextDueNs());
}

void Fleet::OnPhase(size_t index, int64_t now_ns) {
  Bot& bot = bots_[index];
  const ClientState state = bot.client.state();
  if (bot.phase == Phase::kConnecting && state == ClientState::kPlaying) {
    bot.phase = Phase::kPlaying;
    bot.decide_ns = now_ns;
    clients_[index] = &bot.client;
    logins_.Add(static_cast<uint64_t>((now_ns - bot.asked_ns) / 1000));
    last_login_ns_ = now_ns;
    ++connected_;
    ++playing_;
  } else if (state == ClientState::kEnded && bot.phase != Phase::kDone) {
    const std::string reason = DisconnectReasonName(bot.client.end_reason());
    if (bot.phase == Phase::kConnecting) {
      Refuse(bot, reason, bot.client.error());
      return;
    }
    bot.phase = Phase::kDone;
    clients_[index] = nullptr;
    --playing_;
    if (quitting_) return;
    ++disconnected_;
    if (disconnected_by_reason_[reason]++ == 0)
      std::fprintf(stderr, "zonebot: disconnected (%s): %s\n", reason.c_str(),
                   bot.client.error().c_str());
  }
}

void Fleet::StartWindow(int64_t now_ns) {
  window_ns_ = now_ns;
  for (Bot& bot : bots_) {
    bot.at_start = bot.client.stats();
    bot.corrections = bot.at_start.corrections;
  }
}

void Fleet::Collect() {
  if (window_ns_ == 0) return;
  for (Bot& bot : bots_) {
    if (bot.phase != Phase::kPlaying) continue;
    const ClientStats& stats = bot.client.stats();
    if (stats.corrections == bot.corrections) continue;
    corrections_total_ += stats.corrections - bot.corrections;
    bot.corrections = stats.corrections;
    corrections_.Add(static_cast<uint64_t>(stats.last_correction_m * kErrorUnitsPerM));
  }
}

void Fleet::Fill(Report& report, int64_t now_ns) const {
  report.wanted = bots_.size();
  report.connected = connected_;
  talker_.Fill(report);
  report.refused = refused_;
  report.disconnected = disconnected_;
  report.connect_s = connected_ > 0 ? static_cast<double>(last_login_ns_ - origin_ns_) / 1e9 : 0.0;
  report.login_p50_ms = static_cast<double>(logins_.Quantile(0.5)) / 1000;
  report.login_p99_ms = static_cast<double>(logins_.Quantile(0.99)) / 1000;
  report.refused_by_reason = refused_by_reason_;
  report.disconnected_by_reason = disconnected_by_reason_;
  report.seconds = static_cast<double>(now_ns - window_ns_) / 1e9;
  ClientStats sum;
  uint64_t decoded_bytes = 0, updates = 0;
  for (const Bot& bot : bots_) {
    const ClientStats& stats = bot.client.stats();
    const ClientStats& start = bot.at_start;
    sum.down_bytes += stats.down_bytes - start.down_bytes;
    sum.down_packets += stats.down_packets - start.down_packets;
    sum.up_bytes += stats.up_bytes - start.up_bytes;
    sum.up_packets += stats.up_packets - start.up_packets;
    report.missing_base += stats.missing_base;
    report.malformed += stats.malformed;
    if (!bot.decodes) continue;
    decoded_bytes += stats.down_bytes - start.down_bytes;
    updates += stats.entity_updates - start.entity_updates;
  }
  const double player_s = report.seconds * static_cast<double>(std::max<size_t>(connected_, 1));
  auto per = [](uint64_t amount, double by) {
    return by > 0 ? static_cast<double>(amount) / by : 0.0;
  };
  report.down = {per(sum.down_bytes, player_s), per(sum.down_packets, player_s)};
  report.up = {per(sum.up_bytes, player_s), per(sum.up_packets, player_s)};
  report.bytes_per_entity_update = per(decoded_bytes, static_cast<double>(updates));
  report.correction_p50_m = static_cast<double>(corrections_.Quantile(0.5)) / kErrorUnitsPerM;
  report.correction_p99_m = static_cast<double>(corrections_.Quantile(0.99)) / kErrorUnitsPerM;
  report.corrections_per_player_s = per(corrections_total_, player_s);
  const auto some = std::find_if(clients_.begin(), clients_.end(),
                                 [](const Client* client) { return client != nullptr; });
  if (some != clients_.end())
    report.corrected_share = report.corrections_per_player_s / std::max((*some)->tick_hz(), 1);
}

uint64_t Fleet::down_bytes() const {
  uint64_t sum = 0;
  for (const Client* client : clients_)
    if (client != nullptr) sum += client->stats().down_bytes;
  return sum;
}

void Fleet::Quit() {
  quitting_ = true;
  const int64_t until_ns = kClock.NowNs() + kGoodbyeNs;
  for (Bot& bot : bots_) {
    if (bot.phase != Phase::kPlaying && bot.phase != Phase::kConnecting) continue;
    bot.client.Disconnect();
    bot.due_ns = 0;
  }
  bool open = true;
  while (open && kClock.NowNs() < until_ns) {
    Turn(2);
    open = std::any_of(bots_.begin(), bots_.end(),
                       [](const Bot& bot) { return bot.client.NextDueNs() != INT64_MAX; });
  }
}

}  // namespace bluemarble::zonebot
