#include "api/http_stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <cerrno>
#include <climits>
#include <new>
#include <utility>

namespace bluemarble::api {
namespace {

using boost::asio::socket_base;

// OpenSSL's own socket BIO writes without MSG_NOSIGNAL. The socket is asked for its descriptor each
// time: once it is closed, the number may be another connection's.
TcpSocket& SocketOf(BIO* bio) { return *static_cast<TcpSocket*>(BIO_get_data(bio)); }

int Moved(BIO* bio, ssize_t bytes, int retry) {
  BIO_clear_retry_flags(bio);
  if (bytes < 0 && (errno == EAGAIN || errno == EINTR))
    BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
  return static_cast<int>(bytes);
}

int WriteToSocket(BIO* bio, const char* data, int bytes) {
  const int fd = SocketOf(bio).native_handle();
  return Moved(bio, ::send(fd, data, static_cast<size_t>(bytes), MSG_NOSIGNAL), BIO_FLAGS_WRITE);
}

int ReadFromSocket(BIO* bio, char* data, int bytes) {
  const int fd = SocketOf(bio).native_handle();
  return Moved(bio, ::recv(fd, data, static_cast<size_t>(bytes), 0), BIO_FLAGS_READ);
}

long Control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

BIO_METHOD* SocketMethod() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    BIO_meth_set_write(made, WriteToSocket);
    BIO_meth_set_read(made, ReadFromSocket);
    BIO_meth_set_ctrl(made, Control);
    return made;
  }();
  return method;
}

}  // namespace

// OpenSSL on the socket itself. Boost's ssl::stream would keep 34 KiB of buffers for each
// connection, and as much in between, whether it says something or not.
struct HttpStream::Tls {
  Tls(TcpSocket& on, TlsContext& context) : socket(on), ssl(SSL_new(context.native_handle())) {
    BIO* const bio = BIO_new(SocketMethod());
    if (ssl == nullptr || bio == nullptr) {
      BIO_free(bio);
      SSL_free(ssl);
      throw std::bad_alloc();
    }
    BIO_set_data(bio, &socket);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    Error ignored;
    socket.native_non_blocking(true, ignored);
  }
  ~Tls() { SSL_free(ssl); }
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;

  /// `call(ssl)` until it does not have to wait; more than 0 is what it moved.
  template <typename Call>
  void Do(Call call, OnBytes done) {
    if (!socket.is_open()) return Tell(std::move(done), boost::asio::error::bad_descriptor, 0);
    ERR_clear_error();
    const int result = call(ssl);
    if (result > 0) return Tell(std::move(done), {}, static_cast<size_t>(result));
    const int why = SSL_get_error(ssl, result);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
      const auto code = static_cast<int>(ERR_get_error());
      return Tell(std::move(done),
                  code == 0 ? Error(boost::asio::error::eof)
                            : Error(code, boost::asio::error::get_ssl_category()),
                  0);
    }
    socket.async_wait(why == SSL_ERROR_WANT_READ ? socket_base::wait_read : socket_base::wait_write,
                      [this, call, done = std::move(done)](Error error) mutable {
                        if (error) return done(error, 0);
                        Do(call, std::move(done));
                      });
  }

  void Tell(OnBytes done, Error error, size_t bytes) {
    boost::asio::post(socket.get_executor(),
                      [done = std::move(done), error, bytes] { done(error, bytes); });
  }

  TcpSocket& socket;
  SSL* const ssl;
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
  tls_->Do([](SSL* ssl) { return SSL_accept(ssl); },
           [done = std::move(done)](Error error, size_t) { done(error); });
}

void HttpStream::ReadSome(boost::asio::mutable_buffer into, OnBytes done) {
  if (!tls_) return socket_.async_read_some(into, std::move(done));
  const int most = static_cast<int>(std::min<size_t>(into.size(), INT_MAX));
  tls_->Do([into, most](SSL* ssl) { return SSL_read(ssl, into.data(), most); }, std::move(done));
}

void HttpStream::WriteSome(boost::asio::const_buffer from, OnBytes done) {
  if (!tls_) return socket_.async_write_some(from, std::move(done));
  const int most = static_cast<int>(std::min<size_t>(from.size(), INT_MAX));
  tls_->Do([from, most](SSL* ssl) { return SSL_write(ssl, from.data(), most); }, std::move(done));
}

void HttpStream::SayEnd(OnDone done) {
  // The second call waits for the other side's end.
  tls_->Do(
      [](SSL* ssl) {
        const int said = SSL_shutdown(ssl);
        return said == 0 ? SSL_shutdown(ssl) : said;
      },
      [done = std::move(done)](Error error, size_t) { done(error); });
}
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
