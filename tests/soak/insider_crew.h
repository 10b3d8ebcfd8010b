/// Several insiders with an account each, who come back with a new session whenever the server ends
/// theirs. One thread; joins are asked for on others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "bluemarble/account.h"
#include "bluemarble/connection.h"
#include "insider.h"

namespace bluemarble::insiders {

struct CrewOptions {
  std::string server;  ///< http://...
  size_t size = 1;
  size_t play_every = 1;  ///< Every so manyth logs in, the others stay connected only.
  uint64_t seed = 1;
};

class Crew {
 public:
  Crew(const core::Clock& clock, const CrewOptions& options);

  /// Call every few milliseconds.
  void Service();
  /// Services until `count` are ready, at most so long.
  bool Gather(size_t count, double seconds);

  size_t size() const { return members_.size(); }
  Insider& at(size_t i) { return *members_[i].insider; }
  size_t ready() const;
  const Tapped& tapped() const { return tapped_; }
  uint64_t begun() const { return begun_; }
  uint64_t joins_failed() const { return joins_failed_; }
  const std::string& last_error() const { return last_error_; }
  /// From now on who is ended stays out.
  void StayOut() { comes_back_ = false; }
  /// Ended sessions by reason.
  const std::map<std::string, uint64_t>& ended() const { return ended_; }
  void Quit();

 private:
  struct Answer {
    std::mutex mutex;
    std::optional<JoinResult> result;  // under the mutex
  };
  struct Member {
    std::string name;
    std::unique_ptr<Insider> insider;
    std::shared_ptr<Account> account;
    std::shared_ptr<Answer> answer;  // of the join that is under way
    int64_t again_ns = 0;
    bool in = false;  // its end is not counted yet
  };
  void Ask(Member& member);
  void Take(Member& member);

  const core::Clock& clock_;
  const CrewOptions options_;
  Tapped tapped_;
  std::vector<Member> members_;
  std::map<std::string, uint64_t> ended_;
  std::string last_error_;
  bool comes_back_ = true;
  uint64_t begun_ = 0, joins_failed_ = 0;
  RequestPool pool_{4};
};

}  // namespace bluemarble::insiders
