// Covers src/persistence/journal_format.cc.
//
// The bytes as a segment and as a file's name; and, since nobody guesses its checks, the same bytes
// as what a writer is given: a head, and for each batch its number of saves before them. What it
// writes is read back, also when a power cut or a bad disk has been at it.
#include <algorithm>
#include <cstring>
#include <vector>

#include "fuzz_target.h"
#include "persistence/journal_format.h"

namespace persistence = bluemarble::persistence;
using bluemarble::fuzz::Require;
using Bytes = std::vector<std::byte>;

namespace {

class Taker {
 public:
  explicit Taker(std::span<const std::byte> bytes) : bytes_(bytes) {}
  template <typename T>
  T Take() {
    T value{};
    const size_t size = std::min(sizeof value, bytes_.size());
    if (size > 0) std::memcpy(&value, bytes_.data(), size);
    bytes_ = bytes_.subspan(size);
    return value;
  }
  bool empty() const { return bytes_.empty(); }

 private:
  std::span<const std::byte> bytes_;
};

// The saves that are read must be the first of those written, byte by byte.
persistence::SegmentReading Read(const Bytes& file,
                                 const std::vector<persistence::PositionSave>& written) {
  size_t at = 0;
  const auto reading = persistence::ReadSegment(file, [&](const persistence::PositionSave& save) {
    Require(at < written.size() && std::memcmp(&save, &written[at], sizeof save) == 0);
    ++at;
  });
  if (!reading.ok()) {
    Require(at == 0);
    return {.corrupt = true};
  }
  Require(at == reading->saves && reading->read_bytes <= file.size());
  return *reading;
}

void WriteAndRead(std::span<const std::byte> bytes) {
  Taker in(bytes);
  const auto damage_at = in.Take<uint16_t>();
  const auto damage = in.Take<uint8_t>();
  const persistence::SegmentHead head{in.Take<uint64_t>(), in.Take<int64_t>(), in.Take<uint64_t>()};
  Bytes file;
  persistence::AppendSegmentHead(file, head);
  std::vector<persistence::PositionSave> written;
  uint64_t batches = 0;
  while (!in.empty()) {
    std::vector<persistence::PositionSave> batch(in.Take<uint8_t>() % 4);
    for (persistence::PositionSave& save : batch) save = in.Take<persistence::PositionSave>();
    persistence::AppendBatch(file, ++batches, batch);
    written.insert(written.end(), batch.begin(), batch.end());
  }
  const auto whole = Read(file, written);
  Require(!whole.torn && !whole.corrupt && whole.batches == batches);
  Require(whole.saves == written.size() && whole.read_bytes == file.size());
  Require(whole.head.shard == head.shard && whole.head.run == head.run &&
          whole.head.number == head.number);

  const size_t at = damage_at % file.size();
  const auto cut = Read({file.begin(), file.begin() + static_cast<std::ptrdiff_t>(at)}, written);
  Require(!cut.corrupt);
  Bytes lost = file;  // the size was made durable, the bytes were not
  std::fill(lost.begin() + static_cast<std::ptrdiff_t>(at), lost.end(), std::byte{0});
  (void)Read(lost, written);
  if (damage == 0) return;
  file[at] ^= std::byte{damage};
  const auto spoiled = Read(file, written);
  Require(spoiled.corrupt || spoiled.torn);
}

}  // namespace

FUZZ_TARGET(journal) {
  uint64_t saves = 0;
  const auto reading =
      persistence::ReadSegment(bytes, [&](const persistence::PositionSave&) { ++saves; });
  Require(reading.ok() ? saves == reading->saves : saves == 0);
  if (reading.ok()) Require(reading->read_bytes <= bytes.size());

  const std::string_view name = bluemarble::fuzz::TextOf(bytes);
  if (const auto number = persistence::SegmentNumber(name))
    Require(persistence::SegmentName(*number) == name);
  Require(persistence::JournalShard(name) == persistence::JournalShard(std::string(name)));
  WriteAndRead(bytes);
}
