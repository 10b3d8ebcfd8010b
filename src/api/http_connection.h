/// One HTTP connection: a chain of callbacks on its strand: read head, read body, answer, read
/// head... Its one timer ends whatever takes longer than timeout_ms.
#pragma once

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/http_core.h"
#include "api/origin.h"

namespace bluemarble::api {

// Owned by its pending callbacks; all of them run on its strand.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  /// Counts as one of `population` while it lives.
  HttpConnection(HttpCore& server, std::shared_ptr<const HttpLive> live, TcpSocket socket,
                 std::atomic<uint32_t>& population);
  ~HttpConnection();

  void Serve();
  void Refuse();
  /// Somebody else needs the place. Any thread.
  void GiveWay();

  std::optional<HttpCore::Waiting::iterator> place;  ///< Of the server, under its lock.

 private:
  using Self = HttpConnection;
  using Error = boost::system::error_code;
  using Message = boost::beast::http::request<boost::beast::http::string_body>;

  std::chrono::milliseconds timeout() const {
    return std::chrono::milliseconds(settings_.timeout_ms);
  }
  template <typename Handler>
  auto Bound(Handler handler) {
    return [self = shared_from_this(), handler](Error error, size_t bytes) {
      handler(*self, error, bytes);
    };
  }
  void StartTimer(std::chrono::milliseconds limit);
  void Handshake();
  void NextRequest();
  void Read();
  void Parse();
  bool AwaitsContinue() const;
  void RefuseToParse(const Error& error);
  void OnReadTimeout();
  void OnRequest();
  std::optional<HttpResponse> JudgeOrigin(const Message& message, const HttpRequest& request);
  // The handler runs elsewhere, as long as it takes; its answer comes back to the strand. Nothing
  // is read meanwhile, so a client that hangs up is noticed when it is answered.
  void AnswerLater(HttpRequest request, bool keep_alive);
  void OpenWebSocket(const WebSocketOpener& open, const Message& message,
                     const HttpRequest& request);
  void Answer(HttpResponse response, std::string_view allow, bool keep_alive);
  std::string Head(const HttpResponse& response, std::string_view allow, bool keep_alive) const;
  void Write(std::string text, void (HttpConnection::*then)());
  void WriteMore(void (HttpConnection::*then)());
  void Close();
  void Swallow();
  void CountReceived(size_t bytes);

  HttpCore& server_;
  const std::shared_ptr<const HttpLive> live_;
  const HttpSettings& settings_;
  std::unique_ptr<HttpStream> stream_;  // null: it has become a WebSocket
  const boost::asio::any_io_executor strand_;
  boost::asio::steady_timer timer_;
  std::atomic<uint32_t>& population_;
  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
  std::string output_;
  size_t written_ = 0;
  size_t swallowed_ = 0;
  std::string listed_origin_;  // of the request: one of http.origins
  bool timed_out_ = false;
  bool refused_ = false;
  bool head_only_ = false;
  bool told_to_continue_ = false;
};

}  // namespace bluemarble::api
