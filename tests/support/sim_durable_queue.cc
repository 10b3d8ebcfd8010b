#include "support/sim_durable_queue.h"

namespace bluemarble::support {

using core::Code;
using core::Status;
using namespace persistence;  // NOLINT: this file stands in for that folder's committer

SimDurableQueue::SimDurableQueue(Store& store, const core::Clock& clock,
                                 const SimDurableQueueOptions& options, WriteThrough* cache)
    : options_(options),
      clock_(clock),
      random_(options.seed),
      pipeline_(options.settings, store, clock, stats_, nullptr, cache) {}

void SimDurableQueue::Advance(core::Tick now) {
  now_ = now;
  if (now_ >= next_commit_ && pipeline_.due()) {
    pipeline_.Commit();
    const auto spread =
        static_cast<uint64_t>(options_.max_delay_ticks - options_.min_delay_ticks + 1);
    next_commit_ = now_ + static_cast<uint64_t>(options_.min_delay_ticks) + random_.Below(spread);
    // One committer: the next group starts when this one has been answered.
    while (const Completion* completion = pipeline_.Front()) {
      due_.emplace_back(next_commit_, *completion);
      pipeline_.Pop();
    }
    pipeline_.AfterAnswers();
  }
  pipeline_.Maintain();
}

Status SimDurableQueue::RequestLogin(const LoginRequest& request) {
  return SendUnlessBlocked(RequestKind::kLogin, std::as_bytes(std::span(&request, 1)));
}

Status SimDurableQueue::AppendEvent(const PlayerEventRequest& request) {
  return SendUnlessBlocked(RequestKind::kEvent, std::as_bytes(std::span(&request, 1)));
}

Status SimDurableQueue::RequestAction(const ActionRequest& request) {
  if (request.changes > kMaxItemChanges)
    return {Code::kInvalid, "an action of more than kMaxItemChanges"};
  return SendUnlessBlocked(RequestKind::kAction, UsedBytes(request));
}

Status SimDurableQueue::RequestWorldItems(uint64_t request_id) {
  return Send(RequestKind::kWorldItems, std::as_bytes(std::span(&request_id, 1)));
}

Status SimDurableQueue::ReserveTicks(core::Tick up_to) {
  return Send(RequestKind::kReserveTicks, std::as_bytes(std::span(&up_to, 1)));
}

Status SimDurableQueue::SavePositions(std::span<const PositionSave> saves) {
  return saves.empty() ? Status::Ok() : Send(RequestKind::kPositions, std::as_bytes(saves));
}

Status SimDurableQueue::AppendNote(const NoteRequest& note) {
  if (Status status = CheckNote(note); !status.ok()) return status;
  return SendUnlessBlocked(RequestKind::kNote, UsedBytes(note));
}

Status SimDurableQueue::SendUnlessBlocked(RequestKind kind, std::span<const std::byte> body) {
  if (pipeline_.failed()) return {Code::kDenied, "the store has failed"};
  if (IsBlocked(stats_, clock_.NowNs(), options_.settings.stall_ms))
    return {Code::kUnavailable, "the store does not answer"};
  return Send(kind, body);
}

Status SimDurableQueue::Send(RequestKind kind, std::span<const std::byte> body) {
  if (pipeline_.failed()) return {Code::kDenied, "the store has failed"};
  if (pipeline_.full()) return {Code::kFull, "the durable queue is full (persistence.queue_bytes)"};
  record_.assign(kRequestHeadBytes, std::byte{0});
  record_[0] = static_cast<std::byte>(kind);
  if (kind == RequestKind::kPositions) record_.resize(kRequestHeadBytes + sizeof(uint64_t));
  record_.insert(record_.end(), body.begin(), body.end());
  pipeline_.Accept(record_);
  return Status::Ok();
}

bool SimDurableQueue::NextCompletion(Completion& out) {
  if (due_.empty() || due_.front().first > now_) return false;
  out = due_.front().second;
  due_.pop_front();
  return true;
}

bool SimDurableQueue::ready() const {
  return stats_.away.Get() == 0 && !pipeline_.failed() && !pipeline_.full();
}

}  // namespace bluemarble::support
