/// A journal's folder in memory, on a disk that can be full, cut a write short, fail a sync and
/// lose what was not synced.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "persistence/journal_disk.h"

namespace bluemarble::persistence {

/// Outlives the disks that are opened on it, as a disk outlives processes.
struct SimFolder {
  struct File {
    std::vector<std::byte> bytes;
    size_t synced = 0;
  };
  std::map<std::string, File> files;
  uint64_t capacity = UINT64_MAX;
  int failing_appends = 0;  // so many fail, after half of their bytes
  int failing_syncs = 0;
  int failing_creates = 0;
  int syncs = 0;

  uint64_t used() const {
    uint64_t used = 0;
    for (const auto& [name, file] : files) used += file.bytes.size();
    return used;
  }
  /// Power is lost.
  void Crash() {
    for (auto& [name, file] : files) file.bytes.resize(std::min(file.synced, file.bytes.size()));
  }
};

class SimJournalDisk final : public JournalDisk {
 public:
  explicit SimJournalDisk(SimFolder& folder) : folder_(folder) {}

  core::Result<std::vector<std::string>> List() override {
    std::vector<std::string> names;
    for (const auto& [name, file] : folder_.files) names.insert(names.begin(), name);
    return names;
  }
  core::Result<std::vector<std::byte>> Read(const std::string& name) override {
    return folder_.files.at(name).bytes;
  }
  core::Result<std::unique_ptr<JournalFile>> Create(const std::string& name) override {
    if (Take(folder_.failing_creates)) return core::Status(core::Code::kFull, "no space");
    if (folder_.files.contains(name)) return core::Status(core::Code::kConflict, "exists");
    folder_.files[name];
    return std::unique_ptr<JournalFile>(std::make_unique<OpenFile>(folder_, name));
  }
  core::Status Rename(const std::string& from, const std::string& to) override {
    folder_.files[to] = std::move(folder_.files.at(from));
    folder_.files.erase(from);
    return core::Status::Ok();
  }
  core::Status Remove(const std::string& name) override {
    folder_.files.erase(name);
    return core::Status::Ok();
  }
  core::Status SyncNames() override { return core::Status::Ok(); }

 private:
  static bool Take(int& count) { return count > 0 && count-- > 0; }

  class OpenFile final : public JournalFile {
   public:
    OpenFile(SimFolder& folder, std::string name) : folder_(folder), name_(std::move(name)) {}
    core::Status Append(std::span<const std::byte> bytes) override {
      const uint64_t room = folder_.capacity - std::min(folder_.capacity, folder_.used());
      size_t taken = static_cast<size_t>(std::min<uint64_t>(bytes.size(), room));
      if (Take(folder_.failing_appends)) taken = std::min(taken, bytes.size() / 2);
      auto& file = folder_.files.at(name_).bytes;
      file.insert(file.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
      if (taken < bytes.size()) return {core::Code::kFull, "no space left on the disk"};
      return core::Status::Ok();
    }
    core::Status Sync() override {
      ++folder_.syncs;
      if (Take(folder_.failing_syncs)) return {core::Code::kDenied, "input/output error"};
      auto& file = folder_.files.at(name_);
      file.synced = file.bytes.size();
      return core::Status::Ok();
    }

   private:
    SimFolder& folder_;
    const std::string name_;
  };

  SimFolder& folder_;
};

}  // namespace bluemarble::persistence
