#include "protocol/control.h"

#include <gtest/gtest.h>

#include "core/hash.h"

namespace bluemarble::protocol {
namespace {

TEST(Control, LoginRoundTripsWithAndWithoutSpawn) {
  for (bool with_spawn : {false, true}) {
    Login login{
        .protocol_version = 7, .token = "Ada", .client_version = "test 1", .spawn = std::nullopt};
    if (with_spawn) login.spawn = geo::Geodetic{13.4, 52.5, 34.0};
    const auto decoded = DecodeClientControl(Encode(ClientControl(login)));
    ASSERT_TRUE(decoded.ok());
    const auto& back = std::get<Login>(*decoded);
    EXPECT_EQ(back.protocol_version, 7u);
    EXPECT_EQ(back.token, "Ada");
    EXPECT_EQ(back.client_version, "test 1");
    ASSERT_EQ(back.spawn.has_value(), with_spawn);
    if (with_spawn) {
      EXPECT_EQ(back.spawn->lat_deg, 52.5);
    }
  }
}

TEST(Control, WelcomeRoundTripsEveryField) {
  Welcome welcome;
  welcome.entity_id = 0xfff00001;
  welcome.tick = (uint64_t{5} << 32) + 9;
  welcome.tick_hz = 60;
  welcome.position = {1.25, -2.5, 6356752.3};
  welcome.ground_height_m = 12.5;
  welcome.yaw = 65535;
  welcome.max_speed_mps = 7;
  welcome.acceleration_mps2 = 20;
  welcome.class_radius_m = {50, 300, 1000};
  welcome.class_period_ticks = {1, 3, 15};
  welcome.shard_id = "europe";
  welcome.player_id = 42;
  welcome.lon_min_deg = -60;
  welcome.lon_max_deg = 60;
  const auto decoded = DecodeServerControl(Encode(ServerControl(welcome)));
  ASSERT_TRUE(decoded.ok());
  const auto& back = std::get<Welcome>(*decoded);
  EXPECT_EQ(back.entity_id, welcome.entity_id);
  EXPECT_EQ(back.tick, welcome.tick);
  EXPECT_EQ(back.tick_hz, 60u);
  EXPECT_EQ(back.position, welcome.position);
  EXPECT_EQ(back.ground_height_m, 12.5);
  EXPECT_EQ(back.yaw, 65535);
  EXPECT_EQ(back.class_radius_m, welcome.class_radius_m);
  EXPECT_EQ(back.class_period_ticks, welcome.class_period_ticks);
  EXPECT_EQ(back.shard_id, "europe");
  EXPECT_EQ(back.player_id, 42);
  EXPECT_EQ(back.lon_min_deg, -60);
  EXPECT_EQ(back.lon_max_deg, 60);
}

TEST(Control, RefusalAndGoodbyeRoundTrip) {
  const auto refused = DecodeServerControl(Encode(ServerControl(
      Refused{DisconnectReason::kWrongShard, "elsewhere", "http://127.0.0.1:8081", 1, 2})));
  ASSERT_TRUE(refused.ok());
  EXPECT_EQ(std::get<Refused>(*refused).redirect, "http://127.0.0.1:8081");
  EXPECT_EQ(std::get<Refused>(*refused).version_max, 2u);
  const auto goodbye = DecodeServerControl(
      Encode(ServerControl(ServerGoodbye{DisconnectReason::kServerStopping, "bye"})));
  ASSERT_TRUE(goodbye.ok());
  EXPECT_EQ(std::get<ServerGoodbye>(*goodbye).reason, DisconnectReason::kServerStopping);
}

TEST(Control, RefusesOversizedEmptyAndLongFields) {
  EXPECT_FALSE(DecodeClientControl(std::vector<std::byte>(kMaxControlBytes + 1)).ok());
  EXPECT_FALSE(DecodeClientControl({}).ok());
  Login login;
  login.token = std::string(kMaxTokenBytes + 1, 'x');
  EXPECT_FALSE(DecodeClientControl(Encode(ClientControl(login))).ok());
  login.token = "x";
  login.client_version = std::string(65, 'v');
  EXPECT_FALSE(DecodeClientControl(Encode(ClientControl(login))).ok());
}

TEST(Control, RandomBytesAreRefusedOrDecodedNeverWorse) {
  int decoded = 0;
  for (uint64_t seed = 1; seed <= 20'000; ++seed) {
    core::Random random(seed);
    std::vector<std::byte> bytes(random.Below(64));
    for (auto& b : bytes) b = static_cast<std::byte>(random.Next());
    decoded += DecodeClientControl(bytes).ok() ? 1 : 0;
    decoded += DecodeServerControl(bytes).ok() ? 1 : 0;
  }
  EXPECT_LT(decoded, 400);
}

}  // namespace
}  // namespace bluemarble::protocol
