#include "persistence/rollback.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "core/hash.h"

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Status;

constexpr size_t kEventBatch = 2000;
constexpr int kAttempts = 3;

// Where every stack of the time since the moment came from and went to.
struct Lineage {
  std::unordered_set<int64_t> changed;                // items with an event after version 1
  std::unordered_map<int64_t, int64_t> merged_into;   // an emptied item: the one that it went into
  std::map<int64_t, std::vector<int64_t>> split_off;  // a stack: the ones that came out of it
};

class Planner {
 public:
  Planner(StoreReader& reader, const RollbackRequest& request)
      : reader_(reader), request_(request) {}

  core::Result<RollbackPlan> Run();

 private:
  struct Piece {
    ItemRow row;
    bool kept = true;
  };

  Status ReadLineage();
  core::Result<std::optional<EventRow>> AtMoment(AggregateId aggregate);
  Status PlanGold();
  Status FindHeldThen();
  Status Restore(const ItemRow& then);
  Status AddPieces(int64_t item_id, std::vector<Piece>& pieces, uint64_t& with_other);
  Status AddGone(int64_t item_id, uint64_t& with_other);
  void CutDown(std::vector<Piece>& pieces, uint64_t surplus);
  Status SendToEscrow();
  void CreateAnew();
  void Note(RollbackAct act, const ItemRow& row, uint64_t quantity);
  // In the order in which they are carried out.
  enum Step : uint8_t { kTake, kCut, kMoveBack, kMake, kSteps };
  void Add(Step step, std::initializer_list<ItemChange> changes) {
    steps_[step].emplace_back(changes);
  }
  void AddToWrites(const std::vector<ItemChange>& together);
  ItemChange Change(ItemOp op, const ItemRow& row, int64_t to) const;
  static ItemChange Creation(uint32_t definition, uint64_t quantity, int64_t to);

  StoreReader& reader_;
  const RollbackRequest& request_;
  RollbackPlan plan_;
  Lineage lineage_;
  std::vector<ItemRow> held_then_;
  std::unordered_set<int64_t> settled_;  // items of the player that stay or are dealt with
  struct Missing {
    int64_t item_id = 0;
    uint32_t definition = 0;
    uint64_t quantity = 0;
  };
  std::vector<Missing> missing_;
  struct Cut {
    ItemRow row;
    uint64_t surplus = 0;
  };
  std::vector<Cut> cuts_;
  std::array<std::vector<std::vector<ItemChange>>, kSteps> steps_;
};

ItemChange Planner::Change(ItemOp op, const ItemRow& row, int64_t to) const {
  ItemChange change;
  change.op = op;
  change.item_id = row.item_id;
  change.expected_version = row.version;
  change.from_holder = row.holder;
  change.to_holder = to;
  return change;
}

ItemChange Planner::Creation(uint32_t definition, uint64_t quantity, int64_t to) {
  ItemChange change;
  change.op = ItemOp::kCreate;
  change.definition = definition;
  change.quantity = static_cast<uint32_t>(quantity);
  change.to_holder = to;
  return change;
}

// Changes that belong together stay in one write.
void Planner::AddToWrites(const std::vector<ItemChange>& together) {
  if (plan_.writes.back().items.size() + together.size() > kMaxItemChanges) {
    const DurableWrite& first = plan_.writes.front();
    DurableWrite next;
    next.key = first.key;
    const uint64_t salt = core::HashCombine(core::HashBytes(next.key.bytes), plan_.writes.size());
    std::memcpy(next.key.bytes.data() + 8, &salt, sizeof(salt));
    next.at_us = first.at_us;
    next.tick = first.tick;
    // The version that the write before it leaves: whoever logs in between stops the rest.
    next.updates = first.updates;
    next.updates.front().expected_version += static_cast<int64_t>(plan_.writes.size());
    plan_.writes.push_back(std::move(next));
  }
  auto& items = plan_.writes.back().items;
  items.insert(items.end(), together.begin(), together.end());
}

void Planner::Note(RollbackAct act, const ItemRow& row, uint64_t quantity) {
  plan_.items.push_back(
      {act, row.item_id, row.definition, static_cast<uint32_t>(quantity), row.holder});
}

// The newest event at the moment. A version is the player's own: for the rest the moment is then
// the place of that event in the total order.
core::Result<std::optional<EventRow>> Planner::AtMoment(AggregateId aggregate) {
  if (request_.to.by != StoreReader::Moment::kVersion)
    return reader_.EventAt(aggregate, request_.to.by, request_.to.at);
  auto found = reader_.EventAt(aggregate, StoreReader::Moment::kTime, plan_.then.row.at_us);
  while (found.ok() && found->has_value() && (*found)->seq > plan_.then.row.seq)
    found = reader_.EventAt(aggregate, StoreReader::Moment::kVersion, (*found)->version - 1);
  return found;
}

Status Planner::ReadLineage() {
  int64_t seq = plan_.then.row.seq;
  std::optional<EventRow> before;
  for (uint64_t read = 0; read < request_.max_events;) {
    auto events = reader_.ReadEventsAfter(seq, kEventBatch);
    if (!events.ok()) return events.status();
    for (EventRow& event : *events) {
      seq = event.seq;
      if (event.aggregate_type != AggregateType::kItem) continue;
      if (event.version > 1) lineage_.changed.insert(event.aggregate_id);
      // A split and a merge are two events one after the other (group_plan.h).
      if (before && before->seq + 1 == event.seq) {
        if (before->kind == EventKind::kItemReduced && event.kind == EventKind::kItemSplitOff)
          lineage_.split_off[before->aggregate_id].push_back(event.aggregate_id);
        if (before->kind == EventKind::kItemMerged && event.kind == EventKind::kItemEmptied)
          lineage_.merged_into[event.aggregate_id] = before->aggregate_id;
      }
      before = std::move(event);
    }
    read += events->size();
    if (events->size() < kEventBatch) return Status::Ok();
  }
  return {Code::kFull, "too many events since that moment",
          fmt::format("more than {}", request_.max_events)};
}

Status Planner::PlanGold() {
  const AggregateId account{AggregateType::kAccount, request_.player_id};
  const auto now = reader_.LoadAccount(account.id);
  if (!now.ok() && now.status().code() != Code::kNotFound) return now.status();
  plan_.gold_now = now.ok() ? now->balance : 0;
  plan_.gold_then = plan_.gold_now;
  DecodedEvent event;
  if (auto then = AtMoment(account); !then.ok()) {
    return then.status();
  } else if (then->has_value()) {
    event = DecodeEvent(std::move(**then));
    plan_.gold_then = event.balance;
  } else {
    // Archived, or not open yet: the first event that is kept tells what was before it.
    auto first = reader_.ReadEvents(account, 0, 1);
    if (!first.ok()) return first.status();
    if (first->empty()) return Status::Ok();
    event = DecodeEvent(std::move(first->front()));
    plan_.gold_then = event.balance - event.amount;
  }
  if (!event.readable) return {Code::kCorrupt, "an event of the player's account cannot be read"};
  if (plan_.gold_then != plan_.gold_now) {
    const int64_t change = plan_.gold_then - plan_.gold_now;
    plan_.writes.front().postings = {{kAdjustmentAccount, -change}, {account.id, change}};
  }
  return Status::Ok();
}

Status Planner::FindHeldThen() {
  const auto now = reader_.ItemsOf(request_.player_id);
  if (!now.ok()) return now.status();
  std::vector<int64_t> candidates(lineage_.changed.begin(), lineage_.changed.end());
  for (const ItemRow& row : *now) {
    if (!lineage_.changed.contains(row.item_id)) candidates.push_back(row.item_id);
  }
  std::sort(candidates.begin(), candidates.end());
  for (const int64_t id : candidates) {
    auto then = AtMoment({AggregateType::kItem, id});
    if (!then.ok()) return then.status();
    if (!then->has_value()) {
      auto first = reader_.ReadEvents({AggregateType::kItem, id}, 0, 1);
      if (!first.ok()) return first.status();
      if (!first->empty() && first->front().version == 1) continue;  // made since
      const auto row = reader_.LoadItem(id);
      if (!row.ok()) continue;
      if (row->holder != request_.player_id) continue;
      settled_.insert(id);
      // All its events are archived, so it is where it was; otherwise nobody knows.
      if (!first->empty()) Note(RollbackAct::kNotInHistory, *row, row->quantity);
      continue;
    }
    const DecodedEvent event = DecodeEvent(std::move(**then));
    if (!event.readable) return {Code::kCorrupt, "an event of an item cannot be read"};
    if (event.item.holder == request_.player_id && event.item.quantity > 0)
      held_then_.push_back(event.item);
  }
  return Status::Ok();
}

// A stack that is gone: in whose stack it ended decides whether it may be made anew.
Status Planner::AddGone(int64_t item_id, uint64_t& with_other) {
  auto last = reader_.EventAt({AggregateType::kItem, item_id}, StoreReader::Moment::kVersion,
                              std::numeric_limits<int64_t>::max());
  if (!last.ok()) return last.status();
  if (!last->has_value() || (*last)->kind != EventKind::kItemEmptied) return Status::Ok();
  auto before = reader_.EventAt({AggregateType::kItem, item_id}, StoreReader::Moment::kVersion,
                                (*last)->version - 1);
  if (!before.ok()) return before.status();
  if (!before->has_value()) return Status::Ok();
  const DecodedEvent full = DecodeEvent(std::move(**before));
  int64_t target = item_id;
  // Versions only grow, so a chain of merges has an end.
  while (lineage_.merged_into.contains(target)) target = lineage_.merged_into.at(target);
  const auto row = reader_.LoadItem(target);
  if (!row.ok()) return row.status().code() == Code::kNotFound ? Status::Ok() : row.status();
  if (row->holder <= 0 || row->holder == request_.player_id) return Status::Ok();
  ItemRow lost = full.item;
  lost.holder = row->holder;
  Note(RollbackAct::kWithOther, lost, lost.quantity);
  with_other += lost.quantity;
  return Status::Ok();
}

// The stack and all that came out of it, as far as the player has it or may get it back.
Status Planner::AddPieces(int64_t item_id, std::vector<Piece>& pieces, uint64_t& with_other) {
  std::vector<int64_t> ids = {item_id};
  for (size_t i = 0; i < ids.size(); ++i) {
    if (const auto parts = lineage_.split_off.find(ids[i]); parts != lineage_.split_off.end())
      ids.insert(ids.end(), parts->second.begin(), parts->second.end());
    const auto row = reader_.LoadItem(ids[i]);
    if (!row.ok()) {
      if (row.status().code() != Code::kNotFound) return row.status();
      if (auto status = AddGone(ids[i], with_other); !status.ok()) return status;
    } else if (row->holder > 0 && row->holder != request_.player_id) {
      Note(RollbackAct::kWithOther, *row, row->quantity);
      with_other += row->quantity;
    } else if (settled_.insert(row->item_id).second) {
      pieces.push_back({*row});
    }
  }
  return Status::Ok();
}

// Gives up what is too much, the last pieces first.
void Planner::CutDown(std::vector<Piece>& pieces, uint64_t surplus) {
  for (auto piece = pieces.rbegin(); piece != pieces.rend() && surplus > 0; ++piece) {
    const uint64_t cut = std::min<uint64_t>(surplus, piece->row.quantity);
    surplus -= cut;
    piece->kept = false;
    if (cut < piece->row.quantity) {
      cuts_.push_back({piece->row, cut});
    } else if (piece->row.holder == request_.player_id) {
      Note(RollbackAct::kToEscrow, piece->row, cut);
      Add(kTake, {Change(ItemOp::kMove, piece->row, kHeldByEscrow)});
    }
  }
}

Status Planner::Restore(const ItemRow& then) {
  std::vector<Piece> pieces;
  uint64_t with_other = 0, have = 0;
  if (auto status = AddPieces(then.item_id, pieces, with_other); !status.ok()) return status;
  for (const Piece& piece : pieces) have += piece.row.quantity;
  const uint64_t wanted = then.quantity - std::min<uint64_t>(with_other, then.quantity);
  if (have > wanted) CutDown(pieces, have - wanted);
  for (const Piece& piece : pieces) {
    if (!piece.kept || piece.row.holder == request_.player_id) continue;
    Note(RollbackAct::kMovedBack, piece.row, piece.row.quantity);
    Add(kMoveBack, {Change(ItemOp::kMove, piece.row, request_.player_id)});
    if (piece.row.holder == kHeldByWorld) plan_.taken_from_ground.push_back(piece.row.item_id);
  }
  if (have < wanted) missing_.push_back({then.item_id, then.definition, wanted - have});
  return Status::Ok();
}

// What was cut off one stack makes up for what is missing of another: merging two stacks and
// rolling back makes nothing out of nothing.
void Planner::CreateAnew() {
  std::map<uint32_t, uint64_t> needed;
  for (const Missing& missing : missing_) {
    needed[missing.definition] += missing.quantity;
    ItemRow row;
    row.item_id = missing.item_id;
    row.definition = missing.definition;
    Note(RollbackAct::kCreatedAnew, row, missing.quantity);
    Add(kMake, {Creation(missing.definition, missing.quantity, request_.player_id)});
  }
  for (const Cut& cut : cuts_) {
    uint64_t& need = needed[cut.row.definition];
    const uint64_t used = std::min(need, cut.surplus);
    need -= used;
    const uint64_t rest = cut.surplus - used;
    const ItemChange gone = Change(ItemOp::kDestroy, cut.row, 0);
    const ItemChange back =
        Creation(cut.row.definition, cut.row.quantity - cut.surplus, request_.player_id);
    if (rest > 0) {
      Add(kCut, {gone, back, Creation(cut.row.definition, rest, kHeldByEscrow)});
    } else {
      Add(kCut, {gone, back});
    }
    Note(RollbackAct::kCutDown, cut.row, cut.surplus);
    if (cut.row.holder == kHeldByWorld) plan_.taken_from_ground.push_back(cut.row.item_id);
  }
}

Status Planner::SendToEscrow() {
  const auto now = reader_.ItemsOf(request_.player_id);
  if (!now.ok()) return now.status();
  for (const ItemRow& row : *now) {
    if (settled_.contains(row.item_id)) continue;
    Note(RollbackAct::kToEscrow, row, row.quantity);
    Add(kTake, {Change(ItemOp::kMove, row, kHeldByEscrow)});
  }
  return Status::Ok();
}

core::Result<RollbackPlan> Planner::Run() {
  const auto row = reader_.LoadPlayer(request_.player_id);
  if (!row.ok()) return row.status();
  plan_.player = *row;
  auto then = StateAt(reader_, {AggregateType::kPlayer, request_.player_id}, request_.to);
  if (!then.ok()) return then.status();
  plan_.then = std::move(*then);

  DurableWrite first;
  first.key = {request_.player_id, request_.key};
  first.at_us = request_.now_us;
  first.tick = std::max(request_.tick, row->saved_tick);
  first.updates.push_back({row->player_id, row->epoch, row->version, plan_.then.player,
                           EventKind::kRolledBack, EncodePlayerState(plan_.then.player)});
  plan_.writes.push_back(std::move(first));

  if (Status status = PlanGold(); !status.ok()) return status;
  if (Status status = ReadLineage(); !status.ok()) return status;
  if (Status status = FindHeldThen(); !status.ok()) return status;
  for (const ItemRow& item : held_then_) {
    if (Status status = Restore(item); !status.ok()) return status;
  }
  CreateAnew();
  if (Status status = SendToEscrow(); !status.ok()) return status;
  for (const auto& step : steps_) {
    for (const auto& together : step) AddToWrites(together);
  }
  return std::move(plan_);
}

Status StatusOf(const WriteResult& result, const DurableWrite& write, size_t index) {
  if (result.outcome == Outcome::kOk) return Status::Ok();
  if (result.outcome == Outcome::kUnknown) {
    return {Code::kUnknown, "it may or may not have happened: see the player's history",
            fmt::format("key {}", KeyText(write.key.bytes))};
  }
  const Code code = result.refusal == Refusal::kUnavailable ? Code::kUnavailable : Code::kStale;
  return {code, "refused: plan it again",
          fmt::format("write {}: {}", index + 1, RefusalName(result.refusal))};
}

}  // namespace

std::string_view RollbackActName(RollbackAct act) {
  switch (act) {
    case RollbackAct::kMovedBack: return "moved_back";
    case RollbackAct::kCreatedAnew: return "created_anew";
    case RollbackAct::kToEscrow: return "to_escrow";
    case RollbackAct::kCutDown: return "cut_down";
    case RollbackAct::kWithOther: return "with_other_player";
    case RollbackAct::kNotInHistory: return "not_in_history";
  }
  return "unknown";
}

core::Result<RollbackPlan> PlanRollback(StoreReader& reader, const RollbackRequest& request) {
  return Planner(reader, request).Run();
}

RollbackDone CarryOut(const RollbackPlan& plan, const CommitFunction& commit) {
  RollbackDone done;
  for (const DurableWrite& write : plan.writes) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const auto result = commit(write);
      done.status = result.ok() ? StatusOf(*result, write, done.writes) : result.status();
      if (done.status.ok()) done.version = result->row.version;
      if (done.status.code() != Code::kUnknown) break;
    }
    if (!done.status.ok()) return done;
    ++done.writes;
  }
  return done;
}

}  // namespace bluemarble::persistence
