#include "tools/zonebot/traders.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>
#include <utility>

#include "core/clock.h"

namespace bluemarble::zonebot {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kSweepNs = 4'000'000;  // granularity of due times
constexpr int64_t kConnectingPollNs = 10'000'000;
constexpr size_t kEventsPerWait = 512;
constexpr double kDefaultRampS = 5;
constexpr double kOnceMoreChance = 0.2;

const core::SystemClock kClock;

bool IsZero(const ActionKey& key) {
  return std::all_of(key.begin(), key.end(), [](uint8_t byte) { return byte == 0; });
}

geo::Vec3 ToVec(const Vector3& v) { return {v.x, v.y, v.z}; }

}  // namespace

Traders::Traders(const Options& options, const std::vector<BotPlan>& plans,
                 std::vector<bool> decodes, History& history, TradeReport& report,
                 OnAnswer on_answer)
    : options_(options),
      plans_(plans),
      decodes_(std::move(decodes)),
      history_(history),
      report_(report),
      on_answer_(std::move(on_answer)),
      random_(core::HashCombine(options.seed, 0x7261646572)),
      way_in_(options),
      origin_ns_(kClock.NowNs()) {
  const double rate = options.ramp_per_s > 0
                          ? options.ramp_per_s
                          : std::max(1.0, static_cast<double>(plans.size()) / kDefaultRampS);
  bots_.reserve(plans.size());
  for (size_t i = 0; i < plans.size(); ++i) {
    const geo::Geodetic spawn = geo::ToGeodetic(plans[i].spawn);
    ConnectionOptions wanted = way_in_.OptionsOf(i, {spawn.lon_deg, spawn.lat_deg, 0}, decodes_[i]);
    wanted.client.resend_unknown_ms = 0;  // the book asks again,
    wanted.resend = false;                // over the next connection, too
    bots_.push_back(Bot{BotName(options.seed, i),
                        Connection(way_in_.CallOf(i), way_in_.pool(), std::move(wanted)),
                        Steering(plans[i], no_trace_, core::HashCombine(options.seed + 1, i))});
    bots_.back().join_ns = origin_ns_ + static_cast<int64_t>(1e9 * static_cast<double>(i) / rate);
  }
  report_.wanted = plans.size();
}

Traders::~Traders() {
  if (epoll_ >= 0) close(epoll_);
}

core::Status Traders::Open() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) return {core::Code::kDenied, "epoll_create1", std::strerror(errno)};
  return core::Status::Ok();
}

// Each connection has a socket of its own; the one before is closed, so that epoll forgets it.
void Traders::Watch(size_t index) {
  Bot& bot = bots_[index];
  if (bot.connects == bot.connection.connects() || bot.connection.client().fd() < 0) return;
  bot.connects = bot.connection.connects();
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = index;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, bot.connection.client().fd(), &event) != 0)
    std::fprintf(stderr, "zonebot: epoll: %s\n", std::strerror(errno));
}

void Traders::Turn(int wait_ms) {
  std::array<epoll_event, kEventsPerWait> events;
  const int ready = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_ms);
  const int64_t now_ns = kClock.NowNs();
  for (int i = 0; i < ready; ++i) Poll(events[static_cast<size_t>(i)].data.u64, now_ns, true);
  if (now_ns < swept_ns_ + kSweepNs) return;
  swept_ns_ = now_ns;
  for (size_t i = 0; i < bots_.size(); ++i) {
    Bot& bot = bots_[i];
    if (bot.phase == Phase::kWaiting && now_ns >= bot.join_ns && !quitting_) {
      bot.phase = Phase::kConnecting;
      bot.connection.Start(now_ns);
    }
    if (bot.phase != Phase::kConnecting && bot.phase != Phase::kPlaying) continue;
    if (bot.phase == Phase::kPlaying && !quitting_) AskAgain(i, now_ns);
    if (now_ns >= bot.due_ns) Poll(i, now_ns, false);
  }
}

void Traders::Poll(size_t index, int64_t now_ns, bool readable) {
  Bot& bot = bots_[index];
  if (bot.phase != Phase::kConnecting && bot.phase != Phase::kPlaying) return;
  if (bot.phase == Phase::kPlaying && now_ns >= bot.decide_ns && !quitting_) {
    const OwnView own = bot.connection.client().own();
    const double elapsed_s = static_cast<double>(now_ns - origin_ns_) / 1e9;
    bot.connection.client().SetInput(bot.steering.Decide(
        ToVec(own.predicted), bot.connection.client().max_speed_mps(), elapsed_s));
    bot.decide_ns = now_ns + static_cast<int64_t>(bot.steering.interval_s() * 1e9);
  }
  bot.connection.Poll(now_ns, readable);
  Watch(index);
  TakeAnswers(index, now_ns);
  OnPhase(index, now_ns);
  if (bot.phase != Phase::kConnecting && bot.phase != Phase::kPlaying) return;
  bot.due_ns = bot.connection.NextDueNs();
  if (bot.phase == Phase::kConnecting)
    bot.due_ns = std::min(bot.due_ns, now_ns + kConnectingPollNs);
  if (bot.phase != Phase::kPlaying) return;
  const OwnView own = bot.connection.client().own();
  bot.way.Add(now_ns, own.confirmed_tick, ToVec(own.confirmed));
}

void Traders::OnPhase(size_t index, int64_t now_ns) {
  Bot& bot = bots_[index];
  const ConnectionState state = bot.connection.state();
  if (state == ConnectionState::kPlaying) {
    if (bot.phase == Phase::kConnecting) OnLogin(index, now_ns);
    return;
  }
  const bool over = state == ConnectionState::kWaiting || state == ConnectionState::kStopped;
  if (over && !bot.put_off) Lose(index, now_ns);
  bot.put_off = state == ConnectionState::kWaiting;
}

void Traders::OnLogin(size_t index, int64_t now_ns) {
  Bot& bot = bots_[index];
  bot.phase = Phase::kPlaying;
  bot.decide_ns = now_ns;
  bot.put_off = false;
  ++playing_;
  if (!bot.was_in) {
    bot.was_in = true;
    ++report_.connected;
    return;
  }
  ++report_.reconnected;
  const auto behind_ns = bot.way.BehindNs(ToVec(bot.connection.client().own().confirmed));
  if (behind_ns) {
    report_.progress_lost_ms.Add(static_cast<uint64_t>(*behind_ns / 1'000'000));
  } else if (!bot.way.empty()) {
    ++report_.progress_unmatched;
  }
  bot.way.Clear();
  bot.book.OnBack(now_ns);
  // What was done stays done, and is told so, over connections and restarts.
  if (const Action* done = bot.book.newest_done();
      done != nullptr && !IsZero(bot.connection.client().Act(*done)))
    ++report_.asked_after_ok;
}

void Traders::TakeAnswers(size_t index, int64_t now_ns) {
  Bot& bot = bots_[index];
  ActionAnswer answer;
  while (bot.connection.NextAnswer(answer)) {
    const ActionBook::Told told = bot.book.OnAnswer(answer, now_ns);
    OpCounts& counts = report_.ops[static_cast<size_t>(told.op)];
    const auto took_us = static_cast<uint64_t>(told.took_ns / 1000);
    switch (told.news) {
      case ActionBook::News::kOk:
        ++counts.ok;
        (told.op == Op::kOffer ? report_.offer_us : report_.took_us).Add(took_us);
        Tell(bot, answer.key, told.op, "ok", ActionReason::kNone, answer.repeated);
        break;
      case ActionBook::News::kRefused:
        ++counts.refused;
        ++report_.refusals[ActionReasonName(told.reason)];
        // An offer waits for the other player before anything is refused.
        if (told.reason == ActionReason::kUnavailable && told.op != Op::kOffer) {
          report_.unavailable_us.Add(took_us);
        } else {
          (told.op == Op::kOffer ? report_.offer_us : report_.took_us).Add(took_us);
        }
        Tell(bot, answer.key, told.op, "refused", told.reason, answer.repeated);
        break;
      case ActionBook::News::kUnknown:
        ++counts.unknown;
        Tell(bot, answer.key, told.op, "unknown", told.reason, answer.repeated);
        break;
      case ActionBook::News::kChanged:
        if (report_.changed_answers++ == 0)
          std::fprintf(stderr, "zonebot: a repeat was answered differently: %s %s\n",
                       OpName(told.op), ActionReasonName(told.reason));
        Tell(bot, answer.key, told.op, answer.outcome == ActionOutcome::kOk ? "ok" : "refused",
             told.reason, answer.repeated);
        break;
      case ActionBook::News::kNothing:
      case ActionBook::News::kSame:
      case ActionBook::News::kStray: break;
    }
    AskOnceMore(bot, told);
    if (on_answer_) on_answer_(index, answer, told);
  }
}

// The same answer each time: what is settled is asked for now and then, with the same key.
void Traders::AskOnceMore(Bot& bot, const ActionBook::Told& told) {
  const bool settled = told.news == ActionBook::News::kOk ||
                       (told.news == ActionBook::News::kRefused && !IsTemporary(told.reason));
  if (!settled || options_.resend < 2 || !random_.Chance(kOnceMoreChance)) return;
  if (!IsZero(bot.connection.client().Act(*bot.book.last_settled()))) ++report_.asked_after_answer;
}

void Traders::AskAgain(size_t index, int64_t now_ns) {
  Bot& bot = bots_[index];
  while (OpenAction* open = bot.book.Due(now_ns)) {
    // The number is of the server's life; the partner is who was meant.
    if (open->partner != SIZE_MAX && bots_[open->partner].phase == Phase::kPlaying)
      open->action.entity_id = bots_[open->partner].connection.client().own().id;
    const bool sent = !IsZero(bot.connection.client().Act(open->action));
    bot.book.Again(*open, sent ? 1 : 0, now_ns);
    if (!sent) return;
    ++report_.asked_again;
    bot.due_ns = now_ns;
    Tell(bot, open->action.key, open->op, "sent", ActionReason::kNone, true);
  }
}

void Traders::Lose(size_t index, int64_t now_ns) {
  Bot& bot = bots_[index];
  const bool played = bot.phase == Phase::kPlaying;
  const std::string reason = bot.connection.join_failure() != RequestFailure::kNone
                                 ? "join"
                                 : DisconnectReasonName(bot.connection.reason());
  auto& counts = played ? report_.ends : report_.refused_joins;
  if (!quitting_ && counts[reason]++ == 0)
    std::fprintf(stderr, "zonebot: %s (%s): %s\n", played ? "disconnected" : "refused",
                 reason.c_str(), bot.connection.error().c_str());
  if (played) {
    --playing_;
    if (!quitting_) ++report_.disconnected;
    for (const OpenAction* open : bot.book.OnLost(now_ns)) {
      ++report_.ops[static_cast<size_t>(open->op)].unknown;
      Tell(bot, open->action.key, open->op, "unknown", ActionReason::kNone, false);
    }
  }
  bot.phase = Phase::kConnecting;
  if (bot.connection.state() != ConnectionState::kStopped) return;
  if (!bot.was_in) ++report_.refused;
  bot.phase = Phase::kDone;
}

void Traders::Tell(const Bot& bot, const ActionKey& key, Op op, const char* outcome,
                   ActionReason reason, bool repeated) {
  HistoryLine line;
  line.unix_s = static_cast<double>(kClock.WallUs()) / 1e6;
  line.bot = bot.name;
  line.player_id = bot.connection.client().player_id();
  line.key = key;
  line.op = OpName(op);
  line.outcome = outcome;
  line.reason = reason == ActionReason::kNone ? "" : ActionReasonName(reason);
  line.repeated = repeated;
  history_.Write(line);
}

bool Traders::Ask(size_t index, Action action, Op op, size_t partner, int copies) {
  Bot& bot = bots_[index];
  if (bot.phase != Phase::kPlaying) return false;
  // Without a key: the library takes one that has a key for a repetition, and for those a passing
  // refusal says nothing.
  action.key = bot.connection.client().Act(action);
  if (IsZero(action.key)) {
    ++report_.refused_locally;
    return false;
  }
  int sent = 1;
  while (sent < copies && !IsZero(bot.connection.client().Act(action))) ++sent;
  const int64_t now_ns = kClock.NowNs();
  // Before the datagram leaves, which the next Poll brings.
  Tell(bot, action.key, op, "sent", ActionReason::kNone, false);
  ++report_.ops[static_cast<size_t>(op)].begun;
  report_.copies += static_cast<uint64_t>(sent - 1);
  bot.book.Begin(std::move(action), op, partner, sent, now_ns);
  bot.due_ns = now_ns;
  return true;
}

void Traders::Decline(size_t index, uint64_t trade_id) {
  Bot& bot = bots_[index];
  if (bot.phase != Phase::kPlaying) return;
  ++report_.ops[static_cast<size_t>(Op::kDecline)].begun;
  bot.connection.client().DeclineTrade(trade_id);
  bot.due_ns = kClock.NowNs();
}

bool Traders::ready(size_t index) const {
  return bots_[index].phase == Phase::kPlaying &&
         bots_[index].connection.client().inventory_known();
}

size_t Traders::open() const {
  size_t sum = 0;
  for (const Bot& bot : bots_) sum += bot.book.open().size();
  return sum;
}

void Traders::Quit() {
  report_.playing_at_end = playing_;
  report_.history_complete = history_.complete();
  quitting_ = true;
  const int64_t until_ns = kClock.NowNs() + kSecondNs;
  for (Bot& bot : bots_) {
    if (bot.phase == Phase::kPlaying || bot.phase == Phase::kConnecting)
      bot.connection.Disconnect();
    bot.phase = Phase::kDone;
  }
  playing_ = 0;
  // Until the goodbyes are out.
  bool under_way = true;
  while (under_way && kClock.NowNs() < until_ns) {
    under_way = false;
    for (Bot& bot : bots_) {
      bot.connection.Poll(kClock.NowNs());
      under_way = under_way || bot.connection.NextDueNs() != INT64_MAX;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace bluemarble::zonebot
