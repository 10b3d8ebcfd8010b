#include "persistence/journal_disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace bluemarble::persistence {
namespace {

core::Status Failure(const char* context, const std::string& path) {
  const core::Code code = errno == ENOSPC || errno == EDQUOT ? core::Code::kFull
                          : errno == EEXIST                  ? core::Code::kConflict
                                                             : core::Code::kDenied;
  return {code, context, path + ": " + std::strerror(errno)};
}

class File final : public JournalFile {
 public:
  File(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~File() override { ::close(fd_); }
  core::Status Append(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return Failure("cannot write the journal", path_);
      bytes = bytes.subspan(static_cast<size_t>(n));
    }
    return core::Status::Ok();
  }
  core::Status Sync() override {
    if (::fdatasync(fd_) != 0) return Failure("cannot sync the journal", path_);
    return core::Status::Ok();
  }

 private:
  const int fd_;
  const std::string path_;
};

class Disk final : public JournalDisk {
 public:
  explicit Disk(std::string path) : path_(std::move(path)) {}

  core::Result<std::vector<std::string>> List() override {
    std::vector<std::string> names;
    std::error_code error;
    for (auto it = std::filesystem::directory_iterator(path_, error);
         !error && it != std::filesystem::directory_iterator(); it.increment(error))
      names.push_back(it->path().filename().string());
    if (error)
      return core::Status(core::Code::kDenied, "cannot list the journal",
                          path_ + ": " + error.message());
    return names;
  }

  core::Result<std::vector<std::byte>> Read(const std::string& name) override {
    const std::string path = PathOf(name);
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return Failure("cannot read the journal", path);
    std::vector<std::byte> bytes;
    core::Status status = core::Status::Ok();
    for (;;) {
      constexpr size_t kChunk = 1u << 20;
      const size_t had = bytes.size();
      bytes.resize(had + kChunk);
      const ssize_t n = ::read(fd, bytes.data() + had, kChunk);
      bytes.resize(had + static_cast<size_t>(n > 0 ? n : 0));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) status = Failure("cannot read the journal", path);
      if (n <= 0) break;
    }
    ::close(fd);
    if (!status.ok()) return status;
    return bytes;
  }

  core::Result<std::unique_ptr<JournalFile>> Create(const std::string& name) override {
    const std::string path = PathOf(name);
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0) return Failure("cannot begin a journal file", path);
    return std::unique_ptr<JournalFile>(std::make_unique<File>(fd, path));
  }

  core::Status Rename(const std::string& from, const std::string& to) override {
    if (::rename(PathOf(from).c_str(), PathOf(to).c_str()) != 0)
      return Failure("cannot rename a journal file", PathOf(from));
    return core::Status::Ok();
  }

  core::Status Remove(const std::string& name) override {
    if (::unlink(PathOf(name).c_str()) != 0 && errno != ENOENT)
      return Failure("cannot remove a journal file", PathOf(name));
    return core::Status::Ok();
  }

  core::Status SyncNames() override {
    const int fd = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return Failure("cannot sync the journal's folder", path_);
    core::Status status = core::Status::Ok();
    if (::fsync(fd) != 0) status = Failure("cannot sync the journal's folder", path_);
    ::close(fd);
    return status;
  }

 private:
  std::string PathOf(const std::string& name) const { return path_ + "/" + name; }

  const std::string path_;
};

}  // namespace

core::Result<std::unique_ptr<JournalDisk>> OpenJournalDisk(const std::string& data_dir) {
  const std::string path = data_dir + "/journal";
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    return core::Status(core::Code::kDenied, "cannot make the journal's folder",
                        path + ": " + error.message());
  }
  // The folder itself must be found after a power loss, or its files are not.
  const int parent = ::open(data_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (parent >= 0) {
    ::fsync(parent);
    ::close(parent);
  }
  return std::unique_ptr<JournalDisk>(std::make_unique<Disk>(path));
}

}  // namespace bluemarble::persistence
