/// All bots of a run, polled by one thread: when a datagram waits (epoll), when a client has
/// something due, and when a bot decides anew. Owned by the main thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bluemarble/connection.h"
#include "core/counters.h"
#include "core/result.h"
#include "tools/zonebot/options.h"
#include "tools/zonebot/placing.h"
#include "tools/zonebot/report.h"
#include "tools/zonebot/steering.h"
#include "tools/zonebot/talker.h"
#include "tools/zonebot/told_dilation.h"
#include "tools/zonebot/trace.h"
#include "tools/zonebot/way_in.h"

namespace bluemarble::zonebot {

class Fleet {
 public:
  /// `plans` and `trace` must outlive it; `decodes[i]`: bot i decodes the world.
  Fleet(const Options& options, const std::vector<BotPlan>& plans, const Trace& trace,
        const std::vector<bool>& decodes);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  /// kDenied: no epoll.
  core::Status Open();
  /// The bots join from now on, one after another, `rate_per_s` of them a second.
  void Start(double rate_per_s, int64_t now_ns);
  /// Waits at most `wait_ms` for datagrams, then polls who has something to do.
  void Turn(int wait_ms);
  /// Forgets the sums so far; the measured window begins.
  void StartWindow(int64_t now_ns);
  /// Everybody says goodbye and has up to a second to get it out.
  void Quit();

  size_t size() const { return bots_.size(); }
  size_t settled() const { return connected_ + refused_; }  ///< Playing, ended or refused.
  size_t playing() const { return playing_; }
  /// By bot: null unless playing.
  const std::vector<const Client*>& clients() const { return clients_; }
  /// By bot: does it do now what it was recorded doing? All but agents of a trace at other times.
  void FindRecorded(int64_t now_ns, std::vector<bool>& recorded) const;
  /// Once in a while (ten times a second): collects corrections.
  void Collect();
  /// Players and traffic since StartWindow, into `report`.
  void Fill(Report& report, int64_t now_ns) const;
  /// Sum over the players of bytes down, for the status line.
  uint64_t down_bytes() const;

 private:
  enum class Phase : uint8_t { kWaiting, kConnecting, kPlaying, kDone };
  struct Bot {
    Connection connection;
    Steering steering;
    WalkStyle style = WalkStyle::kWalk;
    Phase phase = Phase::kWaiting;
    bool decodes = false;
    int64_t due_ns = 0, decide_ns = 0, asked_ns = INT64_MAX;
    int64_t lost_ns = 0;    // when it was in play last; 0: never lost
    uint64_t connects = 0;  // as epoll knows
    ClientStats at_start;
    uint64_t corrections = 0;  // of its client, as counted last
    uint64_t corrected = 0;    // since StartWindow, over all of its clients
    uint64_t snapshots = 0;    // of its client, as counted last
    int64_t snapshot_ns = 0;   // when the last one came; 0: none in the window yet
  };

  void Poll(size_t index, int64_t now_ns, bool readable);
  void Decide(Bot& bot, int64_t now_ns);
  void NoteSnapshot(Bot& bot, int64_t now_ns);
  void Watch(size_t index);
  void OnPhase(size_t index, int64_t now_ns);
  void OnPlaying(size_t index, int64_t now_ns);
  void FillCorrections(Report& report, double player_s) const;
  void Refuse(Bot& bot, const std::string& reason, const std::string& text);

  Talker talker_;
  WayIn way_in_;
  std::vector<Bot> bots_;
  std::vector<const Client*> clients_;
  int epoll_ = -1;
  int64_t origin_ns_ = 0, swept_ns_ = 0, window_ns_ = 0, last_login_ns_ = 0;
  bool quitting_ = false;
  size_t connected_ = 0, refused_ = 0, playing_ = 0, disconnected_ = 0;
  uint64_t reconnected_ = 0, resumed_ = 0;
  core::Histogram away_;  // milliseconds from a loss to being in play again
  std::map<std::string, uint64_t> refused_by_reason_, disconnected_by_reason_;
  core::Histogram logins_;       // microseconds
  core::Histogram corrections_;  // tenths of a millimetre
  core::Histogram gaps_;         // microseconds between polls that brought a player any
  ToldDilation told_;            // since StartWindow
  int64_t wall_minus_now_ns_ = 0;
};

}  // namespace bluemarble::zonebot
