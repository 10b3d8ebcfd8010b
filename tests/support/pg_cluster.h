/// A private PostgreSQL server in a folder of its own under /tmp, with real fsync. As root it runs
/// as user postgres. One per test program: Shared(), with a schema per test. Nothing of it
/// outlives the test program, however that ends. One thread: use it from the test's main thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace bluemarble::support {

struct PgClusterOptions {
  /// More lines for postgresql.conf, as "max_connections = 8".
  std::vector<std::string> settings;
};

class PgCluster {
 public:
  /// Makes the cluster and starts it; throws std::runtime_error with the server's log when that
  /// fails.
  explicit PgCluster(PgClusterOptions options = {});
  ~PgCluster();  ///< Kills it and removes the folder.
  PgCluster(const PgCluster&) = delete;
  PgCluster& operator=(const PgCluster&) = delete;

  /// False where PostgreSQL 15 is not installed: skip the test.
  static bool Installed();
  /// The program's one, started at the first call, killed at exit.
  static PgCluster& Shared();

  /// Waits until it answers. After KillTree as well: recovery is part of starting.
  void Start();
  /// An orderly, fast stop.
  void Stop();
  /// SIGKILL for every process of the cluster; returns when none is left (PITFALLS P-11).
  void KillTree();
  /// SIGSTOP and SIGCONT for every process of the cluster.
  void Pause();
  void Resume();
  /// Its processes, the postmaster among them.
  std::vector<pid_t> Processes() const;

  /// postgresql://postgres@127.0.0.1:<port>/<database>. The user "keeper" has to say the password
  /// kKeeperPassword, postgres none.
  std::string url(const std::string& database = "postgres",
                  const std::string& user = "postgres") const;
  static constexpr const char* kKeeperPassword = "open sesame";
  uint16_t port() const { return port_; }
  const std::string& folder() const { return folder_; }
  std::string log() const;

  /// A new empty database; its name.
  std::string CreateDatabase();
  /// A name for a schema that nobody has used yet.
  std::string NewSchema() { return "zone_" + std::to_string(++schemas_); }
  /// Runs SQL on a connection of its own; the first column of the first row, "" when there is none.
  /// Throws std::runtime_error with the server's words.
  std::string Sql(const std::string& database, const std::string& sql) const;

 private:
  void Make();
  void Spawn();
  bool Answers() const;
  std::string data() const { return folder_ + "/data"; }

  PgClusterOptions options_;
  std::string folder_;
  uint16_t port_ = 0;
  pid_t postmaster_ = -1;
  int keeper_ = -1;  // its closing tells the watcher that we are gone
  pid_t watcher_ = -1;
  int databases_ = 0;
  int schemas_ = 0;
};

}  // namespace bluemarble::support
