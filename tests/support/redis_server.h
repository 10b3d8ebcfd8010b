/// A private redis-server in a folder of its own, and a slow line to it. One thread: start it from
/// the test's main thread, for the kernel ends it with the thread that started it.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace bluemarble::support {

struct RedisServerOptions {
  std::string password;
  /// More lines for its command line, as {"--maxmemory", "4mb"}.
  std::vector<std::string> arguments;
};

class RedisServer {
 public:
  /// Keeps nothing on disk unless told (Save). Runs as `nobody` when the test runs as root.
  explicit RedisServer(RedisServerOptions options = {});
  ~RedisServer();  ///< Kills it and removes the folder.
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  /// False where there is no redis-server: skip the test.
  static bool Installed();

  /// On the same port each time; false when it does not answer within ten seconds.
  bool Start();
  void Kill();  ///< SIGKILL, and waits.
  void Pause();
  void Resume();

  /// Writes the dump; Keep puts it aside, Restore makes it the one that the next Start loads.
  bool Save();
  bool KeepDump();
  bool RestoreDump();

  /// One command with a connection of its own; its answer as text, "ERR ..." for errors, "" when
  /// there was none within two seconds.
  std::string Command(const std::vector<std::string>& arguments) const;
  /// The number in a line "name:number" of INFO; -1 when there is none.
  int64_t Info(const std::string& section, const std::string& name) const;

  uint16_t port() const { return port_; }
  /// redis://:password@127.0.0.1:port/0
  std::string url() const;
  std::string output() const;  ///< Its log.

 private:
  RedisServerOptions options_;
  std::string folder_;
  uint16_t port_ = 0;
  pid_t pid_ = -1;
};

/// Passes connections on to a port of this machine, each direction after a delay.
class DelayProxy {
 public:
  explicit DelayProxy(uint16_t to_port);
  ~DelayProxy();
  DelayProxy(const DelayProxy&) = delete;
  DelayProxy& operator=(const DelayProxy&) = delete;

  uint16_t port() const { return port_; }
  /// For bytes that arrive from now on. Any thread.
  void SetDelay(int ms) { delay_ms_ = ms; }

 private:
  struct Line;
  void Run();

  const uint16_t to_port_;
  uint16_t port_ = 0;
  int listener_ = -1;
  std::atomic<int> delay_ms_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace bluemarble::support
