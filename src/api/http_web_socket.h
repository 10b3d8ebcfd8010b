/// One WebSocket: what an HTTP connection becomes by its upgrade. Reads message by message, writes
/// what was queued, pings who is silent. Callbacks run on the connection's strand.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>

#include "api/http_core.h"
#include "api/web_socket.h"
#include "api/web_socket_frames.h"

namespace bluemarble::api {

class HttpWebSocket final : public WebSocket, public std::enable_shared_from_this<HttpWebSocket> {
 public:
  HttpWebSocket(HttpCore& server, std::shared_ptr<const HttpLive> live,
                const boost::asio::any_io_executor& strand, std::string remote_address);

  bool Send(std::span<const std::byte> message, bool binary) override;
  size_t queued_bytes() const override { return queued_.load(std::memory_order_relaxed); }
  uint32_t round_trip_ms() const override { return round_trip_ms_.load(std::memory_order_relaxed); }
  void Close(uint16_t code, std::string_view reason) override;
  const std::string& remote_address() const override { return remote_address_; }

  /// On the strand, once: from now on it is open. `answer` goes first; `read` has come with the
  /// request.
  void Start(std::unique_ptr<HttpStream> stream, std::unique_ptr<WebSocketHandler> handler,
             const std::string& answer, std::string_view read);
  /// Instead of Start, on the strand; or when no api thread runs any more. Its server and event
  /// loop are not touched from now on.
  void Abandon() { Finish(kWebSocketGoingAway); }

 private:
  using Clock = std::chrono::steady_clock;
  using Error = boost::system::error_code;

  /// What belongs to the event loop, and dies with it.
  struct Io {
    explicit Io(const boost::asio::any_io_executor& executor)
        : strand(executor), beat(executor), retry(executor) {}
    boost::asio::any_io_executor strand;
    boost::asio::steady_timer beat, retry;
    std::shared_ptr<HttpStream> stream;  // shared with what is under way on it
    std::unique_ptr<WebSocketHandler> handler;
  };

  // On the strand.
  void Pump();
  void WriteMore();
  void Read();
  void Digest();
  /// False: nothing more is to be read now.
  bool On(WebSocketReader::Event event);
  void OnClose(uint16_t code);
  void OnPong();
  void Measure(Clock::time_point now);
  void Answer(FrameKind kind, std::span<const std::byte> payload);
  bool Offer();
  void OfferAgain();
  bool WithinRate();
  void OnBeat();
  void ArmBeat(Clock::duration after);
  void Finish(uint16_t code);
  void Break(uint16_t code, std::string_view reason, core::Counter ApiStats::*counter);

  // Under mutex_.
  void BeginClose(uint16_t code, std::string_view reason);
  void Queue(FrameKind kind, std::span<const std::byte> payload);
  void Wake();

  HttpCore& server_;
  const std::shared_ptr<const HttpLive> live_;
  const HttpSettings& settings_;
  const std::string remote_address_;
  const std::chrono::milliseconds beat_time_, measure_time_;
  std::atomic<size_t> queued_{0};
  std::atomic<uint32_t> round_trip_ms_{0};

  std::mutex mutex_;
  std::string pending_;   // whole frames
  bool closing_ = false;  // a close frame is queued, or nothing can be sent any more
  uint16_t close_code_ = kWebSocketLost;  // what OnClosed is told
  bool woken_ = false;                    // a Pump is on its way
  bool overflowed_ = false;
  std::unique_ptr<Io> io_;  // null: over

  // The strand's.
  std::string writing_;
  size_t written_ = 0;
  bool is_writing_ = false;
  WebSocketReader reader_;
  std::string early_;  // had come before Start
  std::array<std::byte, 4096> buffer_;
  std::span<std::byte> unread_;  // of one of the two
  double allowance_;
  Clock::time_point allowance_at_, heard_at_, message_at_, pinged_at_, closing_at_;
  bool pinged_ = false;
  Clock::time_point measured_at_;
  uint32_t measure_ = 0;  // what its ping carries, so that an old pong is not taken for its
  bool measuring_ = false;
  bool in_message_ = false;
  bool paused_ = false;  // a message waits for its handler
  bool deaf_ = false;    // what still comes does not count
  bool close_heard_ = false;
  bool close_begun_ = false;  // since closing_at_
};

/// What `open` says; an exception is an answer 500.
std::variant<std::unique_ptr<WebSocketHandler>, HttpResponse> AskToOpen(
    const WebSocketOpener& open, const HttpRequest& request, std::shared_ptr<WebSocket> socket);

}  // namespace bluemarble::api
