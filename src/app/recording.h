/// The recording's file, `recording.bin` in its folder: a sequence of checksummed records, the
/// first of kind kHead, then for each tick kTick, its inputs in the order in which the zone took
/// them, and kHash. Little-endian:
///
///   record: u32 length of head and body | u32 check (low half of core::HashBytes over them) | head
///   24 B | body head:   u8 kind | u8 code | u8 channel | u8 inbound kind | u32 reason | u64 a |
///   u64 b
///
/// A recording that a crash cut short is read up to its last whole tick. Values only, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/zone.h"
#include "core/result.h"

namespace bluemarble::app {

inline constexpr const char* kRecordingFile = "recording.bin";
inline constexpr const char* kRecordedSettingsFile =
    "settings.toml";  ///< The effective settings, beside it.

enum class RecordKind : uint8_t {
  kHead = 1,          ///< Body: RecordingHead as text.
  kTick = 2,          ///< a: tick; code: 1 when stopping; channel, reason: relief, dilation.
  kInbound = 3,       ///< a: peer; b: address; reason, channel, inbound kind; body: the message.
  kCompletion = 4,    ///< Body: persistence::EncodeCompletion.
  kSendRefused = 5,   ///< a: which Send of the tick, from 0; code.
  kStoreRefused = 6,  ///< a: which request since the start, from 0; code.
  kHash = 7,          ///< a: the world hash after the tick.
  kBan = 8,           ///< a: account; b: ticks for which it is refused, 0: lifted.
  kOrder = 9,         ///< Body: session::OperatorOrder.
};

struct RecordHead {
  RecordKind kind = RecordKind::kTick;
  uint8_t code = 0;
  uint8_t channel = 0;
  uint8_t inbound_kind = 0;
  uint32_t reason = 0;
  uint64_t a = 0;
  uint64_t b = 0;
};
static_assert(sizeof(RecordHead) == 24);

/// What a replay must know before the first tick.
struct RecordingHead {
  std::string version;         ///< Of the program; another one may compute another world.
  uint64_t settings_hash = 0;  ///< Of the bytes of kRecordedSettingsFile.
  uint64_t seed = 0;           ///< Of the world.
  TickGrant grant;
  uint64_t max_unreliable_bytes = 0;
};
uint64_t HashText(std::string_view text);
std::vector<std::byte> EncodeRecordingHead(const RecordingHead& head);
core::Result<RecordingHead> DecodeRecordingHead(std::span<const std::byte> body);

inline constexpr size_t kRecordFrameBytes = 8;
/// The frame that goes before head and body on disk.
void EncodeRecordFrame(std::span<const std::byte> record,
                       std::span<std::byte, kRecordFrameBytes> out);

struct Record {
  RecordHead head;
  std::span<const std::byte> body;
};

/// Reads a whole recording that is in memory.
class RecordingReader {
 public:
  explicit RecordingReader(std::span<const std::byte> bytes) : rest_(bytes) {}
  /// kNotFound at the end (also when the last record is cut short); kCorrupt when one fails its
  /// check.
  core::Result<Record> Next();
  bool truncated() const { return truncated_; }

 private:
  std::span<const std::byte> rest_;
  bool truncated_ = false;
};

}  // namespace bluemarble::app
