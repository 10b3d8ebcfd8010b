/// The event table's partitions: made ahead, listed, detached by age. A detached one is an ordinary
/// table of the same schema until its archive is written and it is dropped, so a process that dies
/// in between finds it again. One thread per connection.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.h"
#include "persistence/pg_connection.h"
#include "persistence/settings.h"

namespace bluemarble::persistence {

struct EventPartition {
  std::string name;     ///< event_p<yyyymmdd> of its first day (UTC), "_2" and so on behind it.
  int64_t from_us = 0;  ///< Inclusive.
  int64_t to_us = 0;    ///< Exclusive.
  bool attached = true;
  /// False: a detached table whose comment does not say its bounds; nobody knows what it is.
  bool bounds_known = true;
};

/// Ascending by from_us; the default partition is not among them.
core::Result<std::vector<EventPartition>> ListEventPartitions(PgConnection& connection);

/// Makes what is missing so that `now_us` and the next `partitions_ahead` partitions are there.
/// Events that the default partition caught meanwhile move into theirs. Returns how many were made.
/// The event table's lock is asked for so briefly that what queues behind the question does not
/// feel it. When somebody who reads the table for long (pg_dump, an audit) keeps it, that is only
/// logged, unless the partition of `now_us` is missing: kUnavailable.
core::Result<int> MakeEventPartitions(PgConnection& connection, const RetentionSettings& settings,
                                      int64_t now_us);

/// Takes it out of the event table; its rows are then found by its name only. kNotFound.
/// kUnavailable: somebody reads the table; the lock is asked for as briefly as above.
core::Status DetachEventPartition(PgConnection& connection, const std::string& name);
/// kInvalid when it is still attached, kNotFound when there is none of that name.
core::Status DropDetached(PgConnection& connection, const std::string& name);

}  // namespace bluemarble::persistence
