// zoned: the zone server. docs/operations.md is the operator's page; exit codes are in
// ops/exit_codes.h.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "app/healthcheck.h"
#include "app/keys_command.h"
#include "app/migrate.h"
#include "app/replay.h"
#include "app/serve.h"
#include "app/settings.h"
#include "core/crash_point.h"
#include "ops/config.h"
#include "ops/exit_codes.h"

namespace {

using namespace bluemarble;

struct CommandLine {
  std::vector<std::string> files;
  std::vector<std::string> sets;
  std::string record_dir;
  std::string replay_dir;
  std::string url;
  bool defaults = false;
  bool take_over = false;
  bool accept_restored = false;
  bool dry_run = false;
};

int PrintProblems(const std::vector<std::string>& problems) {
  for (const std::string& problem : problems) fmt::print(stderr, "{}\n", problem);
  return problems.empty() ? ops::kExitOk : ops::kExitBadConfig;
}

/// For the test that kills the daemon at each of them.
int PrintCrashPoints() {
  if (!core::CrashPointsCompiled()) {
    fmt::print(stderr, "zoned: built without crash points (-DBLUEMARBLE_CRASH_POINTS=ON)\n");
    return ops::kExitUsage;
  }
  for (const std::string_view label : core::CrashLabels()) fmt::print("{}\n", label);
  return ops::kExitOk;
}

int Run(const CLI::App& cli, const CommandLine& line) {
  if (cli.got_subcommand("version")) {
    fmt::print("zoned {}\n", app::Version());
    return ops::kExitOk;
  }
  if (cli.got_subcommand("crash-points")) return PrintCrashPoints();
  if (cli.got_subcommand("replay")) return app::Replay(line.replay_dir, line.sets);
  if (cli.got_subcommand("print-config") && line.defaults) {
    fmt::print("{}", app::DefaultSettingsFile());
    return ops::kExitOk;
  }

  app::Settings settings;
  ops::ConfigSchema schema;
  app::BindSettings(schema, settings);
  const ops::ConfigSources sources{
      .files = line.files, .environment = ops::EnvironmentOfProcess(), .sets = line.sets};
  if (const auto problems = app::LoadSettings(schema, settings, sources); !problems.empty()) {
    return PrintProblems(problems);
  }
  if (cli.got_subcommand("check")) {
    fmt::print("the settings are fine\n");
    return ops::kExitOk;
  }
  if (cli.got_subcommand("print-config")) {
    fmt::print("{}", schema.Print());
    return ops::kExitOk;
  }
  if (const CLI::App* migrate = cli.get_subcommand("migrate"); cli.got_subcommand(migrate)) {
    using app::MigrateCommand;
    const MigrateCommand command = migrate->got_subcommand("up")       ? MigrateCommand::kUp
                                   : migrate->got_subcommand("verify") ? MigrateCommand::kVerify
                                                                       : MigrateCommand::kStatus;
    return app::Migrate(settings.zone.persistence, command, line.dry_run);
  }
  if (const CLI::App* keys = cli.get_subcommand("keys"); cli.got_subcommand(keys)) {
    return app::Keys(settings, keys->got_subcommand("rotate") ? app::KeysCommand::kRotate
                                                              : app::KeysCommand::kList);
  }
  if (cli.got_subcommand("healthcheck")) return app::HealthCheck(line.url, settings.http);
  return app::Serve(settings, {.record_dir = line.record_dir,
                               .settings_toml = schema.Print(),
                               .schema = schema,
                               .sources = sources,
                               .take_over = line.take_over,
                               .accept_restored = line.accept_restored});
}

}  // namespace

int main(int argc, char** argv) {
  CommandLine line;
  CLI::App cli("zoned: one zone of the blue marble. Without a subcommand it serves.");
  cli.fallthrough();
  cli.require_subcommand(0, 1);
  cli.set_version_flag("--version", fmt::format("zoned {}", app::Version()), "print the version");
  cli.add_option("-c,--config", line.files, "TOML file; may repeat, the later wins key by key");
  cli.add_option("--set", line.sets,
                 "section.key=value; may repeat, wins over files and environment");
  cli.add_option("--record", line.record_dir, "serve: folder for the flight recorder");
  cli.add_flag("--take-over", line.take_over,
               "serve: take the shard from a zoned that still holds it but is believed dead");
  cli.add_flag("--accept-restored", line.accept_restored,
               "serve: start on a database that lacks commits which were answered before it was "
               "restored; once");
  cli.add_subcommand("serve", "serve the zone until SIGTERM (the default)");
  auto* migrate = cli.add_subcommand("migrate", "the schema of a PostgreSQL shard (database.url)");
  migrate->fallthrough();
  migrate->require_subcommand(1);
  migrate->add_subcommand("status", "what is applied and what is missing; exit 0 or 3");
  auto* up = migrate->add_subcommand("up", "apply what is missing");
  up->add_flag("--dry-run", line.dry_run, "try it in a transaction that is rolled back");
  migrate->add_subcommand("verify",
                          "compare the tables with what the migrations make; exit 0 or 3");
  auto* keys = cli.add_subcommand("keys", "the keys that sign access tokens (auth.keys_file)");
  keys->fallthrough();
  keys->require_subcommand(1);
  keys->add_subcommand("list", "which there are");
  keys->add_subcommand("rotate", "add one that signs from the next SIGHUP on, retire old ones");
  cli.add_subcommand("crash-points", "test builds: the labels for BLUEMARBLE_CRASH_AT");
  cli.add_subcommand("check", "check the settings and list every problem");
  cli.add_subcommand("version", "print the version");
  auto* healthcheck = cli.add_subcommand("healthcheck", "ask a running zoned whether it is ready");
  healthcheck->add_option("--url", line.url, "its HTTP address; default: from the settings");
  auto* replay = cli.add_subcommand("replay", "run a recording again and compare every world hash");
  replay->add_option("DIR", line.replay_dir, "the folder given to --record")->required();
  auto* print =
      cli.add_subcommand("print-config", "print the effective settings and their sources");
  print->add_flag("--default", line.defaults, "print the commented default file instead");
  try {
    cli.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return cli.exit(success);
  } catch (const CLI::ParseError& error) {
    cli.exit(error);
    return ops::kExitUsage;
  }
  try {
    return Run(cli, line);
  } catch (const std::exception& error) {
    fmt::print(stderr, "zoned: {}\n", error.what());
    return ops::kExitInternal;
  }
}
