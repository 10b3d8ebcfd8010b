/// The bytes of one TCP connection, plain or over TLS, behind one type, so that TLS is compiled in
/// one place. Used on the connection's strand.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <memory>
#include <string>

namespace bluemarble::api {

using TcpSocket = boost::asio::ip::tcp::socket;
using TlsContext = boost::asio::ssl::context;

class HttpStream {
 public:
  using Error = boost::system::error_code;
  using OnBytes = std::function<void(Error, size_t)>;
  using OnDone = std::function<void(Error)>;

  /// `tls`: null for plain; outlives the stream.
  HttpStream(TcpSocket socket, TlsContext* tls);
  ~HttpStream();
  HttpStream(const HttpStream&) = delete;
  HttpStream& operator=(const HttpStream&) = delete;

  bool tls() const { return tls_ != nullptr; }
  boost::asio::any_io_executor executor() { return socket_.get_executor(); }
  const std::string& remote_address() const { return remote_address_; }

  void Handshake(OnDone done);  ///< Only over TLS.
  void ReadSome(boost::asio::mutable_buffer into, OnBytes done);
  void WriteSome(boost::asio::const_buffer from, OnBytes done);
  void SayEnd(OnDone done);  ///< Only over TLS: its close notice.
  void EndWriting();         ///< Only plain: the other side reads the end.
  /// What is under way ends with an error.
  void Cancel();
  void Close();
  /// What the kernel keeps for a peer that does not read; what waits beyond it is ours to drop.
  void LimitSendBuffer(int bytes);

 private:
  struct Tls;

  TcpSocket socket_;
  std::string remote_address_;
  std::unique_ptr<Tls> tls_;
};

}  // namespace bluemarble::api
