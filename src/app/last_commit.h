/// The newest event that this shard's store has answered, remembered in the data folder: so that a
/// start notices a database that came back from a standby or a backup without it. A hint, never
/// synced: after a power loss it may be older than the truth. Main thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/result.h"

namespace bluemarble::app {

inline constexpr const char* kLastCommitFile = "last_commit";

struct LastCommit {
  std::string shard;
  std::string store;  ///< Which one, not where it stands: the same after a failover.
  int64_t seq = 0;    ///< Of the newest answered event; 0: none.
  friend bool operator==(const LastCommit&, const LastCommit&) = default;
};

/// None when there is no file, or none that can be read; the latter is logged.
std::optional<LastCommit> ReadLastCommit(const std::string& data_dir);
/// Whole or not at all, by rename. kUnavailable: the disk is full or failing.
core::Status WriteLastCommit(const std::string& data_dir, const LastCommit& last);

/// Ok when the store, which begins with `found`, has what was remembered of it, or when nothing
/// was. kStale: it lacks events that were answered, and `accept_restored` is not set; both numbers
/// are told.
core::Status CheckLastCommit(const std::optional<LastCommit>& remembered, const LastCommit& found,
                             bool accept_restored);

/// Writes the file when the number has grown, once a second at most.
class LastCommitKeeper {
 public:
  LastCommitKeeper(std::string data_dir, LastCommit last, const core::Clock& clock);
  void Note(int64_t seq, bool at_once = false);

 private:
  const std::string data_dir_;
  LastCommit last_;
  const core::Clock& clock_;
  int64_t written_ns_ = 0;
  bool failing_ = false;  // logged once
};

}  // namespace bluemarble::app
