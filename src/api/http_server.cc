// One event loop for all connections: taking them in, making room, and ending them.
#include "api/http_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/strand.hpp>
#include <chrono>
#include <utility>

#include "api/http_connection.h"
#include "api/http_core.h"
#include "api/http_web_socket.h"
#include "core/log.h"

namespace bluemarble::api {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// Connections beyond the limit that may be told 503 at the same time; more are closed without a
// word.
constexpr uint32_t kMaxRefusing = 64;
constexpr int kAcceptsAtOnce = 64;
constexpr auto kAcceptPause = std::chrono::milliseconds(100);  // out of descriptors
// How long a stop waits for WebSockets to take their goodbye.
constexpr auto kGoodbyeTime = std::chrono::milliseconds(250);

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
  // A connection that says nothing holds no buffers for records: tens of kilobytes each. The other
  // two: what is written is taken in parts, and may lie elsewhere when it is tried again.
  SSL_CTX_set_mode(tls->native_handle(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                             SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // Who comes again shows a ticket; 20,000 sessions of strangers need not be kept.
  SSL_CTX_set_session_cache_mode(tls->native_handle(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(tls->native_handle(), SSL_OP_NO_RENEGOTIATION);
  // OpenSSL checks here that the key is the certificate's.
  tls->use_private_key_file(settings.tls_key_file, TlsContext::pem, error);
  if (error) {
    return core::Status(Code::kInvalid, "http.tls_key_file cannot be used",
                        fmt::format("{}: {}", settings.tls_key_file, error.message()));
  }
  return tls;
}

}  // namespace

bool IsLoopback(const std::string& address) {
  error_code error;
  const auto parsed = asio::ip::make_address(address, error);
  return !error && parsed.is_loopback();
}

HttpCore::HttpCore(HttpSettings s)
    : settings(std::move(s)), thread_count(std::max<uint32_t>(settings.threads, 1)) {}

core::Status HttpCore::Listen() {
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
  acceptor.non_blocking(true, error);
  port = acceptor.local_endpoint(error).port();
  return core::Status::Ok();
}

core::Status HttpCore::Reload(const HttpSettings& wanted) {
  auto tls = MakeTls(wanted);
  if (!tls.ok()) return tls.status();
  auto next = std::make_shared<const HttpLive>(HttpLive{wanted, std::move(*tls)});
  const std::lock_guard lock(live_mutex_);
  live_ = std::move(next);
  return {};
}

void HttpCore::Waits(HttpConnection& connection) {
  const std::lock_guard lock(waiting_mutex_);
  if (connection.place) {
    waiting_.splice(waiting_.end(), waiting_, *connection.place);
  } else {
    connection.place = waiting_.insert(waiting_.end(), connection.weak_from_this());
  }
}

void HttpCore::WaitsNoMore(HttpConnection& connection) {
  const std::lock_guard lock(waiting_mutex_);
  if (connection.place) waiting_.erase(*connection.place);
  connection.place.reset();
}

// Refusing the newcomer instead would let whoever holds all places, a byte now and then, keep
// everybody out for http.timeout_ms; as it is he has to come faster than others ask.
bool HttpCore::MakeRoom() {
  std::shared_ptr<HttpConnection> longest;
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

bool HttpCore::Enter(const std::shared_ptr<HttpWebSocket>& socket, uint32_t most) {
  const std::lock_guard lock(web_sockets_mutex_);
  if (web_sockets_.size() >= most) return false;
  web_sockets_.emplace(socket.get(), socket);
  const size_t open_now = web_sockets_.size();
  Count([open_now](ApiStats& s) { s.web_sockets.Set(open_now); });
  return true;
}

void HttpCore::Leave(HttpWebSocket& socket) {
  const std::lock_guard lock(web_sockets_mutex_);
  web_sockets_.erase(&socket);
  const size_t open_now = web_sockets_.size();
  Count([open_now](ApiStats& s) { s.web_sockets.Set(open_now); });
}

std::vector<std::shared_ptr<HttpWebSocket>> HttpCore::WebSockets() {
  const std::lock_guard lock(web_sockets_mutex_);
  std::vector<std::shared_ptr<HttpWebSocket>> sockets;
  for (const auto& [socket, weak] : web_sockets_) {
    if (auto alive = weak.lock()) sockets.push_back(std::move(alive));
  }
  return sockets;
}

void HttpCore::Accept() {
  net->acceptor.async_wait(tcp::acceptor::wait_read, [this](error_code error) {
    if (error == asio::error::operation_aborted) return;
    if (!error && TakeIn()) return Accept();
    // Out of descriptors, mostly: the connection stays queued and would wake us at once again.
    net->pause.expires_after(kAcceptPause);
    net->pause.async_wait([this](error_code stopped) {
      if (!stopped) Accept();
    });
  });
}

// One at a time would wait for its turn behind every connection that has something to do.
bool HttpCore::TakeIn() {
  for (int taken = 0; taken < kAcceptsAtOnce; ++taken) {
    error_code error;
    tcp::socket socket = net->acceptor.accept(asio::make_strand(net->loop), error);
    if (error == asio::error::would_block || error == asio::error::try_again) return true;
    if (error == asio::error::connection_aborted) continue;
    if (error) return false;
    try {
      OnAccept(std::move(socket));
    } catch (const std::exception& failed) {  // out of memory; this one is gone, others come
      core::Log(core::LogLevel::kError, "http_connection_failed", "cause={}", failed.what());
    }
  }
  return true;
}

void HttpCore::OnAccept(tcp::socket socket) {
  auto now = live();
  bool room = open.load(std::memory_order_relaxed) < now->settings.max_connections;
  if (!room && MakeRoom()) {
    room = true;
    Count([](ApiStats& s) { s.displaced_connections.Add(); });
  }
  if (room) {
    Count([](ApiStats& s) { s.accepted_connections.Add(); });
    std::make_shared<HttpConnection>(*this, std::move(now), std::move(socket), open)->Serve();
    return;
  }
  Count([](ApiStats& s) { s.refused_connections.Add(); });
  // A word over TLS would cost a handshake: what there is too much of already.
  if (now->tls != nullptr || refusing.load(std::memory_order_relaxed) >= kMaxRefusing) return;
  std::make_shared<HttpConnection>(*this, std::move(now), std::move(socket), refusing)->Refuse();
}

void HttpCore::Run() {
  while (!net->loop.stopped()) {
    try {
      net->loop.run();
    } catch (const std::exception& error) {
      // One connection's callback failed (out of memory); it is gone, the others go on.
      core::Log(core::LogLevel::kError, "http_connection_failed", "cause={}", error.what());
    }
  }
}

void HttpCore::Stop() {
  if (net == nullptr) return;
  if (!threads.empty()) {
    for (const auto& socket : WebSockets()) socket->Close(kWebSocketGoingAway, "the server stops");
    const auto patience = std::chrono::steady_clock::now() + kGoodbyeTime;
    while (!WebSockets().empty() && std::chrono::steady_clock::now() < patience)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  net->loop.stop();
  for (std::thread& thread : threads) thread.join();
  threads.clear();
  // Its jobs hold connections, which must not outlive the loop.
  blocking.reset();
  hashing.reset();
  // Others may hold sockets for longer.
  for (const auto& socket : WebSockets()) socket->Abandon();
  net.reset();
}

HttpServer::HttpServer(HttpSettings settings)
    : core_(std::make_unique<HttpCore>(std::move(settings))) {}

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

void HttpServer::Stop() { core_->Stop(); }

uint16_t HttpServer::bound_port() const { return core_->port; }
const ApiStats& HttpServer::stats() const { return core_->stats; }

}  // namespace bluemarble::api
