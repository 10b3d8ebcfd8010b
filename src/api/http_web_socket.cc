#include "api/http_web_socket.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cstring>
#include <utility>

#include "core/log.h"

namespace bluemarble::api {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;

// How long a socket that is being closed may take to take its close and give its own.
constexpr auto kCloseTime = seconds(1);
// Between two measurements of the round trip.
constexpr auto kMeasureTime = seconds(3);
// How soon a message is offered again.
constexpr auto kOfferPause = milliseconds(5);
// The kernel doubles it. More would only be sent later: what waits here can still be left out.
constexpr int kSendBufferBytes = 64 * 1024;
// What an output buffer may keep allocated.
constexpr size_t kKeptOutputBytes = 64 * 1024;

template <typename Call>
bool Safely(const char* what, Call call) {
  try {
    call();
    return true;
  } catch (const std::exception& error) {
    core::Log(core::LogLevel::kError, "web_socket_handler_failed", "call={} cause={}", what,
              error.what());
  } catch (...) {
    core::Log(core::LogLevel::kError, "web_socket_handler_failed", "call={}", what);
  }
  return false;
}

}  // namespace

std::variant<std::unique_ptr<WebSocketHandler>, HttpResponse> AskToOpen(
    const WebSocketOpener& open, const HttpRequest& request, std::shared_ptr<WebSocket> socket) {
  std::variant<std::unique_ptr<WebSocketHandler>, HttpResponse> opened;
  if (!Safely("open", [&] { opened = open(request, std::move(socket)); }))
    return HttpResponse{.status = 500, .body = "internal error\n"};
  return opened;
}

HttpWebSocket::HttpWebSocket(HttpCore& server, std::shared_ptr<const HttpLive> live,
                             const asio::any_io_executor& strand, std::string remote_address)
    : server_(server),
      live_(std::move(live)),
      settings_(live_->settings),
      remote_address_(std::move(remote_address)),
      beat_time_(std::clamp<uint32_t>(
          std::min(settings_.websocket_ping_ms, settings_.websocket_timeout_ms) / 4, 10, 1000)),
      measure_time_(
          std::min<milliseconds>(kMeasureTime, milliseconds(settings_.websocket_ping_ms))),
      io_(std::make_unique<Io>(strand)),
      reader_(settings_.websocket_message_bytes),
      allowance_(2.0 * settings_.websocket_messages_per_s) {}

bool HttpWebSocket::Send(std::span<const std::byte> message, bool binary) {
  const std::lock_guard lock(mutex_);
  if (closing_) return false;
  if (queued_bytes() + message.size() + kMaxFrameHeadBytes > settings_.websocket_queue_bytes) {
    overflowed_ = true;
    queued_.fetch_sub(pending_.size(), std::memory_order_relaxed);
    pending_.clear();
    BeginClose(kWebSocketTryLater, "it does not read what it is sent (http.websocket_queue_bytes)");
    return false;
  }
  Queue(binary ? FrameKind::kBinary : FrameKind::kText, message);
  return true;
}

void HttpWebSocket::Close(uint16_t code, std::string_view reason) {
  const std::lock_guard lock(mutex_);
  if (!closing_) BeginClose(code, reason);
}

void HttpWebSocket::BeginClose(uint16_t code, std::string_view reason) {
  closing_ = true;
  close_code_ = code;
  const size_t before = pending_.size();
  AppendClose(pending_, code, reason);
  queued_.fetch_add(pending_.size() - before, std::memory_order_relaxed);
  Wake();
}

void HttpWebSocket::Queue(FrameKind kind, std::span<const std::byte> payload) {
  const size_t before = pending_.size();
  AppendFrame(pending_, kind, payload);
  queued_.fetch_add(pending_.size() - before, std::memory_order_relaxed);
  Wake();
}

void HttpWebSocket::Wake() {
  if (woken_ || io_ == nullptr) return;
  woken_ = true;
  asio::post(io_->strand, [self = shared_from_this()] { self->Pump(); });
}

void HttpWebSocket::Start(std::unique_ptr<HttpStream> stream,
                          std::unique_ptr<WebSocketHandler> handler, const std::string& answer,
                          std::string_view read) {
  {
    const std::lock_guard lock(mutex_);
    pending_.insert(0, answer);
    queued_.fetch_add(answer.size(), std::memory_order_relaxed);
    io_->stream = std::move(stream);
    io_->handler = std::move(handler);
  }
  io_->stream->LimitSendBuffer(kSendBufferBytes);
  server_.Count([](ApiStats& stats) { stats.opened_web_sockets.Add(); });
  allowance_at_ = heard_at_ = measured_at_ = Clock::now();
  early_ = read;
  unread_ = std::as_writable_bytes(std::span(early_));
  ArmBeat(beat_time_);
  Pump();
  Digest();
}

void HttpWebSocket::Pump() {
  bool over = false;
  {
    const std::lock_guard lock(mutex_);
    woken_ = false;
    if (io_ == nullptr || io_->stream == nullptr) return;
    if (closing_ && !close_begun_) {
      close_begun_ = true;
      closing_at_ = Clock::now();
      ArmBeat(kCloseTime);
      if (overflowed_) server_.Count([](ApiStats& stats) { stats.web_sockets_slow.Add(); });
    }
    if (is_writing_) return;
    if (pending_.empty()) {
      over = closing_ && close_heard_;
    } else {
      std::swap(writing_, pending_);
    }
  }
  if (over) return Finish(close_code_);
  if (writing_.empty()) return;
  written_ = 0;
  is_writing_ = true;
  WriteMore();
}

void HttpWebSocket::WriteMore() {
  const auto rest = asio::buffer(writing_.data() + written_, writing_.size() - written_);
  io_->stream->WriteSome(
      rest, [self = shared_from_this(), stream = io_->stream](Error error, size_t bytes) {
        if (self->io_ == nullptr) return;
        self->server_.Count([bytes](ApiStats& stats) { stats.sent_bytes.Add(bytes); });
        self->queued_.fetch_sub(bytes, std::memory_order_relaxed);
        self->written_ += bytes;
        if (error) return self->Finish(kWebSocketLost);
        if (self->written_ < self->writing_.size()) return self->WriteMore();
        self->is_writing_ = false;
        self->writing_.clear();
        if (self->writing_.capacity() > kKeptOutputBytes) self->writing_.shrink_to_fit();
        self->Pump();
      });
}

void HttpWebSocket::Read() {
  io_->stream->ReadSome(asio::buffer(buffer_), [self = shared_from_this(), stream = io_->stream](
                                                   Error error, size_t bytes) {
    if (self->io_ == nullptr) return;
    self->server_.Count([bytes](ApiStats& stats) { stats.received_bytes.Add(bytes); });
    if (error) return self->Finish(kWebSocketLost);
    self->heard_at_ = Clock::now();
    self->pinged_ = false;
    self->unread_ = std::span(self->buffer_).first(bytes);
    self->Digest();
  });
}

void HttpWebSocket::Digest() {
  while (!deaf_ && !unread_.empty()) {
    const WebSocketReader::Event event = reader_.Read(unread_);
    if (event == WebSocketReader::Event::kNeedMore) break;
    in_message_ = false;
    if (!On(event)) return;
  }
  if (!in_message_ && reader_.in_message()) {
    in_message_ = true;
    message_at_ = heard_at_;
  }
  Read();
}

bool HttpWebSocket::On(WebSocketReader::Event event) {
  using Event = WebSocketReader::Event;
  if (event != Event::kBroken && !WithinRate()) {
    Break(kWebSocketPolicy, "too many messages (http.websocket_messages_per_s)",
          &ApiStats::web_sockets_limited);
    return true;
  }
  switch (event) {
    case Event::kMessage:
      server_.Count([](ApiStats& stats) { stats.web_socket_messages.Add(); });
      if (close_begun_ || Offer()) return true;
      OfferAgain();
      return false;
    case Event::kPing: Answer(FrameKind::kPong, reader_.payload()); return true;
    case Event::kClose: OnClose(reader_.code()); return true;
    case Event::kBroken:
      Break(reader_.code(), reader_.problem(),
            reader_.code() == kWebSocketPolicy ? &ApiStats::web_sockets_limited
                                               : &ApiStats::web_sockets_malformed);
      return true;
    case Event::kPong: OnPong(); break;
    case Event::kNeedMore: break;
  }
  return true;
}

void HttpWebSocket::Break(uint16_t code, std::string_view reason,
                          core::Counter ApiStats::*counter) {
  deaf_ = true;
  server_.Count([counter](ApiStats& stats) { (stats.*counter).Add(); });
  Close(code, reason);
}

void HttpWebSocket::OnClose(uint16_t code) {
  deaf_ = true;
  close_heard_ = true;
  const std::lock_guard lock(mutex_);
  if (!closing_) {
    BeginClose(code == kWebSocketNoCode ? uint16_t{kWebSocketNormal} : code, "");
    close_code_ = code;
  }
  Wake();
}

void HttpWebSocket::Measure(Clock::time_point now) {
  measuring_ = true;
  measured_at_ = now;
  ++measure_;
  Answer(FrameKind::kPing, std::as_bytes(std::span(&measure_, 1)));
}

void HttpWebSocket::OnPong() {
  const auto payload = reader_.payload();
  if (!measuring_ || payload.size() != sizeof measure_ ||
      std::memcmp(payload.data(), &measure_, sizeof measure_) != 0)
    return;
  measuring_ = false;
  const auto took = std::chrono::duration_cast<milliseconds>(heard_at_ - measured_at_).count();
  round_trip_ms_.store(static_cast<uint32_t>(std::max<int64_t>(took, 1)),
                       std::memory_order_relaxed);
}

void HttpWebSocket::Answer(FrameKind kind, std::span<const std::byte> payload) {
  const std::lock_guard lock(mutex_);
  // Who does not read gets no more pongs, and may know why.
  if (closing_ || queued_bytes() > settings_.websocket_queue_bytes / 2) return;
  Queue(kind, payload);
}

bool HttpWebSocket::Offer() {
  bool taken = true;
  const bool answered = Safely("message", [this, &taken] {
    taken = io_->handler->OnMessage(reader_.payload(), reader_.binary());
  });
  if (!answered) {
    deaf_ = true;
    Close(kWebSocketInternal, "internal error");
  }
  return taken;
}

void HttpWebSocket::OfferAgain() {
  paused_ = true;
  io_->retry.expires_after(kOfferPause);
  io_->retry.async_wait([self = shared_from_this()](Error error) {
    if (error || self->io_ == nullptr) return;
    if (!self->close_begun_ && !self->Offer()) return self->OfferAgain();
    self->paused_ = false;
    self->heard_at_ = Clock::now();
    self->Digest();
  });
}

bool HttpWebSocket::WithinRate() {
  const double most = 2.0 * settings_.websocket_messages_per_s;
  const std::chrono::duration<double> passed = heard_at_ - allowance_at_;
  allowance_at_ = heard_at_;
  allowance_ = std::min(most, allowance_ + passed.count() * settings_.websocket_messages_per_s);
  if (allowance_ < 1) return false;
  allowance_ -= 1;
  return true;
}

void HttpWebSocket::ArmBeat(Clock::duration after) {
  io_->beat.expires_after(after);
  io_->beat.async_wait([self = shared_from_this()](Error error) {
    if (!error && self->io_ != nullptr) self->OnBeat();
  });
}

void HttpWebSocket::OnBeat() {
  const auto now = Clock::now();
  if (close_begun_) {
    if (now - closing_at_ >= kCloseTime) return Finish(close_code_);
    return ArmBeat(closing_at_ + kCloseTime - now);
  }
  if (in_message_ && now - message_at_ > milliseconds(settings_.timeout_ms)) {
    in_message_ = false;
    Break(kWebSocketPolicy, "a message that was not whole in time (http.timeout_ms)",
          &ApiStats::web_sockets_limited);
  } else if (pinged_ && !paused_ &&
             now - pinged_at_ > milliseconds(settings_.websocket_timeout_ms)) {
    server_.Count([](ApiStats& stats) { stats.web_sockets_silent.Add(); });
    return Finish(kWebSocketLost);
  } else if (!pinged_ && !paused_ && now - heard_at_ > milliseconds(settings_.websocket_ping_ms)) {
    pinged_ = true;
    pinged_at_ = now;
    Answer(FrameKind::kPing, {});
  }
  if (now - measured_at_ > measure_time_) Measure(now);
  ArmBeat(beat_time_);
}

void HttpWebSocket::Finish(uint16_t code) {
  std::unique_ptr<Io> io;
  {
    const std::lock_guard lock(mutex_);
    if (io_ == nullptr) return;
    // A close that was agreed on, or is ours, tells more than how the connection went.
    if (closing_) code = close_code_;
    closing_ = true;
    io = std::move(io_);
    pending_.clear();
    queued_.store(0, std::memory_order_relaxed);
  }
  if (io->stream) io->stream->Close();
  if (io->handler) Safely("closed", [&] { io->handler->OnClosed(code); });
  io->handler.reset();
  server_.Leave(*this);  // who comes instead finds what the handler held free
}

}  // namespace bluemarble::api
