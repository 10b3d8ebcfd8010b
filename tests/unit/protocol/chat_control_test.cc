// Chat on the wire: what travels, what is refused for its form, and what is not.
#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "core/hash.h"
#include "protocol/control.h"

namespace bluemarble::protocol {
namespace {

std::vector<std::byte> Bytes(const std::string& text) {
  std::vector<std::byte> bytes;
  for (const char c : text) bytes.push_back(static_cast<std::byte>(c));
  return bytes;
}
std::string Field(int number, const std::string& content) {
  std::string out{static_cast<char>(number << 3 | 2)};
  size_t size = content.size();
  for (; size >= 0x80; size >>= 7) out += static_cast<char>(size | 0x80);
  return out + static_cast<char>(size) + content;
}

TEST(ChatControl, SayingsTravelWhateverTheirBytes) {
  const std::string all_bytes = [] {
    std::string bytes;
    for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
    return bytes;
  }();
  for (const ChatSay& say :
       {ChatSay{ChatScope::kZone, "hello", 1}, ChatSay{ChatScope::kLocal, "", 0},
        ChatSay{ChatScope::kLocal, all_bytes, 0xffffffff},
        ChatSay{static_cast<ChatScope>(255), "\xff\xfe", 7}}) {
    const auto bytes = Encode(ClientControl(say));
    EXPECT_LE(bytes.size(), kMaxChatSayBytes);
    const auto back = DecodeClientControl(bytes);
    ASSERT_TRUE(back.ok()) << back.status().ToString();
    EXPECT_EQ(std::get<ChatSay>(*back), say);
  }
}

TEST(ChatControl, AnswersTravel) {
  const ChatHeard heard{ChatScope::kLocal,
                        0xfff00001,
                        int64_t{5} << 40,
                        std::string(32, 'n'),
                        std::string(kMaxChatBytes, 't'),
                        uint64_t{1} << 40};
  const auto bytes = Encode(ServerControl(heard));
  EXPECT_LE(bytes.size(), kMaxControlBytes);
  const auto back = DecodeServerControl(bytes);
  ASSERT_TRUE(back.ok()) << back.status().ToString();
  EXPECT_EQ(std::get<ChatHeard>(*back), heard);
  const ChatRefused refused{9, ChatReason::kTooFast, "slow down", 1500};
  const auto answer = DecodeServerControl(Encode(ServerControl(refused)));
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(std::get<ChatRefused>(*answer), refused);
}

TEST(ChatControl, TextBeyondTheBoundIsRefusedOnBothSides) {
  const std::string text(kMaxChatBytes + 1, 'x');
  EXPECT_EQ(DecodeClientControl(Bytes(Field(5, Field(2, text)))).status().code(),
            core::Code::kInvalid);
  EXPECT_EQ(DecodeServerControl(Bytes(Field(8, Field(5, text)))).status().code(),
            core::Code::kInvalid);
}

TEST(ChatControl, AScopeOrReasonOfAnotherVersionIsOneThatIsNotKnown) {
  const auto say = DecodeClientControl(Bytes(Field(5, "\x08\x81\x02" + Field(2, "x"))));
  ASSERT_TRUE(say.ok());
  EXPECT_EQ(std::get<ChatSay>(*say).scope, static_cast<ChatScope>(0)) << "257 is not 1";
  const auto refused = DecodeServerControl(Bytes(Field(9, "\x10\x81\x02")));
  ASSERT_TRUE(refused.ok());
  EXPECT_STREQ(ChatReasonName(std::get<ChatRefused>(*refused).reason), "unknown");
}

TEST(ChatControl, EveryReasonHasAName) {
  for (uint32_t reason = 0; reason < kChatReasons; ++reason)
    EXPECT_STRNE(ChatReasonName(static_cast<ChatReason>(reason)), "unknown") << reason;
  EXPECT_STREQ(ChatReasonName(static_cast<ChatReason>(kChatReasons)), "unknown");
}

TEST(ChatControl, DamagedBytesAreDecodedOrRefusedAndNeverMore) {
  const auto good = Encode(ClientControl(ChatSay{ChatScope::kZone, "hello there", 77}));
  core::Random random(5);
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = good;
    const auto flips = 1 + random.Below(4);
    for (uint64_t i = 0; i < flips; ++i)
      bytes[random.Below(bytes.size())] ^= static_cast<std::byte>(1 + random.Below(255));
    bytes.resize(1 + random.Below(bytes.size()));
    const auto decoded = DecodeClientControl(bytes);
    refused += !decoded.ok();
    if (!decoded.ok()) continue;
    if (const auto* say = std::get_if<ChatSay>(&*decoded)) {
      EXPECT_LE(say->text.size(), kMaxChatBytes);
    }
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace bluemarble::protocol
