/// The operator's endpoints: history, state at a moment, notes, verify, audit, keys, rollback, a
/// player's state of now, slow ticks; and the item catalogue, which is public. They know stores
/// only by the reader that the providers lend them. docs/operations.md "The operator's interface"
/// describes them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "api/admin_guard.h"
#include "api/http_server.h"
#include "core/clock.h"
#include "core/ids.h"
#include "core/result.h"
#include "persistence/reader.h"
#include "persistence/rollback.h"
#include "persistence/state_service.h"

namespace bluemarble::api {

/// By exactly one of the two.
struct PlayerQuery {
  std::optional<int64_t> id;
  std::string name;
};

/// All are called on threads that may wait (RunsOn::kOwnThreads), several at a time. An empty
/// function leaves out the endpoints that need it.
struct AdminProviders {
  using UseReader = std::function<core::Status(persistence::StoreReader&)>;
  /// Lends a reader for the time of the call and answers what `use` answered, or why there is none.
  std::function<core::Status(const UseReader& use)> with_reader;

  /// For the audit: groups sent to the database whose outcome is not known at this moment. May be
  /// empty.
  std::function<uint64_t()> in_doubt;

  // For the rollback.
  std::function<bool(int64_t player_id)> in_play;
  std::function<core::Tick()> tick;  ///< The zone's newest.
  persistence::CommitFunction commit;
  /// These items lie on the ground no more. May be empty.
  std::function<void(std::span<const int64_t> items)> taken_from_ground;

  std::function<core::Result<persistence::PlayerView>(const PlayerQuery&)> player;
  std::function<std::string()> items;  ///< The catalogue as JSON.
  std::function<std::string()> slow;   ///< Ticks that overran, as JSON.
};

/// Adds the endpoints. With a guard all but GET /v1/items ask it; without one whoever calls the
/// router is trusted (zonectl on the database itself). `guard` and `clock` outlive the router.
void AddAdminEndpoints(Router& router, AdminProviders providers, AdminGuard* guard,
                       const core::Clock& clock);

/// The HTTP status that tells the code (docs/operations.md).
int HttpStatusOf(core::Code code);

inline constexpr size_t kMaxHistoryEvents = 1000;
inline constexpr size_t kMaxNotes = 1000;
inline constexpr size_t kMaxKeys = 500;
/// How long one verify request works before it answers with where to go on.
inline constexpr int64_t kVerifySliceNs = 2'000'000'000;

}  // namespace bluemarble::api
