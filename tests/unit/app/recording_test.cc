#include "app/recording.h"

#include <gtest/gtest.h>

#include <cstring>

#include "app/replay_parts.h"

namespace bluemarble::app {
namespace {

void Append(std::vector<std::byte>& file, const RecordHead& head, const std::string& body = {}) {
  std::vector<std::byte> record(sizeof head + body.size());
  std::memcpy(record.data(), &head, sizeof head);
  std::memcpy(record.data() + sizeof head, body.data(), body.size());
  std::array<std::byte, kRecordFrameBytes> frame;
  EncodeRecordFrame(record, frame);
  file.insert(file.end(), frame.begin(), frame.end());
  file.insert(file.end(), record.begin(), record.end());
}

std::vector<std::byte> OneTick() {
  std::vector<std::byte> file;
  Append(file, {.kind = RecordKind::kTick, .code = 1, .a = 42});
  Append(file, {.kind = RecordKind::kBan, .a = 77, .b = 900});
  Append(file, {.kind = RecordKind::kInbound, .inbound_kind = 3, .a = 7}, "hello");
  Append(file, {.kind = RecordKind::kSendRefused, .code = 3, .a = 1});
  Append(file, {.kind = RecordKind::kHash, .a = 99});
  return file;
}

TEST(Recording, ATickComesBackAsItWasWritten) {
  const auto file = OneTick();
  RecordingReader reader(file);
  RecordedTick tick;
  ASSERT_TRUE(ReadTick(reader, tick).ok());
  EXPECT_EQ(tick.input.tick, 42u);
  EXPECT_TRUE(tick.input.stopping);
  ASSERT_EQ(tick.bans.size(), 1u);
  EXPECT_EQ(tick.bans[0].account_id, 77);
  EXPECT_EQ(tick.bans[0].refused_ticks, 900u);
  ASSERT_EQ(tick.inbound.size(), 1u);
  EXPECT_EQ(tick.inbound[0].body.size(), 5u);
  EXPECT_EQ(tick.hash, 99u);
  EXPECT_EQ(ReadTick(reader, tick).code(), core::Code::kNotFound);
  EXPECT_FALSE(reader.truncated());
}

TEST(Recording, AnOperatorsOrderComesBackAsItWasGiven) {
  session::OperatorOrder order;
  order.kind = session::OperatorOrder::Kind::kTeleport;
  order.player_id = 17;
  order.lon_deg = 11.5;
  order.SetText("a reason");
  std::vector<std::byte> file;
  Append(file, {.kind = RecordKind::kTick, .a = 42});
  Append(file, {.kind = RecordKind::kOrder},
         std::string(reinterpret_cast<const char*>(&order), sizeof order));
  Append(file, {.kind = RecordKind::kHash, .a = 99});
  RecordingReader reader(file);
  RecordedTick tick;
  ASSERT_TRUE(ReadTick(reader, tick).ok());
  ASSERT_EQ(tick.orders.size(), 1u);
  EXPECT_EQ(tick.orders[0].kind, session::OperatorOrder::Kind::kTeleport);
  EXPECT_EQ(tick.orders[0].player_id, 17);
  EXPECT_EQ(tick.orders[0].lon_deg, 11.5);
  EXPECT_EQ(tick.orders[0].view(), "a reason");

  std::vector<std::byte> cut;
  Append(cut, {.kind = RecordKind::kTick, .a = 42});
  Append(cut, {.kind = RecordKind::kOrder}, "short");
  RecordingReader other(cut);
  EXPECT_EQ(ReadTick(other, tick).code(), core::Code::kCorrupt);
}

TEST(Recording, TheSendThatWasRefusedIsRefusedAgain) {
  const auto file = OneTick();
  RecordingReader reader(file);
  RecordedTick tick;
  ASSERT_TRUE(ReadTick(reader, tick).ok());
  ReplayTransport transport(1000);
  transport.Begin(tick);
  EXPECT_TRUE(transport.Send({}, net::Channel::kReliable, {}).ok());
  EXPECT_EQ(transport.Send({}, net::Channel::kReliable, {}).code(), core::Code::kFull);
  EXPECT_TRUE(transport.Send({}, net::Channel::kReliable, {}).ok());
}

TEST(Recording, AnyFlippedByteOrCutIsNoticedAndNeverCrashes) {
  const auto good = OneTick();
  for (size_t i = 0; i < good.size(); ++i) {
    auto bad = good;
    bad[i] ^= std::byte{0x21};
    RecordingReader reader(bad);
    RecordedTick tick;
    EXPECT_FALSE(ReadTick(reader, tick).ok()) << i;
    RecordingReader cut(std::span<const std::byte>(good).first(i));
    EXPECT_EQ(ReadTick(cut, tick).code(), core::Code::kNotFound) << i;
  }
}

TEST(Recording, TheHeadComesBackAsItWasWritten) {
  const RecordingHead head{.version = "1.2.3",
                           .settings_hash = 11,
                           .seed = ~uint64_t{0},
                           .grant = {.first = 5, .last = 900},
                           .max_unreliable_bytes = 1115};
  const auto back = DecodeRecordingHead(EncodeRecordingHead(head));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->version, head.version);
  EXPECT_EQ(back->settings_hash, head.settings_hash);
  EXPECT_EQ(back->seed, head.seed);
  EXPECT_EQ(back->grant.first, 5u);
  EXPECT_EQ(back->grant.last, 900u);
  EXPECT_EQ(back->max_unreliable_bytes, 1115u);
}

}  // namespace
}  // namespace bluemarble::app
