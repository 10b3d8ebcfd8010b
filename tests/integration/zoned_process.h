/// A real zoned as a child process, with ports and a folder of its own. One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bluemarble/client.h"

namespace bluemarble::support {

struct Ended {
  int exit_code = -1;  ///< -1: killed by a signal or still running.
  double seconds = 0;  ///< Since it was started or signalled.
  std::string output;  ///< Standard output and error together.
};

class ZonedProcess {
 public:
  /// Ports are chosen by test process and instance, so that tests of other checkouts do not meet.
  ZonedProcess();
  ~ZonedProcess();  ///< Kills what still runs and removes the folder.
  ZonedProcess(const ZonedProcess&) = delete;
  ZonedProcess& operator=(const ZonedProcess&) = delete;

  /// Starts `zoned <arguments>` with ports and data folder set before them.
  void Start(const std::vector<std::string>& arguments = {});
  /// Start, then wait until /readyz says yes; false after ten seconds.
  bool StartReady(const std::vector<std::string>& arguments = {});
  void Signal(int signal);
  Ended WaitForEnd(int timeout_ms = 10'000);

  std::string http() const;  ///< "http://127.0.0.1:port"
  uint16_t http_port() const { return http_port_; }
  uint16_t net_port() const { return net_port_; }
  const std::string& folder() const { return folder_; }
  std::string data_dir() const { return folder_ + "/" + data_; }
  /// Before Start; below the folder.
  void set_data_dir(const std::string& name) { data_ = name; }
  void set_ports(uint16_t http_port, uint16_t net_port) {
    http_port_ = http_port;
    net_port_ = net_port;
  }
  std::string output() const;

  /// The value of a metric's line that begins with `series`, -1 when there is none.
  double Metric(const std::string& series) const;

 private:
  std::string folder_;
  std::string data_ = "data";
  uint16_t http_port_, net_port_;
  pid_t pid_ = -1;
  int64_t since_ns_ = 0;
};

/// Runs zoned with these arguments alone until it ends.
Ended RunZoned(const std::vector<std::string>& arguments);

/// A player of the public client library.
struct Player {
  explicit Player(const ZonedProcess& server, const std::string& name,
                  std::optional<GeoPosition> spawn = {});
  void Poll();
  Client client;
  bool joined = false;
};

/// Polls all players until `done` or the time is up; true when done.
bool PollUntil(const std::vector<Player*>& players, const std::function<bool()>& done,
               int timeout_ms = 10'000);

}  // namespace bluemarble::support
