/// The few file operations that the journal needs, so that tests can make a disk full, cut a write
/// short or fail a sync. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"

namespace bluemarble::persistence {

/// An append-only file, open for writing.
class JournalFile {
 public:
  virtual ~JournalFile() = default;
  /// All or a failure; after a failure some of the bytes may be there.
  virtual core::Status Append(std::span<const std::byte> bytes) = 0;
  /// fdatasync. After a failure nothing of the file may be relied on but what an earlier Sync
  /// covered.
  virtual core::Status Sync() = 0;
};

class JournalDisk {
 public:
  virtual ~JournalDisk() = default;
  /// Plain names of the files in the folder, in no order.
  virtual core::Result<std::vector<std::string>> List() = 0;
  virtual core::Result<std::vector<std::byte>> Read(const std::string& name) = 0;
  /// kConflict when it exists.
  virtual core::Result<std::unique_ptr<JournalFile>> Create(const std::string& name) = 0;
  virtual core::Status Rename(const std::string& from, const std::string& to) = 0;
  virtual core::Status Remove(const std::string& name) = 0;
  /// fsync of the folder: names made, changed and removed so far are durable.
  virtual core::Status SyncNames() = 0;
};

/// Makes <data_dir>/journal when missing. kDenied names the path.
core::Result<std::unique_ptr<JournalDisk>> OpenJournalDisk(const std::string& data_dir);

}  // namespace bluemarble::persistence
