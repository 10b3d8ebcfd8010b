/// The only place that makes a ready PostgreSQL connection: settings, time limits and checks
/// applied, reactivation off (PITFALLS P-1). Calls are cut at a deadline by the watchdog; a
/// connection that ever failed is finished and has to be replaced. One thread at a time.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "core/result.h"
#include "persistence/pg_watchdog.h"
#include "persistence/settings.h"

namespace pqxx {
class connection_base;
}

namespace bluemarble::persistence {

/// What a connection is for.
struct PgSession {
  std::string application_name = "zoned";  ///< As people see it in pg_stat_activity.
  bool writes = true;                      ///< A server that only reads is refused.
  bool limited = true;  ///< Server-side time limits too; off for migrations, which may take long.
};

/// Which backend serves a connection, to recognise it later: process ids are used again.
struct PgBackend {
  int64_t pid = 0;
  std::string started;  ///< As pg_stat_activity prints it.
};

/// kInvalid when libpq cannot read database.url: no URI, no key=value list, or a parameter that it
/// does not know. Empty is fine: no database. Does not connect; the text never holds the url.
core::Status CheckDatabaseUrl(const std::string& url);

class PgConnection {
 public:
  /// Blocks at most connect_timeout_ms, also when the server accepts and never answers. The schema
  /// need not exist.
  /// kUnavailable: unreachable, starting, too many connections, no answer in time.
  /// kDenied:      wrong user or password, no such database, no permission, a read-only server, a
  ///               database of another encoding than UTF8.
  /// kInvalid:     the url cannot be read. No text ever holds a password.
  static core::Result<std::unique_ptr<PgConnection>> Open(const DatabaseSettings& settings,
                                                          const PgSession& session);
  ~PgConnection();
  PgConnection(const PgConnection&) = delete;
  PgConnection& operator=(const PgConnection&) = delete;

  /// Runs `body`, which may throw what libpqxx and pg_wire.h throw, with a deadline for all of it;
  /// exceptions become statuses. Whatever failed, no transaction stays open.
  /// kUnavailable: nothing of it was committed: away, too slow, locked, disk full.
  /// kDenied, kCorrupt, kInvalid, kInternal: the server refused; detail has its words.
  /// kUnknown: only when the body says so (CommitLost).
  core::Status Run(const std::function<void(pqxx::connection_base&)>& body, int timeout_ms = 0);
  /// The same on libpq's handle, for pg_wire.h.
  core::Status RunWire(const std::function<void(PGconn*)>& body, int timeout_ms = 0);

  /// Any thread: ends the call that is under way, and lets none begin: kUnavailable.
  void Interrupt();

  /// Idle, does it seem to be there? False when the server has closed it or said something unasked,
  /// which ends a session. Does not block.
  bool Quiet() const;

  /// False once the connection itself has failed: destroy it.
  bool usable() const { return usable_; }
  /// SQLSTATE of the last failure; empty when the connection itself failed.
  const std::string& last_sqlstate() const { return last_sqlstate_; }
  /// The watchdog cut the last call.
  bool cut() const { return cut_; }
  const PgBackend& backend() const { return backend_; }
  const std::string& schema() const { return settings_.schema; }
  int call_timeout_ms() const { return settings_.call_timeout_ms; }

 private:
  struct Link;
  explicit PgConnection(const DatabaseSettings& settings);
  core::Status Prepare(const PgSession& session);
  core::Status Failed(const std::exception& error, bool cut, int timeout_ms);

  DatabaseSettings settings_;
  std::shared_ptr<PgWatchdog> watchdog_;
  std::unique_ptr<Link> link_;
  PgBackend backend_;
  std::string last_sqlstate_;
  bool usable_ = true;
  bool cut_ = false;

  std::mutex call_mutex_;  // guards what follows
  PgWatchdog::Guard* call_ = nullptr;
  bool interrupted_ = false;
};

/// Thrown by a body that lost the connection (or anything else) after it had sent COMMIT.
class CommitLost : public std::exception {
 public:
  const char* what() const noexcept override { return "no answer to COMMIT"; }
};

/// COMMIT; a lost or odd answer throws CommitLost, a refusal PgError.
void PgCommit(PGconn* connection);

/// The server's words and a hint, without position and location; for tests and pg_migrate.
/// `sqlstate` decides the code. `lost`: the connection is gone.
core::Status PgStatusOf(const std::string& message, const std::string& sqlstate, bool lost,
                        const DatabaseSettings& settings);

}  // namespace bluemarble::persistence
