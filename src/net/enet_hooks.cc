#include "net/enet_hooks.h"

#include <dlfcn.h>
#include <enet/enet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>

namespace bluemarble::net {
namespace {

std::array<std::atomic<HookedSocket*>, kMaxHookedFd> g_sockets{};
std::atomic<const core::Clock*> g_clock{nullptr};
std::atomic<uint32_t> g_time_offset_ms{0};
thread_local BindScope* t_bind_scope = nullptr;

// Shared by all threads, hence counted only during a probe: two net threads would fight for the
// line.
std::atomic<int> g_probes{0};
struct {
  std::atomic<uint64_t> sends{0}, receives{0}, binds{0}, times{0};
} g_counts;

void CountWhenProbed(std::atomic<uint64_t>& counter) {
  if (g_probes.load(std::memory_order_relaxed) > 0) counter.fetch_add(1, std::memory_order_relaxed);
}

HookedSocket* Find(int fd) {
  if (fd < 0 || fd >= kMaxHookedFd) return nullptr;
  return g_sockets[static_cast<size_t>(fd)].load(std::memory_order_acquire);
}

template <typename Function>
Function Original(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

uint32_t MonotonicMs() {
  static const core::SystemClock system_clock;
  const core::Clock* clock = g_clock.load(std::memory_order_acquire);
  return static_cast<uint32_t>((clock != nullptr ? clock : &system_clock)->NowNs() / 1'000'000);
}

HookCounters ReadCounters() {
  return {g_counts.sends.load(), g_counts.receives.load(), g_counts.binds.load(),
          g_counts.times.load()};
}

sockaddr_in ToSockaddr(const ENetAddress& address) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = address.host;
  out.sin_port = htons(address.port);
  return out;
}

// A socket with no behaviour of its own: what the self-test registers.
class ProbeSocket final : public HookedSocket {
 public:
  explicit ProbeSocket(int fd) : fd_(fd) {}

  int Send(const Address& to, std::span<const iovec> parts) noexcept override {
    sockaddr_in name = ToSockaddr({htonl(to.v4), to.port});
    msghdr message{};
    message.msg_name = &name;
    message.msg_namelen = sizeof name;
    message.msg_iov = const_cast<iovec*>(parts.data());
    message.msg_iovlen = parts.size();
    const ssize_t sent = sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? 0 : static_cast<int>(sent);
  }

  int Receive(Address& from, std::span<std::byte> out) noexcept override {
    sockaddr_in name{};
    socklen_t length = sizeof name;
    const ssize_t got = recvfrom(fd_, out.data(), out.size(), MSG_DONTWAIT,
                                 reinterpret_cast<sockaddr*>(&name), &length);
    if (got <= 0) return 0;
    from = {ntohl(name.sin_addr.s_addr), ntohs(name.sin_port)};
    return static_cast<int>(got);
  }

 private:
  int fd_;
};

bool ConnectOverLoopback(ENetHost* server, ENetHost* client) {
  ENetPeer* peer = enet_host_connect(client, &server->address, 1, 0);
  if (peer == nullptr) return false;
  for (int attempt = 0; attempt < 200; ++attempt) {
    ENetEvent event;
    enet_host_service(client, &event, 0);
    if (enet_host_service(server, &event, 5) > 0 && event.type == ENET_EVENT_TYPE_CONNECT)
      return true;
  }
  return false;
}

}  // namespace

int BindForScope(int fd, const Address* address) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  if (address != nullptr) {
    name.sin_addr.s_addr = htonl(address->v4);
    name.sin_port = htons(address->port);
  }
  const int result = bind(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name);
  t_bind_scope->errno_ = result == 0 ? 0 : errno;
  return result;
}

core::Status RegisterSocket(int fd, HookedSocket* socket) {
  if (fd < 0 || fd >= kMaxHookedFd) {
    return {core::Code::kFull, "file descriptor above net::kMaxHookedFd"};
  }
  g_sockets[static_cast<size_t>(fd)].store(socket, std::memory_order_release);
  return {};
}

void UnregisterSocket(int fd) {
  if (fd >= 0 && fd < kMaxHookedFd) {
    g_sockets[static_cast<size_t>(fd)].store(nullptr, std::memory_order_release);
  }
}

BindScope::BindScope() { t_bind_scope = this; }
BindScope::~BindScope() { t_bind_scope = nullptr; }

void SetEnetClock(const core::Clock* clock) { g_clock.store(clock, std::memory_order_release); }

core::Status JudgeHooks(const HookCounters& before, const HookCounters& after) {
  constexpr auto kContext = "ENet goes past our functions; is it built with symbolic binding?";
  if (after.sends == before.sends) return {core::Code::kInternal, kContext, "enet_socket_send"};
  if (after.receives == before.receives)
    return {core::Code::kInternal, kContext, "enet_socket_receive"};
  if (after.binds == before.binds) return {core::Code::kInternal, kContext, "enet_socket_bind"};
  if (after.times == before.times) return {core::Code::kInternal, kContext, "enet_time_get"};
  return {};
}

core::Status VerifyHooks() {
  g_probes.fetch_add(1);
  const HookCounters before = ReadCounters();
  ENetAddress address{htonl(INADDR_LOOPBACK), 0};
  ENetHost* server = nullptr;
  {
    BindScope scope;
    server = enet_host_create(&address, 1, 1, 0, 0);
  }
  ENetHost* client = enet_host_create(nullptr, 1, 1, 0, 0);
  core::Status status;
  if (server == nullptr || client == nullptr) {
    status = {core::Code::kUnavailable, "no sockets for the start-up test of the ENet hooks"};
  } else {
    ProbeSocket server_socket(server->socket), client_socket(client->socket);
    status = RegisterSocket(server->socket, &server_socket);
    if (status.ok()) status = RegisterSocket(client->socket, &client_socket);
    const bool connected = status.ok() && ConnectOverLoopback(server, client);
    UnregisterSocket(server->socket);
    UnregisterSocket(client->socket);
    if (status.ok()) status = JudgeHooks(before, ReadCounters());
    if (status.ok() && !connected) {
      status = {core::Code::kUnavailable,
                "no loopback connection in the start-up test of the ENet hooks"};
    }
  }
  if (server != nullptr) enet_host_destroy(server);
  if (client != nullptr) enet_host_destroy(client);
  g_probes.fetch_sub(1);
  return status;
}

}  // namespace bluemarble::net

// The definitions that ENet finds before its own. An executable exports them because the library
// that it links defines the same names; RegisterSocket above pulls this archive member into every
// program.
namespace hooks = bluemarble::net;

// In a shared library too they have to be found by the dynamic linker.
#pragma GCC visibility push(default)
extern "C" int enet_socket_send(ENetSocket fd, const ENetAddress* address,
                                const ENetBuffer* buffers, size_t count) {
  static_assert(sizeof(ENetBuffer) == sizeof(iovec));  // ENet's own unix.c relies on it too
  if (hooks::HookedSocket* socket = hooks::Find(fd); socket != nullptr && address != nullptr) {
    hooks::CountWhenProbed(hooks::g_counts.sends);
    return socket->Send({ntohl(address->host), address->port},
                        {reinterpret_cast<const iovec*>(buffers), count});
  }
  static const auto original = hooks::Original<decltype(&enet_socket_send)>("enet_socket_send");
  return original(fd, address, buffers, count);
}

extern "C" int enet_socket_receive(ENetSocket fd, ENetAddress* address, ENetBuffer* buffers,
                                   size_t count) {
  if (hooks::HookedSocket* socket = hooks::Find(fd); socket != nullptr && count == 1) {
    hooks::CountWhenProbed(hooks::g_counts.receives);
    hooks::Address from;
    const int length =
        socket->Receive(from, {static_cast<std::byte*>(buffers->data), buffers->dataLength});
    if (address != nullptr) *address = {htonl(from.v4), from.port};
    return length;
  }
  static const auto original =
      hooks::Original<decltype(&enet_socket_receive)>("enet_socket_receive");
  return original(fd, address, buffers, count);
}

extern "C" int enet_socket_bind(ENetSocket fd, const ENetAddress* address) {
  if (hooks::t_bind_scope != nullptr) {
    hooks::CountWhenProbed(hooks::g_counts.binds);
    if (address == nullptr) return hooks::BindForScope(fd, nullptr);
    const hooks::Address local{ntohl(address->host), address->port};
    return hooks::BindForScope(fd, &local);
  }
  static const auto original = hooks::Original<decltype(&enet_socket_bind)>("enet_socket_bind");
  return original(fd, address);
}

extern "C" enet_uint32 enet_time_get(void) {
  hooks::CountWhenProbed(hooks::g_counts.times);
  return hooks::MonotonicMs() + hooks::g_time_offset_ms.load(std::memory_order_relaxed);
}

extern "C" void enet_time_set(enet_uint32 now_ms) {
  hooks::g_time_offset_ms.store(now_ms - hooks::MonotonicMs(), std::memory_order_relaxed);
}
#pragma GCC visibility pop
