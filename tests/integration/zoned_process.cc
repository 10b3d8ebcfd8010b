#include "zoned_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "client/http_client.h"
#include "core/clock.h"

namespace bluemarble::support {
namespace {

int64_t NowNs() { return core::SystemClock().NowNs(); }

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Program() {
  const char* bin = std::getenv("BLUEMARBLE_BIN_DIR");
  return std::string(bin != nullptr ? bin : "bin") + "/zoned";
}

pid_t Spawn(const std::vector<std::string>& arguments, const std::string& output) {
  std::vector<std::string> all = {Program()};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& argument : all) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  const int fd = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(fd, 1);
  ::dup2(fd, 2);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

Ended WaitFor(pid_t pid, int64_t since_ns, int timeout_ms, const std::string& output) {
  Ended ended;
  const int64_t deadline_ns = NowNs() + int64_t{timeout_ms} * 1'000'000;
  int status = 0;
  while (::waitpid(pid, &status, WNOHANG) == 0) {
    if (NowNs() > deadline_ns) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, &status, 0);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  ended.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  ended.seconds = static_cast<double>(NowNs() - since_ns) / 1e9;
  ended.output = ReadAll(output);
  return ended;
}

int instances = 0;

}  // namespace

ZonedProcess::ZonedProcess() {
  const int instance = instances++;
  folder_ = std::filesystem::temp_directory_path() /
            ("zoned_test_" + std::to_string(::getpid()) + "_" + std::to_string(instance));
  std::filesystem::create_directories(folder_);
  // Below the kernel's ephemeral range; four ports each.
  const int base = 12'000 + (::getpid() % 1'000) * 16 + (instance % 4) * 4;
  http_port_ = static_cast<uint16_t>(base);
  net_port_ = static_cast<uint16_t>(base + 1);
}

ZonedProcess::~ZonedProcess() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string ZonedProcess::http() const { return "http://127.0.0.1:" + std::to_string(http_port_); }

void ZonedProcess::Start(const std::vector<std::string>& arguments) {
  std::vector<std::string> all = {"--set", "http.port=" + std::to_string(http_port_),
                                  "--set", "net.port=" + std::to_string(net_port_),
                                  "--set", "persistence.data_dir=" + data_dir(),
                                  "--set", "dev.allow_spawn_position=true"};
  // Plain unless a test wants otherwise: its clients are names without passwords.
  if (std::ranges::none_of(arguments, [](const auto& a) { return a.starts_with("net.security="); }))
    all.insert(all.end(), {"--set", "net.security=plain"});
  all.insert(all.end(), arguments.begin(), arguments.end());
  since_ns_ = NowNs();
  pid_ = Spawn(all, folder_ + "/output");
}

bool ZonedProcess::StartReady(const std::vector<std::string>& arguments) {
  Start(arguments);
  for (int tries = 0; tries < 1000; ++tries) {
    const auto reply = client::HttpGet(http() + "/readyz", 500);
    if (reply.ok() && reply->status == 200) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

void ZonedProcess::Signal(int signal) {
  since_ns_ = NowNs();
  ::kill(pid_, signal);
}

Ended ZonedProcess::WaitForEnd(int timeout_ms) {
  const Ended ended = WaitFor(pid_, since_ns_, timeout_ms, folder_ + "/output");
  pid_ = -1;
  return ended;
}

std::string ZonedProcess::output() const { return ReadAll(folder_ + "/output"); }

double ZonedProcess::Metric(const std::string& series) const {
  const auto reply = client::HttpGet(http() + "/metrics", 2000);
  if (!reply.ok()) return -1;
  std::istringstream lines(reply->body);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(series + " ")) return std::stod(line.substr(series.size() + 1));
  }
  return -1;
}

Ended RunZoned(const std::vector<std::string>& arguments) {
  const std::string output =
      std::filesystem::temp_directory_path() /
      ("zoned_run_" + std::to_string(::getpid()) + "_" + std::to_string(instances++));
  const int64_t since_ns = NowNs();
  const Ended ended = WaitFor(Spawn(arguments, output), since_ns, 20'000, output);
  std::filesystem::remove(output);
  return ended;
}

Player::Player(const ZonedProcess& server, const std::string& name,
               std::optional<GeoPosition> spawn)
    : client([&] {
        ClientOptions options;
        options.spawn = spawn;
        return options;
      }()) {
  const JoinResult result = Join(server.http(), name);
  joined = result.ok && client.Connect(result.ticket);
}

void Player::Poll() { client.Poll(NowNs()); }

bool PollUntil(const std::vector<Player*>& players, const std::function<bool()>& done,
               int timeout_ms) {
  const int64_t deadline_ns = NowNs() + int64_t{timeout_ms} * 1'000'000;
  while (!done()) {
    if (NowNs() > deadline_ns) return false;
    for (Player* player : players) player->Poll();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace bluemarble::support
