/// A store whose commits wait until they are let go, and what tests of the committer share.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fixture.h"
#include "persistence/committer.h"

namespace bluemarble::persistence {

/// Holds Commit until let go; forwards the rest.
class GatedStore final : public Store {
 public:
  struct Gate {
    std::atomic<bool> closed{false};
    std::atomic<int> entered{0};
    void Open() {
      closed = false;
      closed.notify_all();
    }
  };
  GatedStore(std::unique_ptr<Store> inner, std::shared_ptr<Gate> gate)
      : inner_(std::move(inner)), gate_(std::move(gate)) {}
  const StoreMeta& meta() const override { return inner_->meta(); }
  core::Status Commit(const CommitGroup& group, std::span<WriteResult> results,
                      CommitReport& report) override {
    gate_->entered.fetch_add(1);
    gate_->entered.notify_all();
    gate_->closed.wait(true);
    return inner_->Commit(group, results, report);
  }
  core::Status Reconnect() override { return inner_->Reconnect(); }
  core::Result<std::optional<WriteResult>> FindResult(const IdempotencyKey& key) override {
    return inner_->FindResult(key);
  }
  core::Result<PlayerRow> LoadPlayer(std::string_view name) override {
    return inner_->LoadPlayer(name);
  }
  core::Result<uint64_t> CountPlayers() override { return inner_->CountPlayers(); }
  core::Result<std::vector<EventRow>> ReadEvents(AggregateType type, int64_t id, int64_t from,
                                                 size_t limit) override {
    return inner_->ReadEvents(type, id, from, limit);
  }
  core::Result<std::vector<ItemRow>> LoadWorldItems(int64_t after_id, size_t limit) override {
    return inner_->LoadWorldItems(after_id, limit);
  }
  core::Status Maintain(int64_t now_us) override { return inner_->Maintain(now_us); }
  core::Result<uint64_t> PurgeKeys(int64_t before_us, size_t limit) override {
    return inner_->PurgeKeys(before_us, limit);
  }
  core::Result<uint64_t> PurgeNotes(int64_t before_us, size_t limit) override {
    return inner_->PurgeNotes(before_us, limit);
  }

 private:
  std::unique_ptr<Store> inner_;
  std::shared_ptr<Gate> gate_;
};

inline LoginRequest LoginOf(uint64_t request_id, const std::string& name) {
  LoginRequest request;
  request.request_id = request_id;
  request.tick = 5;
  request.initial = StateAt(1);
  request.name = PlayerName::From(name);
  return request;
}

inline Completion WaitForOne(Committer& committer) {
  Completion completion;
  while (!committer.NextCompletion(completion)) std::this_thread::yield();
  return completion;
}

}  // namespace bluemarble::persistence
