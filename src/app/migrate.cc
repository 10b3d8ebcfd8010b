#include "app/migrate.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cstdio>

#include "app/exits.h"
#include "core/clock.h"
#include "ops/exit_codes.h"
#include "persistence/pg_migrate.h"

namespace bluemarble::app {
namespace {

using persistence::MigrationLine;

constexpr int kExitNotCurrent = 3;

int Fail(const core::Status& status) {
  fmt::print(stderr, "zoned migrate: {}\n", status.ToString());
  return ExitOfDatabase(status.code());
}

int PrintStatus(persistence::PgConnection& connection) {
  const auto status = persistence::PgMigrationStatus(connection);
  if (!status.ok()) return Fail(status.status());
  fmt::print("schema {}{}\n", status->schema,
             status->schema_exists ? "" : " (does not exist yet; `zoned migrate up` makes it)");
  for (const MigrationLine& line : status->lines) {
    fmt::print("  {:<32} {}", line.name, persistence::MigrationStateName(line.state));
    if (line.applied_us != 0)
      fmt::print(" {:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(line.applied_us / 1'000'000));
    fmt::print("\n");
  }
  const core::Status check = status->Check();
  if (check.ok()) {
    fmt::print("up to date\n");
    return ops::kExitOk;
  }
  fmt::print("{}\n", check.ToString());
  return kExitNotCurrent;
}

int Up(persistence::PgConnection& connection, bool dry_run) {
  const auto applied = persistence::PgMigrateUp(connection, dry_run, core::SystemClock().WallUs());
  if (!applied.ok()) return Fail(applied.status());
  for (const std::string& name : *applied)
    fmt::print("{} {}\n", dry_run ? "would apply" : "applied", name);
  if (applied->empty()) fmt::print("nothing to apply\n");
  return ops::kExitOk;
}

int Verify(persistence::PgConnection& connection) {
  const auto differences = persistence::PgMigrateVerify(connection);
  if (!differences.ok()) return Fail(differences.status());
  for (const std::string& line : *differences) fmt::print("{}\n", line);
  if (differences->empty()) fmt::print("the schema is as the migrations make it\n");
  return differences->empty() ? ops::kExitOk : kExitNotCurrent;
}

}  // namespace

int Migrate(const persistence::PersistenceSettings& settings, MigrateCommand command,
            bool dry_run) {
  if (settings.database.url.empty()) {
    fmt::print(stderr,
               "zoned migrate: database.url is empty (DATABASE_URL); the embedded store is "
               "migrated when zoned starts\n");
    return ops::kExitBadConfig;
  }
  const auto connection = persistence::OpenPgForMigration(settings.database);
  if (!connection.ok()) return Fail(connection.status());
  switch (command) {
    case MigrateCommand::kStatus: return PrintStatus(**connection);
    case MigrateCommand::kUp: return Up(**connection, dry_run);
    case MigrateCommand::kVerify: return Verify(**connection);
  }
  return ops::kExitInternal;
}

}  // namespace bluemarble::app
