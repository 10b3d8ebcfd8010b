#include "persistence/committer.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "core/byte_ring.h"
#include "core/log.h"
#include "core/thread_owner.h"

namespace bluemarble::persistence {
namespace {

constexpr int64_t kMsNs = 1'000'000;
constexpr int kIdleMs = 1000;          // then old keys are looked for
constexpr int kCompletionsFullMs = 1;  // the zone drains once a tick
constexpr int kLastCommitMs = 250;     // a commit that began just before the deadline may end
constexpr size_t kDescribed = 100;

}  // namespace

struct Committer::State {
  State(const PersistenceSettings& s, std::unique_ptr<Store> opened, const core::Clock& c)
      : clock(c),
        meta(opened->meta()),
        requests(s.queue_bytes),
        completions(s.queue_bytes),
        store(std::move(opened)),
        pipeline(s, *store, c, stats),
        stop_deadline_ms(s.stop_deadline_ms),
        wake_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~State() {
    if (wake_fd >= 0) close(wake_fd);
  }

  void Run();
  bool TakeRequests();
  bool HandOver();
  void Sleep(int timeout_ms);
  void Wake();
  void WakeIfAsleep() {
    if (sleeping.exchange(false, std::memory_order_acq_rel)) Wake();
  }

  const core::Clock& clock;
  const StoreMeta meta;
  CommitStats stats;
  core::ByteRing requests;
  core::ByteRing completions;
  std::unique_ptr<Store> store;
  CommitPipeline pipeline;
  const int stop_deadline_ms;
  const int wake_fd;
  core::ThreadOwner zone_thread;
  // Both sides change it by exchange only: whoever comes second sees what the first wrote before.
  std::atomic<bool> sleeping{false};
  std::atomic<int64_t> stop_at_ns{0};         // 0: run on
  std::atomic<bool> stopping_in_zone{false};  // what the callers of the queue look at

  std::mutex mutex;
  std::condition_variable ended;
  bool has_ended = false;
  StopReport report;
};

Committer::Committer(const PersistenceSettings& settings, std::unique_ptr<Store> store,
                     const core::Clock& clock)
    : state_(std::make_shared<State>(settings, std::move(store), clock)) {}

Committer::~Committer() {
  if (thread_.joinable()) Stop(state_->stop_deadline_ms);
}

void Committer::Start() {
  thread_ = std::thread([state = state_] { state->Run(); });
}

StopReport Committer::Stop(int deadline_ms) {
  State& state = *state_;
  state.stopping_in_zone = true;
  if (!thread_.joinable()) return {};
  state.stop_at_ns.store(state.clock.NowNs() + deadline_ms * kMsNs);
  state.WakeIfAsleep();
  std::unique_lock lock(state.mutex);
  const bool ended =
      state.ended.wait_for(lock, std::chrono::milliseconds(deadline_ms + kLastCommitMs),
                           [&state] { return state.has_ended; });
  StopReport report;
  if (ended) {
    lock.unlock();
    thread_.join();
    report = state.report;
  } else {
    lock.unlock();
    thread_.detach();
    report.timed_out = true;
    report.lines.push_back(
        fmt::format("the store did not return within {} ms; {} bytes of requests wait", deadline_ms,
                    state.requests.used_bytes()));
  }
  for (const std::string& line : report.lines)
    core::Log(core::LogLevel::kError, "not_written", "{}", line);
  return report;
}

core::Status Committer::RequestLogin(const LoginRequest& request) {
  return Send(RequestKind::kLogin, std::as_bytes(std::span(&request, 1)));
}

core::Status Committer::AppendEvent(const PlayerEventRequest& request) {
  return Send(RequestKind::kEvent, std::as_bytes(std::span(&request, 1)));
}

core::Status Committer::ReserveTicks(core::Tick up_to) {
  return Send(RequestKind::kReserveTicks, std::as_bytes(std::span(&up_to, 1)));
}

core::Status Committer::SavePositions(std::span<const PositionSave> saves) {
  while (!saves.empty()) {
    const auto part = saves.first(std::min(saves.size(), kPositionsPerRecord));
    if (auto status = Send(RequestKind::kPositions, std::as_bytes(part)); !status.ok())
      return status;
    saves = saves.subspan(part.size());
  }
  return core::Status::Ok();
}

core::Status Committer::Send(RequestKind kind, std::span<const std::byte> body) {
  State& state = *state_;
  if (state.stopping_in_zone) return {core::Code::kUnavailable, "the store is stopping"};
  if (failed())
    return {core::Code::kUnavailable, "the store has failed; the process must be restarted"};
  std::array<std::byte, kRequestHeadBytes> head{};
  head[0] = static_cast<std::byte>(kind);
  if (!state.requests.Push(head, body)) {
    return {core::Code::kFull, "the durable queue is full (persistence.queue_bytes)"};
  }
  state.WakeIfAsleep();
  return core::Status::Ok();
}

bool Committer::NextCompletion(Completion& out) {
  const auto record = state_->completions.Front();
  if (record.empty()) return false;
  const bool decoded = DecodeCompletion(record, out).ok();
  state_->completions.Pop();
  return decoded;
}

bool Committer::ready() const {
  const State& state = *state_;
  return !state.stopping_in_zone && stats().away.Get() == 0 && !failed() &&
         state.requests.used_bytes() < state.requests.capacity_bytes() / 4 * 3;
}

const StoreMeta& Committer::meta() const { return state_->meta; }
const CommitStats& Committer::stats() const { return state_->stats; }
uint64_t Committer::queue_used_bytes() const { return state_->requests.used_bytes(); }
uint64_t Committer::refused_full() const { return state_->requests.refused(); }

void Committer::State::Run() {
  for (;;) {
    const bool handed_over = HandOver();
    const bool took = handed_over && TakeRequests();
    if (handed_over && pipeline.due()) pipeline.Commit();
    const int64_t stop_ns = stop_at_ns.load();
    if (stop_ns != 0) {
      const bool drained = requests.Front().empty() && (pipeline.idle() || pipeline.failed());
      if (drained || clock.NowNs() >= stop_ns) break;
    }
    if (took || pipeline.due()) continue;
    if (pipeline.Front() != nullptr) {
      if (!HandOver()) Sleep(kCompletionsFullMs);
      continue;
    }
    pipeline.Maintain();
    const int64_t due_ns = pipeline.due_in_ns();
    const int64_t due_ms = due_ns < 0 ? kIdleMs : due_ns / kMsNs + 1;
    Sleep(static_cast<int>(std::min<int64_t>(due_ms, stop_ns != 0 ? 10 : kIdleMs)));
  }
  for (auto record = requests.Front(); !record.empty(); record = requests.Front()) {
    pipeline.Accept(record);  // only to be counted below
    requests.Pop();
  }
  HandOver();
  const std::lock_guard lock(mutex);
  report.requests_unwritten = pipeline.requests_waiting();
  report.positions_unwritten = pipeline.positions_waiting();
  pipeline.Describe(report.lines, kDescribed);
  store.reset();
  has_ended = true;
  ended.notify_all();
}

bool Committer::State::TakeRequests() {
  bool took = false;
  while (!pipeline.full()) {
    const auto record = requests.Front();
    if (record.empty()) break;
    if (!pipeline.Accept(record)) core::Log(core::LogLevel::kError, "bad_durable_request");
    requests.Pop();
    took = true;
  }
  return took;
}

// False: the ring to the zone is full, and no request is taken until it is not. A stopping zone
// reads no more, so that what does not fit then is dropped: it is durable all the same.
bool Committer::State::HandOver() {
  while (const Completion* completion = pipeline.Front()) {
    if (!completions.Push(std::as_bytes(std::span(completion, 1))) && stop_at_ns.load() == 0)
      return false;
    pipeline.Pop();
  }
  return true;
}

void Committer::State::Sleep(int timeout_ms) {
  sleeping.exchange(true, std::memory_order_acq_rel);
  const bool must_not =
      (!pipeline.full() && pipeline.Front() == nullptr && !requests.Front().empty()) ||
      (stop_at_ns.load() != 0 && timeout_ms > 10);
  if (!must_not) {
    pollfd wait{wake_fd, POLLIN, 0};
    poll(&wait, 1, timeout_ms);
  }
  sleeping.exchange(false, std::memory_order_acq_rel);
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t drained = read(wake_fd, &count, sizeof(count));
}

void Committer::State::Wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_fd, &one, sizeof(one));
}

}  // namespace bluemarble::persistence
