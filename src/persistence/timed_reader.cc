#include "persistence/timed_reader.h"

#include <algorithm>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace bluemarble::persistence {
namespace {

using core::Result;

class TimedReader final : public StoreReader {
 public:
  TimedReader(std::unique_ptr<StoreReader> reader, const core::Clock& clock, ReadStats& stats)
      : reader_(std::move(reader)), clock_(clock), stats_(stats) {}

  bool Usable() const override { return reader_->Usable(); }
  Result<PlayerRow> LoadPlayer(std::string_view name) override {
    return Timed(ReadKind::kState, [&] { return reader_->LoadPlayer(name); });
  }
  Result<PlayerRow> LoadPlayer(int64_t player_id) override {
    return Timed(ReadKind::kState, [&] { return reader_->LoadPlayer(player_id); });
  }
  Result<ItemRow> LoadItem(int64_t item_id) override {
    return Timed(ReadKind::kState, [&] { return reader_->LoadItem(item_id); });
  }
  Result<AccountRow> LoadAccount(int64_t account_id) override {
    return Timed(ReadKind::kState, [&] { return reader_->LoadAccount(account_id); });
  }
  Result<std::vector<ItemRow>> ItemsOf(int64_t holder) override {
    return Timed(ReadKind::kState, [&] { return reader_->ItemsOf(holder); });
  }
  Result<int64_t> LastSeq() override {
    return Timed(ReadKind::kState, [&] { return reader_->LastSeq(); });
  }
  Result<std::optional<WriteResult>> FindResult(const IdempotencyKey& key) override {
    return Timed(ReadKind::kState, [&] { return reader_->FindResult(key); });
  }
  Result<std::vector<EventRow>> ReadEvents(AggregateId aggregate, int64_t from_version,
                                           size_t limit) override {
    return Timed(ReadKind::kHistory,
                 [&] { return reader_->ReadEvents(aggregate, from_version, limit); });
  }
  Result<std::vector<EventRow>> ReadEventsAfter(int64_t seq, size_t limit) override {
    return Timed(ReadKind::kHistory, [&] { return reader_->ReadEventsAfter(seq, limit); });
  }
  Result<std::optional<EventRow>> EventAt(AggregateId aggregate, Moment by, int64_t at) override {
    return Timed(ReadKind::kHistory, [&] { return reader_->EventAt(aggregate, by, at); });
  }
  Result<std::vector<int64_t>> Aggregates(AggregateType type, int64_t after,
                                          size_t limit) override {
    return Timed(ReadKind::kHistory, [&] { return reader_->Aggregates(type, after, limit); });
  }
  Result<std::vector<int64_t>> ItemsTouched(int64_t player_id, int64_t after,
                                            int64_t through) override {
    return Timed(ReadKind::kHistory,
                 [&] { return reader_->ItemsTouched(player_id, after, through); });
  }
  Result<std::vector<NoteRow>> ReadNotes(const NoteQuery& query) override {
    return Timed(ReadKind::kHistory, [&] { return reader_->ReadNotes(query); });
  }
  Result<uint64_t> CountPlayers() override {
    return Timed(ReadKind::kTables, [&] { return reader_->CountPlayers(); });
  }
  Result<std::vector<AuditLine>> Audit() override {
    return Timed(ReadKind::kTables, [&] { return reader_->Audit(); });
  }

 private:
  template <typename Ask>
  std::invoke_result_t<Ask> Timed(ReadKind kind, Ask ask) {
    const int64_t began_ns = clock_.NowNs();
    auto answer = ask();
    const int64_t took_ns = std::max<int64_t>(clock_.NowNs() - began_ns, 0);
    const std::lock_guard lock(stats_.mutex);
    stats_.read_us[static_cast<size_t>(kind)].Add(static_cast<uint64_t>(took_ns) / 1000);
    return answer;
  }

  const std::unique_ptr<StoreReader> reader_;
  const core::Clock& clock_;
  ReadStats& stats_;
};

}  // namespace

std::string_view ReadKindName(ReadKind kind) {
  constexpr std::array<std::string_view, kReadKinds> kNames{"state", "history", "tables"};
  return kNames[static_cast<size_t>(kind)];
}

std::unique_ptr<StoreReader> TimeReads(std::unique_ptr<StoreReader> reader,
                                       const core::Clock& clock, ReadStats& stats) {
  return std::make_unique<TimedReader>(std::move(reader), clock, stats);
}

}  // namespace bluemarble::persistence
