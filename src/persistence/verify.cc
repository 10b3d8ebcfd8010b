// Verifier: the events of each aggregate, replayed against the rules and the row. See history.h.
#include <fmt/format.h>

#include "core/hash.h"
#include "persistence/history.h"

namespace bluemarble::persistence {
namespace {

using core::Code;

constexpr size_t kEventBatch = 500;
constexpr size_t kIdBatch = 500;
// A row that changes between two reads is read again; one that changes ten times is left to the
// next run.
constexpr int kTries = 10;
constexpr size_t kMaxKnown = 1'000'000;

uint64_t HashOf(AggregateId id) {
  return core::HashCombine(static_cast<uint64_t>(id.type), static_cast<uint64_t>(id.id));
}

bool IsGone(EventKind kind) {
  return kind == EventKind::kItemEmptied || kind == EventKind::kItemDestroyed;
}

bool Fits(AggregateType type, EventKind kind) {
  switch (type) {
    case AggregateType::kPlayer:
      return kind <= EventKind::kSample || kind == EventKind::kRolledBack;
    case AggregateType::kItem:
      return kind >= EventKind::kItemCreated && kind <= EventKind::kItemDestroyed;
    case AggregateType::kAccount: return kind == EventKind::kPosted;
  }
  return false;
}

bool Begins(AggregateType type, EventKind kind) {
  switch (type) {
    case AggregateType::kPlayer: return kind == EventKind::kPlayerCreated;
    case AggregateType::kItem:
      return kind == EventKind::kItemCreated || kind == EventKind::kItemSplitOff;
    case AggregateType::kAccount: return true;
  }
  return false;
}

// What is wrong with an item's step from `before` to `after`; empty: nothing.
std::string ItemProblem(const DecodedEvent& before, const DecodedEvent& after) {
  const ItemRow& a = before.item;
  const ItemRow& b = after.item;
  if (a.definition != b.definition) return "the definition changed";
  switch (after.row.kind) {
    case EventKind::kItemMoved:
      if (a.quantity != b.quantity) return "moved, and the quantity changed";
      break;
    case EventKind::kItemReduced:
      if (b.quantity == 0 || b.quantity >= a.quantity) return "reduced, but not to a smaller stack";
      if (a.holder != b.holder) return "reduced, and the holder changed";
      break;
    case EventKind::kItemMerged:
      if (b.quantity <= a.quantity) return "merged, but not to a larger stack";
      if (a.holder != b.holder) return "merged, and the holder changed";
      break;
    case EventKind::kItemEmptied:
    case EventKind::kItemDestroyed:
      if (b.quantity != 0) return "gone, but with a quantity";
      break;
    default: break;
  }
  return {};
}

// The same for any two neighbours, and for the first event (no `before`).
std::string StepProblem(AggregateType type, const std::optional<DecodedEvent>& before,
                        const DecodedEvent& after) {
  if (!after.readable) return "the payload cannot be read";
  if (!Fits(type, after.row.kind))
    return fmt::format("an event of kind {} in the history of a {}", EventKindName(after.row.kind),
                       AggregateTypeName(type));
  if (after.row.version == 1 && !Begins(type, after.row.kind))
    return fmt::format("begins with {}", EventKindName(after.row.kind));
  if (type == AggregateType::kItem && !IsGone(after.row.kind) && after.item.quantity == 0)
    return "a quantity of 0 without being gone";
  if (type == AggregateType::kAccount && after.row.version == 1 && after.balance != after.amount)
    return fmt::format("opens with {} after a posting of {}", after.balance, after.amount);
  if (!before) return {};
  if (after.row.version != before->row.version + 1)
    return fmt::format("versions jump from {} to {}", before->row.version, after.row.version);
  if (after.row.seq <= before->row.seq)
    return fmt::format("seq {} after seq {}", after.row.seq, before->row.seq);
  if (!before->readable) return {};
  // A request names an item or an account once.
  if (type != AggregateType::kPlayer && after.cause == before->cause && !(after.cause == Cause{}))
    return "one request changed it twice";
  if (type == AggregateType::kItem) {
    if (IsGone(before->row.kind)) return "an event after the item was gone";
    return ItemProblem(*before, after);
  }
  if (type == AggregateType::kAccount && after.balance != before->balance + after.amount)
    return fmt::format("balance {} after {} and a posting of {}", after.balance, before->balance,
                       after.amount);
  return {};
}

}  // namespace

// A row, as far as it is compared.
struct Verifier::Stored {
  bool present = false;
  int64_t version = 0;
  PlayerRow player;
  ItemRow item;
  int64_t balance = 0;

  // What differs from where the events lead; empty: nothing.
  std::string Difference(AggregateType type, const DecodedEvent& last) const {
    if (version != last.row.version)
      return fmt::format("the row has version {}, the last event {}", version, last.row.version);
    switch (type) {
      case AggregateType::kPlayer:
        // Position and health are saved without events: a newer save may differ.
        if (player.saved_tick <= last.row.tick && !(player.state == last.player))
          return fmt::format("the row's state (tick {}) is not that of the last event (tick {})",
                             player.saved_tick, last.row.tick);
        break;
      case AggregateType::kItem: {
        ItemRow replayed = last.item;
        replayed.version = item.version;
        if (replayed == item) break;
        if (replayed.holder != item.holder)
          return fmt::format("the row says holder {}, the events {}", item.holder, replayed.holder);
        if (replayed.quantity != item.quantity)
          return fmt::format("the row says quantity {}, the events {}", item.quantity,
                             replayed.quantity);
        if (replayed.definition != item.definition)
          return fmt::format("the row says definition {}, the events {}", item.definition,
                             replayed.definition);
        return "the row lies at another place than the events say";
      }
      case AggregateType::kAccount:
        if (balance != last.balance)
          return fmt::format("the row says {}, the events {}", balance, last.balance);
        break;
    }
    return {};
  }
};

core::Result<Verifier::Stored> Verifier::Load(AggregateId aggregate) {
  Stored stored;
  core::Status status;
  const auto take = [&](auto loaded, auto& into) {
    status = loaded.status();
    if (!loaded.ok()) return;
    into = *loaded;
    stored.present = true;
    stored.version = loaded->version;
  };
  AccountRow account;
  switch (aggregate.type) {
    case AggregateType::kPlayer: take(reader_.LoadPlayer(aggregate.id), stored.player); break;
    case AggregateType::kItem: take(reader_.LoadItem(aggregate.id), stored.item); break;
    case AggregateType::kAccount: take(reader_.LoadAccount(aggregate.id), account); break;
  }
  stored.balance = account.balance;
  if (!status.ok() && status.code() != Code::kNotFound) return status;
  return stored;
}

void Verifier::Find(AggregateId aggregate, int64_t version, std::string what) {
  ++report_.findings;
  if (report_.listed.size() < max_listed_)
    report_.listed.push_back({aggregate, version, std::move(what)});
}

// The first event of the table is not the shard's first: older partitions have been archived.
core::Result<bool> Verifier::HistoryIsCut() {
  if (!cut_) {
    const auto first = reader_.ReadEventsAfter(0, 1);
    if (!first.ok()) return first.status();
    cut_ = !first->empty() && first->front().seq > 1;
  }
  return *cut_;
}

core::Status Verifier::VerifyOne(AggregateId aggregate) {
  std::optional<DecodedEvent> last;
  Stored stored;
  ++report_.aggregates;
  for (int attempt = 0;; ++attempt) {
    for (;;) {
      auto events = History(reader_, aggregate, last ? last->row.version + 1 : 0, kEventBatch);
      if (!events.ok()) return events.status();
      for (DecodedEvent& event : *events) {
        ++report_.events;
        if (std::string problem = StepProblem(aggregate.type, last, event); !problem.empty())
          Find(aggregate, event.row.version, std::move(problem));
        last = std::move(event);
      }
      if (events->size() < kEventBatch) break;
    }
    auto loaded = Load(aggregate);
    if (!loaded.ok()) return loaded.status();
    stored = *loaded;
    const bool moved_on = last && stored.present && stored.version > last->row.version;
    const bool born = !last && stored.present && stored.version == 1;
    const bool gone = last && !stored.present && !IsGone(last->row.kind);
    if (!(moved_on || born || gone) || attempt == kTries) break;
    // The row may be newer than the events that were read before it. What does not change when read
    // again is a finding.
    auto more = reader_.ReadEvents(aggregate, last ? last->row.version + 1 : 0, 1);
    if (!more.ok()) return more.status();
    if (more->empty()) break;
  }
  if (stored.present) known_.insert(HashOf(aggregate));
  if (!last) {
    if (!stored.present) return {Code::kNotFound, "no such aggregate", ToString(aggregate)};
    const auto cut = HistoryIsCut();
    if (!cut.ok()) return cut.status();
    if (*cut) {
      ++report_.without_history;
    } else {
      Find(aggregate, stored.version, "a row without events");
    }
    return core::Status::Ok();
  }
  if (!stored.present) {
    if (!IsGone(last->row.kind)) Find(aggregate, last->row.version, "events without a row");
    return core::Status::Ok();
  }
  if (IsGone(last->row.kind)) {
    Find(aggregate, stored.version, "a row of an item that is gone");
  } else if (std::string problem = stored.Difference(aggregate.type, *last);
             last->readable && !problem.empty()) {
    Find(aggregate, stored.version, std::move(problem));
  }
  return core::Status::Ok();
}

core::Status Verifier::StepAggregates(VerifyCursor& cursor, AggregateType type, uint64_t& left) {
  while (left > 0) {
    const auto ids = reader_.Aggregates(type, cursor.after, kIdBatch);
    if (!ids.ok()) return ids.status();
    for (const int64_t id : *ids) {
      if (left == 0) return core::Status::Ok();
      const uint64_t events_before = report_.events;
      if (auto status = VerifyOne({type, id}); !status.ok() && status.code() != Code::kNotFound) {
        return status;
      }
      cursor.after = id;
      left -= std::min(left, 1 + report_.events - events_before);
    }
    if (ids->size() == kIdBatch) continue;
    cursor.stage = static_cast<VerifyCursor::Stage>(static_cast<uint8_t>(cursor.stage) + 1);
    cursor.after = cursor.stage == VerifyCursor::Stage::kEvents ? 0 : INT64_MIN;
    return core::Status::Ok();
  }
  return core::Status::Ok();
}

core::Status Verifier::CheckOrphan(AggregateId aggregate) {
  if (known_.size() >= kMaxKnown) known_.clear();
  if (!known_.insert(HashOf(aggregate)).second) return core::Status::Ok();
  const auto stored = Load(aggregate);
  if (!stored.ok()) return stored.status();
  if (stored->present) return core::Status::Ok();
  // Whoever has a row was replayed with it; without one the whole history is looked at here.
  return VerifyOne(aggregate);
}

core::Status Verifier::StepEvents(VerifyCursor& cursor, uint64_t& left) {
  while (left > 0) {
    const size_t limit = static_cast<size_t>(std::min<uint64_t>(left, kEventBatch));
    const auto events = reader_.ReadEventsAfter(cursor.after, limit);
    if (!events.ok()) return events.status();
    for (const EventRow& event : *events) {
      const AggregateId aggregate{event.aggregate_type, event.aggregate_id};
      if (cursor.after != 0 && event.seq != cursor.after + 1)
        Find(aggregate, event.version,
             fmt::format("seq {} follows seq {}: events are missing", event.seq, cursor.after));
      cursor.after = event.seq;
      if (auto status = CheckOrphan(aggregate); !status.ok()) return status;
    }
    left -= std::min<uint64_t>(left, events->size() + 1);
    if (events->size() == limit) continue;
    cursor.stage = VerifyCursor::Stage::kDone;
    return core::Status::Ok();
  }
  return core::Status::Ok();
}

core::Status Verifier::Step(VerifyCursor& cursor, uint64_t budget) {
  using Stage = VerifyCursor::Stage;
  while (budget > 0 && cursor.stage != Stage::kDone) {
    core::Status status;
    switch (cursor.stage) {
      case Stage::kPlayers: status = StepAggregates(cursor, AggregateType::kPlayer, budget); break;
      case Stage::kItems: status = StepAggregates(cursor, AggregateType::kItem, budget); break;
      case Stage::kAccounts:
        status = StepAggregates(cursor, AggregateType::kAccount, budget);
        break;
      case Stage::kEvents: status = StepEvents(cursor, budget); break;
      case Stage::kDone: break;
    }
    if (!status.ok()) return status;
  }
  return core::Status::Ok();
}

}  // namespace bluemarble::persistence
