#include "app/recorder.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <vector>

#include "core/log.h"

namespace bluemarble::app {
namespace {

constexpr size_t kBatchBytes = 256u << 10;

bool WriteAll(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return true;
}

core::Result<int> MakeFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd >= 0) return fd;
  const core::Code code = errno == EEXIST ? core::Code::kConflict : core::Code::kDenied;
  return core::Status(code, "cannot make the recording", path + ": " + std::strerror(errno));
}

std::span<const std::byte> BytesOf(const RecordHead& head) {
  return std::as_bytes(std::span(&head, 1));
}

}  // namespace

core::Result<std::unique_ptr<Recorder>> Recorder::Open(const std::string& folder,
                                                       RecordingHead head,
                                                       std::string_view settings_toml,
                                                       const RecordSettings& settings) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  const std::string path = folder + "/" + kRecordingFile;
  auto fd = MakeFile(path);
  if (!fd.ok()) return fd.status();
  auto settings_fd = MakeFile(folder + "/" + kRecordedSettingsFile);
  if (!settings_fd.ok()) return settings_fd.status();
  const bool written =
      WriteAll(*settings_fd, std::as_bytes(std::span(settings_toml.data(), settings_toml.size())));
  ::close(*settings_fd);
  if (!written)
    return core::Status(core::Code::kDenied, "cannot write the recording", std::strerror(errno));
  head.settings_hash = HashText(settings_toml);
  std::unique_ptr<Recorder> recorder(new Recorder(*fd, path, settings.queue_bytes));
  recorder->Add({.kind = RecordKind::kHead}, EncodeRecordingHead(head));
  return recorder;
}

Recorder::Recorder(int fd, std::string path, size_t queue_bytes)
    : fd_(fd), path_(std::move(path)), ring_(queue_bytes), writer_([this] { WriteLoop(); }) {}

Recorder::~Recorder() {
  stop_.store(true, std::memory_order_release);
  writer_.join();
  ::close(fd_);
}

void Recorder::BeginTick(const TickInput& input) {
  tick_ = input.tick;
  Add({.kind = RecordKind::kTick,
       .code = static_cast<uint8_t>(input.stopping ? 1 : 0),
       .channel = input.relief.step,
       .reason = input.relief.dilation_pct,
       .a = input.tick});
  for (const session::BanOrder& ban : input.bans) {
    Add({.kind = RecordKind::kBan,
         .a = static_cast<uint64_t>(ban.account_id),
         .b = ban.refused_ticks});
  }
  for (const session::OperatorOrder& order : input.orders)
    Add({.kind = RecordKind::kOrder}, std::as_bytes(std::span(&order, 1)));
}

void Recorder::EndTick(uint64_t world_hash) { Add({.kind = RecordKind::kHash, .a = world_hash}); }

void Recorder::Add(const RecordHead& head, std::span<const std::byte> body) {
  if (ended_.load(std::memory_order_relaxed)) return;
  if (ring_.Push(BytesOf(head), body)) return;
  ended_.store(true, std::memory_order_relaxed);
  core::Log(core::LogLevel::kError, "recording_ended",
            "tick={} reason=\"the disk is too slow (record.queue_bytes)\" file=\"{}\"", tick_,
            path_);
}

void Recorder::WriteLoop() {
  std::vector<std::byte> batch;
  batch.reserve(2 * kBatchBytes);
  while (true) {
    const bool stopping = stop_.load(std::memory_order_acquire);
    for (auto record = ring_.Front(); record.data() != nullptr && batch.size() < kBatchBytes;
         record = ring_.Front()) {
      std::array<std::byte, kRecordFrameBytes> frame;
      EncodeRecordFrame(record, frame);
      batch.insert(batch.end(), frame.begin(), frame.end());
      batch.insert(batch.end(), record.begin(), record.end());
      ring_.Pop();
    }
    if (batch.empty()) {
      if (stopping) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      continue;
    }
    if (!WriteAll(fd_, batch)) {
      if (!ended_.exchange(true)) {
        core::Log(core::LogLevel::kError, "recording_ended", "reason=\"{}\" file=\"{}\"",
                  std::strerror(errno), path_);
      }
      return;
    }
    bytes_.Add(batch.size());
    batch.clear();
  }
}

bool RecordingTransport::Receive(net::Inbound& out) {
  if (!inner_.Receive(out)) return false;
  recorder_.Add({.kind = RecordKind::kInbound,
                 .channel = static_cast<uint8_t>(out.channel),
                 .inbound_kind = static_cast<uint8_t>(out.kind),
                 .reason = out.reason,
                 .a = out.peer.bits,
                 .b = out.address_v4},
                out.bytes);
  return true;
}

core::Status RecordingTransport::Send(core::PeerId peer, net::Channel channel,
                                      std::span<const std::byte> bytes) {
  core::Status status = inner_.Send(peer, channel, bytes);
  const uint32_t number = sends_++;
  if (!status.ok()) {
    recorder_.Add({.kind = RecordKind::kSendRefused,
                   .code = static_cast<uint8_t>(status.code()),
                   .a = number});
  }
  return status;
}

void RecordingTransport::Flush(core::Tick tick, int64_t scheduled_ns) {
  sends_ = 0;
  inner_.Flush(tick, scheduled_ns);
}

core::Status RecordingQueue::Note(core::Status status) {
  const uint64_t number = calls_++;
  if (!status.ok()) {
    recorder_.Add({.kind = RecordKind::kStoreRefused,
                   .code = static_cast<uint8_t>(status.code()),
                   .a = number});
  }
  return status;
}

core::Status RecordingQueue::RequestLogin(const persistence::LoginRequest& request) {
  return Note(inner_.RequestLogin(request));
}
core::Status RecordingQueue::AppendEvent(const persistence::PlayerEventRequest& request) {
  return Note(inner_.AppendEvent(request));
}
core::Status RecordingQueue::RequestAction(const persistence::ActionRequest& request) {
  return Note(inner_.RequestAction(request));
}
core::Status RecordingQueue::RequestWorldItems(uint64_t request_id) {
  return Note(inner_.RequestWorldItems(request_id));
}
core::Status RecordingQueue::ReserveTicks(core::Tick up_to) {
  return Note(inner_.ReserveTicks(up_to));
}
core::Status RecordingQueue::SavePositions(std::span<const persistence::PositionSave> saves) {
  return Note(inner_.SavePositions(saves));
}

core::Status RecordingQueue::AppendNote(const persistence::NoteRequest& note) {
  return Note(inner_.AppendNote(note));
}

bool RecordingQueue::NextCompletion(persistence::Completion& out) {
  if (!inner_.NextCompletion(out)) return false;
  std::array<std::byte, persistence::kCompletionBytes> bytes;
  if (persistence::EncodeCompletion(out, bytes).ok())
    recorder_.Add({.kind = RecordKind::kCompletion}, bytes);
  return true;
}

}  // namespace bluemarble::app
