/// A WebSocket client that says exactly what a test tells it to, over a RawClient. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "raw_client.h"

namespace bluemarble::api {

/// One masked frame, as a client sends it.
inline std::string ClientFrame(int opcode, std::string_view payload, bool final = true) {
  std::string out;
  out += static_cast<char>((final ? 0x80 : 0) | opcode);
  const uint64_t size = payload.size();
  const int length_bytes = size < 126 ? 0 : size <= 0xffff ? 2 : 8;
  out += static_cast<char>(0x80 | (length_bytes == 0 ? size : length_bytes == 2 ? 126u : 127u));
  for (int i = length_bytes - 1; i >= 0; --i) out += static_cast<char>(size >> (8 * i) & 0xff);
  constexpr char kMask[] = {0x12, 0x34, 0x56, 0x78};
  out.append(kMask, 4);
  for (size_t i = 0; i < payload.size(); ++i) out += static_cast<char>(payload[i] ^ kMask[i % 4]);
  return out;
}

struct ServerFrame {
  int opcode = 0;
  bool final = false;
  std::string payload;

  /// Of a close frame.
  int code() const {
    if (opcode != 8 || payload.size() < 2) return 0;
    return static_cast<uint8_t>(payload[0]) << 8 | static_cast<uint8_t>(payload[1]);
  }
};

/// Takes one frame from the front of `bytes`. False: it is not whole.
inline bool TakeServerFrame(std::string& bytes, ServerFrame* frame) {
  if (bytes.size() < 2) return false;
  const auto byte = [&bytes](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  uint64_t size = byte(1) & 0x7f;
  EXPECT_EQ(byte(1) & 0x80, 0) << "a server's frame is masked";
  const size_t length_bytes = size == 126 ? 2 : size == 127 ? 8 : 0;
  if (bytes.size() < 2 + length_bytes) return false;
  if (length_bytes > 0) size = 0;
  for (size_t i = 0; i < length_bytes; ++i) size = size << 8 | byte(2 + i);
  if (bytes.size() < 2 + length_bytes + size) return false;
  frame->opcode = byte(0) & 0x0f;
  frame->final = (byte(0) & 0x80) != 0;
  frame->payload = bytes.substr(2 + length_bytes, size);
  bytes.erase(0, 2 + length_bytes + size);
  return true;
}

class WebSocketClient {
 public:
  static constexpr const char* kUpgrade =
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

  explicit WebSocketClient(uint16_t port) : client_(port) {}

  /// The status that a request for `path` is answered with; 101: open from now on.
  int Open(const std::string& path, const std::string& headers = {},
           const std::string& first_frames = {}) {
    client_.Send("GET " + path + " HTTP/1.1\r\nHost: here:80\r\n" + kUpgrade + headers + "\r\n" +
                 first_frames);
    answer_ = client_.ReadAnswer();
    return StatusOf(answer_);
  }
  const std::string& answer() const { return answer_; }

  bool Send(int opcode, std::string_view payload, bool final = true) {
    return client_.Send(ClientFrame(opcode, payload, final));
  }
  bool SendRaw(std::string_view bytes) { return client_.Send(bytes); }
  /// nullopt: the connection has ended.
  std::optional<ServerFrame> Read() {
    ServerFrame frame;
    while (!TakeServerFrame(client_.received(), &frame)) {
      if (!client_.Receive()) return std::nullopt;
    }
    return frame;
  }
  /// The code of the close frame, whatever comes before it; 0: the connection ended without one.
  int ReadClose() {
    while (auto frame = Read()) {
      if (frame->opcode == 8) return frame->code();
    }
    return 0;
  }
  bool Ended() { return !Read().has_value(); }

 private:
  RawClient client_;
  std::string answer_;
};

}  // namespace bluemarble::api
