#include "tools/zonebot/action_book.h"

#include <algorithm>

namespace bluemarble::zonebot {
namespace {

constexpr size_t kRemembered = 64;
constexpr int64_t kFirstPauseNs = 250'000'000;
constexpr int kMostDoublings = 2;  // 1 s

int64_t PauseNs(int asked_again) { return kFirstPauseNs << std::min(asked_again, kMostDoublings); }

bool Names(const std::vector<int64_t>& items, int64_t item_id) {
  return std::find(items.begin(), items.end(), item_id) != items.end();
}

}  // namespace

bool IsTemporary(ActionReason reason) {
  return reason == ActionReason::kUnavailable || reason == ActionReason::kBusy;
}

void ActionBook::Begin(Action action, Op op, size_t partner, int copies, int64_t now_ns) {
  OpenAction open;
  open.action = std::move(action);
  open.op = op;
  open.partner = partner;
  open.first_ns = now_ns;
  open.copies_out = copies;
  if (copies == 0) open.again_ns = now_ns + PauseNs(0);
  open_.push_back(std::move(open));
}

ActionBook::Told ActionBook::OnAnswer(const ActionAnswer& answer, int64_t now_ns) {
  const auto found = std::find_if(open_.begin(), open_.end(), [&](const OpenAction& open) {
    return open.action.key == answer.key;
  });
  if (found == open_.end()) {
    const auto done = std::find_if(done_.rbegin(), done_.rend(),
                                   [&](const Done& each) { return each.action.key == answer.key; });
    if (done == done_.rend()) return {.news = News::kStray};
    const bool unclear = answer.outcome == ActionOutcome::kUnknown ||
                         (answer.outcome == ActionOutcome::kRefused && IsTemporary(answer.reason));
    const bool same = unclear || done->ok == (answer.outcome == ActionOutcome::kOk);
    return {.news = same ? News::kSame : News::kChanged,
            .op = OpOf(done->action.kind),
            .reason = answer.reason};
  }
  OpenAction& open = *found;
  const auto index = static_cast<size_t>(found - open_.begin());
  if (answer.outcome == ActionOutcome::kOk)
    return Settle(index, ActionOutcome::kOk, ActionReason::kNone, now_ns);
  if (answer.outcome == ActionOutcome::kRefused) {
    // What a copy was refused for may have been over when the next one came.
    if (open.copies_out > 1) open.doubtful = true;
    if (!(open.doubtful && IsTemporary(answer.reason)))
      return Settle(index, ActionOutcome::kRefused, answer.reason, now_ns);
    open.copies_out = 0;
    open.again_ns = now_ns + PauseNs(open.asked_again);
    return {};
  }
  const bool news = !open.doubtful;
  open.doubtful = true;
  open.copies_out = 0;
  open.again_ns = now_ns + PauseNs(open.asked_again);
  return {.news = news ? News::kUnknown : News::kNothing, .op = open.op};
}

ActionBook::Told ActionBook::Settle(size_t index, ActionOutcome outcome, ActionReason reason,
                                    int64_t now_ns) {
  OpenAction& open = open_[index];
  const bool ok = outcome == ActionOutcome::kOk;
  const Told told{.news = ok ? News::kOk : News::kRefused,
                  .op = open.op,
                  .reason = reason,
                  .took_ns = now_ns - open.first_ns,
                  .doubtful = open.doubtful};
  done_.push_back({std::move(open.action), ok});
  if (done_.size() > kRemembered) done_.pop_front();
  open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(index));
  return told;
}

std::vector<const OpenAction*> ActionBook::OnLost(int64_t now_ns) {
  std::vector<const OpenAction*> fresh;
  for (OpenAction& open : open_) {
    if (!open.doubtful && open.copies_out > 0) {
      open.doubtful = true;
      fresh.push_back(&open);
    }
    open.copies_out = 0;
    open.again_ns = now_ns;
  }
  return fresh;
}

void ActionBook::OnBack(int64_t now_ns) {
  for (OpenAction& open : open_) open.again_ns = now_ns;
}

void ActionBook::Again(OpenAction& open, int copies, int64_t now_ns) {
  open.copies_out += copies;
  ++open.asked_again;
  open.again_ns = copies > 0 ? INT64_MAX : now_ns + PauseNs(open.asked_again);
}

OpenAction* ActionBook::Due(int64_t now_ns) {
  for (OpenAction& open : open_)
    if (open.again_ns <= now_ns) return &open;
  return nullptr;
}

bool ActionBook::Holds(int64_t item_id) const {
  return std::any_of(open_.begin(), open_.end(), [&](const OpenAction& open) {
    return Names(open.action.items, item_id) || Names(open.action.want_items, item_id);
  });
}

bool ActionBook::offering() const {
  return std::any_of(open_.begin(), open_.end(),
                     [](const OpenAction& open) { return open.op == Op::kOffer; });
}

const Action* ActionBook::newest_done() const {
  const auto done =
      std::find_if(done_.rbegin(), done_.rend(), [](const Done& each) { return each.ok; });
  return done == done_.rend() ? nullptr : &done->action;
}

}  // namespace bluemarble::zonebot
