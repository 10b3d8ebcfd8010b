/// The player's transactional actions from Act to their answer: keys, what waits for an answer, and
/// the repetition of what was answered `unknown`. Sends nothing itself; session_core does. One
/// thread; time comes in by argument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "bluemarble/client.h"
#include "core/result.h"
#include "protocol/control.h"

namespace bluemarble::client {

using KeySource = std::function<ActionKey()>;
/// 16 bytes of the operating system's randomness; all zero when it has none to give.
ActionKey RandomActionKey();

/// As it goes over the wire; `action` is well-formed.
protocol::Action ToMessage(const Action& action);

class Actions {
 public:
  /// Waiting for an answer, or answered and not yet taken by the caller.
  static constexpr size_t kMaxOpen = 64;

  /// `resend_unknown_ms` after an `unknown` the action is due again; 0: never by itself.
  Actions(KeySource keys, int resend_unknown_ms);

  /// Notes `action` as sent now, under its key or a new one, which is written into it. A key that
  /// waits already is the same action once more. kInvalid: malformed; kFull: kMaxOpen are open;
  /// kUnavailable: no randomness.
  core::Status Take(Action& action);
  /// The next action to send again, null when none is due. Valid until the next call of anything.
  const Action* NextResend(int64_t now_ns);
  /// When NextResend has something; INT64_MAX: never.
  int64_t NextDueNs() const;

  /// An answer of the server. One whose action does not wait (the second to a repetition) is
  /// dropped.
  void OnResult(const protocol::ActionResult& result, int64_t now_ns);
  bool NextAnswer(ActionAnswer& out);
  const std::vector<Action>& unanswered() const { return unanswered_; }

 private:
  static constexpr int64_t kNotDue = INT64_MAX;
  struct Waiting {
    int64_t due_ns = kNotDue;
    bool told_unknown = false;
    bool repeats = false;  // sent before, maybe by another client
  };
  size_t Find(const ActionKey& key) const;

  KeySource keys_;
  int64_t resend_ns_;
  int64_t next_resend_ns_ = 0;
  std::vector<Action> unanswered_;
  std::vector<Waiting> waiting_;  // of unanswered_, by index
  std::deque<ActionAnswer> answers_;
};

}  // namespace bluemarble::client
