/// zonectl's command line. Immutable after parsing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bluemarble::zonectl {

enum class Command : uint8_t {
  kNone,
  kHistory,
  kState,
  kNotes,
  kVerify,
  kAudit,
  kRollback,
  kCheckHistory,
  kArchive,
  kAccount,
  kBan,
  kUnban,
  kConduct,
  kSlow,
  // Of the running zone, as those that follow.
  kStatus,
  kPlayers,
  kInspect,
  kKick,
  kTeleport,
  kAnnounce,
  kRole,
  kActions,
};

/// Only the daemon knows, or may do it: the database is not asked.
constexpr bool IsOfZone(Command command) { return command >= Command::kStatus; }

struct Options {
  Command command = Command::kNone;
  bool json = false;

  // Where to ask: the daemon, or with --database or --data-dir and no --url the database itself.
  std::string url;
  std::string ca_file;
  std::string secret_file;
  std::string data_dir;
  std::string database;  ///< Secret.
  std::string schema = "public";
  int timeout_s = 60;

  std::string aggregate;  ///< history, state, verify; rollback: the player; the name of an account
  std::string at;         ///< state; rollback: --to; ban: --until
  std::string kind;       ///< notes
  std::string since;      ///< notes
  int64_t from = 0;
  int64_t limit = 0;   ///< 0: all
  bool all = false;    ///< history: of the player's gold and items too
  bool yes = false;    ///< rollback: do it
  std::string reason;  ///< ban, kick
  int days = 0;        ///< ban; 0: none given
  std::vector<std::string> files;
  std::string search, sort;      ///< players
  bool addresses = false;        ///< players: show them
  double lat = 0, lon = 0;       ///< teleport, degrees
  std::optional<double> height;  ///< teleport, metres; none: the ground's
  std::string text;              ///< announce
  std::string role;              ///< role

  // archive
  int keep_days = 0;
  bool dry_run = false;
  std::string out;
  std::string restore;
  std::string into;
};

/// Nothing when the program shall go on, else its exit code; what is wrong has been said on stderr.
std::optional<int> ParseOptions(int argc, char** argv, Options& options);

inline constexpr const char* kDefaultUrl = "http://127.0.0.1:8080";
/// zonectl's own exit code besides ops::ExitCode: something was found, or refused.
inline constexpr int kExitFindings = 1;

}  // namespace bluemarble::zonectl
