/// The numbered migrations that are compiled into the program, and what a database says it has. Any
/// thread.
#pragma once

#include <span>

namespace bluemarble::persistence {

struct Migration {
  int id;              ///< 1 and up, ascending.
  const char* name;    ///< "0001_zone".
  const char* sha256;  ///< Of the file, as `sha256sum` prints it.
  const char* sql;
};

/// migrations/sqlite, in order of their numbers.
std::span<const Migration> SqliteMigrations();
/// migrations/postgres, likewise.
std::span<const Migration> PostgresMigrations();

}  // namespace bluemarble::persistence
