/// Frames of RFC 6455 as a server reads and writes them: no extension, every bound checked before a
/// byte is kept. Owner's thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bluemarble::api {

enum class FrameKind : uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

/// Appends one whole frame, unmasked. A control frame's payload is at most kMaxControlBytes.
void AppendFrame(std::string& out, FrameKind kind, std::span<const std::byte> payload);
/// A close frame; `reason` is cut to fit, between characters.
void AppendClose(std::string& out, uint16_t code, std::string_view reason);
inline constexpr size_t kMaxControlBytes = 125;
/// What a frame's head takes at most.
inline constexpr size_t kMaxFrameHeadBytes = 10;

class WebSocketReader {
 public:
  /// Fragments of one message. More: 131,000 of one byte each would cost more than they carry.
  static constexpr uint32_t kMaxFragments = 64;

  enum class Event : uint8_t {
    kNeedMore,  ///< all bytes are consumed
    kMessage,   ///< payload() and binary()
    kPing,      ///< payload()
    kPong,
    kClose,  ///< code(): the client's, or 1005
    kBroken  ///< code() and problem(): what to close with. Nothing can be read any more.
  };

  explicit WebSocketReader(size_t max_message_bytes) : max_message_bytes_(max_message_bytes) {}

  /// Consumes from the front of `bytes` (and unmasks there) up to the next event.
  Event Read(std::span<std::byte>& bytes);

  /// Of the last event, until the next Read.
  std::span<const std::byte> payload() const { return payload_; }
  bool binary() const { return binary_; }
  uint16_t code() const { return code_; }
  const char* problem() const { return problem_; }
  /// A message has begun and is not whole.
  bool in_message() const { return fragments_ > 0 || head_bytes_ > 0; }

 private:
  // Fills head_ as far as its own bytes say that it goes. False: more is needed.
  bool ReadHead(std::span<std::byte>& bytes);
  Event BeginFrame();
  Event EndFrame();
  Event EndClose();
  Event Broken(uint16_t code, const char* problem);

  const size_t max_message_bytes_;
  std::array<std::byte, 14> head_{};
  size_t head_bytes_ = 0;  // of head_, filled
  uint64_t left_ = 0;      // of the frame's payload
  size_t mask_at_ = 0;     // bytes of the frame unmasked so far
  bool in_payload_ = false;
  bool final_ = false;
  bool control_ = false;
  FrameKind kind_ = FrameKind::kContinuation;
  uint32_t fragments_ = 0;  // of the message so far; 0: none has begun
  bool binary_ = false;
  bool delivered_ = false;  // the message behind payload_ is over
  std::vector<std::byte> message_;
  std::vector<std::byte> control_payload_;
  std::span<const std::byte> payload_;
  uint16_t code_ = 0;
  const char* problem_ = "";
};

}  // namespace bluemarble::api
