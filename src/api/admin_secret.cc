#include "api/admin_secret.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace bluemarble::api {
namespace {

using core::Code;

constexpr size_t kMaxSecretBytes = 256;

struct File {
  int fd = -1;
  ~File() {
    if (fd >= 0) ::close(fd);
  }
};

core::Status Failed(const std::string& path, int error) {
  return {error == ENOENT ? Code::kNotFound : Code::kDenied, "admin secret",
          path + ": " + std::strerror(error)};
}

core::Status NotMade(const std::string& path, int error) {
  return {Code::kDenied, "cannot make the admin secret's file", path + ": " + std::strerror(error)};
}

}  // namespace

core::Status ValidateAdminSecret(std::string_view secret) {
  if (secret.size() < kMinSecretBytes)
    return {Code::kInvalid, "the admin secret is shorter than 16 characters"};
  if (secret.size() > kMaxSecretBytes)
    return {Code::kInvalid, "the admin secret is longer than 256 characters"};
  if (!std::all_of(secret.begin(), secret.end(), [](char c) { return c > ' ' && c < 0x7f; }))
    return {Code::kInvalid, "the admin secret has characters that are not printable ASCII"};
  return core::Status::Ok();
}

core::Result<std::string> ReadAdminSecret(const std::string& path) {
  const File file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) return Failed(path, errno);
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) return Failed(path, errno);
  // A file given by a supervisor (/run/secrets, a pipe of the shell) has the rights it was given.
  if (S_ISREG(info.st_mode) && info.st_uid == ::geteuid() && (info.st_mode & 077) != 0)
    return core::Status(Code::kDenied, "the admin secret's file can be read by others",
                        fmt::format("chmod 600 {}", path));
  std::array<char, kMaxSecretBytes + 2> bytes{};
  size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t n = ::read(file.fd, bytes.data() + size, bytes.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed(path, errno);
    if (n == 0) break;
    size += static_cast<size_t>(n);
  }
  std::string secret(bytes.data(), size);
  if (secret.ends_with('\n')) secret.pop_back();
  if (core::Status status = ValidateAdminSecret(secret); !status.ok())
    return core::Status(status.code(), status.context(), path);
  return secret;
}

core::Result<std::string> ReadOrMakeAdminSecret(const std::string& path) {
  auto known = ReadAdminSecret(path);
  if (known.ok() || known.status().code() != Code::kNotFound) return known;
  std::array<unsigned char, 32> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return core::Status(Code::kInternal, "no random numbers");
  std::string text;
  for (const unsigned char byte : random) text += fmt::format("{:02x}", byte);
  text += '\n';
  // Complete under its name or not at all: a reader never meets half of it.
  const std::string unfinished = fmt::format("{}.{}", path, ::getpid());
  {
    const File file{::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (file.fd < 0) return NotMade(unfinished, errno);
    const bool written =
        ::write(file.fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (!written || ::fsync(file.fd) != 0) {
      const int error = errno;
      ::unlink(unfinished.c_str());
      return NotMade(unfinished, error);
    }
  }
  // Two that make it at the same time end up with the same one.
  const bool linked = ::link(unfinished.c_str(), path.c_str()) == 0 || errno == EEXIST;
  const int error = errno;
  ::unlink(unfinished.c_str());
  if (!linked) return NotMade(path, error);
  return ReadAdminSecret(path);
}

}  // namespace bluemarble::api
