#include "session/conduct.h"

#include <bit>

#include "core/hash.h"

namespace bluemarble::session {
namespace {

// The decay goes in sixteenths of a half-life, by multiplication alone: what exp() gives in the
// last bit is not the same everywhere, and a replay must come to the same score.
constexpr uint64_t kSteps = 16;
constexpr double kSixteenth = 0.95760328069857364694;  // 2^(-1/16)
constexpr uint64_t kForgotten = 64 * kSteps;           // nothing is left of any score

}  // namespace

const char* ViolationName(Violation violation) {
  switch (violation) {
    case Violation::kInputRate: return "input_rate";
    case Violation::kInputFuture: return "input_future";
    case Violation::kInputBackwards: return "input_backwards";
    case Violation::kInputConflict: return "input_conflict";
    case Violation::kInputInvalid: return "input_invalid";
    case Violation::kSpeed: return "speed";
    case Violation::kTeleport: return "teleport";
    case Violation::kAcceleration: return "acceleration";
    case Violation::kActionRate: return "action_rate";
    case Violation::kActionReach: return "action_reach";
    case Violation::kActionOwnership: return "action_ownership";
    case Violation::kActionAmount: return "action_amount";
    case Violation::kActionInvalid: return "action_invalid";
    case Violation::kChatRate: return "chat_rate";
    case Violation::kFlood: return "flood";
    case Violation::kProtocol: return "protocol";
  }
  return "unknown";
}

ConductLedger::ConductLedger(const ConductSettings& settings, int tick_hz)
    : settings_(settings),
      half_life_ticks_(uint64_t{settings.half_life_s} * static_cast<uint64_t>(tick_hz)),
      counter_life_ticks_(uint64_t{settings.counter_life_h} * 3600 *
                          static_cast<uint64_t>(tick_hz)),
      records_(settings.players) {
  published_.reserve(ConductBoard::kPlaces);
}

uint64_t ConductLedger::StepAt(core::Tick now) const { return now * kSteps / half_life_ticks_; }

double ConductLedger::Decayed(const Record& record, uint64_t step) const {
  const uint64_t steps = step - record.step;
  if (steps >= kForgotten) return 0;
  double score = record.score;
  for (uint64_t i = 0; i < steps % kSteps; ++i) score *= kSixteenth;
  for (uint64_t i = 0; i < steps / kSteps; ++i) score *= 0.5;
  return score;
}

ConductResponse ConductLedger::Add(int64_t player_id, const persistence::PlayerName& name,
                                   Violation violation, core::Tick now) {
  Record& record = records_.Touch(static_cast<uint64_t>(player_id));
  if (record.last == 0 || now - record.counting_since >= counter_life_ticks_) {
    record.counts = {};
    record.counting_since = now;
  }
  const auto kind = static_cast<size_t>(violation);
  record.name = name;
  record.last = now;
  ++record.counts[kind];
  record.score = Decayed(record, StepAt(now));
  record.step = StepAt(now);
  if (record.score < settings_.flag_score / 2) record.flagged = false;
  record.score += settings_.weight[kind];
  // What only counts has no consequence of its own.
  if (settings_.weight[kind] <= 0) return ConductResponse::kNone;
  const bool flag = settings_.flag_score > 0 && record.score >= settings_.flag_score;
  const bool kick = settings_.kick_score > 0 && record.score >= settings_.kick_score;
  const bool first = flag && !record.flagged;
  if (first) {
    record.flagged = true;
    ++record.flags;
  }
  if (kick) ++record.kicks;
  return kick ? ConductResponse::kKick : first ? ConductResponse::kFlag : ConductResponse::kNone;
}

double ConductLedger::ScoreOf(int64_t player_id, core::Tick now) {
  const Record* record = records_.Find(static_cast<uint64_t>(player_id));
  return record == nullptr ? 0 : Decayed(*record, StepAt(now));
}

void ConductLedger::Publish(core::Tick now) {
  published_.clear();
  records_.ForEach([&](uint64_t player_id, const Record& record) {
    const double score = Decayed(record, StepAt(now));
    published_.push_back({.player_id = static_cast<int64_t>(player_id),
                          .name = record.name,
                          .counts = record.counts,
                          .score = score,
                          .last = record.last,
                          .flags = record.flags,
                          .kicks = record.kicks,
                          .flagged = record.flagged && score >= settings_.flag_score / 2});
    return published_.size() < ConductBoard::kPlaces;
  });
  board_.Write(published_);
}

uint64_t ConductLedger::Hash() const {
  uint64_t hash = records_.size();
  records_.ForEach([&](uint64_t player_id, const Record& record) {
    hash = core::HashCombine(hash, player_id);
    hash = core::HashCombine(hash, std::bit_cast<uint64_t>(record.score));
    hash = core::HashCombine(hash, record.last);
    hash = core::HashCombine(hash, uint64_t{record.flags} << 32 | record.kicks);
    for (const uint32_t count : record.counts) hash = core::HashCombine(hash, count);
    return true;
  });
  return hash;
}

}  // namespace bluemarble::session
