// One event loop for all connections. A connection is a chain of callbacks on its strand: read
// head, read body, answer, read head... Its one timer ends whatever takes longer than timeout_ms.
// Answers are written as plain text: Beast's serializer would double this file's compile time for
// nothing we need.
#include "api/http_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <list>
#include <mutex>
#include <thread>

#include "api/blocking_pool.h"
#include "api/url_query.h"
#include "core/log.h"

namespace bluemarble::api {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

// How long, and for how many bytes, a closing connection swallows what its client still sends, so
// that the last answer is not lost to a reset.
constexpr auto kLingerTime = std::chrono::seconds(1);
constexpr size_t kLingerBytes = 1 << 20;
// Connections beyond the limit that may be told 503 at the same time; more are closed without a
// word.
constexpr uint32_t kMaxRefusing = 64;
constexpr size_t kReadBytes = 8192;
// A line of logins moves on by some fifty a second.
constexpr int kHashRetryS = 2;
constexpr auto kAcceptPause = std::chrono::milliseconds(100);  // out of descriptors

std::string Head(const HttpResponse& response, std::string_view allow, bool keep_alive) {
  std::string head = fmt::format(
      "HTTP/1.1 {} {}\r\n", response.status,
      std::string_view(http::obsolete_reason(static_cast<http::status>(response.status))));
  if (!response.body.empty()) {
    head += fmt::format("Content-Type: {}\r\n", response.content_type);
  }
  if (response.retry_after_s > 0)
    head += fmt::format("Retry-After: {}\r\n", response.retry_after_s);
  if (!allow.empty()) head += fmt::format("Allow: {}\r\n", allow);
  // Whatever is denied here wants a token or the admin secret that way (RFC 9110 asks to say so).
  if (response.status == 401) head += "WWW-Authenticate: Bearer\r\n";
  head += fmt::format("Content-Length: {}\r\nCache-Control: no-store\r\nConnection: {}\r\n\r\n",
                      response.body.size(), keep_alive ? "keep-alive" : "close");
  return head;
}

using TlsContext = asio::ssl::context;

/// What new connections begin with; replaced as a whole by Reload.
struct Live {
  HttpSettings settings;
  std::shared_ptr<TlsContext> tls;  // null: plain HTTP
};

core::Result<std::shared_ptr<TlsContext>> MakeTls(const HttpSettings& settings) {
  using core::Code;
  if (settings.tls_certificate_file.empty() != settings.tls_key_file.empty()) {
    return core::Status(Code::kInvalid,
                        "http.tls_certificate_file and http.tls_key_file belong together");
  }
  if (settings.tls_certificate_file.empty()) return std::shared_ptr<TlsContext>();
  auto tls = std::make_shared<TlsContext>(TlsContext::tls_server);
  error_code error;
  tls->set_options(TlsContext::default_workarounds | TlsContext::no_tlsv1 | TlsContext::no_tlsv1_1 |
                       TlsContext::single_dh_use,
                   error);
  tls->use_certificate_chain_file(settings.tls_certificate_file, error);
  if (error) {
    return core::Status(Code::kInvalid, "http.tls_certificate_file cannot be used",
                        fmt::format("{}: {}", settings.tls_certificate_file, error.message()));
  }
  // A connection that says nothing holds no buffers for records: tens of kilobytes each.
  SSL_CTX_set_mode(tls->native_handle(), SSL_MODE_RELEASE_BUFFERS);
  // OpenSSL checks here that the key is the certificate's.
  tls->use_private_key_file(settings.tls_key_file, TlsContext::pem, error);
  if (error) {
    return core::Status(Code::kInvalid, "http.tls_key_file cannot be used",
                        fmt::format("{}: {}", settings.tls_key_file, error.message()));
  }
  return tls;
}

int StatusOfParseError(const error_code& error) {
  if (error == http::error::header_limit) return 431;
  return error == http::error::body_limit ? 413 : 400;
}

}  // namespace

bool IsLoopback(const std::string& address) {
  error_code error;
  const auto parsed = asio::ip::make_address(address, error);
  return !error && parsed.is_loopback();
}

class HttpServer::Core {
 public:
  class Connection;

  // Everything that ends with Stop; destroying the loop destroys the connections, closing them.
  struct Net {
    explicit Net(uint32_t threads) : loop(static_cast<int>(threads)), acceptor(loop), pause(loop) {}
    asio::io_context loop;
    tcp::acceptor acceptor;
    asio::steady_timer pause;
  };

  explicit Core(HttpSettings s)
      : settings(std::move(s)), thread_count(std::max<uint32_t>(settings.threads, 1)) {}

  core::Status Listen();
  void Accept();
  void OnAccept(tcp::socket socket);
  void Run();

  // Several api threads count; a Counter has one writer.
  template <typename Change>
  void Count(Change change) {
    const std::lock_guard lock(stats_mutex);
    change(stats);
  }

  std::shared_ptr<const Live> live() const {
    const std::lock_guard lock(live_mutex_);
    return live_;
  }
  core::Status Reload(const HttpSettings& wanted);

  using Waiting = std::list<std::weak_ptr<Connection>>;
  /// Its client is to do something from now on.
  void Waits(Connection& connection);
  /// It is being served, or is gone.
  void WaitsNoMore(Connection& connection);
  /// Closes the one that has waited for its client for longest. False: none does.
  bool MakeRoom();

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
  // Not std::atomic: in GCC 12 its unlocking load races with a store.
  mutable std::mutex live_mutex_;
  std::shared_ptr<const Live> live_;
  std::mutex waiting_mutex_;
  Waiting waiting_;  // the longest first
};

// Owned by its pending callbacks; all of them run on its strand.
class HttpServer::Core::Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// Counts as one of `population` while it lives.
  Connection(Core& server, std::shared_ptr<const Live> live, tcp::socket socket,
             std::atomic<uint32_t>& population)
      : server_(server),
        live_(std::move(live)),
        settings_(live_->settings),
        socket_(std::move(socket)),
        timer_(socket_.get_executor()),
        population_(population),
        buffer_(settings_.max_header_bytes + settings_.max_body_bytes) {
    population_.fetch_add(1, std::memory_order_relaxed);
    error_code ignored;
    remote_address_ = socket_.remote_endpoint(ignored).address().to_string(ignored);
    // A small answer must not wait for the acknowledgement of the one before.
    socket_.set_option(tcp::no_delay(true), ignored);
    if (live_->tls != nullptr) tls_.emplace(socket_, *live_->tls);
  }
  ~Connection() {
    server_.WaitsNoMore(*this);
    population_.fetch_sub(1, std::memory_order_relaxed);
  }

  void Serve() {
    asio::dispatch(socket_.get_executor(), [self = shared_from_this()] {
      if (self->tls_) return self->Handshake();
      self->NextRequest();
    });
  }
  void Refuse() {
    asio::dispatch(socket_.get_executor(), [self = shared_from_this()] {
      self->refused_ = true;
      self->StartTimer(self->timeout());
      self->Answer({.status = 503, .body = "too many connections (http.max_connections)\n"}, {},
                   false);
    });
  }
  /// Somebody else needs the place. Any thread.
  void GiveWay() {
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
      error_code ignored;
      self->socket_.close(ignored);
    });
  }

  std::optional<Waiting::iterator> place;  ///< Of the server, under its lock.

 private:
  using Self = Connection;

  std::chrono::milliseconds timeout() const {
    return std::chrono::milliseconds(settings_.timeout_ms);
  }

  template <typename Handler>
  auto Bound(Handler handler) {
    return [self = shared_from_this(), handler](error_code error, size_t bytes) {
      handler(*self, error, bytes);
    };
  }

  void StartTimer(std::chrono::milliseconds limit) {
    timed_out_ = false;
    timer_.expires_after(limit);
    timer_.async_wait([weak = weak_from_this(), deadline = timer_.expiry()](error_code error) {
      const auto self = weak.lock();
      // A timer that was set again while this callback was queued is not over.
      if (error || self == nullptr || self->timer_.expiry() != deadline) return;
      self->timed_out_ = true;
      error_code ignored;
      self->socket_.cancel(ignored);
    });
  }

  void Handshake() {
    StartTimer(timeout());
    server_.Waits(*this);
    tls_->async_handshake(TlsStream::server, [self = shared_from_this()](error_code error) {
      if (!error && !self->timed_out_) return self->NextRequest();
      self->server_.Count([](ApiStats& stats) { stats.tls_failures.Add(); });
    });
  }

  template <typename Handler>
  void ReadSome(const asio::mutable_buffer& into, Handler handler) {
    if (tls_) return tls_->async_read_some(into, std::move(handler));
    socket_.async_read_some(into, std::move(handler));
  }

  void NextRequest() {
    parser_.emplace();
    parser_->header_limit(settings_.max_header_bytes);
    parser_->body_limit(settings_.max_body_bytes);
    head_only_ = false;
    told_to_continue_ = false;
    StartTimer(timeout());
    server_.Waits(*this);
    Parse();
  }

  void Read() {
    const size_t room = std::min(kReadBytes, buffer_.max_size() - buffer_.size());
    ReadSome(buffer_.prepare(room), Bound([](Self& self, error_code error, size_t bytes) {
               self.CountReceived(bytes);
               self.buffer_.commit(bytes);
               if (self.timed_out_) return self.OnReadTimeout();
               if (!error) self.Parse();
             }));
  }

  void Parse() {
    error_code error;
    while (!parser_->is_done() && buffer_.size() > 0 && !error) {
      buffer_.consume(parser_->put(buffer_.data(), error));
      if (!error && parser_->is_header_done() && !parser_->is_done() && AwaitsContinue()) {
        told_to_continue_ = true;
        return Write("HTTP/1.1 100 Continue\r\n\r\n", &Self::Parse);
      }
    }
    if (error && error != http::error::need_more) {
      const HttpResponse refusal{.status = StatusOfParseError(error),
                                 .body = fmt::format("bad request: {}\n", error.message())};
      return Answer(refusal, {}, false);
    }
    if (parser_->is_done()) return OnRequest();
    if (buffer_.size() == buffer_.max_size()) {
      return Answer({.status = 413, .body = "request is too large\n"}, {}, false);
    }
    Read();
  }

  bool AwaitsContinue() const {
    return !told_to_continue_ && parser_->get()[http::field::expect] == "100-continue";
  }

  void OnReadTimeout() {
    // An idle connection is closed in silence: an answer could be taken for that of the next
    // request.
    if (!parser_->got_some() && buffer_.size() == 0) return;
    server_.Count([](ApiStats& stats) { stats.timeouts.Add(); });
    StartTimer(kLingerTime);
    Answer({.status = 408, .body = "request took too long\n"}, {}, false);
  }

  void OnRequest() {
    auto message = parser_->release();
    HttpRequest request;
    request.method = std::string(message.method_string());
    const std::string_view target(message.target().data(), message.target().size());
    const size_t question = std::min(target.find('?'), target.size());
    request.path = std::string(target.substr(0, question));
    request.remote_address = remote_address_;
    head_only_ = request.method == "HEAD";
    auto query = ParseQuery(target.substr(std::min(question + 1, target.size())));
    if (!query) return Answer({.status = 400, .body = "bad query\n"}, {}, false);
    request.query = std::move(*query);
    request.body = std::move(message.body());
    const auto authorization = message[http::field::authorization];
    request.authorization = std::string(authorization.data(), authorization.size());
    if (server_.router.Where(request) != RunsOn::kApiThread)
      return AnswerLater(std::move(request), message.keep_alive());
    std::string allow;
    HttpResponse response = server_.router.Route(request, &allow);
    StartTimer(timeout());
    Answer(std::move(response), allow, message.keep_alive());
  }

  // The handler runs elsewhere, as long as it takes; its answer comes back to the strand. Nothing
  // is read meanwhile, so a client that hangs up is noticed when it is answered.
  void AnswerLater(HttpRequest request, bool keep_alive) {
    if (auto refused = server_.router.Refused(request)) {
      StartTimer(timeout());
      return Answer(std::move(*refused), {}, keep_alive);
    }
    const bool hashes = server_.router.Where(request) == RunsOn::kHashThread;
    timer_.expires_at(std::chrono::steady_clock::time_point::max());
    server_.WaitsNoMore(*this);
    auto job = [self = shared_from_this(), request = std::move(request), keep_alive] {
      std::string allow;
      HttpResponse response = self->server_.router.Route(request, &allow);
      asio::post(self->socket_.get_executor(),
                 [self, keep_alive, response = std::move(response)]() mutable {
                   self->StartTimer(self->timeout());
                   self->Answer(std::move(response), {}, keep_alive);
                 });
    };
    if ((hashes ? *server_.hashing : *server_.blocking).Submit(std::move(job))) return;
    StartTimer(timeout());
    if (hashes) {
      server_.Count([](ApiStats& stats) { stats.refused_hashing.Add(); });
      return Answer({.status = 429,
                     .content_type = "application/json",
                     .body = "{\"error\":{\"code\":\"full\",\"message\":\"too many logins wait "
                             "(auth.hash_queue), try again\"}}\n",
                     .retry_after_s = kHashRetryS},
                    {}, keep_alive);
    }
    server_.Count([](ApiStats& stats) { stats.refused_blocking.Add(); });
    Answer({.status = 503,
            .body = "too many requests wait for the database (http.blocking_queue)\n",
            .retry_after_s = 1},
           {}, keep_alive);
  }

  void Answer(HttpResponse response, std::string_view allow, bool keep_alive) {
    const int status_class = response.status / 100;
    server_.Count([status_class](ApiStats& stats) {
      if (status_class == 2) stats.responses_2xx.Add();
      if (status_class == 3) stats.responses_3xx.Add();
      if (status_class == 4) stats.responses_4xx.Add();
      if (status_class == 5) stats.responses_5xx.Add();
    });
    if (!refused_) server_.Waits(*this);
    std::string text = Head(response, allow, keep_alive);
    if (!head_only_) text += response.body;
    Write(std::move(text), keep_alive ? &Self::NextRequest : &Self::Close);
  }

  void Write(std::string text, void (Connection::*then)()) {
    output_ = std::move(text);
    written_ = 0;
    WriteMore(then);
  }

  void WriteMore(void (Connection::*then)()) {
    const auto rest = asio::buffer(output_.data() + written_, output_.size() - written_);
    auto done = Bound([then](Self& self, error_code error, size_t bytes) {
      self.server_.Count([bytes](ApiStats& stats) { stats.sent_bytes.Add(bytes); });
      self.written_ += bytes;
      if (self.timed_out_) return self.server_.Count([](ApiStats& s) { s.timeouts.Add(); });
      if (error) return;
      self.written_ < self.output_.size() ? self.WriteMore(then) : (self.*then)();
    });
    if (tls_) return tls_->async_write_some(rest, std::move(done));
    socket_.async_write_some(rest, std::move(done));
  }

  void Close() {
    if (tls_) {
      StartTimer(kLingerTime);
      return tls_->async_shutdown([self = shared_from_this()](error_code) {});
    }
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    StartTimer(kLingerTime);
    swallowed_ = 0;
    output_.resize(kReadBytes);
    Swallow();
  }

  void Swallow() {
    socket_.async_read_some(asio::buffer(output_),
                            Bound([](Self& self, error_code error, size_t bytes) {
                              self.swallowed_ += bytes;
                              if (error || self.timed_out_ || self.swallowed_ > kLingerBytes)
                                return;
                              self.Swallow();
                            }));
  }

  void CountReceived(size_t bytes) {
    server_.Count([bytes](ApiStats& stats) { stats.received_bytes.Add(bytes); });
  }

  using TlsStream = asio::ssl::stream<tcp::socket&>;

  Core& server_;
  const std::shared_ptr<const Live> live_;
  const HttpSettings& settings_;
  tcp::socket socket_;
  std::optional<TlsStream> tls_;
  asio::steady_timer timer_;
  std::atomic<uint32_t>& population_;
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::string output_;
  size_t written_ = 0;
  std::string remote_address_;
  size_t swallowed_ = 0;
  bool timed_out_ = false;
  bool refused_ = false;
  bool head_only_ = false;
  bool told_to_continue_ = false;
};

core::Status HttpServer::Core::Listen() {
  using core::Code;
  const std::string where = fmt::format("{}:{}", settings.bind, settings.port);
  if (core::Status status = Reload(settings); !status.ok()) return status;
  net = std::make_unique<Net>(thread_count);
  tcp::acceptor& acceptor = net->acceptor;
  error_code error;
  const auto address = asio::ip::make_address(settings.bind, error);
  if (error) return {Code::kInvalid, "http.bind is not an IP address", where};
  acceptor.open(address.is_v6() ? tcp::v6() : tcp::v4(), error);
  // A restart must not wait for the last process's closed connections; a live listener still
  // refuses us.
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(tcp::endpoint(address, settings.port), error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error == asio::error::address_in_use) {
    return {Code::kConflict, "http address is in use", where};
  }
  if (error == asio::error::access_denied || error == asio::error::no_permission) {
    return {Code::kDenied, "http address is refused",
            fmt::format("{}: {}", where, error.message())};
  }
  if (error) {
    return {Code::kInvalid, "cannot listen for http",
            fmt::format("{}: {}", where, error.message())};
  }
  port = acceptor.local_endpoint(error).port();
  return core::Status::Ok();
}

core::Status HttpServer::Core::Reload(const HttpSettings& wanted) {
  auto tls = MakeTls(wanted);
  if (!tls.ok()) return tls.status();
  auto next = std::make_shared<const Live>(Live{wanted, std::move(*tls)});
  const std::lock_guard lock(live_mutex_);
  live_ = std::move(next);
  return {};
}

void HttpServer::Core::Waits(Connection& connection) {
  const std::lock_guard lock(waiting_mutex_);
  if (connection.place) {
    waiting_.splice(waiting_.end(), waiting_, *connection.place);
  } else {
    connection.place = waiting_.insert(waiting_.end(), connection.weak_from_this());
  }
}

void HttpServer::Core::WaitsNoMore(Connection& connection) {
  const std::lock_guard lock(waiting_mutex_);
  if (connection.place) waiting_.erase(*connection.place);
  connection.place.reset();
}

// Refusing the newcomer instead would let whoever holds all places, a byte now and then, keep
// everybody out for http.timeout_ms; as it is he has to come faster than others ask.
bool HttpServer::Core::MakeRoom() {
  std::shared_ptr<Connection> longest;
  {
    const std::lock_guard lock(waiting_mutex_);
    if (waiting_.empty()) return false;
    longest = waiting_.front().lock();
    if (longest == nullptr) return true;  // is ending, and waits for this lock to say so
    waiting_.pop_front();
    longest->place.reset();
  }
  longest->GiveWay();
  return true;
}

void HttpServer::Core::Accept() {
  net->acceptor.async_accept(asio::make_strand(net->loop),
                             [this](error_code error, tcp::socket socket) {
                               if (error == asio::error::operation_aborted) return;
                               if (!error) {
                                 OnAccept(std::move(socket));
                                 return Accept();
                               }
                               // Out of descriptors, mostly: the connection stays queued and would
                               // wake us at once again.
                               net->pause.expires_after(kAcceptPause);
                               net->pause.async_wait([this](error_code stopped) {
                                 if (!stopped) Accept();
                               });
                             });
}

void HttpServer::Core::OnAccept(tcp::socket socket) {
  auto now = live();
  bool room = open.load(std::memory_order_relaxed) < now->settings.max_connections;
  if (!room && MakeRoom()) {
    room = true;
    Count([](ApiStats& s) { s.displaced_connections.Add(); });
  }
  if (room) {
    Count([](ApiStats& s) { s.accepted_connections.Add(); });
    std::make_shared<Connection>(*this, std::move(now), std::move(socket), open)->Serve();
    return;
  }
  Count([](ApiStats& s) { s.refused_connections.Add(); });
  // A word over TLS would cost a handshake: what there is too much of already.
  if (now->tls != nullptr || refusing.load(std::memory_order_relaxed) >= kMaxRefusing) return;
  std::make_shared<Connection>(*this, std::move(now), std::move(socket), refusing)->Refuse();
}

void HttpServer::Core::Run() {
  while (!net->loop.stopped()) {
    try {
      net->loop.run();
    } catch (const std::exception& error) {
      // One connection's callback failed (out of memory); it is gone, the others go on.
      core::Log(core::LogLevel::kError, "http_connection_failed", "cause={}", error.what());
    }
  }
}

HttpServer::HttpServer(HttpSettings settings)
    : core_(std::make_unique<Core>(std::move(settings))) {}

HttpServer::~HttpServer() { Stop(); }

core::Status HttpServer::Bind() {
  core::Status status = core_->Listen();
  if (!status.ok()) core_->net.reset();
  return status;
}

void HttpServer::Serve(Router router) {
  core_->router = std::move(router);
  core_->blocking = std::make_unique<BlockingPool>(core_->settings.blocking_threads,
                                                   core_->settings.blocking_queue);
  core_->hashing = std::make_unique<BlockingPool>(1, core_->settings.hash_queue);
  core_->Accept();
  for (uint32_t i = 0; i < core_->thread_count; ++i) {
    core_->threads.emplace_back([core = core_.get()] { core->Run(); });
  }
}

core::Status HttpServer::Reload(const HttpSettings& settings) { return core_->Reload(settings); }

void HttpServer::Stop() {
  if (core_->net == nullptr) return;
  core_->net->loop.stop();
  for (std::thread& thread : core_->threads) thread.join();
  core_->threads.clear();
  // Its jobs hold connections, which must not outlive the loop.
  core_->blocking.reset();
  core_->hashing.reset();
  core_->net.reset();
}

uint16_t HttpServer::bound_port() const { return core_->port; }
const ApiStats& HttpServer::stats() const { return core_->stats; }

}  // namespace bluemarble::api
