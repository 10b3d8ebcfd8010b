#include "persistence/journal_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "core/hash.h"

namespace bluemarble::persistence {
namespace {

constexpr std::array<char, 8> kSegmentMagic = {'b', 'm', 'j', 'o', 'u', 'r', 'n', 'l'};
constexpr uint32_t kBatchMagic = 0x4a524e4c;
constexpr std::string_view kSuffix = ".journal";
constexpr size_t kDigits = 10;

struct SegmentHeadBytes {
  std::array<char, 8> magic = kSegmentMagic;
  uint32_t format = kJournalFormat;
  uint32_t zero = 0;
  SegmentHead head;
  uint64_t check = 0;
};
static_assert(sizeof(SegmentHeadBytes) == kSegmentHeadBytes);

struct BatchHeadBytes {
  uint32_t magic = kBatchMagic;
  uint32_t saves = 0;
  uint64_t sequence = 0;
  uint32_t head_check = 0;
  uint32_t saves_check = 0;
};
static_assert(sizeof(BatchHeadBytes) == kBatchHeadBytes);

template <typename T>
std::span<const std::byte> BytesOf(const T& value, size_t count = sizeof(T)) {
  return std::as_bytes(std::span(&value, 1)).first(count);
}

uint64_t CheckOf(const SegmentHeadBytes& head) {
  return core::HashBytes(BytesOf(head, offsetof(SegmentHeadBytes, check)), kJournalFormat);
}

uint32_t CheckOf(const BatchHeadBytes& head) {
  return static_cast<uint32_t>(
      core::HashBytes(BytesOf(head, offsetof(BatchHeadBytes, head_check)), kBatchMagic));
}

uint32_t CheckOf(std::span<const std::byte> saves, uint64_t sequence) {
  return static_cast<uint32_t>(core::HashBytes(saves, sequence + 1));
}

void Append(std::vector<std::byte>& out, std::span<const std::byte> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// What a file holds whose size was made durable before its bytes were.
bool AllZero(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

uint64_t JournalShard(std::string_view shard_id) {
  return core::HashBytes(std::as_bytes(std::span(shard_id)), kBatchMagic);
}

std::string SegmentName(uint64_t number) { return fmt::format("{:010}{}", number, kSuffix); }

std::optional<uint64_t> SegmentNumber(std::string_view name) {
  if (name.size() != kDigits + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + kDigits, number);
  if (error != std::errc{} || end != name.data() + kDigits) return std::nullopt;
  return number;
}

void AppendSegmentHead(std::vector<std::byte>& out, const SegmentHead& head) {
  SegmentHeadBytes bytes;
  bytes.head = head;
  bytes.check = CheckOf(bytes);
  Append(out, BytesOf(bytes));
}

void AppendBatch(std::vector<std::byte>& out, uint64_t sequence,
                 std::span<const PositionSave> saves) {
  BatchHeadBytes head;
  head.saves = static_cast<uint32_t>(saves.size());
  head.sequence = sequence;
  head.head_check = CheckOf(head);
  head.saves_check = CheckOf(std::as_bytes(saves), sequence);
  Append(out, BytesOf(head));
  Append(out, std::as_bytes(saves));
}

core::Result<SegmentReading> ReadSegment(std::span<const std::byte> bytes,
                                         const std::function<void(const PositionSave&)>& visit) {
  SegmentReading reading;
  if (bytes.size() < kSegmentHeadBytes || AllZero(bytes)) {
    reading.torn = true;
    return reading;
  }
  SegmentHeadBytes segment;
  std::memcpy(&segment, bytes.data(), sizeof(segment));
  if (segment.magic == kSegmentMagic && segment.format != kJournalFormat) {
    return core::Status(core::Code::kInvalid,
                        "the journal has a format that this zoned cannot read",
                        fmt::format("format {}", segment.format));
  }
  if (segment.magic != kSegmentMagic || segment.check != CheckOf(segment)) {
    reading.corrupt = true;
    return reading;
  }
  reading.head = segment.head;
  auto rest = bytes.subspan(kSegmentHeadBytes);
  while (!rest.empty()) {
    BatchHeadBytes batch;
    if (rest.size() < sizeof(batch) || AllZero(rest)) {
      reading.torn = true;
      break;
    }
    std::memcpy(&batch, rest.data(), sizeof(batch));
    if (batch.magic != kBatchMagic || batch.head_check != CheckOf(batch)) {
      reading.corrupt = true;
      break;
    }
    const size_t body_bytes = size_t{batch.saves} * sizeof(PositionSave);
    if (rest.size() - sizeof(batch) < body_bytes) {
      reading.torn = true;
      break;
    }
    const auto body = rest.subspan(sizeof(batch), body_bytes);
    if (batch.saves_check != CheckOf(body, batch.sequence)) {
      reading.corrupt = true;
      break;
    }
    for (size_t at = 0; at < body_bytes; at += sizeof(PositionSave)) {
      PositionSave save;
      std::memcpy(&save, body.data() + at, sizeof(save));
      visit(save);
    }
    ++reading.batches;
    reading.saves += batch.saves;
    rest = rest.subspan(sizeof(batch) + body_bytes);
  }
  reading.read_bytes = bytes.size() - rest.size();
  return reading;
}

}  // namespace bluemarble::persistence
