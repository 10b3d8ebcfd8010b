#include "api/web_socket_frames.h"

#include <algorithm>

#include "core/text.h"

namespace bluemarble::api {
namespace {

// [FIN 1, RSV 3, opcode 4][MASK 1, length 7][length 2 or 8, big-endian][mask 4][payload]
constexpr uint8_t kFinal = 0x80, kReserved = 0x70, kOpcode = 0x0f, kMasked = 0x80, kLength = 0x7f;
constexpr uint8_t kLength16 = 126, kLength64 = 127;
constexpr size_t kMaskBytes = 4;
// What a message may keep allocated once it is over.
constexpr size_t kKeptBytes = 4096;

uint8_t U8(std::byte byte) { return std::to_integer<uint8_t>(byte); }

std::string_view TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// May a client give it (RFC 6455, 7.4, and the codes registered since)?
bool IsCloseCode(uint16_t code) {
  return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
         (code >= 3000 && code <= 4999);
}

}  // namespace

void AppendFrame(std::string& out, FrameKind kind, std::span<const std::byte> payload) {
  out += static_cast<char>(kFinal | static_cast<uint8_t>(kind));
  const uint64_t size = payload.size();
  int length_bytes = 0;
  if (size < kLength16) {
    out += static_cast<char>(size);
  } else {
    length_bytes = size <= 0xffff ? 2 : 8;
    out += static_cast<char>(length_bytes == 2 ? kLength16 : kLength64);
  }
  for (int i = length_bytes - 1; i >= 0; --i) out += static_cast<char>(size >> (8 * i) & 0xff);
  out.append(TextOf(payload));
}

void AppendClose(std::string& out, uint16_t code, std::string_view reason) {
  size_t size = std::min(reason.size(), kMaxControlBytes - 2);
  if (size < reason.size()) {
    while (size > 0 && (static_cast<uint8_t>(reason[size]) & 0xc0) == 0x80) --size;
  }
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  payload.append(reason.substr(0, size));
  AppendFrame(out, FrameKind::kClose, std::as_bytes(std::span(payload)));
}

WebSocketReader::Event WebSocketReader::Read(std::span<std::byte>& bytes) {
  if (problem_[0] != '\0') return Event::kBroken;
  payload_ = {};
  if (delivered_) {
    delivered_ = false;
    message_.clear();
    if (message_.capacity() > kKeptBytes) message_.shrink_to_fit();
  }
  for (;;) {
    if (!in_payload_) {
      if (!ReadHead(bytes)) return Event::kNeedMore;
      if (const Event event = BeginFrame(); event != Event::kNeedMore) return event;
    }
    const size_t size = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size()));
    const std::byte* const mask = head_.data() + head_bytes_ - kMaskBytes;
    for (size_t i = 0; i < size; ++i) bytes[i] ^= mask[(mask_at_ + i) % kMaskBytes];
    mask_at_ += size;
    auto& into = control_ ? control_payload_ : message_;
    into.insert(into.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
    bytes = bytes.subspan(size);
    left_ -= size;
    if (left_ > 0) return Event::kNeedMore;
    if (const Event event = EndFrame(); event != Event::kNeedMore) return event;
  }
}

bool WebSocketReader::ReadHead(std::span<std::byte>& bytes) {
  const auto wanted = [this]() -> size_t {
    if (head_bytes_ < 2) return 2;
    const uint8_t length = U8(head_[1]) & kLength;
    return 2 +
           (length == kLength16   ? 2u
            : length == kLength64 ? 8u
                                  : 0u) +
           ((U8(head_[1]) & kMasked) != 0 ? kMaskBytes : 0);
  };
  while (head_bytes_ < wanted()) {
    if (bytes.empty()) return false;
    head_[head_bytes_++] = bytes.front();
    bytes = bytes.subspan(1);
  }
  return true;
}

WebSocketReader::Event WebSocketReader::BeginFrame() {
  const uint8_t first = U8(head_[0]), second = U8(head_[1]);
  if ((first & kReserved) != 0) return Broken(1002, "reserved bits");
  if ((second & kMasked) == 0) return Broken(1002, "a frame without mask");
  final_ = (first & kFinal) != 0;
  kind_ = static_cast<FrameKind>(first & kOpcode);
  const uint8_t short_length = second & kLength;
  const int length_bytes = short_length == kLength16 ? 2 : short_length == kLength64 ? 8 : 0;
  left_ = short_length;
  if (length_bytes > 0) {
    left_ = 0;
    for (int i = 0; i < length_bytes; ++i)
      left_ = left_ << 8 | U8(head_[2 + static_cast<size_t>(i)]);
    if (left_ < (length_bytes == 2 ? kLength16 : uint64_t{0x10000}) || left_ >> 63 != 0)
      return Broken(1002, "a length that is not in its shortest form");
  }
  control_ = (first & 0x08) != 0;
  if (control_) {
    if (kind_ > FrameKind::kPong) return Broken(1002, "an unknown kind of frame");
    if (!final_ || left_ > kMaxControlBytes)
      return Broken(1002, "a control frame that is long or in pieces");
    control_payload_.clear();
  } else {
    if (kind_ > FrameKind::kBinary) return Broken(1002, "an unknown kind of frame");
    if ((kind_ == FrameKind::kContinuation) != (fragments_ > 0))
      return Broken(1002, "a message within a message, or one without a beginning");
    if (fragments_ == 0) binary_ = kind_ == FrameKind::kBinary;
    if (++fragments_ > kMaxFragments) return Broken(1008, "a message in too many fragments");
    if (left_ > max_message_bytes_ - message_.size())
      return Broken(1009, "larger than http.websocket_message_bytes");
  }
  in_payload_ = true;
  mask_at_ = 0;
  return Event::kNeedMore;
}

WebSocketReader::Event WebSocketReader::EndFrame() {
  in_payload_ = false;
  head_bytes_ = 0;
  if (control_) {
    payload_ = control_payload_;
    if (kind_ == FrameKind::kClose) return EndClose();
    return kind_ == FrameKind::kPing ? Event::kPing : Event::kPong;
  }
  if (!final_) return Event::kNeedMore;
  fragments_ = 0;
  delivered_ = true;
  payload_ = message_;
  if (!binary_ && !core::IsUtf8(TextOf(payload_))) return Broken(1007, "text that is not UTF-8");
  return Event::kMessage;
}

WebSocketReader::Event WebSocketReader::EndClose() {
  if (payload_.empty()) {
    code_ = 1005;
    return Event::kClose;
  }
  if (payload_.size() == 1) return Broken(1002, "half a close code");
  const auto code = static_cast<uint16_t>(U8(payload_[0]) << 8 | U8(payload_[1]));
  if (!IsCloseCode(code)) return Broken(1002, "a close code that does not exist");
  if (!core::IsUtf8(TextOf(payload_.subspan(2)))) return Broken(1007, "text that is not UTF-8");
  code_ = code;
  return Event::kClose;
}

WebSocketReader::Event WebSocketReader::Broken(uint16_t code, const char* problem) {
  code_ = code;
  problem_ = problem;
  return Event::kBroken;
}

}  // namespace bluemarble::api
