/// The folder that holds a shard's files, and the lock that keeps a second process out. Any thread.
#pragma once

#include <string>

#include "core/result.h"

namespace bluemarble::persistence {

class DataFolder {
 public:
  /// Makes the folder (and its parents) when missing and locks <path>/zoned.lock, which holds our
  /// pid. kDenied: it cannot be made or written; kConflict: another process holds it. Details name
  /// path and pid.
  static core::Result<DataFolder> Open(const std::string& path);

  DataFolder(DataFolder&& other) noexcept;
  DataFolder& operator=(DataFolder&& other) noexcept;
  ~DataFolder();

  const std::string& path() const { return path_; }

 private:
  DataFolder(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}

  std::string path_;
  int lock_fd_ = -1;
};

}  // namespace bluemarble::persistence
