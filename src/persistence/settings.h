/// Settings of the durable side. Immutable after start-up.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bluemarble::persistence {

struct PersistenceSettings {
  /// Folder of the embedded database and its lock; made when missing. One running zoned per folder.
  std::string data_dir = "data";

  /// Bytes of the queue to the committer, and of the one back. Too low: a slow disk refuses logins
  /// (`kFull`) and delays position saves; too high: only memory. 64 KiB to 1 GiB.
  uint64_t queue_bytes = 4u << 20;

  /// Time between two saves of a player's position, in milliseconds. It bounds what a crash loses.
  /// Too low: disk load; above 1000 the promise of docs/durability.md is broken. 50 to 1000.
  int position_interval_ms = 1000;

  /// Time between two sample events of a player, in seconds. Too low: the event table grows (5,000
  /// players at 60 s: 7 million rows a day); too high: coarse history. 10 to 3600.
  int sample_interval_s = 60;

  /// Most requests in one transaction. Too low: one fsync per few requests; too high: one commit
  /// takes long, and all its players wait. 1 to 10000.
  int max_group = 1000;

  /// How long an idempotency key is remembered, in seconds; a repeat after that is a new request.
  /// Too high: disk. 60 to 2592000.
  int key_retention_s = 86400;

  /// A database file up to this many MiB is checked page by page at start (about 1 s per GiB when
  /// cached); a larger one only where it is read. Too high: slow start. 0 to 1048576.
  int check_limit_mib = 64;

  /// How long shutdown waits for the queue to drain, in milliseconds. Too low: what waits is
  /// reported as lost; too high: a supervisor kills us first. 100 to 60000.
  int stop_deadline_ms = 3000;

  /// Appends one line per wrong field, naming it as in the file ("persistence.queue_bytes ...").
  void Validate(std::vector<std::string>& problems) const;
};

}  // namespace bluemarble::persistence
