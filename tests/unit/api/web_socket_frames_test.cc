#include "api/web_socket_frames.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "api/http_handshake.h"
#include "web_socket_client.h"

namespace bluemarble::api {
namespace {

using Event = WebSocketReader::Event;

std::string PayloadText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct FrameEvents {
  std::vector<Event> events;
  std::vector<std::string> payloads;
  uint16_t code = 0;
  size_t left = 0;
};

FrameEvents ReadAll(std::string bytes, size_t max_message = 1024, size_t at_once = SIZE_MAX) {
  FrameEvents all;
  WebSocketReader reader(max_message);
  std::span<std::byte> rest = std::as_writable_bytes(std::span(bytes));
  while (!rest.empty()) {
    std::span<std::byte> part = rest.first(std::min(at_once, rest.size()));
    rest = rest.subspan(part.size());
    while (!part.empty()) {
      const Event event = reader.Read(part);
      if (event == Event::kNeedMore) continue;
      all.events.push_back(event);
      all.payloads.push_back(PayloadText(reader.payload()));
      all.code = reader.code();
      if (event == Event::kBroken) return all;
    }
  }
  return all;
}

TEST(WebSocketFrames, AreReadWholeAndByteByByte) {
  const std::string bytes = ClientFrame(2, "hello") + ClientFrame(9, "beat") +
                            ClientFrame(1, std::string(126, 'a')) +
                            ClientFrame(2, std::string(70'000, 'b')) + ClientFrame(2, "") +
                            ClientFrame(8, std::string("\x03\xe8", 2) + "bye");
  for (const size_t at_once : {SIZE_MAX, size_t{1}, size_t{7}}) {
    const FrameEvents all = ReadAll(bytes, 70'000, at_once);
    EXPECT_EQ(all.events, (std::vector{Event::kMessage, Event::kPing, Event::kMessage,
                                       Event::kMessage, Event::kMessage, Event::kClose}));
    EXPECT_EQ(all.payloads[0], "hello");
    EXPECT_EQ(all.payloads[1], "beat");
    EXPECT_EQ(all.payloads[2], std::string(126, 'a'));
    EXPECT_EQ(all.payloads[3], std::string(70'000, 'b'));
    EXPECT_EQ(all.payloads[4], "");
    EXPECT_EQ(all.code, 1000);
  }
}

TEST(WebSocketFrames, AMessageInPiecesMayHaveAPingInBetween) {
  const FrameEvents all =
      ReadAll(ClientFrame(1, "one ", false) + ClientFrame(0, "two ", false) + ClientFrame(9, "?") +
              ClientFrame(0, "", false) + ClientFrame(0, "three") + ClientFrame(2, "next"));
  EXPECT_EQ(all.events, (std::vector{Event::kPing, Event::kMessage, Event::kMessage}));
  EXPECT_EQ(all.payloads[1], "one two three");
  EXPECT_EQ(all.payloads[2], "next");
}

struct BrokenCase {
  const char* name;
  std::string bytes;
  uint16_t code;
};

TEST(WebSocketFrames, WhatBreaksTheRulesIsToldByItsCode) {
  const auto head = [](int first, int second, const std::string& rest = {}) {
    return std::string{static_cast<char>(first), static_cast<char>(second)} + rest;
  };
  std::string fragments = ClientFrame(2, "a", false);
  for (uint32_t i = 0; i < WebSocketReader::kMaxFragments; ++i)
    fragments += ClientFrame(0, "", false);
  const BrokenCase cases[] = {
      {"no mask", head(0x82, 0x01, "a"), 1002},
      {"reserved bit", head(0xc2, 0x80, "mask"), 1002},
      {"opcode 3", ClientFrame(3, "a"), 1002},
      {"opcode 11", ClientFrame(11, "a"), 1002},
      {"ping in pieces", ClientFrame(9, "a", false), 1002},
      {"long ping", ClientFrame(9, std::string(126, 'a')), 1002},
      {"continuation of nothing", ClientFrame(0, "a"), 1002},
      {"message within a message", ClientFrame(2, "a", false) + ClientFrame(2, "b"), 1002},
      {"16-bit length of 5", head(0x82, 0xfe, std::string("\0\5maskhello", 11)), 1002},
      {"64-bit length of 5", head(0x82, 0xff, std::string("\0\0\0\0\0\0\0\5maskhello", 17)), 1002},
      {"negative length", head(0x82, 0xff, std::string("\x80\0\0\0\0\0\0\0mask", 12)), 1002},
      {"too large", ClientFrame(2, std::string(1025, 'a')), 1009},
      {"too large, told by its head alone",
       head(0x82, 0xff, std::string("\x7f\0\0\0\0\0\0\0mask", 12)), 1009},
      {"too large in pieces", ClientFrame(2, std::string(1024, 'a'), false) + ClientFrame(0, "b"),
       1009},
      {"too many fragments", fragments, 1008},
      {"text that is no UTF-8", ClientFrame(1, "\xc3\x28"), 1007},
      {"text cut in a character", ClientFrame(1, "\xe2\x82"), 1007},
      {"half a close code", ClientFrame(8, "\x03"), 1002},
      {"close 1005", ClientFrame(8, "\x03\xed"), 1002},
      {"close 999", ClientFrame(8, "\x03\xe7"), 1002},
      {"close reason that is no UTF-8", ClientFrame(8, "\x03\xe8\xff"), 1007},
  };
  for (const BrokenCase& broken : cases) {
    const FrameEvents all = ReadAll(broken.bytes);
    ASSERT_FALSE(all.events.empty()) << broken.name;
    EXPECT_EQ(all.events.back(), Event::kBroken) << broken.name;
    EXPECT_EQ(all.code, broken.code) << broken.name;
  }
}

TEST(WebSocketFrames, ACharacterMayBeCutBetweenFragments) {
  const FrameEvents all = ReadAll(ClientFrame(1, "\xe2\x82", false) + ClientFrame(0, "\xac"));
  ASSERT_EQ(all.events, std::vector{Event::kMessage});
  EXPECT_EQ(all.payloads[0], "\xe2\x82\xac");
}

TEST(WebSocketFrames, NothingIsReadAfterABrokenFrame) {
  WebSocketReader reader(1024);
  std::string bytes = ClientFrame(3, "a") + ClientFrame(2, "b");
  std::span<std::byte> rest = std::as_writable_bytes(std::span(bytes));
  EXPECT_EQ(reader.Read(rest), Event::kBroken);
  EXPECT_EQ(reader.Read(rest), Event::kBroken);
}

TEST(WebSocketFrames, AreWrittenInTheirShortestForm) {
  for (const size_t size : {0, 125, 126, 65'535, 65'536}) {
    std::string out;
    const std::string payload(size, 'x');
    AppendFrame(out, FrameKind::kBinary, std::as_bytes(std::span(payload)));
    const size_t head = size < 126 ? 2 : size < 65'536 ? 4 : 10;
    EXPECT_EQ(out.size(), head + size);
    EXPECT_EQ(out[0], '\x82');
    ServerFrame frame;
    ASSERT_TRUE(TakeServerFrame(out, &frame));
    EXPECT_EQ(frame.payload, payload);
  }
}

TEST(WebSocketFrames, ACloseReasonIsCutBetweenCharacters) {
  std::string reason(122, 'r');
  reason += "\xe2\x82\xac";
  std::string out;
  AppendClose(out, 4013, reason);
  ServerFrame frame;
  ASSERT_TRUE(TakeServerFrame(out, &frame));
  EXPECT_EQ(frame.payload, std::string("\x0f\xad", 2) + std::string(122, 'r'));
}

TEST(WebSocketHandshake, AnswersTheExampleOfTheStandard) {
  const auto handshake = ReadHandshake({.method = "GET",
                                        .upgrade = "WebSocket",
                                        .connection = "keep-alive, Upgrade",
                                        .version = "13",
                                        .key = "dGhlIHNhbXBsZSBub25jZQ=="});
  EXPECT_FALSE(handshake.refusal.has_value());
  EXPECT_NE(handshake.answer.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
            std::string::npos);
}

TEST(WebSocketHandshake, RefusesWhatIsNone) {
  struct Case {
    HandshakeHeaders headers;
    int status;
  };
  const HandshakeHeaders good{"GET", "websocket", "Upgrade", "13", "dGhlIHNhbXBsZSBub25jZQ=="};
  const auto with = [&good](auto change) {
    HandshakeHeaders headers = good;
    change(headers);
    return headers;
  };
  const Case cases[] = {
      {with([](auto& h) { h.method = "POST"; }), 405},
      {with([](auto& h) { h.upgrade = ""; }), 426},
      {with([](auto& h) { h.upgrade = "h2c"; }), 426},
      {with([](auto& h) { h.connection = "close"; }), 426},
      {with([](auto& h) { h.version = "8"; }), 426},
      {with([](auto& h) { h.key = ""; }), 400},
      {with([](auto& h) { h.key = "dGhlIHNhbXBsZSBub25j"; }), 400},
      {with([](auto& h) { h.key = "dGhlIHNhbXBsZSBub25jZR=="; }), 400},
  };
  for (const Case& refused : cases) {
    const auto handshake = ReadHandshake(refused.headers);
    ASSERT_TRUE(handshake.refusal.has_value()) << refused.status;
    EXPECT_EQ(handshake.refusal->status, refused.status) << handshake.refusal->body;
  }
}

}  // namespace
}  // namespace bluemarble::api
