#include "tools/zonectl/options.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "ops/exit_codes.h"

namespace bluemarble::zonectl {
namespace {

// Those that ask the running zone.
void AddZoneCommands(CLI::App& app, Options& o) {
  const auto add = [&](Command command, const char* name, const char* help) {
    CLI::App* sub = app.add_subcommand(name, help);
    sub->callback([&o, command] { o.command = command; });
    return sub;
  };
  constexpr const char* kPlayer = "number or name of a player; name:4711 for a name of digits";
  add(Command::kStatus, "status", "how the zone is: ticks, players, bytes, commits");
  CLI::App* players = add(Command::kPlayers, "players", "who is in play, and where");
  players->add_option("--search", o.search, "part of a name, or a player's or entity's number");
  players
      ->add_option("--sort", o.sort, "name, player, age, ack_age, ping or bytes; -age: backwards")
      ->check(CLI::IsMember({"name", "player", "age", "ack_age", "ping", "bytes", "-name",
                             "-player", "-age", "-ack_age", "-ping", "-bytes"}));
  players->add_option("--limit", o.limit, "the first so many (default: all)")
      ->check(CLI::PositiveNumber);
  players->add_flag("--addresses", o.addresses, "show where they come from");
  add(Command::kInspect, "inspect", "an entity as it is now")
      ->add_option("who", o.aggregate, "NAME, name:NAME, player:NUMBER or entity:NUMBER")
      ->required();
  CLI::App* kick = add(Command::kKick, "kick", "end a player's session; ban keeps out");
  kick->add_option("player", o.aggregate, kPlayer)->required();
  kick->add_option("--reason", o.reason, "told to the player, at most 200 bytes");
  CLI::App* teleport = add(Command::kTeleport, "teleport", "put a player elsewhere in this shard");
  teleport->add_option("player", o.aggregate, kPlayer)->required();
  teleport->add_option("lat", o.lat, "degrees")->required()->check(CLI::Range(-90.0, 90.0));
  teleport->add_option("lon", o.lon, "degrees")->required()->check(CLI::Range(-180.0, 180.0));
  teleport->add_option("--height", o.height, "metres above the ellipsoid (default: the ground)");
  add(Command::kAnnounce, "announce", "say something to everybody in play")
      ->add_option("text", o.text, "at most 256 bytes")
      ->required();
  CLI::App* role = add(Command::kRole, "role", "who may log in to the console");
  role->add_option("name", o.aggregate, "the account's name")->required();
  role->add_option("role", o.role, "player or operator")
      ->required()
      ->check(CLI::IsMember({"player", "operator"}));
  add(Command::kActions, "actions", "what operators did, the newest first")
      ->add_option("--limit", o.limit, "at most so many (default 100)")
      ->check(CLI::Range(1, 1000));
}

std::string FirstProblem(const Options& o) {
  if (!o.url.empty() && !o.url.starts_with("http://") && !o.url.starts_with("https://"))
    return "--url: expected an address such as http://127.0.0.1:8080";
  if (!o.url.empty() && !o.database.empty()) return "--url and --database exclude each other";
  if (o.command == Command::kRollback && o.url.empty() &&
      (!o.database.empty() || !o.data_dir.empty()))
    return "rollback goes through the daemon only: give --url";
  const bool of_accounts =
      o.command == Command::kAccount || o.command == Command::kBan || o.command == Command::kUnban;
  if (of_accounts && o.url.empty() && !o.database.empty())
    return "accounts go through the daemon only: give --url";
  if (IsOfZone(o.command) && o.url.empty() && !o.database.empty())
    return "that is the running zone's alone: give --url";
  if (o.command == Command::kConduct && o.url.empty() && !o.database.empty())
    return "conduct is the daemon's alone: give --url";
  if (o.command == Command::kSlow && o.url.empty() && (!o.database.empty() || !o.data_dir.empty()))
    return "slow ticks are the daemon's alone: give --url";
  if (o.all && (o.from != 0 || !o.aggregate.starts_with("player:")))
    return "--all is for player:NUMBER or player:NAME, without --from";
  if (o.command != Command::kArchive) return "";
  if (!o.url.empty()) return "archive works on the database itself: --database or --data-dir";
  if (o.restore.empty() != o.into.empty()) return "--restore and --into belong together";
  if (o.restore.empty() && o.keep_days <= 0) return "archive needs --keep-days or --restore";
  return "";
}

}  // namespace

std::optional<int> ParseOptions(int argc, char** argv, Options& o) {
  CLI::App app{"zonectl: look at a zone, ask its history, check its books, set players back"};
  app.require_subcommand(1);
  app.fallthrough();
  app.add_flag("--json", o.json, "print JSON instead of tables");
  app.add_option("--url", o.url,
                 std::string("HTTP address of zoned (default ") + kDefaultUrl + ")");
  app.add_option(
      "--secret-file", o.secret_file,
      "the admin secret (default: BLUEMARBLE_ADMIN_SECRET, BLUEMARBLE_ADMIN_SECRET_FILE, "
      "admin.secret in --data-dir, or without it in BLUEMARBLE_PERSISTENCE_DATA_DIR, ./data, "
      "/var/lib/bluemarble)");
  app.add_option("--ca-file", o.ca_file,
                 "PEM of the certificates that an https:// zone is believed by")
      ->check(CLI::ExistingFile);
  app.add_option("--data-dir", o.data_dir, "data folder; without --url its SQLite file is read");
  app.add_option("--database", o.database,
                 "read this PostgreSQL database; \"env\": what DATABASE_URL says");
  app.add_option("--schema", o.schema, "schema of the shard's tables")->capture_default_str();
  app.add_option("--timeout", o.timeout_s, "seconds to wait for one answer")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();

  const auto add = [&](Command command, const char* name, const char* help) {
    CLI::App* sub = app.add_subcommand(name, help);
    sub->callback([&o, command] { o.command = command; });
    return sub;
  };
  constexpr const char* kAggregate =
      "player:NUMBER, player:NAME, item:NUMBER, account:NUMBER or account:NAME";
  CLI::App* history =
      add(Command::kHistory, "history", "what a player, item or account went through");
  history->add_option("aggregate", o.aggregate, kAggregate)->required();
  history->add_option("--from", o.from, "first version")->check(CLI::NonNegativeNumber);
  history->add_flag("--all", o.all,
                    "of a player: the account and every item ever held as well, in order of seq");
  history->add_option("--limit", o.limit, "at most so many events")->check(CLI::PositiveNumber);
  CLI::App* state = add(Command::kState, "state", "what it was at a moment");
  state->add_option("aggregate", o.aggregate, kAggregate)->required();
  state->add_option("--at", o.at,
                    "2026-11-21T15:30:00Z, unix seconds, tick:N or version:N (default: now)");
  CLI::App* notes = add(Command::kNotes, "notes", "what was said, and who broke which rule");
  notes->add_option("--player", o.aggregate, "NUMBER or NAME");
  notes->add_option("--kind", o.kind, "chat or conduct")->check(CLI::IsMember({"chat", "conduct"}));
  notes->add_option("--since", o.since, "2026-11-21T15:30:00Z or unix seconds");
  notes->add_option("--until", o.at, "likewise; not included");
  notes->add_option("--limit", o.limit, "the newest so many (default 100)")
      ->check(CLI::Range(1, 1000));
  CLI::App* verify =
      add(Command::kVerify, "verify", "replay all events and compare them with the rows");
  verify->add_option("aggregate", o.aggregate, "only this one");
  add(Command::kAudit, "audit", "add up gold, items, versions; exit 1 when something is wrong");
  CLI::App* rollback = add(Command::kRollback, "rollback",
                           "set a player who is not in play back to a moment; shows the plan only");
  rollback->add_option("player", o.aggregate, "number or name")->required();
  rollback->add_option("--to", o.at, "the moment, as for state --at")->required();
  rollback->add_flag("--yes", o.yes, "carry it out");
  add(Command::kConduct, "conduct", "who misbehaved lately: risk scores, counters, flags")
      ->add_option("player", o.aggregate, "only this one: number or name");
  AddZoneCommands(app, o);
  add(Command::kSlow, "slow", "ticks that overran: times, queues and bytes around them");
  CLI::App* check = add(Command::kCheckHistory, "check-history",
                        "compare what zonebots were told with the database");
  check->add_option("files", o.files, "histories written by zonebot --history")
      ->required()
      ->check(CLI::ExistingFile);
  CLI::App* archive =
      add(Command::kArchive, "archive", "export old events, or read such a file back");
  archive->add_option("--keep-days", o.keep_days, "events of the last so many days stay")
      ->check(CLI::Range(1, 100'000));
  archive->add_flag("--dry-run", o.dry_run, "say what would be done");
  archive->add_option("--out", o.out,
                      "folder of the files (default: <data-dir>/archive, ./archive)");
  archive->add_option("--restore", o.restore, "an archive")->check(CLI::ExistingFile);
  archive->add_option("--into", o.into, "a new table that gets its events: SCHEMA.TABLE");

  const auto add_of_account = [&](Command command, const char* name, const char* help) {
    CLI::App* sub = add(command, name, help);
    sub->add_option("name", o.aggregate, "the account's name")->required();
    return sub;
  };
  add_of_account(Command::kAccount, "account", "an account, its ban and its newest events");
  CLI::App* ban = add_of_account(Command::kBan, "ban",
                                 "keep an account out; for ever without --days or --until");
  CLI::Option* days = ban->add_option("--days", o.days, "from now")->check(CLI::Range(1, 36'500));
  ban->add_option("--until", o.at, "2026-11-21T15:30:00Z or unix seconds")->excludes(days);
  ban->add_option("--reason", o.reason, "told to the player, at most 200 bytes");
  add_of_account(Command::kUnban, "unban", "let an account in again");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    std::cerr << "zonectl: " << error.what() << " (see zonectl --help)\n";
    return ops::kExitUsage;
  }
  if (o.database == "env") {
    const char* const url = std::getenv("DATABASE_URL");
    if (url == nullptr || *url == '\0') {
      std::cerr << "zonectl: --database env: DATABASE_URL is not set\n";
      return ops::kExitUsage;
    }
    o.database = url;
  }
  if (const std::string problem = FirstProblem(o); !problem.empty()) {
    std::cerr << "zonectl: " << problem << "\n";
    return ops::kExitUsage;
  }
  return std::nullopt;
}

}  // namespace bluemarble::zonectl
