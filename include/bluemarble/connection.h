/// Keeps one player in the world: joins, connects, and after a loss waits with jitter, joins and
/// connects again and asks once more for what was not answered. docs/client.md "Staying connected"
/// is the guide.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bluemarble/client.h"

namespace bluemarble {

/// A few threads for requests that block, shared by any number of connections.
class BLUEMARBLE_API RequestPool {
 public:
  explicit RequestPool(int threads = 2);
  /// Waits for the requests that are under way; those that wait are dropped.
  ~RequestPool();
  RequestPool(const RequestPool&) = delete;
  RequestPool& operator=(const RequestPool&) = delete;

  /// Any thread. `request` must not throw.
  void Run(std::function<void()> request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

enum class ConnectionState : uint8_t {
  kIdle,        ///< Not started.
  kWaiting,     ///< Until the next try; reason() says why.
  kJoining,     ///< The server's HTTP interface is asked where to connect.
  kConnecting,  ///< Datagrams go out; until the welcome.
  kPlaying,
  kStopped,  ///< For good; reason() and error() say why.
};
/// "idle" and so on.
BLUEMARBLE_API const char* ConnectionStateName(ConnectionState state);

struct ConnectionOptions {
  /// The place in it is asked for the first time only: who comes back stands where they stood.
  ClientOptions client{.silence_ms = 2500};
  /// False: one try, and one stay; only a server that says later is asked again.
  bool reconnect = true;
  /// Ask again, with their keys, for actions whose answer was lost with the connection.
  bool resend = true;
  /// A try comes after a random part of this; it doubles with each try, up to the second. Too low:
  /// a crowd comes back at once; too high: players wait.
  int first_wait_ms = 2000;
  int most_wait_ms = 10'000;
};

/// Used by one thread at a time, as a Client.
class BLUEMARBLE_API Connection {
 public:
  /// Runs on a thread of the pool: bluemarble::Join, or Account::Join. Must outlive the pool's
  /// last request, so it owns or shares what it uses.
  using JoinCall = std::function<JoinResult()>;

  /// `pool` outlives it.
  Connection(JoinCall join, RequestPool& pool, ConnectionOptions options = {});
  ~Connection();
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;

  /// Joins and connects; progress by Poll. Once.
  void Start(int64_t now_ns);
  /// As Client::Poll.
  void Poll(int64_t now_ns, bool readable = true);
  /// As Client::NextDueNs; while joining every 10 ms.
  int64_t NextDueNs() const;
  /// Says goodbye and does not come back; Poll a few more times to get it out.
  void Disconnect();

  ConnectionState state() const;
  /// Is a player who was in play out of it, and being brought back?
  bool reconnecting() const;
  /// Why the connection was lost last, kNone: never; of a join that failed kNone.
  DisconnectReason reason() const;
  const std::string& error() const;     ///< For people.
  RequestFailure join_failure() const;  ///< Of the last join.
  int64_t next_try_ns() const;          ///< kWaiting: when.
  uint64_t times_lost() const;          ///< Out of play, by anybody's doing but our own.
  uint64_t connects() const;  ///< Changes with client().fd(), for programs that wait for many.

  /// The client of now: another one after each reconnect, at the same address. Take answers by
  /// NextAnswer of this class, which has those of the client before, too.
  Client& client();
  const Client& client() const;
  bool NextAnswer(ActionAnswer& out);
  /// Actions without an ok or refused so far, those of lost connections included.
  std::vector<Action> unanswered() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bluemarble
