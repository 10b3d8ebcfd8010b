#include "client/resend.h"

#include <algorithm>

namespace bluemarble::client {
namespace {

// Within session.action_burst and session.actions_per_s as they are by default, with room for what
// the player does meanwhile.
constexpr size_t kAtOnce = 16;
constexpr int64_t kSpacingNs = 200'000'000;

}  // namespace

void Resend::Keep(const std::vector<Action>& unanswered) {
  for (const Action& action : unanswered) {
    const bool known = std::any_of(kept_.begin(), kept_.end(),
                                   [&](const Action& kept) { return kept.key == action.key; });
    if (!known) kept_.push_back(action);
  }
}

void Resend::Begin(bool resumed, int64_t now_ns) {
  at_once_ = kAtOnce;
  due_ns_ = now_ns;
  if (resumed) return;
  for (Action& action : kept_) action.entity_id = 0, action.trade_id = 0;
}

void Resend::Send(Client& client, int64_t now_ns) {
  while (!kept_.empty() && now_ns >= due_ns_) {
    if (client.Act(kept_.front()) == ActionKey{}) return;
    kept_.erase(kept_.begin());
    if (at_once_ > 0) {
      --at_once_;
    } else {
      due_ns_ = now_ns + kSpacingNs;
    }
  }
}

}  // namespace bluemarble::client
