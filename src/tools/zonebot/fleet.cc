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

}  // namespace

Fleet::Fleet(const Options& options, const std::vector<BotPlan>& plans, const Trace& trace,
             const std::vector<bool>& decodes)
    : talker_(plans.size(), options.chat_per_s, core::HashCombine(options.seed, plans.size())),
      way_in_(options),
      clients_(plans.size(), nullptr),
      origin_ns_(kClock.NowNs()) {
  bots_.reserve(plans.size());
  for (size_t i = 0; i < plans.size(); ++i) {
    const geo::Geodetic spawn = geo::ToGeodetic(plans[i].spawn);
    bots_.push_back(
        Bot{Connection(way_in_.CallOf(i), way_in_.pool(),
                       way_in_.OptionsOf(i, {spawn.lon_deg, spawn.lat_deg, 0}, decodes[i])),
            Steering(plans[i], trace, core::HashCombine(options.seed + 1, i))});
    bots_.back().decodes = decodes[i];
    bots_.back().style = plans[i].style;
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

void Fleet::Start(double rate_per_s, int64_t now_ns) {
  for (size_t i = 0; i < bots_.size(); ++i)
    bots_[i].asked_ns = now_ns + static_cast<int64_t>(1e9 * static_cast<double>(i) / rate_per_s);
}

void Fleet::Refuse(Bot& bot, const std::string& reason, const std::string& text) {
  bot.phase = Phase::kDone;
  if (bot.lost_ns == 0) ++refused_;
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
    if (bot.phase == Phase::kWaiting) {
      if (now_ns < bot.asked_ns || quitting_) continue;
      bot.phase = Phase::kConnecting;
      bot.connection.Start(now_ns);
    }
    if (bot.phase == Phase::kPlaying && !quitting_) {
      if (now_ns >= bot.decide_ns) Decide(bot, now_ns);
      talker_.Speak(i, bot.connection.client(), now_ns);
    }
    if (now_ns < bot.due_ns) continue;
    if (++polled % kPollsPerClockReading == 0) now_ns = kClock.NowNs();
    Poll(i, now_ns, false);
  }
}

void Fleet::Poll(size_t index, int64_t now_ns, bool readable) {
  Bot& bot = bots_[index];
  bot.connection.Poll(now_ns, readable);
  Watch(index);
  talker_.Listen(index, bot.connection.client(), now_ns);
  NoteSnapshot(bot, now_ns);
  OnPhase(index, now_ns);
  bot.due_ns = bot.connection.NextDueNs();
  if (bot.phase == Phase::kConnecting)
    bot.due_ns = std::min(bot.due_ns, now_ns + kConnectingPollNs);
}

void Fleet::NoteSnapshot(Bot& bot, int64_t now_ns) {
  const uint64_t snapshots = bot.connection.client().stats().snapshots;
  if (snapshots == bot.snapshots || window_ns_ == 0) return;
  bot.snapshots = snapshots;
  told_.Add((now_ns + wall_minus_now_ns_) / 1000, bot.connection.client().stats().dilation_pct);
  if (bot.snapshot_ns != 0) gaps_.Add(static_cast<uint64_t>((now_ns - bot.snapshot_ns) / 1000));
  bot.snapshot_ns = now_ns;
}

void Fleet::Decide(Bot& bot, int64_t now_ns) {
  const OwnView own = bot.connection.client().own();
  const double elapsed_s = static_cast<double>(now_ns - origin_ns_) / 1e9;
  bot.connection.client().SetInput(
      bot.steering.Decide({own.predicted.x, own.predicted.y, own.predicted.z},
                          bot.connection.client().max_speed_mps(), elapsed_s));
  bot.decide_ns = now_ns + static_cast<int64_t>(bot.steering.interval_s() * 1e9);
  bot.due_ns = std::min(bot.due_ns, bot.connection.NextDueNs());
}

// Each connection has a socket of its own; the one before is closed, so that epoll forgets it.
void Fleet::Watch(size_t index) {
  Bot& bot = bots_[index];
  if (bot.connects == bot.connection.connects() || bot.connection.client().fd() < 0) return;
  bot.connects = bot.connection.connects();
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = index;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, bot.connection.client().fd(), &event) != 0)
    std::fprintf(stderr, "zonebot: epoll: %s\n", std::strerror(errno));
}

void Fleet::OnPhase(size_t index, int64_t now_ns) {
  Bot& bot = bots_[index];
  const ConnectionState state = bot.connection.state();
  const std::string reason = bot.connection.join_failure() != RequestFailure::kNone
                                 ? "join"
                                 : DisconnectReasonName(bot.connection.reason());
  if (bot.phase == Phase::kConnecting && state == ConnectionState::kPlaying) {
    OnPlaying(index, now_ns);
  } else if (bot.phase == Phase::kPlaying && state != ConnectionState::kPlaying) {
    bot.phase = state == ConnectionState::kStopped ? Phase::kDone : Phase::kConnecting;
    bot.lost_ns = now_ns;
    clients_[index] = nullptr;
    --playing_;
    if (quitting_) return;
    ++disconnected_;
    if (disconnected_by_reason_[reason]++ == 0)
      std::fprintf(stderr, "zonebot: disconnected (%s): %s\n", reason.c_str(),
                   bot.connection.error().c_str());
  } else if (bot.phase == Phase::kConnecting && state == ConnectionState::kStopped && !quitting_) {
    Refuse(bot, reason, bot.connection.error());
  }
}

void Fleet::OnPlaying(size_t index, int64_t now_ns) {
  Bot& bot = bots_[index];
  bot.phase = Phase::kPlaying;
  bot.decide_ns = now_ns;
  clients_[index] = &bot.connection.client();
  ++playing_;
  if (bot.lost_ns != 0) {
    ++reconnected_;
    if (bot.connection.client().resumed()) ++resumed_;
    away_.Add(static_cast<uint64_t>((now_ns - bot.lost_ns) / 1'000'000));
    return;
  }
  logins_.Add(static_cast<uint64_t>((now_ns - bot.asked_ns) / 1000));
  last_login_ns_ = now_ns;
  ++connected_;
}

void Fleet::StartWindow(int64_t now_ns) {
  window_ns_ = now_ns;
  wall_minus_now_ns_ = 1000 * kClock.WallUs() - now_ns;
  for (Bot& bot : bots_) {
    bot.at_start = bot.connection.client().stats();
    bot.corrections = bot.at_start.corrections;
    bot.corrected = 0;
  }
}

void Fleet::FindRecorded(int64_t now_ns, std::vector<bool>& recorded) const {
  const double elapsed_s = static_cast<double>(now_ns - origin_ns_) / 1e9;
  recorded.resize(bots_.size());
  for (size_t i = 0; i < bots_.size(); ++i) recorded[i] = bots_[i].steering.Recorded(elapsed_s);
}

void Fleet::Collect() {
  if (window_ns_ == 0) return;
  for (Bot& bot : bots_) {
    if (bot.phase != Phase::kPlaying) continue;
    const ClientStats& stats = bot.connection.client().stats();
    if (stats.corrections == bot.corrections) continue;
    // Less than before: a new client, after a reconnect.
    bot.corrected +=
        stats.corrections - (stats.corrections < bot.corrections ? 0 : bot.corrections);
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
  report.reconnected = reconnected_;
  report.resumed = resumed_;
  report.away_p50_ms = static_cast<double>(away_.Quantile(0.5));
  report.away_p99_ms = static_cast<double>(away_.Quantile(0.99));
  report.away_max_ms = static_cast<double>(away_.max());
  report.connect_s = connected_ > 0 ? static_cast<double>(last_login_ns_ - origin_ns_) / 1e9 : 0.0;
  report.login_p50_ms = static_cast<double>(logins_.Quantile(0.5)) / 1000;
  report.login_p99_ms = static_cast<double>(logins_.Quantile(0.99)) / 1000;
  report.refused_by_reason = refused_by_reason_;
  report.disconnected_by_reason = disconnected_by_reason_;
  report.seconds = static_cast<double>(now_ns - window_ns_) / 1e9;
  ClientStats sum;
  uint64_t decoded_bytes = 0, updates = 0;
  for (const Bot& bot : bots_) {
    const ClientStats& stats = bot.connection.client().stats();
    const ClientStats& start = bot.at_start;
    sum.down_bytes += stats.down_bytes - start.down_bytes;
    sum.down_packets += stats.down_packets - start.down_packets;
    sum.up_bytes += stats.up_bytes - start.up_bytes;
    sum.up_packets += stats.up_packets - start.up_packets;
    sum.snapshots += stats.snapshots - start.snapshots;
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
  report.snapshots_per_player_s = per(sum.snapshots, player_s);
  report.gap_p50_ms = static_cast<double>(gaps_.Quantile(0.5)) / 1000;
  report.gap_p99_ms = static_cast<double>(gaps_.Quantile(0.99)) / 1000;
  report.gap_max_ms = static_cast<double>(gaps_.max()) / 1000;
  report.told = told_.Spans();
  report.bytes_per_entity_update = per(decoded_bytes, static_cast<double>(updates));
  FillCorrections(report, player_s);
}

void Fleet::FillCorrections(Report& report, double player_s) const {
  report.correction_p50_m = static_cast<double>(corrections_.Quantile(0.5)) / kErrorUnitsPerM;
  report.correction_p99_m = static_cast<double>(corrections_.Quantile(0.99)) / kErrorUnitsPerM;
  int hz = 1;
  for (const Client* client : clients_)
    if (client != nullptr) hz = std::max(hz, client->tick_hz());
  uint64_t total = 0;
  for (const Bot& bot : bots_) {
    total += bot.corrected;
    StyleFigures& style = report.styles[WalkStyleName(bot.style)];
    ++style.bots;
    style.lost += bot.connection.times_lost() > 0 ? 1 : 0;
    style.corrected_share += static_cast<double>(bot.corrected);
  }
  for (auto& [name, style] : report.styles)
    style.corrected_share /= std::max(report.seconds * hz * static_cast<double>(style.bots), 1.0);
  if (player_s <= 0) return;
  report.corrections_per_player_s = static_cast<double>(total) / player_s;
  report.corrected_share = report.corrections_per_player_s / hz;
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
    bot.connection.Disconnect();
    bot.due_ns = 0;
  }
  bool open = true;
  while (open && kClock.NowNs() < until_ns) {
    Turn(2);
    open = std::any_of(bots_.begin(), bots_.end(),
                       [](const Bot& bot) { return bot.connection.NextDueNs() != INT64_MAX; });
  }
}

}  // namespace bluemarble::zonebot
