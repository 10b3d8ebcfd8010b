#include "client/actions.h"

#include <sys/random.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace bluemarble::client {
namespace {

using core::Code;
using core::Status;

// What waits after an outage must not come back in one burst: the server ends who is over
// session.actions_per_s.
constexpr int64_t kResendSpacingNs = 250'000'000;

Status CheckForm(const Action& action) {
  constexpr size_t kMost = kMaxTradeItems;
  switch (action.kind) {
    case ActionKind::kPickUp:
    case ActionKind::kAcceptTrade: return Status::Ok();
    case ActionKind::kDrop:
    case ActionKind::kSplit:
      if (action.items.size() != 1) return {Code::kInvalid, "the action needs one item"};
      return Status::Ok();
    case ActionKind::kMerge:
      if (action.items.size() != 2) return {Code::kInvalid, "a merge needs two items"};
      return Status::Ok();
    case ActionKind::kGive:
    case ActionKind::kOfferTrade:
      if (action.items.size() > kMost || action.want_items.size() > kMost)
        return {Code::kInvalid, "more than 8 items on one side of a trade"};
      return Status::Ok();
  }
  return {Code::kInvalid, "no such kind of action"};
}

}  // namespace

ActionKey RandomActionKey() {
  ActionKey key{};
  // So few bytes are given whole or, without a source, not at all.
  if (getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size())) key.fill(0);
  return key;
}

protocol::Action ToMessage(const Action& action) {
  protocol::Action out;
  std::memcpy(out.key.data(), action.key.data(), action.key.size());
  switch (action.kind) {
    case ActionKind::kPickUp: out.what = protocol::PickUp{action.entity_id}; break;
    case ActionKind::kDrop: out.what = protocol::Drop{action.items[0]}; break;
    case ActionKind::kGive:
      out.what = protocol::Give{action.entity_id, action.items, action.gold};
      break;
    case ActionKind::kOfferTrade:
      out.what = protocol::OfferTrade{action.entity_id, action.items, action.gold,
                                      action.want_items, action.want_gold};
      break;
    case ActionKind::kAcceptTrade: out.what = protocol::AcceptTrade{action.trade_id}; break;
    case ActionKind::kSplit: out.what = protocol::Split{action.items[0], action.quantity}; break;
    case ActionKind::kMerge: out.what = protocol::Merge{action.items[0], action.items[1]}; break;
  }
  return out;
}

Actions::Actions(KeySource keys, int resend_unknown_ms)
    : keys_(std::move(keys)), resend_ns_(int64_t{resend_unknown_ms} * 1'000'000) {}

Status Actions::Take(Action& action) {
  if (Status form = CheckForm(action); !form.ok()) return form;
  const size_t known = Find(action.key);
  if (known < unanswered_.size()) {
    // The caller's numbers are newer: a restart of the server changes those of entities.
    unanswered_[known] = action;
    waiting_[known] = {};
    waiting_[known].repeats = true;
    return Status::Ok();
  }
  if (unanswered_.size() + answers_.size() >= kMaxOpen)
    return {Code::kFull, "64 actions are not answered or their answers not taken"};
  const bool repeats = action.key != ActionKey{};
  if (!repeats) action.key = keys_();
  if (action.key == ActionKey{}) return {Code::kUnavailable, "no random numbers for a key"};
  unanswered_.push_back(action);
  waiting_.emplace_back();
  waiting_.back().repeats = repeats;
  return Status::Ok();
}

const Action* Actions::NextResend(int64_t now_ns) {
  if (now_ns < next_resend_ns_) return nullptr;
  for (size_t i = 0; i < waiting_.size(); ++i) {
    if (waiting_[i].due_ns > now_ns) continue;
    waiting_[i].due_ns = kNotDue;
    next_resend_ns_ = now_ns + kResendSpacingNs;
    return &unanswered_[i];
  }
  return nullptr;
}

int64_t Actions::NextDueNs() const {
  int64_t due = kNotDue;
  for (const Waiting& waiting : waiting_) due = std::min(due, waiting.due_ns);
  return due == kNotDue ? due : std::max(due, next_resend_ns_);
}

void Actions::OnResult(const protocol::ActionResult& result, int64_t now_ns) {
  ActionAnswer answer;
  std::memcpy(answer.key.data(), result.key.data(), result.key.size());
  const size_t at = Find(answer.key);
  if (at == unanswered_.size()) return;
  answer.outcome = result.outcome;
  answer.reason = result.reason;
  answer.text = result.text;
  answer.repeated = result.repeated;
  answer.item_id = result.item_id;

  // The server that cannot look a repetition up refuses it; the first one may be done all the same.
  Waiting& waiting = waiting_[at];
  const bool passing =
      result.reason == ActionReason::kUnavailable || result.reason == ActionReason::kBusy;
  if (result.outcome == ActionOutcome::kRefused && passing && waiting.repeats)
    answer.outcome = ActionOutcome::kUnknown;
  if (answer.outcome == ActionOutcome::kUnknown) {
    waiting.repeats = true;
    if (resend_ns_ > 0) waiting.due_ns = now_ns + resend_ns_;
    // Told once per Act: an outage is one piece of news, not one a second.
    if (std::exchange(waiting.told_unknown, true)) return;
  } else {
    unanswered_.erase(unanswered_.begin() + static_cast<std::ptrdiff_t>(at));
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  // At most one for each action, so that kMaxOpen bounds them.
  std::erase_if(answers_, [&](const ActionAnswer& old) { return old.key == answer.key; });
  answers_.push_back(std::move(answer));
}

bool Actions::NextAnswer(ActionAnswer& out) {
  if (answers_.empty()) return false;
  out = std::move(answers_.front());
  answers_.pop_front();
  return true;
}

size_t Actions::Find(const ActionKey& key) const {
  const auto found = std::find_if(unanswered_.begin(), unanswered_.end(),
                                  [&](const Action& action) { return action.key == key; });
  return static_cast<size_t>(found - unanswered_.begin());
}

}  // namespace bluemarble::client
