/// What must hold in every shard's database, as SQL that SQLite and PostgreSQL both understand, one
/// number per question. Values only, any thread.
#pragma once

#include <cstdint>
#include <span>

#include "persistence/reader.h"

namespace bluemarble::persistence {

struct AuditQuery {
  const char* name;
  const char* what;  ///< What is counted, for people.
  const char* sql;   ///< One row, one integer column that is never null.
  bool must_be_zero;
};

/// To be asked in one snapshot, in this order.
std::span<const AuditQuery> AuditQueries();
/// Besides those, what the two databases answer each in its own way: SQLite has neither partitions
/// nor prepared transactions.
std::span<const AuditQuery> PostgresAuditQueries();
std::span<const AuditQuery> SqliteAuditQueries();

AuditLine ToLine(const AuditQuery& query, int64_t value);

}  // namespace bluemarble::persistence
