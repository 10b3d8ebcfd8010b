// Walks in a circle, tells who is near, says hello, and comes back after an outage.
//   walker URL NAME [PASSWORD] [SECONDS]      without a password: a server in plain mode
#include <bluemarble/account.h>
#include <bluemarble/connection.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

using namespace bluemarble;

static int64_t NowNs() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

// Logs in, or makes the account; then asks where to connect.
static JoinResult JoinWith(Account& account, const std::string& name, const std::string& password) {
  if (!account.logged_in() && !account.LogIn(name, password).ok) {
    const AccountResult made = account.Register(name, password);
    if (!made.ok) {
      JoinResult failed;
      failed.error = made.error;
      failed.failure = made.failure;
      return failed;
    }
  }
  return account.Join();
}

int main(int argc, char** argv) {
  if (argc < 3) return std::fprintf(stderr, "usage: walker URL NAME [PASSWORD] [SECONDS]\n"), 2;
  const std::string url = argv[1], name = argv[2], password = argc > 3 ? argv[3] : "";
  const double seconds = argc > 4 ? std::atof(argv[4]) : 10;

  RequestPool pool;
  auto account = std::make_shared<Account>(url);
  Connection connection(
      [=] { return password.empty() ? Join(url, name) : JoinWith(*account, name, password); },
      pool);
  const int64_t start_ns = NowNs();
  connection.Start(start_ns);
  ConnectionState shown = ConnectionState::kIdle;
  bool greeted = false;
  size_t most_seen = 0;
  for (double t = 0; t < seconds && connection.state() != ConnectionState::kStopped;
       t = static_cast<double>(NowNs() - start_ns) / 1e9) {
    connection.Poll(NowNs());
    if (connection.state() != shown) {
      shown = connection.state();
      std::printf("%s %s\n", ConnectionStateName(shown), connection.error().c_str());
    }
    Client& client = connection.client();
    if (connection.state() == ConnectionState::kPlaying) {
      client.SetInput({.move_east = std::cos(t), .move_north = std::sin(t)});
      if (!greeted) greeted = client.Say(ChatScope::kZone, "hello from C++") != 0;
      most_seen = std::max(most_seen, client.entities_in_view());
    }
    for (ChatLine line; client.NextChat(line);)
      std::printf("%s: %s\n", line.name.c_str(), line.text.c_str());
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  const bool played = connection.state() == ConnectionState::kPlaying;
  if (played) {
    const OwnView own = connection.client().own();
    std::printf("I am at %.2f %.2f %.2f and saw %zu others\n", own.position.x, own.position.y,
                own.position.z, most_seen);
  } else {
    std::fprintf(stderr, "not in play: %s %s\n", DisconnectReasonName(connection.reason()),
                 connection.error().c_str());
  }
  connection.Disconnect();
  for (int i = 0; i < 10; ++i) {  // lets the goodbye out
    connection.Poll(NowNs());
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return played ? 0 : 1;
}
