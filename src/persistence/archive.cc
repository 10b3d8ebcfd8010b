#include "persistence/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <charconv>
#include <cstdio>
#include <cstring>

#include "core/hash.h"

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Status;

constexpr int kLevel = 6;
constexpr const char* kUnfinished = ".unfinished";
// Longer lines are not ours: payloads have some 100 bytes.
constexpr size_t kMaxLine = 1 << 20;

Status Failed(const char* what, const std::string& path, int error) {
  const Code code = error == ENOENT                      ? Code::kNotFound
                    : error == ENOSPC || error == EDQUOT ? Code::kUnavailable
                                                         : Code::kDenied;
  return {code, what, path + ": " + std::strerror(error)};
}

Status WriteAll(int fd, const char* data, size_t size, const std::string& path) {
  while (size > 0) {
    const ssize_t n = ::write(fd, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Failed("cannot write the archive", path, n < 0 ? errno : ENOSPC);
    data += n;
    size -= static_cast<size_t>(n);
  }
  return Status::Ok();
}

Status SyncFolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Failed("cannot sync the folder", folder, errno);
  const bool synced = ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  return synced ? Status::Ok() : Failed("cannot sync the folder", folder, error);
}

void Count(const EventRow& event, std::string_view line, ArchiveReport& report) {
  if (report.events++ == 0) report.first_seq = event.seq;
  report.last_seq = event.seq;
  report.hash = core::HashBytes(std::as_bytes(std::span(line)), report.hash);
}

bool Eat(std::string_view& text, std::string_view literal) {
  if (!text.starts_with(literal)) return false;
  text.remove_prefix(literal.size());
  return true;
}

template <typename Number>
bool EatNumber(std::string_view& text, std::string_view name, Number& out) {
  if (!Eat(text, name)) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return error == std::errc();
}

struct CStreamFree {
  void operator()(ZSTD_CStream* s) const { ZSTD_freeCStream(s); }
};
struct DStreamFree {
  void operator()(ZSTD_DStream* s) const { ZSTD_freeDStream(s); }
};
struct FileClose {
  void operator()(std::FILE* f) const { std::fclose(f); }
};

}  // namespace

std::string ArchiveLine(const EventRow& event) {
  std::string line = fmt::format(
      "{{\"seq\":{},\"type\":{},\"id\":{},\"version\":{},\"at_us\":{},\"tick\":{},\"kind\":{},"
      "\"epoch\":{},\"payload\":\"",
      event.seq, static_cast<int>(event.aggregate_type), event.aggregate_id, event.version,
      event.at_us, event.tick, static_cast<int>(event.kind), event.epoch);
  constexpr char kDigits[] = "0123456789abcdef";
  for (const std::byte byte : event.payload) {
    line += kDigits[static_cast<unsigned>(byte) >> 4];
    line += kDigits[static_cast<unsigned>(byte) & 15];
  }
  return line += "\"}";
}

bool ParseArchiveLine(std::string_view text, EventRow& out) {
  int type = 0, kind = 0;
  EventRow event;
  if (!EatNumber(text, "{\"seq\":", event.seq) || !EatNumber(text, ",\"type\":", type) ||
      !EatNumber(text, ",\"id\":", event.aggregate_id) ||
      !EatNumber(text, ",\"version\":", event.version) ||
      !EatNumber(text, ",\"at_us\":", event.at_us) || !EatNumber(text, ",\"tick\":", event.tick) ||
      !EatNumber(text, ",\"kind\":", kind)) {
    return false;
  }
  // Lines from before migration 0002 have no epoch.
  if (text.starts_with(",\"epoch\"") && !EatNumber(text, ",\"epoch\":", event.epoch)) return false;
  if (!Eat(text, ",\"payload\":\"")) return false;
  if (type < 1 || type > 255 || kind < 1 || kind > 255) return false;
  while (text.size() >= 2 && text[0] != '"') {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + 2, value, 16);
    if (error != std::errc() || end != text.data() + 2) return false;
    event.payload.push_back(static_cast<std::byte>(value));
    text.remove_prefix(2);
  }
  if (text != "\"}") return false;
  event.aggregate_type = static_cast<AggregateType>(type);
  event.kind = static_cast<EventKind>(kind);
  out = std::move(event);
  return true;
}

struct ArchiveWriter::Stream {
  int fd = -1;
  std::unique_ptr<ZSTD_CStream, CStreamFree> zstd{ZSTD_createCStream()};
  std::vector<char> out = std::vector<char>(ZSTD_CStreamOutSize());
};

ArchiveWriter::ArchiveWriter() : stream_(std::make_unique<Stream>()) {}

ArchiveWriter::~ArchiveWriter() {
  if (stream_->fd < 0) return;
  ::close(stream_->fd);
  ::unlink((path_ + kUnfinished).c_str());
}

core::Result<std::unique_ptr<ArchiveWriter>> ArchiveWriter::Open(const std::string& path) {
  std::unique_ptr<ArchiveWriter> writer(new ArchiveWriter());
  writer->path_ = path;
  if (const size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0)
    ::mkdir(path.substr(0, slash).c_str(), 0750);  // when that fails, the next line tells
  const std::string unfinished = path + kUnfinished;
  ZSTD_CStream* const zstd = writer->stream_->zstd.get();
  if (zstd == nullptr) return Status(Code::kInternal, "no zstd stream");
  ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
  const int fd = ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (fd < 0)
    return Failed("cannot make the archive", unfinished, errno == ENOENT ? EACCES : errno);
  writer->stream_->fd = fd;
  return writer;
}

Status ArchiveWriter::Compress(std::string_view text, bool end) {
  ZSTD_inBuffer in{text.data(), text.size(), 0};
  while (true) {
    ZSTD_outBuffer out{stream_->out.data(), stream_->out.size(), 0};
    const size_t left =
        ZSTD_compressStream2(stream_->zstd.get(), &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left)) return {Code::kInternal, "zstd", ZSTD_getErrorName(left)};
    if (Status status = WriteAll(stream_->fd, stream_->out.data(), out.pos, path_); !status.ok())
      return status;
    report_.file_bytes += out.pos;
    if (end ? left == 0 : in.pos == in.size) return Status::Ok();
  }
}

Status ArchiveWriter::Add(const EventRow& event) {
  if (report_.events > 0 && event.seq <= report_.last_seq)
    return {Code::kInvalid, "events are not in the order of seq",
            fmt::format("{} after {}", event.seq, report_.last_seq)};
  std::string line = ArchiveLine(event);
  Count(event, line, report_);
  line += '\n';
  return Compress(line, false);
}

core::Result<ArchiveReport> ArchiveWriter::Finish(const StopFlag* stop) {
  const std::string unfinished = path_ + kUnfinished;
  if (Status status = Compress({}, true); !status.ok()) return status;
  // After a failed sync the file is of unknown content (PITFALLS F-10): it is left to the next run.
  if (::fsync(stream_->fd) != 0) return Failed("cannot sync the archive", unfinished, errno);
  const auto back = ReadArchive(unfinished, [stop](const EventRow&) {
    return stop != nullptr && stop->load() ? Status(Code::kUnavailable, "stopped") : Status::Ok();
  });
  if (!back.ok()) return back.status();
  if (!(*back == report_))
    return Status(Code::kCorrupt, "the archive read back is not what was written", unfinished);
  if (::rename(unfinished.c_str(), path_.c_str()) != 0)
    return Failed("cannot name the archive", path_, errno);
  ::close(stream_->fd);
  stream_->fd = -1;
  if (Status status = SyncFolderOf(path_); !status.ok()) return status;
  return report_;
}

core::Result<ArchiveReport> ReadArchive(const std::string& path,
                                        const std::function<Status(const EventRow&)>& take) {
  const std::unique_ptr<std::FILE, FileClose> file(std::fopen(path.c_str(), "rbe"));
  if (!file) return Failed("cannot read the archive", path, errno);
  const std::unique_ptr<ZSTD_DStream, DStreamFree> zstd(ZSTD_createDStream());
  if (!zstd) return Status(Code::kInternal, "no zstd stream");
  std::vector<char> packed(ZSTD_DStreamInSize()), plain(ZSTD_DStreamOutSize());
  ArchiveReport report;
  std::string text;
  size_t expected = 1;  // zstd: 0 when a frame has just ended
  EventRow event;
  const auto corrupt = [&](const std::string& why) {
    return Status(Code::kCorrupt, "the archive is damaged",
                  fmt::format("{}: line {}: {}", path, report.events + 1, why));
  };
  while (const size_t got = std::fread(packed.data(), 1, packed.size(), file.get())) {
    report.file_bytes += got;
    ZSTD_inBuffer in{packed.data(), got, 0};
    bool more = true;
    while (in.pos < in.size || more) {
      ZSTD_outBuffer out{plain.data(), plain.size(), 0};
      expected = ZSTD_decompressStream(zstd.get(), &out, &in);
      if (ZSTD_isError(expected)) return corrupt(ZSTD_getErrorName(expected));
      more = out.pos == out.size;
      text.append(plain.data(), out.pos);
      size_t begin = 0;
      for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
        const std::string_view line = std::string_view(text).substr(begin, end - begin);
        if (!ParseArchiveLine(line, event)) return corrupt("no event");
        if (report.events > 0 && event.seq <= report.last_seq) return corrupt("out of order");
        Count(event, line, report);
        if (Status status = take(event); !status.ok()) return status;
      }
      text.erase(0, begin);
      if (text.size() > kMaxLine) return corrupt("too long");
      if (expected == 0) break;
    }
  }
  if (std::ferror(file.get())) return Failed("cannot read the archive", path, EIO);
  if (expected != 0 || !text.empty()) return corrupt("the file ends too early");
  return report;
}

core::Result<ArchiveReport> CopyToArchive(StoreReader& reader, int64_t before_us,
                                          const std::string& path) {
  constexpr size_t kPage = 1000;
  auto writer = ArchiveWriter::Open(path);
  if (!writer.ok()) return writer.status();
  for (int64_t after = 0;;) {
    const auto events = reader.ReadEventsAfter(after, kPage);
    if (!events.ok()) return events.status();
    for (const EventRow& event : *events) {
      after = event.seq;
      if (event.at_us >= before_us) continue;
      if (Status status = (*writer)->Add(event); !status.ok()) return status;
    }
    if (events->size() < kPage) return (*writer)->Finish();
  }
}

}  // namespace bluemarble::persistence
