#include "support/redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <list>

#include "core/clock.h"

namespace bluemarble::support {
namespace {

int64_t NowNs() { return core::SystemClock().NowNs(); }

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// Bound to a port that was free; -1 on failure.
int BindFree(uint16_t& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return -1;
  }
  port = ntohs(address.sin_port);
  return fd;
}

bool CopyFile(const std::string& from, const std::string& to) {
  std::error_code error;
  std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing, error);
  return !error && ::chmod(to.c_str(), 0666) == 0;
}

}  // namespace

RedisServer::RedisServer(RedisServerOptions options) : options_(std::move(options)) {
  char folder[] = "/tmp/bm_redis_XXXXXX";
  folder_ = ::mkdtemp(folder) != nullptr ? folder : "";
  ::chmod(folder_.c_str(), 0777);
  const int fd = BindFree(port_);
  if (fd >= 0) ::close(fd);
}

RedisServer::~RedisServer() {
  Kill();
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

bool RedisServer::Installed() { return ::system("command -v redis-server >/dev/null 2>&1") == 0; }

bool RedisServer::Start() {
  std::vector<std::string> all = {"redis-server",
                                  "--port",
                                  std::to_string(port_),
                                  "--bind",
                                  "127.0.0.1",
                                  "--dir",
                                  folder_,
                                  "--save",
                                  "",
                                  "--appendonly",
                                  "no",
                                  "--daemonize",
                                  "no",
                                  "--dbfilename",
                                  "dump.rdb",
                                  "--logfile",
                                  folder_ + "/log",
                                  "--enable-debug-command",
                                  "yes"};
  if (!options_.password.empty()) {
    all.insert(all.end(), {"--requirepass", options_.password});
  }
  all.insert(all.end(), options_.arguments.begin(), options_.arguments.end());
  std::vector<char*> argv;
  for (std::string& argument : all) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const passwd* nobody = ::geteuid() == 0 ? ::getpwnam("nobody") : nullptr;
  const uid_t uid = nobody != nullptr ? nobody->pw_uid : ::geteuid();
  const gid_t gid = nobody != nullptr ? nobody->pw_gid : ::getegid();
  const pid_t parent = ::getpid();

  pid_ = ::fork();
  if (pid_ == 0) {
    if (nobody != nullptr &&
        (::setgroups(0, nullptr) != 0 || ::setgid(gid) != 0 || ::setuid(uid) != 0)) {
      ::_exit(126);
    }
    // After the change of user, which forgets it. The test may have died before this line.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(125);
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, 0);
    ::dup2(null, 1);
    ::dup2(null, 2);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  const int64_t until_ns = NowNs() + 10'000'000'000;
  while (NowNs() < until_ns) {
    if (Command({"PING"}) == "PONG") return true;
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

void RedisServer::Kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void RedisServer::Pause() {
  ::kill(pid_, SIGSTOP);
  int status = 0;
  ::waitpid(pid_, &status, WUNTRACED);  // until it really stands
}

void RedisServer::Resume() { ::kill(pid_, SIGCONT); }

bool RedisServer::Save() { return Command({"SAVE"}) == "OK"; }
bool RedisServer::KeepDump() { return CopyFile(folder_ + "/dump.rdb", folder_ + "/kept.rdb"); }
bool RedisServer::RestoreDump() { return CopyFile(folder_ + "/kept.rdb", folder_ + "/dump.rdb"); }

std::string RedisServer::Command(const std::vector<std::string>& arguments) const {
  redisContext* context = ::redisConnectWithTimeout("127.0.0.1", port_, {2, 0});
  std::string out;
  const auto call = [&](const std::vector<std::string>& words) {
    std::vector<const char*> starts;
    std::vector<size_t> sizes;
    for (const std::string& word : words) {
      starts.push_back(word.data());
      sizes.push_back(word.size());
    }
    auto* reply = static_cast<redisReply*>(
        ::redisCommandArgv(context, static_cast<int>(words.size()), starts.data(), sizes.data()));
    if (reply == nullptr) return std::string();
    std::string text = reply->type == REDIS_REPLY_INTEGER ? std::to_string(reply->integer)
                       : reply->str != nullptr            ? std::string(reply->str, reply->len)
                                                          : std::string();
    ::freeReplyObject(reply);
    return text;
  };
  if (context != nullptr && context->err == 0 && ::redisSetTimeout(context, {2, 0}) == REDIS_OK &&
      (options_.password.empty() || call({"AUTH", options_.password}) == "OK")) {
    out = call(arguments);
  }
  if (context != nullptr) ::redisFree(context);
  return out;
}

int64_t RedisServer::Info(const std::string& section, const std::string& name) const {
  const std::string info = Command({"INFO", section});
  const size_t at = info.find("\n" + name + ":");
  return at == std::string::npos ? -1 : std::atoll(info.c_str() + at + name.size() + 2);
}

std::string RedisServer::url() const {
  const std::string who = options_.password.empty() ? "" : ":" + options_.password + "@";
  return "redis://" + who + "127.0.0.1:" + std::to_string(port_) + "/0";
}

std::string RedisServer::output() const {
  std::ifstream file(folder_ + "/log", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// --- the slow line

struct DelayProxy::Line {
  struct Piece {
    int64_t due_ns = 0;
    std::string bytes;
  };
  int fd[2] = {-1, -1};  ///< Client, server.
  std::deque<Piece> to[2];
  bool closed[2] = {};  ///< Nothing more comes from there.

  ~Line() {
    for (const int one : fd) {
      if (one >= 0) ::close(one);
    }
  }
};

DelayProxy::DelayProxy(uint16_t to_port) : to_port_(to_port) {
  listener_ = BindFree(port_);
  ::listen(listener_, 64);
  thread_ = std::thread([this] { Run(); });
}

DelayProxy::~DelayProxy() {
  stopping_ = true;
  thread_.join();
  ::close(listener_);
}

void DelayProxy::Run() {
  std::list<Line> lines;
  while (!stopping_) {
    std::vector<pollfd> waiting = {{listener_, POLLIN, 0}};
    int timeout_ms = 20;
    for (const Line& line : lines) {
      for (int side = 0; side < 2; ++side) {
        waiting.push_back({line.closed[side] ? -1 : line.fd[side], POLLIN, 0});
        if (line.to[side].empty()) continue;
        const int64_t left_ns = line.to[side].front().due_ns - NowNs();
        timeout_ms = std::clamp(static_cast<int>((left_ns + 999'999) / 1'000'000), 0, timeout_ms);
      }
    }
    ::poll(waiting.data(), waiting.size(), timeout_ms);
    size_t at = 1;
    for (Line& line : lines) {
      for (int side = 0; side < 2; ++side, ++at) {
        if (waiting[at].revents != 0) {
          char bytes[16'384];
          const ssize_t n = ::recv(line.fd[side], bytes, sizeof bytes, MSG_DONTWAIT);
          if (n == 0) line.closed[side] = true;
          if (n > 0) {
            line.to[1 - side].push_back({NowNs() + int64_t{delay_ms_} * 1'000'000,
                                         std::string(bytes, static_cast<size_t>(n))});
          }
        }
        auto& pieces = line.to[side];
        while (!pieces.empty() && pieces.front().due_ns <= NowNs()) {
          const std::string& bytes = pieces.front().bytes;
          if (::send(line.fd[side], bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) {
            line.closed[side] = true;
          }
          pieces.pop_front();
        }
      }
    }
    // What a client sent before it gave up still arrives, as on a real network.
    lines.remove_if([](const Line& line) {
      return (line.closed[0] || line.closed[1]) && line.to[0].empty() && line.to[1].empty();
    });
    if ((waiting[0].revents & POLLIN) != 0) {
      Line& line = lines.emplace_back();
      line.fd[0] = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      line.fd[1] = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const sockaddr_in address = Loopback(to_port_);
      if (::connect(line.fd[1], reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        lines.pop_back();
        continue;
      }
      const int on = 1;
      for (const int fd : line.fd) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
  }
}

}  // namespace bluemarble::support
