#include "net/enet_hooks.h"

#include <enet/enet.h>
#include <gtest/gtest.h>

#include <memory>

namespace bluemarble::net {
namespace {

TEST(EnetHooks, SelfTestPasses) {
  const auto status = VerifyHooks();
  EXPECT_TRUE(status.ok()) << status.ToString();
}

TEST(EnetHooks, SelfTestNamesTheFunctionThatWentPast) {
  const HookCounters before{5, 5, 5, 5}, moved{6, 6, 6, 6};
  EXPECT_TRUE(JudgeHooks(before, moved).ok());
  EXPECT_EQ(JudgeHooks(before, {5, 6, 6, 6}).detail(), "enet_socket_send");
  EXPECT_EQ(JudgeHooks(before, {6, 5, 6, 6}).detail(), "enet_socket_receive");
  EXPECT_EQ(JudgeHooks(before, {6, 6, 5, 6}).detail(), "enet_socket_bind");
  EXPECT_EQ(JudgeHooks(before, {6, 6, 6, 5}).detail(), "enet_time_get");
}

TEST(EnetHooks, LeavesSocketsAloneThatAreNotRegistered) {
  ENetAddress address{htonl(INADDR_LOOPBACK), 0};
  const std::unique_ptr<ENetHost, void (*)(ENetHost*)> server(
      enet_host_create(&address, 1, 1, 0, 0), enet_host_destroy);
  const std::unique_ptr<ENetHost, void (*)(ENetHost*)> client(enet_host_create(nullptr, 1, 1, 0, 0),
                                                              enet_host_destroy);
  ASSERT_NE(server, nullptr);
  ASSERT_NE(client, nullptr);
  ASSERT_NE(enet_host_connect(client.get(), &server->address, 1, 42), nullptr);
  ENetEvent event{};
  for (int i = 0; i < 1000 && event.type != ENET_EVENT_TYPE_CONNECT; ++i) {
    enet_host_service(client.get(), &event, 0);
    enet_host_service(server.get(), &event, 2);
  }
  EXPECT_EQ(event.type, ENET_EVENT_TYPE_CONNECT);
  EXPECT_EQ(event.data, 42u);
}

class ManualClock final : public core::Clock {
 public:
  int64_t NowNs() const override { return now_ns; }
  int64_t WallUs() const override { return 0; }
  int64_t now_ns = 0;
};

TEST(EnetHooks, TimeComesFromTheInstalledClock) {
  ManualClock clock;
  SetEnetClock(&clock);
  clock.now_ns = 1'000'000'000;
  const uint32_t before = enet_time_get();
  clock.now_ns += 1'234'000'000;
  EXPECT_EQ(enet_time_get() - before, 1234u);
  enet_time_set(77);
  EXPECT_EQ(enet_time_get(), 77u);
  SetEnetClock(nullptr);
}

TEST(EnetHooks, RefusesDescriptorsBeyondItsTable) {
  EXPECT_EQ(RegisterSocket(kMaxHookedFd, nullptr).code(), core::Code::kFull);
  EXPECT_EQ(RegisterSocket(-1, nullptr).code(), core::Code::kFull);
}

}  // namespace
}  // namespace bluemarble::net
