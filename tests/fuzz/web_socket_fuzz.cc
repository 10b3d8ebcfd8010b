// Covers src/api/web_socket_frames.cc.
//
// What a client sends over a WebSocket. The first byte says how large a message may be, the second
// into how many bytes the rest is cut on its way: where it is cut changes nothing of what was said.
#include <algorithm>
#include <tuple>
#include <vector>

#include "api/web_socket_frames.h"
#include "core/text.h"
#include "fuzz_target.h"

namespace api = bluemarble::api;

namespace {

using api::FrameKind;
using api::WebSocketReader;
using Event = WebSocketReader::Event;
using Payload = std::vector<std::byte>;

struct Said {
  Event event = Event::kNeedMore;
  Payload payload;
  bool binary = false;
  uint16_t code = 0;
  bool operator==(const Said&) const = default;
};

// What stands at the end: the reader waits within a message or a frame's head.
struct Heard {
  std::vector<Said> said;
  bool in_message = false;
  bool operator==(const Heard&) const = default;
};

Heard Hear(std::span<const std::byte> stream, size_t limit, size_t piece) {
  WebSocketReader reader(limit);
  Heard heard;
  while (!stream.empty()) {
    Payload copy(stream.begin(),
                 stream.begin() + static_cast<ptrdiff_t>(std::min(piece, stream.size())));
    stream = stream.subspan(copy.size());
    std::span<std::byte> bytes = copy;
    for (Event event = reader.Read(bytes); event != Event::kNeedMore; event = reader.Read(bytes)) {
      const auto payload = reader.payload();
      Said& said = heard.said.emplace_back();
      said.event = event;
      if (event != Event::kBroken) said.payload.assign(payload.begin(), payload.end());
      if (event == Event::kMessage) said.binary = reader.binary();
      if (event == Event::kClose || event == Event::kBroken) said.code = reader.code();
      // After these a connection reads no more.
      if (event == Event::kBroken || event == Event::kClose) {
        if (event == Event::kBroken)
          bluemarble::fuzz::Require(reader.Read(bytes) == Event::kBroken &&
                                    *reader.problem() != '\0');
        return heard;
      }
    }
    bluemarble::fuzz::Require(bytes.empty());
  }
  heard.in_message = reader.in_message();
  return heard;
}

bool IsText(std::span<const std::byte> bytes) {
  return bluemarble::core::IsUtf8(bluemarble::fuzz::TextOf(bytes));
}

void Check(const Said& said, size_t limit) {
  using bluemarble::fuzz::Require;
  switch (said.event) {
    case Event::kMessage:
      Require(said.payload.size() <= limit && (said.binary || IsText(said.payload)));
      break;
    case Event::kPing:
    case Event::kPong: Require(said.payload.size() <= api::kMaxControlBytes); break;
    case Event::kClose:
      Require(said.payload.empty() ? said.code == 1005
                                   : said.code >= 1000 && said.code < 5000 && said.code != 1005);
      Require(said.payload.size() <= api::kMaxControlBytes);
      if (!said.payload.empty()) Require(IsText(std::span(said.payload).subspan(2)));
      break;
    case Event::kBroken:
      Require(said.code == 1002 || said.code == 1007 || said.code == 1008 || said.code == 1009);
      break;
    case Event::kNeedMore: Require(false);
  }
}

// What the server writes, as a client would have to: masked, here by a key of zeros.
Payload Masked(const std::string& frame, size_t payload_bytes) {
  const auto bytes = std::as_bytes(std::span(frame));
  const auto head = bytes.first(frame.size() - payload_bytes);
  Payload out(head.begin(), head.end());
  out[1] |= std::byte{0x80};
  out.insert(out.end(), 4, std::byte{0});
  out.insert(out.end(), bytes.end() - static_cast<ptrdiff_t>(payload_bytes), bytes.end());
  return out;
}

// What was taken and is said back is taken as the same again.
void SayBack(const Said& said, size_t limit) {
  std::string frame;
  if (said.event == Event::kMessage) {
    api::AppendFrame(frame, said.binary ? FrameKind::kBinary : FrameKind::kText, said.payload);
  } else if (said.event == Event::kPing || said.event == Event::kPong) {
    api::AppendFrame(frame, said.event == Event::kPing ? FrameKind::kPing : FrameKind::kPong,
                     said.payload);
  } else if (said.event == Event::kClose && !said.payload.empty()) {
    api::AppendClose(frame, said.code, bluemarble::fuzz::TextOf(said.payload).substr(2));
  } else {
    return;
  }
  bluemarble::fuzz::Require(frame.size() <= said.payload.size() + api::kMaxFrameHeadBytes);
  const Heard heard = Hear(Masked(frame, said.payload.size()), limit, frame.size() + 4);
  bluemarble::fuzz::Require(heard.said.size() == 1 && heard.said[0] == said && !heard.in_message);
}

}  // namespace

FUZZ_TARGET(web_socket) {
  if (bytes.size() < 2) return;
  const size_t limit = size_t{1} << (std::to_integer<unsigned>(bytes[0]) % 18);
  const size_t piece = std::to_integer<size_t>(bytes[1]) + 1;
  const auto stream = bytes.subspan(2);
  const Heard heard = Hear(stream, limit, std::max<size_t>(stream.size(), 1));
  bluemarble::fuzz::Require(heard == Hear(stream, limit, piece));
  for (const Said& said : heard.said) {
    Check(said, limit);
    SayBack(said, limit);
  }
}
