#include <bluemarble/account.h>
#include <bluemarble/client.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <thread>

using namespace bluemarble;

static int64_t NowNs() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

static double Distance(const Vector3& a, const Vector3& b) {
  return std::hypot(a.x - b.x, a.y - b.y, a.z - b.z);
}

static bool Waits(const Client& client, ActionKind kind) {
  for (const Action& action : client.unanswered())
    if (action.kind == kind) return true;
  return false;
}

// Picks up what lies here, sells it to whoever comes near, and buys what is offered.
static void Decide(Client& client) {
  for (const TradeOffer& offer : client.offers()) {
    if (!offer.give_items.empty() || offer.give_gold > client.gold()) {
      client.DeclineTrade(offer.trade_id);
    } else if (!Waits(client, ActionKind::kAcceptTrade)) {
      client.Act({.kind = ActionKind::kAcceptTrade, .trade_id = offer.trade_id});
    }
  }
  const Vector3 here = client.own().predicted;
  uint32_t item = 0, buyer = 0;
  client.ForEachEntity(NowNs(), [&](const EntityView& other) {
    const double distance_m = Distance(here, other.position);
    if (other.kind == 4 && distance_m < 3) item = other.id;
    if (other.kind == 1 && distance_m < 10) buyer = other.id;
  });
  if (item != 0 && !Waits(client, ActionKind::kPickUp)) {
    client.Act({.kind = ActionKind::kPickUp, .entity_id = item});
  }
  if (buyer != 0 && !client.inventory().empty() && !Waits(client, ActionKind::kOfferTrade)) {
    client.Act({.kind = ActionKind::kOfferTrade,
                .entity_id = buyer,
                .items = {client.inventory().front().item_id},
                .want_gold = 5});
  }
}

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: %s SERVER NAME PASSWORD\n", argv[0]), 2;
  Account account(argv[1]);
  AccountResult entered = account.LogIn(argv[2], argv[3]);
  if (!entered.ok) entered = account.Register(argv[2], argv[3]);  // the first time
  if (!entered.ok) return std::fprintf(stderr, "%s\n", entered.error.c_str()), 1;
  const JoinResult join = account.Join();
  if (!join.ok) return std::fprintf(stderr, "%s\n", join.error.c_str()), 1;

  Client client;
  client.Connect(join.ticket);
  int64_t next_decision_ns = 0;
  const int64_t end_ns = NowNs() + 60'000'000'000;
  while (client.state() != ClientState::kEnded) {
    client.Poll(NowNs());
    for (ActionAnswer answer; client.NextAnswer(answer);) {
      if (answer.outcome == ActionOutcome::kOk) {
        std::printf("done: %zu things, %lld gold\n", client.inventory().size(),
                    static_cast<long long>(client.gold()));
      } else if (answer.outcome == ActionOutcome::kRefused) {
        std::printf("refused: %s %s\n", ActionReasonName(answer.reason), answer.text.c_str());
      } else {
        std::printf("not known yet, asking again\n");
      }
    }
    if (client.inventory_known() && NowNs() >= next_decision_ns) {
      next_decision_ns = NowNs() + 500'000'000;
      Decide(client);
    }
    if (NowNs() > end_ns) client.Disconnect();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  for (int i = 0; i < 10; ++i) {  // lets the goodbye out
    client.Poll(NowNs());
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  std::printf("ended: %s, %zu actions without an answer\n",
              DisconnectReasonName(client.end_reason()), client.unanswered().size());
}
