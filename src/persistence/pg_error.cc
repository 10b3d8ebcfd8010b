// From what PostgreSQL says to what an operator can do.
#include <fmt/format.h>

#include <string>
#include <string_view>

#include "persistence/pg_connection.h"

namespace bluemarble::persistence {

using core::Code;
using core::Status;

Status PgStatusOf(const std::string& message, const std::string& sqlstate, bool lost,
                  const DatabaseSettings& settings) {
  const std::string_view state = sqlstate;
  auto in_class = [state](std::string_view prefix) { return state.starts_with(prefix); };
  if (state == "28P01" || state == "28000") {
    return {Code::kDenied, "database.url: the server refuses this user or password", message};
  }
  if (state == "3D000") {
    return {Code::kDenied, "database.url names a database that does not exist", message};
  }
  if (state == "25006") {
    return {Code::kDenied, "database.url names a read-only replica, a primary is needed", message};
  }
  if (state == "42501") {
    return {Code::kDenied,
            "database.url: its user lacks a right; make it the owner of the schema and its tables",
            message};
  }
  if (state == "53300") {
    return {Code::kUnavailable,
            "the database has no connection left (its max_connections, database.readers)", message};
  }
  if (state == "53100") {
    return {Code::kUnavailable, "the database's disk is full", message};
  }
  if (in_class("53") || in_class("58")) {
    return {Code::kUnavailable, "the database is out of a resource", message};
  }
  if (in_class("57P") || in_class("08") || lost) {
    return {Code::kUnavailable, "the database went away (database.url)", message};
  }
  if (state == "57014" || state == "55P03" || state == "25P03" || in_class("40")) {
    return {Code::kUnavailable,
            "the database is too busy or a row is locked by somebody (database.call_timeout_ms)",
            message};
  }
  // "cached plan must not change result type": the schema changed under a session (P-12); a new
  // connection prepares anew.
  if (state == "0A000") {
    return {Code::kUnavailable, "the database's schema changed under a session", message};
  }
  if (state == "3F000" || state == "42P01" || state == "42703") {
    return {Code::kCorrupt, "the schema lacks what this program needs: run `zoned migrate verify`",
            fmt::format("database.schema = \"{}\": {}", settings.schema, message)};
  }
  if (in_class("XX")) {
    return {Code::kCorrupt, "the database reports damage", message};
  }
  if (in_class("22") || in_class("23")) {
    return {Code::kInvalid, "the database refuses a value", message};
  }
  return {Code::kInternal, "the database refused a statement",
          sqlstate.empty() ? message : fmt::format("{} ({})", message, sqlstate)};
}

}  // namespace bluemarble::persistence
