// Answers are written as plain text: Beast's serializer would double this file's compile time for
// nothing we need.
#include "api/http_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "api/http_handshake.h"
#include "api/http_web_socket.h"
#include "api/url_query.h"
#include "core/log.h"

namespace bluemarble::api {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

// How long, and for how many bytes, a closing connection swallows what its client still sends, so
// that the last answer is not lost to a reset.
constexpr auto kLingerTime = std::chrono::seconds(1);
constexpr size_t kLingerBytes = 1 << 20;
constexpr size_t kReadBytes = 8192;
// A line of logins moves on by some fifty a second.
constexpr int kHashRetryS = 2;

std::string_view View(boost::beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

HttpConnection::HttpConnection(HttpCore& server, std::shared_ptr<const HttpLive> live,
                               TcpSocket socket, std::atomic<uint32_t>& population)
    : server_(server),
      live_(std::move(live)),
      settings_(live_->settings),
      stream_(std::make_unique<HttpStream>(std::move(socket), live_->tls.get())),
      strand_(stream_->executor()),
      timer_(strand_),
      population_(population),
      buffer_(settings_.max_header_bytes + settings_.max_body_bytes) {
  population_.fetch_add(1, std::memory_order_relaxed);
}

HttpConnection::~HttpConnection() {
  server_.WaitsNoMore(*this);
  population_.fetch_sub(1, std::memory_order_relaxed);
}

void HttpConnection::Serve() {
  asio::dispatch(strand_, [self = shared_from_this()] {
    if (self->stream_->tls()) return self->Handshake();
    self->NextRequest();
  });
}

void HttpConnection::Refuse() {
  asio::dispatch(strand_, [self = shared_from_this()] {
    self->refused_ = true;
    self->StartTimer(self->timeout());
    self->Answer({.status = 503, .body = "too many connections (http.max_connections)\n"}, {},
                 false);
  });
}

void HttpConnection::GiveWay() {
  asio::post(strand_, [self = shared_from_this()] {
    if (self->stream_) self->stream_->Close();
  });
}

void HttpConnection::StartTimer(std::chrono::milliseconds limit) {
  timed_out_ = false;
  timer_.expires_after(limit);
  timer_.async_wait([weak = weak_from_this(), deadline = timer_.expiry()](Error error) {
    const auto self = weak.lock();
    // A timer that was set again while this callback was queued is not over.
    if (error || self == nullptr || self->timer_.expiry() != deadline) return;
    self->timed_out_ = true;
    if (self->stream_) self->stream_->Cancel();
  });
}

void HttpConnection::Handshake() {
  StartTimer(timeout());
  server_.Waits(*this);
  stream_->Handshake([self = shared_from_this()](Error error) {
    if (!error && !self->timed_out_) return self->NextRequest();
    self->server_.Count([](ApiStats& stats) { stats.tls_failures.Add(); });
  });
}

void HttpConnection::NextRequest() {
  parser_.emplace();
  parser_->header_limit(settings_.max_header_bytes);
  parser_->body_limit(settings_.max_body_bytes);
  head_only_ = false;
  told_to_continue_ = false;
  listed_origin_.clear();
  StartTimer(timeout());
  server_.Waits(*this);
  Parse();
}

void HttpConnection::Read() {
  const size_t room = std::min(kReadBytes, buffer_.max_size() - buffer_.size());
  stream_->ReadSome(buffer_.prepare(room), Bound([](Self& self, Error error, size_t bytes) {
                      self.CountReceived(bytes);
                      self.buffer_.commit(bytes);
                      if (self.timed_out_) return self.OnReadTimeout();
                      if (!error) self.Parse();
                    }));
}

void HttpConnection::Parse() {
  Error error;
  while (!parser_->is_done() && buffer_.size() > 0 && !error) {
    buffer_.consume(parser_->put(buffer_.data(), error));
    if (!error && parser_->is_header_done() && !parser_->is_done() && AwaitsContinue()) {
      told_to_continue_ = true;
      return Write("HTTP/1.1 100 Continue\r\n\r\n", &Self::Parse);
    }
  }
  if (error && error != http::error::need_more) return RefuseToParse(error);
  if (parser_->is_done()) return OnRequest();
  if (buffer_.size() == buffer_.max_size()) return RefuseToParse(http::error::body_limit);
  Read();
}

void HttpConnection::RefuseToParse(const Error& error) {
  HttpResponse refusal{.status = 400, .body = fmt::format("bad request: {}\n", error.message())};
  if (error == http::error::header_limit) {
    refusal = {.status = 431,
               .body = fmt::format("the head is larger than {} bytes (http.max_header_bytes)\n",
                                   settings_.max_header_bytes)};
  } else if (error == http::error::body_limit) {
    refusal = {.status = 413,
               .body = fmt::format("the body is larger than {} bytes (http.max_body_bytes)\n",
                                   settings_.max_body_bytes)};
  }
  Answer(std::move(refusal), {}, false);
}

bool HttpConnection::AwaitsContinue() const {
  return !told_to_continue_ && parser_->get()[http::field::expect] == "100-continue";
}

void HttpConnection::OnReadTimeout() {
  // An idle connection is closed in silence: an answer could be taken for that of the next
  // request.
  if (!parser_->got_some() && buffer_.size() == 0) return;
  server_.Count([](ApiStats& stats) { stats.timeouts.Add(); });
  StartTimer(kLingerTime);
  Answer({.status = 408, .body = "request took too long\n"}, {}, false);
}

void HttpConnection::OnRequest() {
  auto message = parser_->release();
  HttpRequest request;
  request.method = std::string(message.method_string());
  const std::string_view target = View(message.target());
  const size_t question = std::min(target.find('?'), target.size());
  request.path = std::string(target.substr(0, question));
  request.remote_address = stream_->remote_address();
  head_only_ = request.method == "HEAD";
  auto query = ParseQuery(target.substr(std::min(question + 1, target.size())));
  if (!query) return Answer({.status = 400, .body = "bad query\n"}, {}, false);
  request.query = std::move(*query);
  request.body = std::move(message.body());
  request.authorization = std::string(View(message[http::field::authorization]));
  request.origin = std::string(View(message[http::field::origin]));
  request.if_none_match = std::string(View(message[http::field::if_none_match]));
  if (auto answer = JudgeOrigin(message, request)) {
    return Answer(std::move(*answer), {}, message.keep_alive());
  }
  if (const WebSocketOpener* const open = server_.router.WebSocketAt(request.path))
    return OpenWebSocket(*open, message, request);
  if (server_.router.Where(request) != RunsOn::kApiThread)
    return AnswerLater(std::move(request), message.keep_alive());
  std::string allow;
  HttpResponse response = server_.router.Route(request, &allow);
  StartTimer(timeout());
  Answer(std::move(response), allow, message.keep_alive());
}

// A page of another host can make its visitor's browser ask here; what only reads is answered, and
// the browser keeps the answer from the page.
std::optional<HttpResponse> HttpConnection::JudgeOrigin(const Message& message,
                                                        const HttpRequest& request) {
  const OriginKind kind =
      KindOfOrigin(request.origin, View(message[http::field::host]), settings_.origins);
  if (kind == OriginKind::kListed) {
    listed_origin_ = request.origin;
    if (request.method != "OPTIONS") return std::nullopt;
    return HttpResponse{.status = 204,
                        .headers = {{"Access-Control-Allow-Methods", "GET, POST, PUT, DELETE"},
                                    {"Access-Control-Allow-Headers", "Authorization, Content-Type"},
                                    {"Access-Control-Max-Age", "600"}}};
  }
  const bool reads = request.method == "GET" || head_only_;
  const bool socket = server_.router.WebSocketAt(request.path) != nullptr;
  if (kind != OriginKind::kForeign || (reads && !socket)) return std::nullopt;
  server_.Count([](ApiStats& stats) { stats.refused_origins.Add(); });
  return HttpResponse{.status = 403,
                      .body = "pages of this origin may not ask here (http.origins)\n"};
}

void HttpConnection::OpenWebSocket(const WebSocketOpener& open, const Message& message,
                                   const HttpRequest& request) {
  const WebSocketHandshake handshake =
      ReadHandshake({.method = request.method,
                     .upgrade = View(message[http::field::upgrade]),
                     .connection = View(message[http::field::connection]),
                     .version = View(message[http::field::sec_websocket_version]),
                     .key = View(message[http::field::sec_websocket_key])});
  if (handshake.refusal) return Answer(*handshake.refusal, {}, message.keep_alive());
  auto socket = std::make_shared<HttpWebSocket>(server_, live_, strand_, request.remote_address);
  if (!server_.Enter(socket, settings_.max_websockets)) {
    server_.Count([](ApiStats& stats) { stats.refused_web_sockets.Add(); });
    return Answer({.status = 503,
                   .body = "too many WebSockets are open (http.max_websockets)\n",
                   .retry_after_s = 5},
                  {}, message.keep_alive());
  }
  auto opened = AskToOpen(open, request, socket);
  if (auto* const refusal = std::get_if<HttpResponse>(&opened)) {
    socket->Abandon();
    return Answer(std::move(*refusal), {}, message.keep_alive());
  }
  server_.WaitsNoMore(*this);
  timer_.cancel();
  const auto rest = buffer_.data();
  socket->Start(std::move(stream_), std::move(std::get<0>(opened)), handshake.answer,
                {static_cast<const char*>(rest.data()), rest.size()});
}

void HttpConnection::AnswerLater(HttpRequest request, bool keep_alive) {
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
    asio::post(self->strand_, [self, keep_alive, response = std::move(response)]() mutable {
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

void HttpConnection::Answer(HttpResponse response, std::string_view allow, bool keep_alive) {
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

std::string HttpConnection::Head(const HttpResponse& response, std::string_view allow,
                                 bool keep_alive) const {
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
  if (!listed_origin_.empty()) {
    head += fmt::format("Access-Control-Allow-Origin: {}\r\nVary: Origin\r\n", listed_origin_);
    head += "Access-Control-Expose-Headers: Retry-After\r\n";
  }
  bool caches = false;
  for (const auto& [name, value] : response.headers) {
    head += fmt::format("{}: {}\r\n", name, value);
    caches = caches || name == "Cache-Control";
  }
  if (!caches) head += "Cache-Control: no-store\r\n";
  if (response.status != 204) head += fmt::format("Content-Length: {}\r\n", response.body.size());
  head += fmt::format("Connection: {}\r\n\r\n", keep_alive ? "keep-alive" : "close");
  return head;
}

void HttpConnection::Write(std::string text, void (HttpConnection::*then)()) {
  output_ = std::move(text);
  written_ = 0;
  WriteMore(then);
}

void HttpConnection::WriteMore(void (HttpConnection::*then)()) {
  const auto rest = asio::buffer(output_.data() + written_, output_.size() - written_);
  auto done = Bound([then](Self& self, Error error, size_t bytes) {
    self.server_.Count([bytes](ApiStats& stats) { stats.sent_bytes.Add(bytes); });
    self.written_ += bytes;
    if (self.timed_out_) return self.server_.Count([](ApiStats& s) { s.timeouts.Add(); });
    if (error) return;
    self.written_ < self.output_.size() ? self.WriteMore(then) : (self.*then)();
  });
  stream_->WriteSome(rest, std::move(done));
}

void HttpConnection::Close() {
  if (stream_->tls()) {
    StartTimer(kLingerTime);
    return stream_->SayEnd([self = shared_from_this()](Error) {});
  }
  stream_->EndWriting();
  StartTimer(kLingerTime);
  swallowed_ = 0;
  output_.resize(kReadBytes);
  Swallow();
}

void HttpConnection::Swallow() {
  stream_->ReadSome(asio::buffer(output_), Bound([](Self& self, Error error, size_t bytes) {
                      self.swallowed_ += bytes;
                      if (error || self.timed_out_ || self.swallowed_ > kLingerBytes) return;
                      self.Swallow();
                    }));
}

void HttpConnection::CountReceived(size_t bytes) {
  server_.Count([bytes](ApiStats& stats) { stats.received_bytes.Add(bytes); });
}

}  // namespace bluemarble::api
