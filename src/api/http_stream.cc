#include "api/http_stream.h"

#include <boost/asio/ssl/stream.hpp>
#include <utility>

namespace bluemarble::api {

struct HttpStream::Tls {
  Tls(TcpSocket& socket, TlsContext& context) : stream(socket, context) {}
  boost::asio::ssl::stream<TcpSocket&> stream;
};

HttpStream::HttpStream(TcpSocket socket, TlsContext* tls) : socket_(std::move(socket)) {
  Error ignored;
  remote_address_ = socket_.remote_endpoint(ignored).address().to_string(ignored);
  // A small answer must not wait for the acknowledgement of the one before.
  socket_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  if (tls != nullptr) tls_ = std::make_unique<Tls>(socket_, *tls);
}

HttpStream::~HttpStream() = default;

void HttpStream::Handshake(OnDone done) {
  tls_->stream.async_handshake(boost::asio::ssl::stream_base::server, std::move(done));
}

void HttpStream::ReadSome(boost::asio::mutable_buffer into, OnBytes done) {
  if (tls_) return tls_->stream.async_read_some(into, std::move(done));
  socket_.async_read_some(into, std::move(done));
}

void HttpStream::WriteSome(boost::asio::const_buffer from, OnBytes done) {
  if (tls_) return tls_->stream.async_write_some(from, std::move(done));
  socket_.async_write_some(from, std::move(done));
}

void HttpStream::SayEnd(OnDone done) { tls_->stream.async_shutdown(std::move(done)); }

void HttpStream::EndWriting() {
  Error ignored;
  socket_.shutdown(TcpSocket::shutdown_send, ignored);
}

void HttpStream::Cancel() {
  Error ignored;
  socket_.cancel(ignored);
}

void HttpStream::Close() {
  Error ignored;
  socket_.close(ignored);
}

void HttpStream::LimitSendBuffer(int bytes) {
  Error ignored;
  socket_.set_option(boost::asio::socket_base::send_buffer_size(bytes), ignored);
}

}  // namespace bluemarble::api
