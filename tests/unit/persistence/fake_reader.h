/// A StoreReader over maps, whose rows and events a test writes as it likes, wrong ones included.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "persistence/reader.h"

namespace bluemarble::persistence {

class FakeReader final : public StoreReader {
 public:
  std::map<int64_t, PlayerRow> players;
  std::map<int64_t, ItemRow> items;
  std::map<int64_t, AccountRow> accounts;
  std::vector<EventRow> events;  ///< By seq.
  std::vector<AuditLine> audit;
  std::vector<NoteRow> notes;
  std::map<IdempotencyKey, WriteResult> results;
  core::Status failure;                ///< Not ok: what every call answers.
  std::function<void()> before_a_row;  ///< Runs before each row is read.

  /// Appends an event and its row; the next version and seq, at 1 s and 10 ticks after the last.
  void Player(int64_t id, const std::string& name, double x, EventKind kind) {
    PlayerRow& row = players[id];
    row.player_id = id;
    row.epoch = 1;
    row.name = PlayerName::From(name);
    row.state.x_m = x;
    row.state.health = 100;
    row.saved_tick = NextTick();
    Append({AggregateType::kPlayer, id}, ++row.version, kind, EncodePlayerState(row.state));
  }
  void Item(int64_t id, int64_t holder, uint32_t quantity, EventKind kind, uint32_t definition = 7,
            const Cause& cause = {}) {
    ItemRow row = items[id];
    row.item_id = id;
    row.version += 1;
    row.holder = holder;
    row.definition = definition;
    row.quantity = quantity;
    row.place.x_m = holder == kHeldByWorld ? 5.0 : 0.0;
    items[id] = row;
    Append({AggregateType::kItem, id}, row.version, kind, EncodeItemEvent(row, cause));
    if (quantity == 0) items.erase(id);
  }
  void Post(int64_t id, int64_t amount, const Cause& cause = {}) {
    AccountRow& row = accounts[id];
    row.account_id = id;
    row.version += 1;
    row.balance += amount;
    Append({AggregateType::kAccount, id}, row.version, EventKind::kPosted,
           EncodeAccountEvent(row.balance, amount, cause));
  }
  void Append(AggregateId id, int64_t version, EventKind kind, std::vector<std::byte> payload) {
    EventRow event;
    event.aggregate_type = id.type;
    event.aggregate_id = id.id;
    event.version = version;
    event.tick = NextTick();
    event.at_us = kStartUs + static_cast<int64_t>(events.size()) * 1'000'000;
    event.epoch = 7;
    event.seq = events.empty() ? 1 : events.back().seq + 1;
    event.kind = kind;
    event.payload = std::move(payload);
    events.push_back(std::move(event));
  }
  core::Tick NextTick() const { return 10 * (events.size() + 1); }
  static constexpr int64_t kStartUs = 1'700'000'000'000'000;

  core::Result<PlayerRow> LoadPlayer(std::string_view name) override {
    for (const auto& [id, row] : players) {
      if (row.name.view() == name) return row;
    }
    return core::Status(core::Code::kNotFound, "no such player");
  }
  core::Result<PlayerRow> LoadPlayer(int64_t id) override { return Row(players, id); }
  core::Result<ItemRow> LoadItem(int64_t id) override { return Row(items, id); }
  core::Result<AccountRow> LoadAccount(int64_t id) override { return Row(accounts, id); }
  core::Result<std::vector<ItemRow>> ItemsOf(int64_t holder) override {
    if (!failure.ok()) return failure;
    std::vector<ItemRow> found;
    for (const auto& [id, row] : items) {
      if (row.holder == holder) found.push_back(row);
    }
    return found;
  }
  core::Result<uint64_t> CountPlayers() override { return uint64_t{players.size()}; }
  core::Result<std::vector<EventRow>> ReadEvents(AggregateId id, int64_t from_version,
                                                 size_t limit) override {
    return Select(limit, [&](const EventRow& e) {
      return e.aggregate_type == id.type && e.aggregate_id == id.id && e.version >= from_version;
    });
  }
  core::Result<std::vector<EventRow>> ReadEventsAfter(int64_t seq, size_t limit) override {
    return Select(limit, [&](const EventRow& e) { return e.seq > seq; });
  }
  core::Result<std::optional<EventRow>> EventAt(AggregateId id, Moment by, int64_t at) override {
    const auto value = [by](const EventRow& e) {
      return by == Moment::kTime   ? e.at_us
             : by == Moment::kTick ? static_cast<int64_t>(e.tick)
                                   : e.version;
    };
    auto found = Select(events.size(), [&](const EventRow& e) {
      return e.aggregate_type == id.type && e.aggregate_id == id.id && value(e) <= at;
    });
    if (!found.ok()) return found.status();
    if (found->empty()) return std::optional<EventRow>();
    return std::optional<EventRow>(found->back());
  }
  core::Result<std::vector<int64_t>> Aggregates(AggregateType type, int64_t after,
                                                size_t limit) override {
    if (!failure.ok()) return failure;
    std::vector<int64_t> ids;
    const auto add = [&](const auto& rows) {
      for (auto it = rows.upper_bound(after); it != rows.end() && ids.size() < limit; ++it)
        ids.push_back(it->first);
    };
    if (type == AggregateType::kPlayer) add(players);
    if (type == AggregateType::kItem) add(items);
    if (type == AggregateType::kAccount) add(accounts);
    return ids;
  }
  core::Result<std::optional<WriteResult>> FindResult(const IdempotencyKey& key) override {
    if (!failure.ok()) return failure;
    const auto found = results.find(key);
    return found == results.end() ? std::optional<WriteResult>() : found->second;
  }
  core::Result<std::vector<int64_t>> ItemsTouched(int64_t player_id, int64_t after,
                                                  int64_t through) override {
    if (!failure.ok()) return failure;
    std::set<int64_t> ids;
    for (const EventRow& e : events) {
      ItemRow item;
      Cause cause;
      if (e.aggregate_type != AggregateType::kItem || e.seq <= after || e.seq > through ||
          !DecodeItemEvent(e.payload, item, cause))
        continue;
      if (item.holder == player_id || cause.player_id == player_id) ids.insert(e.aggregate_id);
    }
    return std::vector<int64_t>(ids.begin(), ids.end());
  }
  core::Result<int64_t> LastSeq() override { return events.empty() ? 0 : events.back().seq; }
  core::Result<std::vector<NoteRow>> ReadNotes(const NoteQuery& query) override {
    if (!failure.ok()) return failure;
    std::vector<NoteRow> found;
    for (const NoteRow& note : notes) {
      if (note.at_us >= query.since_us && note.at_us < query.until_us &&
          query.player_id.value_or(note.player_id) == note.player_id &&
          query.kind.value_or(note.kind) == note.kind)
        found.push_back(note);
    }
    if (found.size() > query.limit)
      found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(query.limit));
    return found;
  }
  core::Result<std::vector<AuditLine>> Audit() override {
    if (!failure.ok()) return failure;
    return audit;
  }

 private:
  template <typename Rows>
  core::Result<typename Rows::mapped_type> Row(const Rows& rows, int64_t id) {
    if (before_a_row) before_a_row();
    if (!failure.ok()) return failure;
    const auto found = rows.find(id);
    if (found == rows.end()) return core::Status(core::Code::kNotFound, "no such row");
    return found->second;
  }
  template <typename Wanted>
  core::Result<std::vector<EventRow>> Select(size_t limit, Wanted wanted) {
    if (!failure.ok()) return failure;
    std::vector<EventRow> found;
    for (const EventRow& event : events) {
      if (found.size() < limit && wanted(event)) found.push_back(event);
    }
    return found;
  }
};

}  // namespace bluemarble::persistence
