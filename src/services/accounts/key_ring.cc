#include "services/accounts/key_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace bluemarble::accounts {
namespace {

using core::Code;
using core::Status;

constexpr size_t kMaxFileBytes = 64 << 10;
constexpr std::string_view kHead =
    "# Signing keys of zoned's access tokens, the newest last. Secret: whoever reads this file "
    "can\n"
    "# log in as anybody. `zoned keys rotate` adds one; a line taken away ends its tokens.\n";

struct File {
  int fd = -1;
  ~File() {
    if (fd >= 0) ::close(fd);
  }
};

std::string KidOf(const Ed25519Key& key) {
  const auto hash = Hash(key.public_key);
  std::string kid;
  for (const std::byte byte : std::span(hash).first(8))
    kid += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return kid;
}

std::string_view NextWord(std::string_view& line) {
  const size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

Status Failed(const std::string& path, int error) {
  return {error == ENOENT ? Code::kNotFound : Code::kDenied, "auth.keys_file",
          path + ": " + std::strerror(error)};
}

}  // namespace

core::Result<KeyRing> KeyRing::Parse(std::string_view text) {
  KeyRing ring;
  for (int number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    const Status wrong(Code::kInvalid, "auth.keys_file: a line is not \"ed25519 TIME SEED\"",
                       fmt::format("line {}", number));
    if (NextWord(line) != "ed25519") return wrong;
    const std::string_view time = NextWord(line);
    int64_t made_s = 0;
    const auto parsed = std::from_chars(time.data(), time.data() + time.size(), made_s);
    if (parsed.ec != std::errc() || parsed.ptr != time.data() + time.size() || made_s < 0)
      return wrong;
    const auto seed = FromBase64Url(line, 32);
    if (!seed || seed->size() != 32) return wrong;
    ring.Add(Ed25519Key::FromSeed(std::span<const std::byte, 32>(*seed)), made_s);
  }
  if (ring.keys_.empty()) return Status(Code::kInvalid, "auth.keys_file: there is no key in it");
  return ring;
}

std::string KeyRing::Text() const {
  std::string text(kHead);
  for (const TokenKey& key : keys_)
    text += fmt::format("ed25519 {} {}\n", key.made_s, Base64Url(key.key.seed));
  return text;
}

void KeyRing::Add(const Ed25519Key& key, int64_t made_s) {
  keys_.push_back({.kid = KidOf(key), .made_s = made_s, .key = key});
}

size_t KeyRing::Retire(int64_t now_s, int64_t max_age_s) {
  size_t gone = 0;
  while (keys_.size() > gone + 1 && keys_[gone + 1].made_s + max_age_s < now_s) ++gone;
  keys_.erase(keys_.begin(), keys_.begin() + static_cast<std::ptrdiff_t>(gone));
  return gone;
}

const TokenKey* KeyRing::Find(std::string_view kid) const {
  const auto found = std::find_if(keys_.begin(), keys_.end(),
                                  [kid](const TokenKey& key) { return key.kid == kid; });
  return found == keys_.end() ? nullptr : &*found;
}

core::Result<KeyRing> ReadKeys(const std::string& path) {
  const File file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) return Failed(path, errno);
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) return Failed(path, errno);
  // A file given by a supervisor (/run/secrets, a pipe of the shell) has the rights it was given.
  if (S_ISREG(info.st_mode) && info.st_uid == ::geteuid() && (info.st_mode & 077) != 0)
    return Status(Code::kDenied, "auth.keys_file can be read by others",
                  fmt::format("chmod 600 {}", path));
  std::string text(kMaxFileBytes, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = ::read(file.fd, text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed(path, errno);
    if (n == 0) break;
    size += static_cast<size_t>(n);
  }
  if (size == text.size()) return Status(Code::kInvalid, "auth.keys_file is too large", path);
  auto ring = KeyRing::Parse(std::string_view(text).substr(0, size));
  if (!ring.ok())
    return Status(ring.status().code(), ring.status().context(),
                  path + ": " + ring.status().detail());
  return ring;
}

core::Status WriteKeys(const std::string& path, const KeyRing& ring) {
  const std::string text = ring.Text();
  // Complete under its name or not at all: a daemon never reads half of it.
  const std::string unfinished = fmt::format("{}.{}", path, ::getpid());
  const auto failed = [&](int error) {
    ::unlink(unfinished.c_str());
    return Status(Code::kDenied, "cannot write auth.keys_file", path + ": " + std::strerror(error));
  };
  {
    const File file{::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (file.fd < 0) return failed(errno);
    if (::write(file.fd, text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        ::fsync(file.fd) != 0)
      return failed(errno);
  }
  if (::rename(unfinished.c_str(), path.c_str()) != 0) return failed(errno);
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const File opened{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (opened.fd >= 0) ::fsync(opened.fd);
  return Status::Ok();
}

core::Result<KeyRing> ReadOrMakeKeys(const std::string& path, int64_t now_s) {
  auto known = ReadKeys(path);
  if (known.ok() || known.status().code() != Code::kNotFound) return known;
  KeyRing ring;
  ring.Add(Ed25519Key::Random(), now_s);
  if (Status written = WriteKeys(path, ring); !written.ok()) return written;
  return ReadKeys(path);
}

}  // namespace bluemarble::accounts
