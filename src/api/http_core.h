/// What the connections of one HTTP server share: its event loop, settings, counters, and who has
/// to make room. Any thread, where a member says nothing else.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "api/blocking_pool.h"
#include "api/http_server.h"
#include "api/http_stream.h"
#include "core/result.h"

namespace bluemarble::api {

class HttpConnection;
class HttpWebSocket;

/// What new connections begin with; replaced as a whole by Reload.
struct HttpLive {
  HttpSettings settings;
  std::shared_ptr<TlsContext> tls;  // null: plain HTTP
};

class HttpCore {
 public:
  // Everything that ends with Stop; destroying the loop destroys the connections, closing them.
  struct Net {
    explicit Net(uint32_t threads) : loop(static_cast<int>(threads)), acceptor(loop), pause(loop) {}
    boost::asio::io_context loop;
    boost::asio::ip::tcp::acceptor acceptor;
    boost::asio::steady_timer pause;
  };

  explicit HttpCore(HttpSettings s);

  core::Status Listen();
  void Accept();
  /// Those who wait to be accepted, some at most. False: the system gives no more sockets for now.
  bool TakeIn();
  void OnAccept(TcpSocket socket);
  void Run();
  void Stop();

  // Several api threads count; a Counter has one writer.
  template <typename Change>
  void Count(Change change) {
    const std::lock_guard lock(stats_mutex);
    change(stats);
  }

  std::shared_ptr<const HttpLive> live() const {
    const std::lock_guard lock(live_mutex_);
    return live_;
  }
  core::Status Reload(const HttpSettings& wanted);

  using Waiting = std::list<std::weak_ptr<HttpConnection>>;
  /// Its client is to do something from now on.
  void Waits(HttpConnection& connection);
  /// It is being served, or is gone.
  void WaitsNoMore(HttpConnection& connection);
  /// Closes the one that has waited for its client for longest. False: none does.
  bool MakeRoom();

  /// A place among http.max_websockets. False: there is none.
  bool Enter(const std::shared_ptr<HttpWebSocket>& socket, uint32_t most);
  void Leave(HttpWebSocket& socket);

  const HttpSettings settings;  // as at the start; what Reload changes is in live()
  const uint32_t thread_count;
  Router router;  // set before the threads start
  ApiStats stats;
  std::mutex stats_mutex;
  std::atomic<uint32_t> open{0};
  std::atomic<uint32_t> refusing{0};
  std::unique_ptr<Net> net;
  std::unique_ptr<BlockingPool> blocking, hashing;
  std::vector<std::thread> threads;
  uint16_t port = 0;

 private:
  std::vector<std::shared_ptr<HttpWebSocket>> WebSockets();

  // Not std::atomic: in GCC 12 its unlocking load races with a store.
  mutable std::mutex live_mutex_;
  std::shared_ptr<const HttpLive> live_;
  std::mutex waiting_mutex_;
  Waiting waiting_;  // the longest first
  std::mutex web_sockets_mutex_;
  std::map<HttpWebSocket*, std::weak_ptr<HttpWebSocket>> web_sockets_;
};

}  // namespace bluemarble::api
