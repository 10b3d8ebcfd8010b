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
#include <cstring>
#include <list>
#include <mutex>

#include "core/byte_ring.h"
#include "core/log.h"
#include "core/thread_owner.h"
#include "persistence/journal.h"

namespace bluemarble::persistence {
namespace {

constexpr int64_t kMsNs = 1'000'000;
constexpr int kIdleMs = 1000;          // then old keys are looked for
constexpr int kCompletionsFullMs = 1;  // the zone drains once a tick
constexpr int kLastCommitMs = 250;     // a commit that began just before the deadline may end
constexpr size_t kDescribed = 100;
constexpr size_t kMaxWaitingNow = 64;  // people and their scripts

}  // namespace

struct Committer::State {
  // One call of CommitNow, on its caller's stack while it is listed.
  struct Ticket {
    uint64_t number = 0;
    DurableWrite write;
    bool taken = false;  // by the pipeline: what comes of it is not known before `done`
    bool done = false;
    WriteResult result;
  };

  State(const PersistenceSettings& s, std::unique_ptr<Store> opened, const core::Clock& c,
        Journal* j, WriteThrough* cache)
      : clock(c),
        meta(opened->meta()),
        journal(j),
        requests(s.queue_bytes),
        completions(s.queue_bytes),
        store(std::move(opened)),
        pipeline(s, *store, c, stats, j, cache),
        stall_ms(s.stall_ms),
        stop_deadline_ms(s.stop_deadline_ms),
        wake_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~State() {
    if (wake_fd >= 0) close(wake_fd);
  }

  void Run();
  bool TakeRequests();
  void TakeTickets();
  void AnswerTickets();
  bool HandOver();
  bool Blocked() const { return IsBlocked(stats, clock.NowNs(), stall_ms); }
  void Sleep(int timeout_ms);
  void Wake();
  void WakeIfAsleep() {
    if (sleeping.exchange(false, std::memory_order_acq_rel)) Wake();
  }

  const core::Clock& clock;
  const StoreMeta meta;
  Journal* const journal;
  CommitStats stats;
  core::ByteRing requests;
  core::ByteRing completions;
  std::unique_ptr<Store> store;
  CommitPipeline pipeline;
  const int stall_ms;
  const int stop_deadline_ms;
  const int wake_fd;
  core::ThreadOwner zone_thread;
  // Both sides change it by exchange only: whoever comes second sees what the first wrote before.
  std::atomic<bool> sleeping{false};
  std::atomic<int64_t> stop_at_ns{0};         // 0: run on
  std::atomic<bool> stopping_in_zone{false};  // what the callers of the queue look at
  core::Counter refused_unavailable;          // the zone thread's
  uint64_t journal_sequence = 0;              // likewise

  std::atomic<bool> tickets_wait{false};  // some are not taken: look under the mutex
  std::mutex mutex;                       // guards what follows
  std::list<Ticket*> tickets;
  uint64_t next_ticket = 1;
  std::condition_variable answered;
  std::condition_variable ended;
  bool has_ended = false;
  StopReport report;
};

Committer::Committer(const PersistenceSettings& settings, std::unique_ptr<Store> store,
                     const core::Clock& clock, Journal* journal, WriteThrough* cache)
    : state_(std::make_shared<State>(settings, std::move(store), clock, journal, cache)) {}

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
  return SendUnlessBlocked(RequestKind::kLogin, std::as_bytes(std::span(&request, 1)));
}

core::Status Committer::AppendEvent(const PlayerEventRequest& request) {
  return SendUnlessBlocked(RequestKind::kEvent, std::as_bytes(std::span(&request, 1)));
}

core::Status Committer::RequestAction(const ActionRequest& request) {
  if (request.changes > kMaxItemChanges)
    return {core::Code::kInvalid, "an action of more than kMaxItemChanges"};
  return SendUnlessBlocked(RequestKind::kAction, UsedBytes(request));
}

core::Status Committer::RequestWorldItems(uint64_t request_id) {
  return Send(RequestKind::kWorldItems, std::as_bytes(std::span(&request_id, 1)));
}

core::Status Committer::ReserveTicks(core::Tick up_to) {
  return Send(RequestKind::kReserveTicks, std::as_bytes(std::span(&up_to, 1)));
}

core::Status Committer::SavePositions(std::span<const PositionSave> saves) {
  State& state = *state_;
  core::Status first_refusal;
  while (!saves.empty()) {
    const auto part = saves.first(std::min(saves.size(), kPositionsPerRecord));
    const uint64_t sequence = ++state.journal_sequence;
    core::Status status = Send(RequestKind::kPositions, std::as_bytes(part), sequence);
    if (state.journal != nullptr) {
      state.journal->Append(part, status.ok() ? sequence : kUncovered);
    } else if (!status.ok()) {
      return status;
    }
    if (first_refusal.ok()) first_refusal = std::move(status);
    saves = saves.subspan(part.size());
  }
  return first_refusal;
}

core::Status Committer::AppendNote(const NoteRequest& note) {
  if (core::Status status = CheckNote(note); !status.ok()) return status;
  return SendUnlessBlocked(RequestKind::kNote, UsedBytes(note));
}

core::Status Committer::Ended() const {
  if (state_->stopping_in_zone) return {core::Code::kDenied, "the store is stopping"};
  if (failed()) return {core::Code::kDenied, "the store has failed; the process must be restarted"};
  return core::Status::Ok();
}

core::Status Committer::SendUnlessBlocked(RequestKind kind, std::span<const std::byte> body) {
  if (core::Status ended = Ended(); !ended.ok()) return ended;
  if (state_->Blocked()) {
    state_->refused_unavailable.Add();
    return {core::Code::kUnavailable, "the store does not answer"};
  }
  return Send(kind, body);
}

core::Status Committer::Send(RequestKind kind, std::span<const std::byte> body, uint64_t sequence) {
  State& state = *state_;
  if (core::Status ended = Ended(); !ended.ok()) return ended;
  std::array<std::byte, kRequestHeadBytes + sizeof(sequence)> head{};
  head[0] = static_cast<std::byte>(kind);
  std::memcpy(head.data() + kRequestHeadBytes, &sequence, sizeof(sequence));
  const size_t head_bytes =
      kind == RequestKind::kPositions ? head.size() : size_t{kRequestHeadBytes};
  if (!state.requests.Push(std::span(head).first(head_bytes), body)) {
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

core::Result<WriteResult> Committer::CommitNow(DurableWrite write, int timeout_ms) {
  State& state = *state_;
  State::Ticket ticket;
  ticket.write = std::move(write);
  std::unique_lock lock(state.mutex);
  if (state.has_ended || state.stopping_in_zone || state.Blocked())
    return core::Status(core::Code::kUnavailable, "the store does not answer");
  if (state.tickets.size() >= kMaxWaitingNow)
    return core::Status(core::Code::kFull, "too many administrative writes wait");
  ticket.number = state.next_ticket++;
  state.tickets.push_back(&ticket);
  state.tickets_wait = true;
  lock.unlock();
  state.WakeIfAsleep();
  lock.lock();
  state.answered.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                          [&ticket] { return ticket.done; });
  state.tickets.remove(&ticket);
  if (!ticket.done) {
    if (!ticket.taken) return core::Status(core::Code::kUnavailable, "the store does not answer");
    return core::Status(core::Code::kUnknown, "the store has not answered yet");
  }
  if (ticket.result.outcome == Outcome::kUnknown)
    return core::Status(core::Code::kUnknown, "the store could not tell what happened");
  if (ticket.result.refusal == Refusal::kUnavailable)
    return core::Status(core::Code::kUnavailable, "the store is away");
  return ticket.result;
}

const StoreMeta& Committer::meta() const { return state_->meta; }
const CommitStats& Committer::stats() const { return state_->stats; }
const LiveInventories& Committer::inventories() const { return state_->pipeline.inventories(); }
uint64_t Committer::queue_used_bytes() const { return state_->requests.used_bytes(); }
uint64_t Committer::refused_full() const { return state_->requests.refused(); }
uint64_t Committer::refused_unavailable() const { return state_->refused_unavailable.Get(); }

void Committer::State::Run() {
  for (;;) {
    const bool handed_over = HandOver();
    if (handed_over) pipeline.AfterAnswers();
    const bool took = handed_over && TakeRequests();
    if (handed_over && pipeline.due()) pipeline.Commit();
    if (HandOver()) pipeline.AfterAnswers();
    const int64_t stop_ns = stop_at_ns.load();
    if (stop_ns != 0) {
      pipeline.Hurry();
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
  pipeline.AfterAnswers();
  const std::lock_guard lock(mutex);
  report.requests_unwritten = pipeline.requests_waiting();
  report.positions_unwritten = pipeline.positions_waiting();
  report.notes_unwritten = pipeline.notes_waiting();
  pipeline.Describe(report.lines, kDescribed);
  store.reset();
  for (Ticket* ticket : tickets) {
    // Taken and not answered: still in the pipeline, and maybe in doubt.
    ticket->result.refusal = ticket->taken ? Refusal::kNone : Refusal::kUnavailable;
    ticket->result.outcome = ticket->taken ? Outcome::kUnknown : Outcome::kRefused;
    ticket->done = true;
  }
  has_ended = true;
  answered.notify_all();
  ended.notify_all();
}

void Committer::State::TakeTickets() {
  if (!tickets_wait.exchange(false)) return;
  const std::lock_guard lock(mutex);
  for (Ticket* ticket : tickets) {
    if (ticket->taken) continue;
    ticket->taken = true;
    pipeline.AcceptWrite(std::move(ticket->write), ticket->number);
  }
}

void Committer::State::AnswerTickets() {
  while (auto answer = pipeline.NextTicket()) {
    const std::lock_guard lock(mutex);
    const auto found = std::ranges::find(tickets, answer->ticket, &Ticket::number);
    if (found == tickets.end() || (*found)->done) continue;  // its caller has waited long enough
    (*found)->result = std::move(answer->result);
    (*found)->done = true;
    answered.notify_all();
  }
}

bool Committer::State::TakeRequests() {
  TakeTickets();
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
  AnswerTickets();
  while (const Completion* completion = pipeline.Front()) {
    if (!completions.Push(std::as_bytes(std::span(completion, 1))) && stop_at_ns.load() == 0)
      return false;
    pipeline.Pop();
  }
  return true;
}

void Committer::State::Sleep(int timeout_ms) {
  sleeping.exchange(true, std::memory_order_acq_rel);
  const bool must_not = (!pipeline.full() && pipeline.Front() == nullptr &&
                         (!requests.Front().empty() || tickets_wait.load())) ||
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
