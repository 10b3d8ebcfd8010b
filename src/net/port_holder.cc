#include "net/port_holder.h"

#include <fmt/core.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>

namespace bluemarble::net {
namespace {

namespace fs = std::filesystem;

// /proc/net/udp: "sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode ..."
std::optional<std::string> FindInode(const char* table, PortKind kind, uint16_t port) {
  std::ifstream file(table);
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
    fields >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >>
        timeout >> inode;
    constexpr std::string_view kTcpListen = "0A";
    if (kind == PortKind::kTcp && state != kTcpListen) continue;
    const size_t colon = local.rfind(':');
    unsigned local_port = 0;
    if (colon == std::string::npos) continue;
    std::from_chars(local.data() + colon + 1, local.data() + local.size(), local_port, 16);
    if (local_port == port && !inode.empty()) return inode;
  }
  return std::nullopt;
}

bool HasSocket(const fs::path& process, const std::string& link_text) {
  std::error_code error;
  for (fs::directory_iterator it(process / "fd", error), end; !error && it != end;
       it.increment(error)) {
    std::error_code unreadable;
    if (fs::read_symlink(it->path(), unreadable) == link_text) return true;
  }
  return false;
}

std::optional<std::string> FindProcess(const std::string& inode) {
  const std::string link_text = fmt::format("socket:[{}]", inode);
  std::error_code error;
  for (fs::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
    const std::string pid = it->path().filename();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    if (!HasSocket(it->path(), link_text)) continue;
    std::string command;
    std::getline(std::ifstream(it->path() / "comm"), command);
    return fmt::format("{} (pid {})", command, pid);
  }
  return std::nullopt;
}

}  // namespace

std::string DescribePortHolder(PortKind kind, uint16_t port) {
  const std::string name = fmt::format("{} port {}", kind == PortKind::kUdp ? "udp" : "tcp", port);
  const bool udp = kind == PortKind::kUdp;
  auto inode = FindInode(udp ? "/proc/net/udp" : "/proc/net/tcp", kind, port);
  if (!inode) inode = FindInode(udp ? "/proc/net/udp6" : "/proc/net/tcp6", kind, port);
  if (!inode) return name + " is in use";
  const auto process = FindProcess(*inode);
  return process ? name + " is held by " + *process
                 : name + " is held by a process of another user";
}

}  // namespace bluemarble::net
