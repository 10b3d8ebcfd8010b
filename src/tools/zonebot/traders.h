/// Bots that act: connected, reconnected when the server dies, with all of their actions booked,
/// told to the history, repeated and asked for again until they are answered. What they do is the
/// scenario's. Owned by the main thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bluemarble/connection.h"
#include "core/hash.h"
#include "tools/zonebot/action_book.h"
#include "tools/zonebot/history.h"
#include "tools/zonebot/options.h"
#include "tools/zonebot/placing.h"
#include "tools/zonebot/steering.h"
#include "tools/zonebot/trade_report.h"
#include "tools/zonebot/way_in.h"
#include "tools/zonebot/way_log.h"

namespace bluemarble::zonebot {

class Traders {
 public:
  /// Called for each answer, after it was booked.
  using OnAnswer = std::function<void(size_t bot, const ActionAnswer&, const ActionBook::Told&)>;

  /// All references must outlive it; `decodes[i]`: bot i decodes the world.
  Traders(const Options& options, const std::vector<BotPlan>& plans, std::vector<bool> decodes,
          History& history, TradeReport& report, OnAnswer on_answer);
  ~Traders();
  Traders(const Traders&) = delete;
  Traders& operator=(const Traders&) = delete;

  /// kDenied: no epoll.
  core::Status Open();
  /// Connects who is due, waits at most `wait_ms` for datagrams, polls, takes answers, asks again.
  void Turn(int wait_ms);
  /// Sends `copies` of an action under a new key. False when the player is not in play or the
  /// client library refused it.
  bool Ask(size_t bot, Action action, Op op, size_t partner, int copies);
  void Decline(size_t bot, uint64_t trade_id);
  /// Everybody says goodbye and has up to a second to get it out.
  void Quit();

  size_t size() const { return bots_.size(); }
  size_t playing() const { return playing_; }
  size_t settled() const { return report_.connected + report_.refused; }  ///< First logins.
  /// In play, with its inventory known?
  bool ready(size_t bot) const;
  const Client& client(size_t bot) const { return bots_[bot].connection.client(); }
  const ActionBook& book(size_t bot) const { return bots_[bot].book; }
  /// Actions of all bots without a final answer.
  size_t open() const;
  core::Random& random() { return random_; }

 private:
  enum class Phase : uint8_t { kWaiting, kConnecting, kPlaying, kDone };
  struct Bot {
    std::string name;
    Connection connection;
    Steering steering;
    ActionBook book;
    WayLog way;
    Phase phase = Phase::kWaiting;
    int64_t due_ns = 0, decide_ns = 0, join_ns = 0;
    uint64_t connects = 0;  // as epoll knows
    bool was_in = false;
    bool put_off = false;  // a try failed and was counted; the next one is awaited
  };

  void Watch(size_t index);
  void Poll(size_t index, int64_t now_ns, bool readable);
  void OnPhase(size_t index, int64_t now_ns);
  void OnLogin(size_t index, int64_t now_ns);
  void TakeAnswers(size_t index, int64_t now_ns);
  void AskAgain(size_t index, int64_t now_ns);
  void AskOnceMore(Bot& bot, const ActionBook::Told& told);
  void Lose(size_t index, int64_t now_ns);
  void Tell(const Bot& bot, const ActionKey& key, Op op, const char* outcome, ActionReason reason,
            bool repeated);

  const Options& options_;
  const std::vector<BotPlan>& plans_;
  const std::vector<bool> decodes_;
  History& history_;
  TradeReport& report_;
  const OnAnswer on_answer_;
  const Trace no_trace_;
  core::Random random_;
  WayIn way_in_;
  std::vector<Bot> bots_;
  int epoll_ = -1;
  int64_t origin_ns_ = 0, swept_ns_ = 0;
  size_t playing_ = 0;
  bool quitting_ = false;
};

}  // namespace bluemarble::zonebot
