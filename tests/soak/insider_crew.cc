#include "insider_crew.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace bluemarble::insiders {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int kHttpTimeoutMs = 10'000;
constexpr int kWaitMs = 200;  // after a join that came to nothing

// Development mode makes the account at its first login.
JoinResult LogInAndJoin(Account& account, const std::string& name) {
  if (!account.logged_in()) {
    const AccountResult result = account.LogIn(name, "password of " + name);
    if (!result.ok) {
      JoinResult failed;
      failed.error = result.error;
      failed.failure = result.failure;
      failed.retry_after_ms = result.retry_after_ms;
      return failed;
    }
  }
  return account.Join();
}

}  // namespace

Crew::Crew(const core::Clock& clock, const CrewOptions& options)
    : clock_(clock), options_(options) {
  for (size_t i = 0; i < options.size; ++i) {
    Member member;
    member.name = "insider-" + std::to_string(options.seed) + "-" + std::to_string(i);
    const bool plays = i % options.play_every == 0;
    member.insider = std::make_unique<Insider>(clock, tapped_, plays, options.seed + i);
    member.account =
        std::make_shared<Account>(options.server, HttpOptions{.timeout_ms = kHttpTimeoutMs});
    members_.push_back(std::move(member));
  }
}

void Crew::Ask(Member& member) {
  member.answer = std::make_shared<Answer>();
  pool_.Run([answer = member.answer, account = member.account, name = member.name] {
    JoinResult result = LogInAndJoin(*account, name);
    const std::lock_guard lock(answer->mutex);
    answer->result = std::move(result);
  });
}

void Crew::Take(Member& member) {
  std::optional<JoinResult> result;
  {
    const std::lock_guard lock(member.answer->mutex);
    result = std::move(member.answer->result);
  }
  if (!result) return;
  member.answer.reset();
  if (result->ok && member.insider->Begin(result->ticket)) {
    ++begun_;
    member.in = true;
    return;
  }
  ++joins_failed_;
  last_error_ = result->ok ? "no session with this ticket" : result->error;
  member.again_ns = clock_.NowNs() + std::max(result->retry_after_ms, kWaitMs) * kMs;
}

void Crew::Service() {
  for (Member& member : members_) {
    member.insider->Service();
    const Insider::State state = member.insider->state();
    if (state == Insider::State::kEnded && member.in) {
      member.in = false;
      ++ended_[DisconnectReasonName(static_cast<DisconnectReason>(member.insider->end_reason()))];
    }
    const bool out =
        state == Insider::State::kIdle || (state == Insider::State::kEnded && comes_back_);
    if (member.answer != nullptr) {
      Take(member);
    } else if (out && clock_.NowNs() >= member.again_ns) {
      Ask(member);
    }
  }
}

bool Crew::Gather(size_t count, double seconds) {
  const int64_t until_ns = clock_.NowNs() + static_cast<int64_t>(seconds * 1e9);
  while (ready() < count) {
    if (clock_.NowNs() > until_ns) return false;
    Service();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

size_t Crew::ready() const {
  return static_cast<size_t>(
      std::ranges::count_if(members_, [](const Member& m) { return m.insider->ready(); }));
}

void Crew::Quit() {
  for (Member& member : members_) {
    if (member.insider->state() != Insider::State::kIdle &&
        member.insider->state() != Insider::State::kEnded)
      member.insider->Quit();
  }
}

}  // namespace bluemarble::insiders
