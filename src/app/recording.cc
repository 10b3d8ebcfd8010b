#include "app/recording.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>

#include "core/hash.h"

namespace bluemarble::app {
namespace {

uint32_t CheckOf(std::span<const std::byte> record) {
  return static_cast<uint32_t>(core::HashBytes(record));
}

// Larger than any message (net's largest is 64 KiB) and any settings text.
constexpr uint32_t kMaxRecordBytes = 1 << 20;

}  // namespace

uint64_t HashText(std::string_view text) {
  return core::HashBytes(std::as_bytes(std::span(text.data(), text.size())));
}

std::vector<std::byte> EncodeRecordingHead(const RecordingHead& head) {
  const std::string text =
      fmt::format("{}\n{} {} {} {} {}\n", head.version, head.seed, head.grant.first,
                  head.grant.last, head.max_unreliable_bytes, head.settings_hash);
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

core::Result<RecordingHead> DecodeRecordingHead(std::span<const std::byte> body) {
  const std::string_view text(reinterpret_cast<const char*>(body.data()), body.size());
  const core::Status bad(core::Code::kCorrupt, "the recording's head is not one");
  const size_t version_end = text.find('\n');
  if (version_end == std::string_view::npos) return bad;
  const size_t numbers_end = text.find('\n', version_end + 1);
  if (numbers_end == std::string_view::npos) return bad;
  RecordingHead head;
  head.version = text.substr(0, version_end);
  const char* at = text.data() + version_end + 1;
  const char* end = text.data() + numbers_end;
  for (uint64_t* number : {&head.seed, &head.grant.first, &head.grant.last,
                           &head.max_unreliable_bytes, &head.settings_hash}) {
    const auto [after, error] = std::from_chars(at, end, *number);
    if (error != std::errc{}) return bad;
    at = after == end ? after : after + 1;
  }
  return head;
}

void EncodeRecordFrame(std::span<const std::byte> record,
                       std::span<std::byte, kRecordFrameBytes> out) {
  const auto length = static_cast<uint32_t>(record.size());
  const uint32_t check = CheckOf(record);
  std::memcpy(out.data(), &length, 4);
  std::memcpy(out.data() + 4, &check, 4);
}

core::Result<Record> RecordingReader::Next() {
  const core::Status end(core::Code::kNotFound, "end of the recording");
  if (rest_.empty()) return end;
  uint32_t length = 0, check = 0;
  if (rest_.size() >= kRecordFrameBytes) {
    std::memcpy(&length, rest_.data(), 4);
    std::memcpy(&check, rest_.data() + 4, 4);
    if (length < sizeof(RecordHead) || length > kMaxRecordBytes) {
      return {core::Code::kCorrupt, "a record's length is impossible"};
    }
  }
  if (rest_.size() < kRecordFrameBytes + length) {
    truncated_ = true;
    rest_ = {};
    return end;
  }
  const auto record = rest_.subspan(kRecordFrameBytes, length);
  if (CheckOf(record) != check) return {core::Code::kCorrupt, "a record fails its check"};
  rest_ = rest_.subspan(kRecordFrameBytes + length);
  Record out;
  std::memcpy(&out.head, record.data(), sizeof out.head);
  out.body = record.subspan(sizeof out.head);
  return out;
}

}  // namespace bluemarble::app
