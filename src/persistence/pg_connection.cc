#include "persistence/pg_connection.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <optional>
#include <pqxx/pqxx>
#include <utility>
#include <vector>

#include "persistence/pg_wire.h"

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Status;
using TimePoint = PgWatchdog::Clock::time_point;

struct ConninfoFree {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using Conninfo = std::unique_ptr<PQconninfoOption, ConninfoFree>;

bool IsSecret(std::string_view keyword) {
  return keyword == "password" || keyword == "sslpassword";
}

Status Interrupted() { return {Code::kUnavailable, "the call to the database was interrupted"}; }

// How long the server may go on with a call that was cut.
constexpr int kAfterCutMs = 1000;

int RemainingMs(TimePoint deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - PgWatchdog::Clock::now());
  return static_cast<int>(std::max<int64_t>(left.count(), 0));
}

// The server's first line with its SQLSTATE, "FATAL:  28P01: password authentication failed", comes
// last in libpq's text, after one line per address that was tried.
std::string StateIn(const std::string& text) {
  const size_t at = text.rfind("FATAL:  ");
  if (at == std::string::npos || text.size() < at + 14 || text[at + 13] != ':') return "";
  return text.substr(at + 8, 5);
}

// libpq's own connect waits for whole seconds and not at all for a server that accepts and says
// nothing; this one polls until the deadline.
class DeadlinePolicy : public pqxx::connectionpolicy {
 public:
  struct Plan {
    std::vector<std::string> keywords;
    std::vector<std::string> values;
    TimePoint deadline;
    std::string failure;  // why there is no connection
    std::string sqlstate;
    PGconn* handle = nullptr;
  };

  // pqxx passes a string through; the plan travels beside it, since the base is built first.
  explicit DeadlinePolicy(const std::string& options)
      : pqxx::connectionpolicy(options), plan_(*current) {}

  static thread_local Plan* current;

  handle do_startconnect(handle original) override {
    if (original != nullptr) return original;
    std::vector<const char*> keywords;
    std::vector<const char*> values;
    for (size_t i = 0; i < plan_.keywords.size(); ++i) {
      keywords.push_back(plan_.keywords[i].c_str());
      values.push_back(plan_.values[i].c_str());
    }
    keywords.push_back(nullptr);
    values.push_back(nullptr);
    PGconn* connection = PQconnectStartParams(keywords.data(), values.data(), 0);
    if (connection == nullptr) throw pqxx::broken_connection("out of memory");
    PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);  // for the SQLSTATE
    if (!Poll(connection)) {
      plan_.failure = PQerrorMessage(connection);
      plan_.sqlstate = StateIn(plan_.failure);
      const bool late = PQstatus(connection) != CONNECTION_BAD;
      PQfinish(connection);
      if (late) plan_.failure = "no answer in time";
      throw pqxx::broken_connection(plan_.failure);
    }
    PQsetErrorVerbosity(connection, PQERRORS_DEFAULT);
    plan_.handle = connection;
    return connection;
  }

 private:
  bool Poll(PGconn* connection) {
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    while (PQstatus(connection) != CONNECTION_BAD) {
      pollfd wait{PQsocket(connection),
                  static_cast<short>(next == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
      if (::poll(&wait, 1, RemainingMs(plan_.deadline)) <= 0) return false;
      next = PQconnectPoll(connection);
      if (next == PGRES_POLLING_OK) return true;
      if (next == PGRES_POLLING_FAILED) return false;
    }
    return false;
  }

  Plan& plan_;
};
thread_local DeadlinePolicy::Plan* DeadlinePolicy::current = nullptr;

std::string WithoutSecrets(std::string text, const std::vector<std::string>& secrets) {
  for (const std::string& secret : secrets) {
    for (size_t at = 0; !secret.empty() && (at = text.find(secret, at)) != std::string::npos;) {
      text.replace(at, secret.size(), "***");
      at += 3;
    }
  }
  const size_t location = text.find("\nLOCATION:");
  if (location != std::string::npos) text.resize(location);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

// libpq's own words on a url that it cannot read may repeat the url, password and all.
Status Unreadable() {
  return {Code::kInvalid,
          "database.url is no postgresql:// URI and no key=value list, or has a parameter that "
          "libpq does not know (special characters in a URI's password are written as %NN)"};
}

}  // namespace

Status CheckDatabaseUrl(const std::string& url) {
  if (url.empty()) return Status::Ok();
  const bool terminated = url.find('\0') == std::string::npos;
  if (!terminated || !Conninfo(PQconninfoParse(url.c_str(), nullptr))) return Unreadable();
  return Status::Ok();
}

struct PgConnection::Link {
  DeadlinePolicy::Plan plan;
  std::unique_ptr<pqxx::basic_connection_base<DeadlinePolicy>> connection;
  std::unique_ptr<pqxx::quiet_errorhandler> quiet;  // notices are not for stderr
  ~Link() { quiet.reset(); }
};

PgConnection::PgConnection(const DatabaseSettings& settings)
    : settings_(settings), watchdog_(PgWatchdog::Shared()), link_(std::make_unique<Link>()) {}

PgConnection::~PgConnection() = default;

core::Result<std::unique_ptr<PgConnection>> PgConnection::Open(const DatabaseSettings& settings,
                                                               const PgSession& session) {
  std::unique_ptr<PgConnection> made(new PgConnection(settings));
  DeadlinePolicy::Plan& plan = made->link_->plan;
  plan.deadline = PgWatchdog::Clock::now() + std::chrono::milliseconds(settings.connect_timeout_ms);
  const Conninfo parsed(PQconninfoParse(settings.url.c_str(), nullptr));
  if (!parsed) return Unreadable();
  std::vector<std::string> secrets;
  auto set = [&plan](std::string keyword, std::string value) {
    plan.keywords.push_back(std::move(keyword));
    plan.values.push_back(std::move(value));
  };
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    if (IsSecret(option->keyword)) secrets.emplace_back(option->val);
    set(option->keyword, option->val);
  }
  const std::string call_ms = std::to_string(settings.call_timeout_ms);
  set("application_name", session.application_name);
  set("client_encoding", "UTF8");
  set("keepalives_idle", "5");
  set("keepalives_interval", "2");
  set("keepalives_count", "3");
  set("tcp_user_timeout", call_ms);
  try {
    DeadlinePolicy::current = &plan;
    made->link_->connection =
        std::make_unique<pqxx::basic_connection_base<DeadlinePolicy>>(std::string{});
    made->link_->quiet = std::make_unique<pqxx::quiet_errorhandler>(*made->link_->connection);
  } catch (const std::exception& error) {
    const std::string text =
        WithoutSecrets(plan.failure.empty() ? std::string(error.what()) : plan.failure, secrets);
    if (plan.sqlstate.empty()) {
      return Status(Code::kUnavailable, "the database cannot be reached (database.url)", text);
    }
    return PgStatusOf(text, plan.sqlstate, true, settings);
  }
  plan.keywords.clear();
  plan.values.clear();
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // P-1: the very call we need
  made->link_->connection->inhibit_reactivation(true);
#pragma GCC diagnostic pop
  if (Status status = made->Prepare(session); !status.ok()) return status;
  return made;
}

Status PgConnection::Prepare(const PgSession& session) {
  // Behind the watchdog, for the sessions that it has cut; never before it: a COMMIT that waits for
  // a synchronous standby would answer "done" when this limit ends the wait.
  const std::string limit =
      session.limited ? std::to_string(settings_.call_timeout_ms + kAfterCutMs) : "0";
  // A lock is given up before the call is cut: the server's own words say more.
  const std::string lock_limit = std::to_string(std::max(settings_.call_timeout_ms * 3 / 4, 1));
  bool read_only = false;
  bool recovering = false;
  std::string encoding;
  const int left_ms = std::max(RemainingMs(link_->plan.deadline), 1);
  Status status = Run(
      [&](pqxx::connection_base& connection) {
        pqxx::nontransaction session_setup(connection);
        const pqxx::row row = session_setup.exec_params1(
            "SELECT set_config('search_path', quote_ident($1), false),"
            " set_config('statement_timeout', $2, false),"
            " set_config('lock_timeout', $3, false),"
            " set_config('idle_in_transaction_session_timeout', $2, false),"
            " set_config('synchronous_commit', 'on', false),"
            " set_config('default_transaction_read_only', CASE WHEN $4::boolean THEN"
            " current_setting('default_transaction_read_only') ELSE 'on' END, false),"
            " set_config('client_min_messages', 'warning', false),"
            " set_config('TimeZone', 'UTC', false),"
            " current_setting('transaction_read_only') = 'on', pg_is_in_recovery(),"
            " pg_backend_pid(),"
            " (SELECT backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()),"
            " current_setting('server_encoding')",
            settings_.schema, limit, lock_limit, session.writes);
        read_only = row[8].as<bool>();
        recovering = row[9].as<bool>();
        backend_.pid = row[10].as<int64_t>();
        backend_.started = row[11].as<std::string>("");
        encoding = row[12].as<std::string>();
      },
      left_ms);
  // Elsewhere names would be refused or, with SQL_ASCII, be kept without being looked at.
  if (status.ok() && encoding != "UTF8") {
    return {Code::kDenied, "database.url names a database whose encoding is not UTF8",
            fmt::format("it has {}; CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0 makes "
                        "one that has it",
                        encoding)};
  }
  if (status.ok() && session.writes && (read_only || recovering)) {
    return {Code::kDenied, "database.url names a read-only replica, a primary is needed",
            recovering ? "the server is a standby" : "default_transaction_read_only is on"};
  }
  return status;
}

Status PgConnection::Run(const std::function<void(pqxx::connection_base&)>& body, int timeout_ms) {
  if (!usable_) return {Code::kUnavailable, "the connection to the database is finished"};
  if (timeout_ms == 0) timeout_ms = settings_.call_timeout_ms;
  PGconn* handle = link_->plan.handle;
  PgWatchdog::Guard guard(*watchdog_, PQsocket(handle),
                          PgWatchdog::Clock::now() + std::chrono::milliseconds(timeout_ms));
  {
    const std::lock_guard lock(call_mutex_);
    if (interrupted_) {
      usable_ = false;
      return Interrupted();
    }
    call_ = &guard;
  }
  std::optional<Status> failure;
  try {
    body(*link_->connection);
  } catch (const std::exception& error) {
    failure = Failed(error, guard.fired(), timeout_ms);
  }
  {
    const std::lock_guard lock(call_mutex_);
    call_ = nullptr;
    if (failure && interrupted_ && failure->code() == Code::kUnavailable) failure = Interrupted();
  }
  cut_ = guard.fired();
  if (cut_) usable_ = false;  // also when it was done, just
  if (failure && usable_ && PQtransactionStatus(handle) != PQTRANS_IDLE) {
    PQclear(PQexec(handle, "ROLLBACK"));
  }
  if (PQstatus(handle) != CONNECTION_OK || PQtransactionStatus(handle) != PQTRANS_IDLE) {
    usable_ = false;
  }
  return failure.value_or(Status::Ok());
}

void PgConnection::Interrupt() {
  const std::lock_guard lock(call_mutex_);
  interrupted_ = true;
  if (call_ != nullptr) call_->Cut();
}

bool PgConnection::Quiet() const {
  if (!usable_) return false;
  pollfd wait{PQsocket(link_->plan.handle), POLLIN, 0};
  return ::poll(&wait, 1, 0) == 0;
}

Status PgConnection::RunWire(const std::function<void(PGconn*)>& body, int timeout_ms) {
  return Run([&](pqxx::connection_base&) { body(link_->plan.handle); }, timeout_ms);
}

Status PgConnection::Failed(const std::exception& error, bool cut, int timeout_ms) {
  last_sqlstate_.clear();
  bool lost = cut;
  if (const auto* wire = dynamic_cast<const PgError*>(&error)) {
    last_sqlstate_ = wire->sqlstate();
    lost |= wire->lost();
  } else if (const auto* sql = dynamic_cast<const pqxx::sql_error*>(&error)) {
    last_sqlstate_ = sql->sqlstate();
    // libpqxx 6 leaves the state out of this one.
    if (dynamic_cast<const pqxx::insufficient_privilege*>(&error) != nullptr)
      last_sqlstate_ = "42501";
  } else if (dynamic_cast<const pqxx::broken_connection*>(&error) != nullptr) {
    lost = true;
  }
  if (lost) usable_ = false;
  if (dynamic_cast<const CommitLost*>(&error) != nullptr ||
      dynamic_cast<const pqxx::in_doubt_error*>(&error) != nullptr) {
    usable_ = false;
    return {
        Code::kUnknown, "the connection was lost at COMMIT",
        cut ? fmt::format("no answer within {} ms (database.call_timeout_ms)", timeout_ms) : ""};
  }
  if (cut) {
    return {Code::kUnavailable, "the database does not answer (database.call_timeout_ms)",
            fmt::format("cut after {} ms", timeout_ms)};
  }
  return PgStatusOf(WithoutSecrets(error.what(), {}), last_sqlstate_, lost, settings_);
}

void PgCommit(PGconn* connection) {
  PGresult* result = PQexec(connection, "COMMIT");
  // Only two answers are an answer: done, or an error from a session that lives and has ended the
  // transaction. All else may have committed (P-3).
  const bool alive =
      PQstatus(connection) == CONNECTION_OK && PQtransactionStatus(connection) == PQTRANS_IDLE;
  if (result == nullptr || (PQresultStatus(result) != PGRES_COMMAND_OK && !alive)) {
    PQclear(result);
    throw CommitLost();
  }
  const PgRows answer = PgCheck(connection, result);
  if (answer.command() != "COMMIT")
    throw PgError("the transaction was rolled back", "40000", false);
}

}  // namespace bluemarble::persistence
