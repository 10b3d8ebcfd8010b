#include "tools/zonebot/trade.h"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <map>
#include <memory>
#include <set>

#include "core/clock.h"
#include "ops/exit_codes.h"
#include "tools/zonebot/hostile.h"
#include "tools/zonebot/stage.h"
#include "tools/zonebot/traders.h"

namespace bluemarble::zonebot {
namespace {

constexpr int kExitRequirement = 1;
constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kConnectNs = 60 * kSecondNs;  // beyond the ramp
constexpr int64_t kStatusNs = 5 * kSecondNs;
constexpr size_t kMostOpen = 4;       // of one bot
constexpr double kBusyChance = 0.05;  // to name an item that is in an action under way
constexpr size_t kDecidedKept = 256;
constexpr int64_t kDeclineEveryNs = 200'000'000;
constexpr int64_t kRoundNs = 10 * kSecondNs;
constexpr int kManyCopies = 50;  // T-26

const core::SystemClock kClock;

// One scenario: what happens between the logins and the settling.
class Play {
 public:
  Play(const Options& options, Traders& traders, TradeReport& report)
      : options_(options),
        traders_(traders),
        report_(report),
        stage_(traders, static_cast<size_t>(options.group)) {}
  virtual ~Play() = default;
  virtual void Begin(int64_t) {}
  virtual void Step(int64_t now_ns) = 0;
  virtual void OnAnswer(size_t, const ActionAnswer&, const ActionBook::Told&) {}
  virtual bool over() const { return false; }

 protected:
  int Copies() {
    return 1 + static_cast<int>(
                   traders_.random().Below(static_cast<uint64_t>(std::max(1, options_.resend))));
  }

  const Options& options_;
  Traders& traders_;
  TradeReport& report_;
  Stage stage_;
};

class TradePlay final : public Play {
 public:
  using Play::Play;

  void Begin(int64_t now_ns) override {
    bots_.resize(traders_.size());
    allowed_ = ParseOps(options_.ops).value_or(kAllOps);
    for (State& bot : bots_)
      bot.next_ns =
          now_ns + static_cast<int64_t>(1e9 * traders_.random().Unit() / options_.ops_per_s);
  }

  void Step(int64_t now_ns) override {
    for (size_t i = 0; i < bots_.size(); ++i) {
      State& bot = bots_[i];
      if (now_ns < bot.next_ns) continue;
      const double pause_s = (0.5 + traders_.random().Unit()) / options_.ops_per_s;
      // Who could not act for a while does not make up for it.
      bot.next_ns = std::max(bot.next_ns + static_cast<int64_t>(pause_s * 1e9), now_ns - kSecondNs);
      if (traders_.ready(i) && traders_.book(i).open().size() < kMostOpen) Act(i, now_ns);
    }
  }

 private:
  struct State {
    int64_t next_ns = 0;
    std::set<uint64_t> decided;
  };

  void Act(size_t index, int64_t now_ns) {
    stage_.Look(index, now_ns);
    State& bot = bots_[index];
    const Client& client = traders_.client(index);
    const bool reckless = traders_.random().Chance(kBusyChance);
    std::vector<InventoryItem> items;
    for (const InventoryItem& item : client.inventory())
      if (reckless || !traders_.book(index).Holds(item.item_id)) items.push_back(item);
    std::vector<TradeOffer> offers;
    for (const TradeOffer& offer : client.offers())
      if (!bot.decided.contains(offer.trade_id)) offers.push_back(offer);
    const std::vector<Neighbour> others = stage_.Others(index);
    const auto choice = Choose({.items = items,
                                .gold = client.gold(),
                                .ground = stage_.ground(index),
                                .others = others,
                                .offers = offers,
                                .offering = traders_.book(index).offering(),
                                .allowed = allowed_},
                               traders_.random());
    if (!choice) return;
    if (choice->op == Op::kDecline || choice->op == Op::kAccept) {
      if (bot.decided.size() > kDecidedKept) bot.decided.clear();
      bot.decided.insert(choice->action.trade_id);
    }
    if (choice->op == Op::kDecline) {
      traders_.Decline(index, choice->action.trade_id);
    } else {
      traders_.Ask(index, choice->action, choice->op, choice->partner, Copies());
    }
  }

  std::vector<State> bots_;
  OpSet allowed_ = kAllOps;
};

// T-26: somebody drops an item, everybody picks it up in the same moment.
class RacePlay final : public Play {
 public:
  using Play::Play;

  void Step(int64_t now_ns) override {
    if (now_ns > deadline_ns_) Restart(now_ns);
    stage_.Look(0, now_ns);
    if (step_ == Step_::kDrop) Drop(now_ns);
    if (step_ == Step_::kSee) PickUp(now_ns);
    if (step_ == Step_::kRace && traders_.open() == 0) Judge();
  }
  bool over() const override {
    return report_.race.rounds >= static_cast<uint64_t>(options_.rounds);
  }
  void OnAnswer(size_t bot, const ActionAnswer& answer, const ActionBook::Told& told) override {
    if (told.op == Op::kDrop && told.news == ActionBook::News::kOk && step_ == Step_::kDropped)
      step_ = Step_::kSee;
    if (told.op != Op::kPickUp || step_ != Step_::kRace) return;
    if (told.news == ActionBook::News::kOk) {
      ++winners_;
      holder_ = bot;
    } else if (told.news == ActionBook::News::kRefused && answer.reason != ActionReason::kNone) {
      ++report_.race.losers_with_reason;
    }
  }

 private:
  enum class Step_ : uint8_t { kDrop, kDropped, kSee, kRace };

  void Restart(int64_t now_ns) {
    if (step_ == Step_::kRace) Judge();
    step_ = Step_::kDrop;
    holder_ = (holder_ + 1) % traders_.size();
    deadline_ns_ = now_ns + kRoundNs;
  }

  void Drop(int64_t now_ns) {
    for (size_t tries = 0; tries < traders_.size(); ++tries) {
      const size_t bot = (holder_ + tries) % traders_.size();
      if (!traders_.ready(bot) || traders_.client(bot).inventory().empty()) continue;
      before_ = {stage_.ground(0).begin(), stage_.ground(0).end()};
      Action drop;
      drop.kind = ActionKind::kDrop;
      drop.items = {traders_.client(bot).inventory().front().item_id};
      if (!traders_.Ask(bot, drop, Op::kDrop, SIZE_MAX, Copies())) continue;
      step_ = Step_::kDropped;
      deadline_ns_ = now_ns + kRoundNs;
      return;
    }
  }

  void PickUp(int64_t now_ns) {
    const auto& ground = stage_.ground(0);
    const auto fresh = std::find_if(ground.begin(), ground.end(),
                                    [&](uint32_t entity) { return !before_.contains(entity); });
    if (fresh == ground.end()) return;
    step_ = Step_::kRace;
    winners_ = 0;
    deadline_ns_ = now_ns + kRoundNs;
    const size_t insistent = report_.race.rounds % traders_.size();
    for (size_t bot = 0; bot < traders_.size(); ++bot) {
      Action pick_up;
      pick_up.kind = ActionKind::kPickUp;
      pick_up.entity_id = *fresh;
      traders_.Ask(bot, pick_up, Op::kPickUp, SIZE_MAX, bot == insistent ? kManyCopies : Copies());
    }
  }

  void Judge() {
    ++report_.race.rounds;
    if (winners_ != 1) ++report_.race.without_one_winner;
    step_ = Step_::kDrop;
  }

  Step_ step_ = Step_::kDrop;
  size_t holder_ = 0;
  uint64_t winners_ = 0;
  std::set<uint32_t> before_;
  int64_t deadline_ns_ = INT64_MAX;
};

// T-28: one bot of each group tries everything that must not work, one thing after another.
class HostilePlay final : public Play {
 public:
  using Play::Play;

  void Step(int64_t) override {
    const auto group = static_cast<size_t>(options_.group);
    for (size_t bot = 0; bot < traders_.size(); bot += group) {
      if (!traders_.ready(bot) || !traders_.book(bot).open().empty()) continue;
      State& state = states_[bot];
      if (!state.begun && !Prepare(bot, state)) continue;
      if (state.left.empty()) continue;
      HostileAction next = std::move(state.left.front());
      state.left.pop_front();
      report_.hostile.push_back({next.what, "no answer", false});
      state.record = report_.hostile.size() - 1;
      const Op op = OpOf(next.action.kind);
      if (!traders_.Ask(bot, std::move(next.action), op, SIZE_MAX, Copies()))
        report_.hostile[state.record] = {next.what, "refused by the client library", true};
    }
  }
  bool over() const override {
    const auto group = static_cast<size_t>(options_.group);
    return states_.size() == (traders_.size() + group - 1) / group && traders_.open() == 0 &&
           std::all_of(states_.begin(), states_.end(), [](const auto& each) {
             return each.second.begun && each.second.left.empty();
           });
  }
  void OnAnswer(size_t bot, const ActionAnswer& answer, const ActionBook::Told& told) override {
    if (told.news != ActionBook::News::kOk && told.news != ActionBook::News::kRefused) return;
    const auto state = states_.find(bot);
    if (state == states_.end()) return;
    HostileCase& record = report_.hostile[state->second.record];
    record.harmless = answer.outcome == ActionOutcome::kRefused &&
                      answer.reason != ActionReason::kNone &&
                      answer.reason != ActionReason::kUnavailable;
    record.answer = answer.outcome == ActionOutcome::kOk ? "ok" : ActionReasonName(answer.reason);
  }

 private:
  struct State {
    bool begun = false;
    std::deque<HostileAction> left;
    size_t record = 0;
  };

  bool Prepare(size_t bot, State& state) {
    const std::vector<Neighbour> others = stage_.Others(bot);
    if (others.empty()) return false;
    const Client& client = traders_.client(bot);
    const auto list = HostileActions({.own = client.own().id,
                                      .theirs = others.front().entity_id,
                                      .own_items = client.inventory(),
                                      .their_items = others.front().items,
                                      .own_gold = client.gold(),
                                      .their_gold = others.front().gold});
    state.left = {list.begin(), list.end()};
    state.begun = true;
    return true;
  }

  std::map<size_t, State> states_;
};

std::unique_ptr<Play> MakePlay(const Options& options, Traders& traders, TradeReport& report) {
  switch (options.scenario) {
    case Scenario::kRace: return std::make_unique<RacePlay>(options, traders, report);
    case Scenario::kHostile: return std::make_unique<HostilePlay>(options, traders, report);
    default: return std::make_unique<TradePlay>(options, traders, report);
  }
}

class ActionRun {
 public:
  ActionRun(const Options& options, const std::vector<BotPlan>& plans,
            const std::atomic<bool>& stop)
      : options_(options),
        stop_(stop),
        traders_(options, plans, EyesOf(plans.size(), static_cast<size_t>(options.group)), history_,
                 report_,
                 [this](size_t bot, const ActionAnswer& answer, const ActionBook::Told& told) {
                   play_->OnAnswer(bot, answer, told);
                 }),
        play_(MakePlay(options, traders_, report_)) {
    report_.scenario = ScenarioName(options.scenario);
    report_.seed = options.seed;
  }

  int Go() {
    if (!options_.history.empty())
      if (auto status = history_.Open(options_.history); !status.ok())
        return Complain(ops::kExitCannotCreate, status);
    if (auto status = traders_.Open(); !status.ok()) return Complain(ops::kExitInternal, status);
    Connect();
    const int64_t start_ns = kClock.NowNs();
    const int64_t end_ns =
        options_.seconds > 0 ? start_ns + static_cast<int64_t>(options_.seconds * 1e9) : INT64_MAX;
    play_->Begin(start_ns);
    while (!stop_ && !play_->over() && kClock.NowNs() < end_ns) {
      Turn();
      play_->Step(kClock.NowNs());
    }
    report_.seconds = static_cast<double>(kClock.NowNs() - start_ns) / 1e9;
    Settle();
    traders_.Quit();
    return Judge();
  }

 private:
  static int Complain(int code, const core::Status& status) {
    std::fprintf(stderr, "zonebot: %s\n", status.ToString().c_str());
    return code;
  }

  void Turn() {
    traders_.Turn(1);
    const int64_t now_ns = kClock.NowNs();
    if (now_ns < status_ns_ + kStatusNs) return;
    status_ns_ = now_ns;
    std::fprintf(stderr, "players %zu/%zu | answered %llu | under way %zu | asked again %llu\n",
                 traders_.playing(), traders_.size(),
                 static_cast<unsigned long long>(report_.answered()), traders_.open(),
                 static_cast<unsigned long long>(report_.asked_again));
  }

  void Connect() {
    const int64_t give_up_ns = kClock.NowNs() + kConnectNs;
    while (!stop_ && traders_.settled() < traders_.size() && kClock.NowNs() < give_up_ns) Turn();
  }

  // Nothing new; what is in doubt is asked for until it is answered, and open offers are declined,
  // since those who made them wait for that.
  void Settle() {
    const int64_t start_ns = kClock.NowNs();
    const int64_t end_ns = start_ns + static_cast<int64_t>(options_.settle_s * 1e9);
    int64_t declined_ns = 0;
    while (traders_.open() > 0 && kClock.NowNs() < end_ns) {
      Turn();
      if (kClock.NowNs() < declined_ns + kDeclineEveryNs) continue;
      declined_ns = kClock.NowNs();
      for (size_t bot = 0; bot < traders_.size(); ++bot) {
        if (!traders_.ready(bot)) continue;
        const std::vector<TradeOffer> offers = traders_.client(bot).offers();
        for (const TradeOffer& offer : offers) traders_.Decline(bot, offer.trade_id);
      }
    }
    report_.unanswered = traders_.open();
    report_.settle_s = static_cast<double>(kClock.NowNs() - start_ns) / 1e9;
  }

  int Judge() {
    if (options_.report.empty()) {
      std::fputs(ToJson(report_).c_str(), stdout);
    } else if (auto status = WriteReport(report_, options_.report); !status.ok()) {
      return Complain(ops::kExitCannotCreate, status);
    }
    if (report_.connected == 0) {
      std::fprintf(stderr, "zonebot: none of %zu players connected\n", traders_.size());
      return ops::kExitUnavailable;
    }
    if (report_.unanswered == 0 && report_.changed_answers == 0 && report_.history_complete)
      return ops::kExitOk;
    std::fprintf(stderr,
                 "zonebot: %llu actions unanswered, %llu answered differently when repeated%s\n",
                 static_cast<unsigned long long>(report_.unanswered),
                 static_cast<unsigned long long>(report_.changed_answers),
                 report_.history_complete ? "" : ", the history could not be written whole");
    return kExitRequirement;
  }

  const Options& options_;
  const std::atomic<bool>& stop_;
  History history_;
  TradeReport report_;
  Traders traders_;
  std::unique_ptr<Play> play_;
  int64_t status_ns_ = 0;
};

}  // namespace

bool HasActions(Scenario scenario) {
  return scenario == Scenario::kTrade || scenario == Scenario::kRace ||
         scenario == Scenario::kHostile;
}

int RunActions(const Options& options, const std::vector<BotPlan>& plans,
               const std::atomic<bool>& stop) {
  return std::make_unique<ActionRun>(options, plans, stop)->Go();
}

}  // namespace bluemarble::zonebot
