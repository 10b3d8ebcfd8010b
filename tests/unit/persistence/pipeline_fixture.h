/// A commit pipeline over the simulated store, on a clock that the test moves.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "fixture.h"
#include "persistence/commit_pipeline.h"
#include "support/sim_store.h"

namespace bluemarble::persistence {

class RecordingCache final : public WriteThrough {
 public:
  void Put(std::span<const CacheEntry> entries) noexcept override {
    ++puts;
    all.insert(all.end(), entries.begin(), entries.end());
  }
  /// The newest entry of that kind and id, or null.
  const CacheEntry* Find(CacheKind kind, int64_t id) const {
    const CacheEntry* found = nullptr;
    for (const CacheEntry& entry : all) {
      if (entry.kind == kind && entry.id == id) found = &entry;
    }
    return found;
  }
  std::vector<CacheEntry> all;
  int puts = 0;
};

template <typename T>
T ValueAt(const CacheEntry& entry, size_t offset = 0) {
  T value{};
  if (entry.value.size() >= offset + sizeof(T))
    std::memcpy(&value, entry.value.data() + offset, sizeof(T));
  return value;
}

class PipelineTest : public testing::Test {
 protected:
  static constexpr int64_t kMsNs = 1'000'000;

  static std::vector<std::byte> Record(RequestKind kind, std::span<const std::byte> body) {
    std::vector<std::byte> record(kRequestHeadBytes);
    record[0] = static_cast<std::byte>(kind);
    record.insert(record.end(), body.begin(), body.end());
    return record;
  }
  void Accept(RequestKind kind, std::span<const std::byte> body) {
    ASSERT_TRUE(pipeline_.Accept(Record(kind, body)));
  }
  template <typename T>
  void Accept(RequestKind kind, const T& request) {
    Accept(kind, std::as_bytes(std::span(&request, 1)));
  }
  void AcceptLogin(uint64_t request_id, std::string_view name, int64_t gold = 0) {
    LoginRequest request;
    request.request_id = request_id;
    request.tick = 10;
    request.initial = StateAt(1);
    request.name = PlayerName::From(name);
    request.starting_gold = gold;
    if (gold != 0) {
      request.starters[0] = {7, 3};
      request.starters[2] = {9, 1};
    }
    Accept(RequestKind::kLogin, request);
  }
  void AcceptEvent(uint64_t request_id, const PlayerRow& row, EventKind kind, core::Tick tick) {
    PlayerEventRequest request;
    request.request_id = request_id;
    request.player_id = row.player_id;
    request.epoch = row.epoch;
    request.expected_version = row.version;
    request.tick = tick;
    request.state = StateAt(5);
    request.kind = kind;
    Accept(RequestKind::kEvent, request);
  }
  void AcceptSave(int64_t player_id, core::Tick tick, double x, uint64_t sequence = 0) {
    std::vector<std::byte> body(sizeof(sequence) + sizeof(PositionSave));
    const PositionSave save{player_id, 1, tick, StateAt(x)};
    std::memcpy(body.data(), &sequence, sizeof(sequence));
    std::memcpy(body.data() + sizeof(sequence), &save, sizeof(save));
    Accept(RequestKind::kPositions, std::span<const std::byte>(body));
  }
  void AcceptTicks(core::Tick up_to) { Accept(RequestKind::kReserveTicks, up_to); }

  /// Of `row`'s player, with key number `key`; add changes and gold.
  static ActionRequest ActionOf(uint64_t request_id, const PlayerRow& row, uint64_t key) {
    ActionRequest request;
    request.request_id = request_id;
    request.player_id = row.player_id;
    request.epoch = row.epoch;
    request.key = Key(row.player_id, key).bytes;
    request.digest = 1000 + key;
    request.tick = 20;
    return request;
  }
  static void Add(ActionRequest& request, const ItemChange& change) {
    request.items[request.changes++] = change;
  }
  void AcceptAction(const ActionRequest& request) {
    Accept(RequestKind::kAction, UsedBytes(request));
  }

  std::vector<Completion> Completions() {
    std::vector<Completion> all;
    for (; pipeline_.Front() != nullptr; pipeline_.Pop()) all.push_back(*pipeline_.Front());
    pipeline_.AfterAnswers();
    return all;
  }
  /// Commits now; the completions.
  std::vector<Completion> Commit() {
    pipeline_.Commit();
    return Completions();
  }
  PlayerRow LoggedIn(std::string_view name = "Ada", int64_t gold = 0) {
    AcceptLogin(next_login_++, name, gold);
    return Commit().back().row;
  }
  void LoseAnswers() { store_.set_faults({.unknown_applied = 1}); }
  void LoseRequests() { store_.set_faults({.unknown_lost = 1}); }
  void Mend() { store_.set_faults({}); }
  int64_t Balance(const PlayerRow& row) { return store_.accounts().at(row.player_id).balance; }

  ManualClock clock_;
  support::SimStore store_;
  CommitStats stats_;
  RecordingCache cache_;
  PersistenceSettings settings_;
  CommitPipeline pipeline_{settings_, store_, clock_, stats_, nullptr, &cache_};
  uint64_t next_login_ = 1000;
};

}  // namespace bluemarble::persistence
