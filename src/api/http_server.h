/// The daemon's own HTTP/1.1 server, plain or over TLS: small requests, small answers, hard limits
/// (PITFALLS J-2). Boost sits behind it, in the sources api/http_* only (DEPENDENCIES §1.6). Owns
/// its threads.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/web_socket.h"
#include "core/counters.h"
#include "core/result.h"

namespace bluemarble::api {

struct HttpSettings {
  std::string bind =
      "127.0.0.1";       ///< an IP address; anything but loopback shows metrics to the network
  uint16_t port = 8080;  ///< 0: the system chooses (tests)
  /// PEM files, both or none: HTTPS (TLS 1.2 and up) instead of plain HTTP. The certificate's file
  /// holds the chain, its own first.
  std::string tls_certificate_file, tls_key_file;
  /// Plain HTTP on an address that is not loopback: passwords and tokens cross the network
  /// readable.
  bool allow_plaintext = false;
  uint32_t threads = 1;
  uint32_t max_body_bytes = 65536;    ///< larger bodies: 413
  uint32_t max_header_bytes = 16384;  ///< larger request heads: 431
  /// One request from its first byte to its last, one answer likewise, and an idle connection. Too
  /// low: slow links fail; too high: slow clients hold connections.
  uint32_t timeout_ms = 10000;
  /// One more closes the one that has kept the server waiting for longest, for a request or for
  /// the rest of one, or for room for its answer; 503 when all are being served. Too low: slow
  /// clients are cut off in a crowd; too high: descriptors, and memory, over TLS some 30 KiB each.
  uint32_t max_connections = 384;
  /// For handlers that wait for the database. Too low: one slow question delays all others; too
  /// high: threads. `threads` is never held by them, so probes are answered meanwhile.
  uint32_t blocking_threads = 2;
  uint32_t blocking_queue = 64;  ///< requests that wait for such a thread; more: 503
  /// Requests that wait for the one thread that hashes passwords; more: 429. Too low: bursts of
  /// logins are refused; too high: they wait until their clients give up.
  uint32_t hash_queue = 64;
  /// Pages of these origins ("https://play.example", no path) may ask too, besides those of the
  /// server's own host and port; "*": of any. What sends no Origin is no browser, and may.
  std::vector<std::string> origins;
  /// Open WebSockets; more: 503. Too low: players and operators are sent away; too high:
  /// descriptors, and memory, websocket_queue_bytes each when their clients do not read.
  uint32_t max_websockets = 256;
  uint32_t websocket_message_bytes = 65536;  ///< of a client's message; larger: close 1009
  /// What may wait to be written to one. Too low: a slow link's client is closed (1013) at the
  /// first crowd; too high: memory.
  uint32_t websocket_queue_bytes = 1024 * 1024;
  /// Messages, pings included, that a client may send per second, and twice as many at once; more:
  /// close 1008. Too low: players' inputs count too, at least one a tick; too high: CPU.
  uint32_t websocket_messages_per_s = 300;
  /// Without anything heard for so long it is pinged, and lost when it says nothing for
  /// websocket_timeout_ms more. Too low: traffic; too high: dead ones hold places.
  uint32_t websocket_ping_ms = 15000, websocket_timeout_ms = 10000;
};

/// Is `address` one that only this machine reaches? False for what is no IP address.
bool IsLoopback(const std::string& address);

struct HttpRequest {
  std::string method;
  std::string path;                                        ///< without the query, not decoded
  std::vector<std::pair<std::string, std::string>> query;  ///< decoded, in order
  std::string body;
  std::string remote_address;
  std::string authorization;  ///< the header of that name; a secret, never logged
  std::string origin;         ///< likewise; of a page that asks: an allowed one
  std::string if_none_match;  ///< likewise

  /// The first value of the name; "name" without "=" counts as empty. Null when it is not there.
  const std::string* Query(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  int retry_after_s = 0;  ///< Retry-After; 0: none
  /// More headers, without line breaks. A Cache-Control among them replaces the "no-store".
  std::vector<std::pair<std::string, std::string>> headers = {};
};

/// Where a handler runs.
enum class RunsOn : uint8_t {
  kApiThread,   ///< must answer in milliseconds, else nobody else is answered
  kOwnThreads,  ///< one of http.blocking_threads: may wait for a database
  kHashThread,  ///< the only one of its kind: may compute for long
};

/// Exact path and method to handler. Built once, then immutable. Handlers run on the server's
/// threads (several at once when there are several), as RunsOn says; one that throws becomes a 500.
class Router {
 public:
  using Handler = std::function<HttpResponse(const HttpRequest&)>;
  /// Nothing, or the answer to a request that is not worth a thread. Runs on an api thread, before
  /// the request waits for one of another kind.
  using Gate = std::function<std::optional<HttpResponse>(const HttpRequest&)>;

  /// `method` in capitals; a GET handler also answers HEAD.
  void Add(std::string method, std::string path, Handler handler,
           RunsOn runs_on = RunsOn::kApiThread, Gate gate = {});
  /// A GET of `path` with an upgrade asks `open`, and nothing else is answered there.
  void AddWebSocket(std::string path, WebSocketOpener open);
  /// Null: no WebSockets there.
  const WebSocketOpener* WebSocketAt(std::string_view path) const;
  /// What there is: "GET /healthz", ...; sorted by path.
  std::vector<std::string> Endpoints() const;
  /// Of the request's handler; what has none is answered by an api thread.
  RunsOn Where(const HttpRequest& request) const;
  /// What the gate of the request's handler answers.
  std::optional<HttpResponse> Refused(const HttpRequest& request) const;
  /// The handler's answer, or 404, 405 (with `allow` filled) or 500; 400 when body or query are not
  /// UTF-8.
  HttpResponse Route(const HttpRequest& request, std::string* allow) const;

 private:
  struct Entry {
    Handler handler;
    RunsOn runs_on = RunsOn::kApiThread;
    Gate gate;
  };
  const Entry* Find(const HttpRequest& request) const;

  std::map<std::string, std::map<std::string, Entry>, std::less<>> routes_;
  std::map<std::string, WebSocketOpener, std::less<>> web_sockets_;
};

struct ApiStats {
  core::Counter responses_2xx, responses_3xx, responses_4xx, responses_5xx;
  core::Counter accepted_connections, refused_connections, timeouts;
  core::Counter displaced_connections;  ///< closed to make room at http.max_connections
  core::Counter tls_failures;           ///< handshakes that failed or took too long
  core::Counter refused_blocking;       ///< 503: http.blocking_queue was full
  core::Counter refused_hashing;        ///< 429: auth.hash_queue was full
  core::Counter refused_origins;        ///< 403: http.origins
  core::Counter received_bytes, sent_bytes;
  core::Counter web_sockets;  ///< a level: open ones
  core::Counter opened_web_sockets;
  core::Counter refused_web_sockets;  ///< 503: http.max_websockets
  core::Counter web_socket_messages;  ///< that clients sent
  // Why the server ended one, besides what its handler wanted.
  core::Counter web_sockets_slow;       ///< 1013: http.websocket_queue_bytes
  core::Counter web_sockets_limited;    ///< 1008: too many messages, fragments, or too slow a one
  core::Counter web_sockets_malformed;  ///< 1002, 1007, 1009
  core::Counter web_sockets_silent;     ///< http.websocket_timeout_ms
};

class HttpCore;

class HttpServer {
 public:
  explicit HttpServer(HttpSettings settings);
  ~HttpServer();  ///< stops
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Takes the address and listens; who connects waits until Serve. kConflict: the port is in use;
  /// kDenied: the system refuses it; kInvalid: `bind` is no address of this machine. The detail
  /// begins with "address:port". Once per object.
  core::Status Bind();
  /// Starts the threads: from now on `router` answers. After a Bind that worked, once.
  void Serve(Router router);
  /// New connections begin with these limits (of requests, connections and WebSockets), origins and
  /// this certificate; address, threads and their queues stay those of the start. kInvalid names
  /// the file that cannot be used, and nothing changed. Any thread.
  core::Status Reload(const HttpSettings& settings);
  /// Tells open WebSockets (1001), ends all connections, joins the threads; takes as long as the
  /// handlers that run. Idempotent.
  void Stop();

  uint16_t bound_port() const;
  const ApiStats& stats() const;

 private:
  std::unique_ptr<HttpCore> core_;
};

}  // namespace bluemarble::api
