#include "tools/zonebot/run.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "core/clock.h"
#include "ops/exit_codes.h"
#include "tools/cheats/cheat_fleet.h"
#include "tools/zonebot/csv.h"
#include "tools/zonebot/fleet.h"
#include "tools/zonebot/moving_others.h"
#include "tools/zonebot/server_stats.h"
#include "tools/zonebot/status_line.h"
#include "tools/zonebot/trade.h"
#include "tools/zonebot/view_probe.h"
#include "tools/zonebot/way_in.h"

namespace bluemarble::zonebot {
namespace {

constexpr int kExitRequirement = 1;
constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kSampleNs = kSecondNs / 10;
constexpr int64_t kLooksSpreadPasses = 20;  // every checked bot looks around once in two seconds
constexpr int64_t kSettleNs =
    60 * kSecondNs;  // beyond the ramp; then the window begins with those who are in
constexpr double kDefaultRampS = 5;
constexpr size_t kAllDecodeUpTo = 1000;
constexpr rlim_t kOtherDescriptors = 64;
constexpr double kCheatersPerS = 20;

const core::SystemClock kClock;

int Complain(int code, const core::Status& status) {
  std::fprintf(stderr, "zonebot: %s\n", status.ToString().c_str());
  return code;
}
// The detail of a bad file is "file:line:column: what" and says all.
int ComplainFile(const core::Status& status) {
  std::fprintf(stderr, "zonebot: %s\n", status.detail().c_str());
  return ops::kExitBadData;
}

core::Status RaiseDescriptorLimit(size_t players) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t needed = players + kOtherDescriptors;
  if (limit.rlim_cur >= needed) return core::Status::Ok();
  if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= needed) {
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? needed : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return core::Status::Ok();
  }
  return {core::Code::kDenied, "too few open files are allowed",
          std::to_string(players) + " players need " + std::to_string(needed) +
              ", the hard limit is " + std::to_string(limit.rlim_max) + " (ulimit -Hn)"};
}

double ProcessCpuS() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Where scripts/build-cities puts it, seen from build/<type>/bin, and where an installation would.
std::string FindCities() {
  std::error_code error;
  const std::filesystem::path here =
      std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (const char* place :
       {"../../cities.csv", "../share/bluemarble/cities.csv", "../share/cities.csv"})
    if (std::filesystem::exists(here / place, error)) return (here / place).lexically_normal();
  return "build/cities.csv";
}

std::vector<size_t> SampleEvenly(size_t from, size_t count) {
  count = std::min(from, count);
  std::vector<size_t> sample(count);
  for (size_t i = 0; i < count; ++i) sample[i] = i * from / count;
  return sample;
}

/// The last ones, a share of all that is at least one when anybody shall cheat.
std::vector<BotPlan> TakeCheaters(const Options& options, std::vector<BotPlan>& plans) {
  if (options.cheat_styles.empty() || plans.size() < 2) return {};
  const auto wanted = static_cast<size_t>(options.cheaters * static_cast<double>(plans.size()));
  const auto count = static_cast<std::ptrdiff_t>(std::clamp<size_t>(wanted, 1, plans.size() - 1));
  std::vector<BotPlan> cheaters(plans.end() - count, plans.end());
  plans.erase(plans.end() - count, plans.end());
  return cheaters;
}

void GiveStyles(const std::string& style, std::vector<BotPlan>& plans) {
  for (size_t i = 0; i < plans.size(); ++i) {
    for (size_t s = 0; s < kWalkStyles; ++s) {
      const auto each = static_cast<WalkStyle>(s);
      if (style == WalkStyleName(each) || (style == "mixed" && s == i % kWalkStyles))
        plans[i].style = each;
    }
  }
}

class Session {
 public:
  Session(const Options& options, const std::vector<BotPlan>& plans, const Trace& trace,
          std::vector<BotPlan> cheaters, ServerSample first, const std::atomic<bool>& stop)
      : options_(options),
        stop_(stop),
        observers_(SampleEvenly(plans.size(), static_cast<size_t>(options.observers))),
        checked_(Checked(plans.size())),
        fleet_(options, plans, trace, Decodes(plans.size())),
        probe_(observers_, options.latency_ms),
        moving_(checked_),
        window_start_(std::move(first)),
        poller_(options.server, options.ca_file) {
    for (size_t i = 0; i < cheaters.size(); ++i) {
      const geo::Geodetic spawn = geo::ToGeodetic(cheaters[i].spawn);
      cheats_.Add({.style = CheatOf(i),
                   .spawn = GeoPosition{spawn.lon_deg, spawn.lat_deg, 0},
                   .loss = options.loss_pct / 100,
                   .latency_ms = options.latency_ms,
                   .jitter_ms = options.jitter_ms,
                   .seed = core::HashCombine(options.seed + 2, i)});
    }
  }

  int Go() {
    if (auto status = fleet_.Open(); !status.ok()) return Complain(ops::kExitInternal, status);
    ConnectAll();
    RunUntil(kClock.NowNs() + static_cast<int64_t>(options_.warmup_s * 1e9));
    StartWindow();
    // Within the window: the honest ones shall not notice.
    ConnectCheaters(kCheatersPerS);
    RunUntil(options_.seconds > 0 ? window_ns_ + static_cast<int64_t>(options_.seconds * 1e9)
                                  : INT64_MAX);
    const Report report = Measure();
    status_.End();
    cheats_.Quit();
    fleet_.Quit();
    return Judge(report);
  }

 private:
  cheats::CheatStyle CheatOf(size_t index) const {
    return options_.cheat_styles[index % options_.cheat_styles.size()];
  }

  void ConnectCheaters(double rate) {
    std::vector<Connection::JoinCall> joins;
    for (size_t i = 0; i < cheats_.size(); ++i)
      joins.push_back(
          JoinCallOf(options_, cheats::CheatFleet::NameOf(CheatOf(i), options_.seed, i)));
    if (joins.empty()) return;
    cheats_.Start(std::move(joins), rate);
    const int64_t give_up_ns = kClock.NowNs() + kSettleNs;
    while (!cheats_.started() && !stop_ && kClock.NowNs() < give_up_ns) Step();
  }

  std::vector<size_t> Checked(size_t players) const {
    const bool all = options_.require_moving_others && players <= kAllDecodeUpTo;
    return all ? SampleEvenly(players, players) : observers_;
  }
  std::vector<bool> Decodes(size_t players) const {
    std::vector<bool> decodes(players, false);
    for (const size_t bot : observers_) decodes[bot] = true;
    for (const size_t bot : checked_) decodes[bot] = true;
    return decodes;
  }

  void ConnectAll() {
    const double rate = options_.ramp_per_s > 0
                            ? options_.ramp_per_s
                            : std::max(1.0, static_cast<double>(fleet_.size()) / kDefaultRampS);
    const int64_t now_ns = kClock.NowNs();
    const int64_t give_up_ns =
        now_ns + kSettleNs + static_cast<int64_t>(1e9 * static_cast<double>(fleet_.size()) / rate);
    fleet_.Start(rate, now_ns);
    while (!stop_ && fleet_.settled() < fleet_.size() && kClock.NowNs() < give_up_ns) Step();
  }

  void RunUntil(int64_t end_ns) {
    while (!stop_ && kClock.NowNs() < end_ns) Step();
  }

  void Step() {
    fleet_.Turn(2);
    const int64_t now_ns = kClock.NowNs();
    cheats_.Poll(now_ns);
    if (now_ns < sampled_ns_ + kSampleNs) return;
    sampled_ns_ = now_ns;
    ++passes_;
    fleet_.Collect();
    fleet_.FindRecorded(now_ns, recorded_);
    probe_.Sample(now_ns, fleet_.clients(), recorded_);
    if (window_ns_ != 0) LookAround(passes_ % kLooksSpreadPasses, now_ns);
    if (status_.Due(now_ns)) ShowStatus(now_ns);
  }

  void LookAround(int64_t part, int64_t now_ns) {
    for (size_t i = static_cast<size_t>(part); i < checked_.size(); i += kLooksSpreadPasses)
      if (const Client* client = fleet_.clients()[checked_[i]]; client != nullptr)
        moving_.Look(i, *client, now_ns);
  }

  void StartWindow() {
    window_ns_ = kClock.NowNs();
    cpu_start_s_ = ProcessCpuS();
    fleet_.StartWindow(window_ns_);
    probe_.StartRecording();
    // At most a second old; asking now would keep the bots waiting for a busy server.
    if (auto sample = poller_.latest()) window_start_ = std::move(*sample);
  }

  void ShowStatus(int64_t now_ns) {
    const auto sample = poller_.latest();
    StatusFigures figures;
    figures.playing = fleet_.playing();
    figures.wanted = fleet_.size();
    const uint64_t bytes = fleet_.down_bytes();
    const auto seconds = static_cast<double>(now_ns - status_ns_) / 1e9;
    if (status_ns_ != 0 && figures.playing > 0 && bytes >= status_bytes_)
      figures.bytes_per_player_s = static_cast<double>(bytes - status_bytes_) / seconds /
                                   static_cast<double>(figures.playing);
    status_bytes_ = bytes;
    status_ns_ = now_ns;
    if (sample && status_sample_)
      figures.tick_p99_ms = Difference(*status_sample_, *sample).tick_ms.p99;
    if (sample && (!status_sample_ || sample->ticks != status_sample_->ticks))
      status_sample_ = sample;
    figures.server_answers = sample.has_value();
    figures.age_p99_ms = probe_.AgeMs(ReplicationClass::kCombat, 0.99);
    figures.window_s = window_ns_ == 0 ? -1 : static_cast<double>(now_ns - window_ns_) / 1e9;
    status_.Show(figures, now_ns);
  }

  Report Measure() {
    const int64_t now_ns = kClock.NowNs();
    Report report;
    report.scenario = ScenarioName(options_.scenario);
    report.seed = options_.seed;
    fleet_.Fill(report, now_ns);
    report.zonebot_cpu_s_per_s = (ProcessCpuS() - cpu_start_s_) / std::max(report.seconds, 1e-9);
    if (auto sample = FetchServerSample(options_.server, options_.ca_file, 2000); sample.ok())
      report.server = Difference(window_start_, *sample);
    for (size_t c = 0; c < report.view.size(); ++c) {
      const auto cls = static_cast<ReplicationClass>(c);
      report.view[c] = {probe_.AgeMs(cls, 0.5),  probe_.AgeMs(cls, 0.99),  probe_.AgeMs(cls, 1.0),
                        probe_.ErrorM(cls, 0.5), probe_.ErrorM(cls, 0.99), probe_.samples(cls)};
    }
    report.targets = probe_.targets();
    std::vector<int> moving;
    for (size_t i = 0; i < checked_.size(); ++i) moving.push_back(moving_.Count(i));
    std::sort(moving.begin(), moving.end());
    report.cheaters = cheats_.figures();
    report.moving_others_checked = moving.size();
    report.moving_others_min = moving.empty() ? 0 : moving.front();
    report.moving_others_p50 = moving.empty() ? 0 : moving[moving.size() / 2];
    return report;
  }

  int Judge(const Report& report) {
    if (options_.report.empty()) {
      std::fputs(ToJson(report).c_str(), stdout);
    } else if (auto status = WriteReport(report, options_.report); !status.ok()) {
      return Complain(ops::kExitCannotCreate, status);
    }
    if (report.connected == 0) {
      std::fprintf(stderr, "zonebot: none of %zu players is connected\n", report.wanted);
      return kExitRequirement;
    }
    if (!options_.require_moving_others) return ops::kExitOk;
    const int needed = *options_.require_moving_others;
    if (report.connected == report.wanted && report.disconnected == 0 &&
        report.moving_others_min >= needed)
      return ops::kExitOk;
    std::fprintf(stderr,
                 "zonebot: required: all connected, each with %d moving others; got: %zu of %zu "
                 "connected, %zu "
                 "disconnected, fewest moving others %d\n",
                 needed, report.connected, report.wanted, report.disconnected,
                 report.moving_others_min);
    return kExitRequirement;
  }

  const Options& options_;
  const std::atomic<bool>& stop_;
  const std::vector<size_t> observers_, checked_;
  Fleet fleet_;
  cheats::CheatFleet cheats_;
  ViewProbe probe_;
  MovingOthers moving_;
  std::vector<bool> recorded_;  // by bot, now
  ServerSample window_start_;
  StatsPoller poller_;
  StatusLine status_;
  std::optional<ServerSample> status_sample_;
  uint64_t status_bytes_ = 0;
  int64_t status_ns_ = 0, sampled_ns_ = 0, window_ns_ = 0, passes_ = 0;
  double cpu_start_s_ = 0;
};

}  // namespace

int Run(const Options& options, const std::atomic<bool>& stop) {
  Trace trace;
  std::vector<City> cities;
  if (options.scenario == Scenario::kTrace) {
    const auto text = ReadFile(options.trace);
    if (!text.ok()) return Complain(ops::kExitBadData, text.status());
    auto parsed = ParseTrace(*text, options.trace);
    if (!parsed.ok()) return ComplainFile(parsed.status());
    trace = std::move(*parsed);
  }
  if (options.scenario == Scenario::kCities) {
    const std::string path = options.cities.empty() ? FindCities() : options.cities;
    const auto text = ReadFile(path);
    if (!text.ok()) return Complain(ops::kExitBadData, text.status());
    auto parsed = ParseCities(*text, path);
    if (!parsed.ok()) return ComplainFile(parsed.status());
    cities = std::move(*parsed);
  }
  auto plans = PlanBots(options, cities, trace);
  if (!plans.ok()) return Complain(ops::kExitUsage, plans.status());
  if (auto status = RaiseDescriptorLimit(plans->size()); !status.ok())
    return Complain(ops::kExitNoPermission, status);
  if (HasActions(options.scenario)) return RunActions(options, *plans, stop);
  auto first = FetchServerSample(options.server, options.ca_file, 5000);
  if (!first.ok()) return Complain(ops::kExitUnavailable, first.status());
  std::vector<BotPlan> cheaters = TakeCheaters(options, *plans);
  GiveStyles(options.style, *plans);
  return std::make_unique<Session>(options, *plans, trace, std::move(cheaters), std::move(*first),
                                   stop)
      ->Go();
}

}  // namespace bluemarble::zonebot
