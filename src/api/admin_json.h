/// What the operator's endpoints answer, as JSON text; docs/operations.md "The operator's
/// interface" is the description. Numbers of players, items and accounts are strings: they need 62
/// bits, and many readers of JSON keep 53. Pure functions, any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "persistence/history.h"
#include "persistence/reader.h"
#include "persistence/rollback.h"
#include "persistence/state_service.h"
#include "persistence/store.h"

namespace bluemarble::api {

/// "player:17", "world", "escrow".
std::string HolderText(int64_t holder);

/// `next`: the version to go on from, when there is more.
std::string HistoryJson(persistence::AggregateId aggregate,
                        const std::vector<persistence::DecodedEvent>& events,
                        std::optional<int64_t> next);
/// Of any aggregates, in the shard's total order.
std::string EventsJson(const std::vector<persistence::DecodedEvent>& events);
/// What a player holds now.
struct Holdings {
  int64_t gold = 0;
  std::vector<persistence::ItemRow> items;
};
std::string StateJson(persistence::AggregateId aggregate, const persistence::Moment& at,
                      const persistence::DecodedEvent& event, const std::optional<Holdings>& holds);
/// Each item once; `next`: where to go on from, null when done.
std::string ItemsJson(const persistence::ItemSearch& search);
/// `next`: where to go on from; empty when done.
std::string VerifyJson(const persistence::VerifyReport& report, const std::string& next);
/// `names`: of the players, by number, as far as they are known.
std::string NotesJson(const std::vector<persistence::NoteRow>& notes,
                      const std::map<int64_t, std::string>& names);
std::string AuditJson(const std::vector<persistence::AuditLine>& lines);
/// `done`: null for a dry run.
std::string RollbackJson(const persistence::RollbackPlan& plan, const persistence::Moment& to,
                         const persistence::RollbackDone* done);
std::string KeysJson(const std::vector<std::optional<persistence::WriteResult>>& results);
std::string PlayerJson(const persistence::PlayerView& view);
/// {"error": {"code", "message"}}
std::string ErrorJson(const core::Status& status);

}  // namespace bluemarble::api
