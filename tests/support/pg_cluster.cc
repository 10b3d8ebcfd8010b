#include "support/pg_cluster.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <thread>

namespace bluemarble::support {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* kBin = "/usr/lib/postgresql/15/bin/";

const passwd* ServerUser() { return ::getuid() == 0 ? ::getpwnam("postgres") : nullptr; }

void BecomeServerUser() {
  const passwd* user = ServerUser();
  if (user == nullptr) return;
  if (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0) {
    ::_exit(126);
  }
}

uint16_t FreePort() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

// Backends leave the postmaster's session and outlive it for a while; their working directory, the
// data folder, is what all processes of a cluster share and nobody else has.
std::vector<pid_t> ProcessesIn(const std::string& folder) {
  std::vector<pid_t> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const fs::path place = fs::read_symlink(entry.path() / "cwd", error);
    if (!error && place == folder) found.push_back(static_cast<pid_t>(std::stol(name)));
  }
  return found;
}

void KillAllIn(const std::string& folder) {
  for (int i = 0; i < 500; ++i) {
    const auto processes = ProcessesIn(folder);
    if (processes.empty()) return;
    for (const pid_t pid : processes) ::kill(pid, SIGKILL);
    std::this_thread::sleep_for(10ms);
  }
}

pid_t Run(const std::vector<std::string>& arguments, const std::string& output) {
  std::vector<std::string> all = arguments;
  std::vector<char*> argv;
  for (std::string& argument : all) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  BecomeServerUser();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int in = ::open("/dev/null", O_RDONLY);
  const int out = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(in, 0);
  ::dup2(out, 1);
  ::dup2(out, 2);
  for (int fd = 3; fd < 256; ++fd) ::close(fd);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

bool Until(std::chrono::milliseconds limit, const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(10ms);
  }
  return true;
}

}  // namespace

bool PgCluster::Installed() {
  return fs::exists(std::string(kBin) + "postgres") && (::getuid() != 0 || ServerUser() != nullptr);
}

PgCluster& PgCluster::Shared() {
  static PgCluster cluster;
  return cluster;
}

PgCluster::PgCluster(PgClusterOptions options) : options_(std::move(options)) {
  std::string pattern = "/tmp/bluemarble_pg_XXXXXX";
  folder_ = ::mkdtemp(pattern.data());
  if (const passwd* user = ServerUser()) {
    if (::chown(folder_.c_str(), user->pw_uid, user->pw_gid) != 0) {
      throw std::runtime_error("chown " + folder_);
    }
  }
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("pipe");
  keeper_ = ends[1];
  ::fcntl(keeper_, F_SETFD, FD_CLOEXEC);
  watcher_ = ::fork();
  if (watcher_ == 0) {
    // Waits for our end, also for a sudden one, and clears up after us.
    ::dup2(ends[0], 0);
    for (int fd = 1; fd < 256; ++fd) ::close(fd);
    ::signal(SIGINT, SIG_IGN);
    ::signal(SIGTERM, SIG_IGN);
    char byte = 0;
    while (::read(0, &byte, 1) > 0) {
    }
    KillAllIn(data());
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
    ::_exit(0);
  }
  ::close(ends[0]);
  Make();
  Start();
  Sql("postgres", std::string("CREATE ROLE keeper LOGIN PASSWORD '") + kKeeperPassword + "'");
}

PgCluster::~PgCluster() {
  KillTree();
  ::close(keeper_);
  ::waitpid(watcher_, nullptr, 0);
}

void PgCluster::Make() {
  const std::string output = folder_ + "/initdb.log";
  int status = 0;
  ::waitpid(Run({std::string(kBin) + "initdb", "-D", data(), "--no-sync", "-A", "trust", "-U",
                 "postgres", "-E", "UTF8", "--locale=C"},
                output),
            &status, 0);
  if (status != 0) {
    std::ifstream file(output);
    throw std::runtime_error("initdb: " + std::string(std::istreambuf_iterator<char>(file), {}));
  }
  std::ofstream config(data() + "/postgresql.conf", std::ios::app);
  config << "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = on\n"
            "shared_buffers = 64MB\nmax_wal_size = 1GB\nlog_checkpoints = off\n"
            "password_encryption = 'scram-sha-256'\n";
  for (const std::string& line : options_.settings) config << line << "\n";
  std::ofstream access(data() + "/pg_hba.conf", std::ios::trunc);
  access << "host all keeper 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"
            "host replication all 127.0.0.1/32 trust\n";
}

void PgCluster::Spawn() {
  if (port_ == 0) port_ = FreePort();
  postmaster_ = Run({std::string(kBin) + "postgres", "-D", data(), "-p", std::to_string(port_)},
                    folder_ + "/server.log");
}

bool PgCluster::Answers() const { return PQping(url().c_str()) == PQPING_OK; }

void PgCluster::Start() {
  // A server that finds remains of its predecessor's shared memory gives up: again, then.
  for (int tries = 0; tries < 5; ++tries) {
    Spawn();
    const bool decided = Until(30s, [this] {
      return Answers() || ::waitpid(postmaster_, nullptr, WNOHANG) == postmaster_;
    });
    if (decided && Answers()) return;
    KillTree();
    std::this_thread::sleep_for(1s);
  }
  throw std::runtime_error("PostgreSQL does not start: " + log());
}

void PgCluster::Stop() {
  ::kill(postmaster_, SIGINT);
  if (!Until(30s, [this] { return ::waitpid(postmaster_, nullptr, WNOHANG) == postmaster_; })) {
    KillTree();
  }
  postmaster_ = -1;
}

void PgCluster::KillTree() {
  KillAllIn(data());
  if (postmaster_ > 0) ::waitpid(postmaster_, nullptr, 0);
  postmaster_ = -1;
}

std::vector<pid_t> PgCluster::Processes() const { return ProcessesIn(data()); }

void PgCluster::Pause() {
  // The postmaster first: it would start no new ones meanwhile.
  ::kill(postmaster_, SIGSTOP);
  for (const pid_t pid : Processes()) ::kill(pid, SIGSTOP);
}

void PgCluster::Resume() {
  for (const pid_t pid : Processes()) ::kill(pid, SIGCONT);
}

std::string PgCluster::url(const std::string& database, const std::string& user) const {
  return "postgresql://" + user + "@127.0.0.1:" + std::to_string(port_) + "/" + database;
}

std::string PgCluster::log() const {
  std::ifstream file(folder_ + "/server.log");
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string PgCluster::CreateDatabase() {
  const std::string name = "test_" + std::to_string(++databases_);
  Sql("postgres", "CREATE DATABASE " + name);
  return name;
}

std::string PgCluster::Sql(const std::string& database, const std::string& sql) const {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(url(database).c_str()),
                                                                &PQfinish);
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.get(), sql.c_str()),
                                                             &PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    throw std::runtime_error(sql + ": " + PQerrorMessage(connection.get()));
  }
  return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
}

}  // namespace bluemarble::support
