#include <bluemarble/account.h>
#include <bluemarble/client.h>

#include <chrono>
#include <cstdio>
#include <thread>

static int64_t NowNs() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: %s SERVER NAME PASSWORD\n", argv[0]), 2;
  bluemarble::Account account(argv[1]);
  bluemarble::AccountResult entered = account.LogIn(argv[2], argv[3]);
  if (!entered.ok) entered = account.Register(argv[2], argv[3]);  // the first time
  if (!entered.ok) return std::fprintf(stderr, "%s\n", entered.error.c_str()), 1;
  const bluemarble::JoinResult join = account.Join();
  if (!join.ok) return std::fprintf(stderr, "%s\n", join.error.c_str()), 1;

  bluemarble::Client client;
  client.Connect(join.ticket);
  int64_t next_print_ns = 0;
  const int64_t end_ns = NowNs() + 5'000'000'000;  // play for five seconds
  while (client.state() != bluemarble::ClientState::kEnded) {
    client.Poll(NowNs());  // a game calls this once per frame
    client.SetInput({.move_east = 0.2});
    if (client.state() == bluemarble::ClientState::kPlaying && NowNs() >= next_print_ns) {
      next_print_ns = NowNs() + 1'000'000'000;
      const bluemarble::OwnView own = client.own();
      std::printf("I am at %.2f %.2f %.2f and see %zu others\n", own.position.x, own.position.y,
                  own.position.z, client.entities_in_view());
      client.ForEachEntity(NowNs(), [](const bluemarble::EntityView& other) {
        std::printf("  entity %u of kind %d at %.2f %.2f %.2f\n", other.id, other.kind,
                    other.position.x, other.position.y, other.position.z);
      });
    }
    if (NowNs() > end_ns) client.Disconnect();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  for (int i = 0; i < 10; ++i) {  // lets the goodbye out
    client.Poll(NowNs());
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  std::printf("ended: %s %s\n", bluemarble::DisconnectReasonName(client.end_reason()),
              client.error().c_str());
}
