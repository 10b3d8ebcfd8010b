#include "persistence/store.h"

#include <cmath>
#include <cstring>

#include "core/hash.h"
#include "core/text.h"

namespace bluemarble::persistence {
namespace {

constexpr std::byte kResultFormat{1};
constexpr size_t kResultHead = 4;

uint64_t HashOf(const PlayerState& state, uint64_t seed) {
  return core::HashBytes(EncodePlayerState(state), seed);
}

}  // namespace

uint64_t RequestDigest(const DurableWrite& write) {
  uint64_t digest = 0;
  if (write.login) {
    // The initial state does not count: a client that asks again may have been placed elsewhere.
    digest = core::HashBytes(std::as_bytes(std::span(write.login->name.bytes)), 1);
  }
  for (const PlayerUpdate& update : write.updates) {
    digest = core::HashCombine(digest, static_cast<uint64_t>(update.player_id));
    digest = core::HashCombine(digest, static_cast<uint64_t>(update.expected_version));
    digest = core::HashCombine(digest, static_cast<uint64_t>(update.kind));
    digest = HashOf(update.state, digest);
    digest = core::HashBytes(update.payload, digest);
  }
  return digest;
}

int64_t ShardPrefix(std::string_view shard_id) {
  const uint64_t hash = core::HashBytes(std::as_bytes(std::span(shard_id)));
  return static_cast<int64_t>(hash % ((1u << 22) - 1)) + 1;
}

bool IsFinite(const PlayerState& state) {
  return std::isfinite(state.x_m) && std::isfinite(state.y_m) && std::isfinite(state.z_m) &&
         std::isfinite(state.ground_height_m);
}

core::Status CheckWrite(const DurableWrite& write) {
  using core::Code;
  if (!write.login && write.updates.empty()) return {Code::kInvalid, "a write that writes nothing"};
  if (write.login) {
    if (auto status = core::ValidateName(write.login->name.view(), kMaxNameBytes); !status.ok())
      return status;
    if (!IsFinite(write.login->initial)) return {Code::kInvalid, "initial state is not finite"};
  }
  int64_t last = 0;
  for (const PlayerUpdate& update : write.updates) {
    if (update.player_id <= last) return {Code::kInvalid, "updates are not in player order"};
    if (!IsFinite(update.state)) return {Code::kInvalid, "state is not finite"};
    last = update.player_id;
  }
  return core::Status::Ok();
}

std::vector<std::byte> EncodeResult(const WriteResult& result) {
  std::vector<std::byte> bytes(kResultHead + sizeof(PlayerRow));
  bytes[0] = kResultFormat;
  bytes[1] = static_cast<std::byte>(result.outcome);
  bytes[2] = static_cast<std::byte>(result.refusal);
  bytes[3] = static_cast<std::byte>(result.created);
  std::memcpy(bytes.data() + kResultHead, &result.row, sizeof(PlayerRow));
  return bytes;
}

core::Result<WriteResult> DecodeResult(std::span<const std::byte> bytes) {
  if (bytes.size() != kResultHead + sizeof(PlayerRow) || bytes[0] != kResultFormat ||
      static_cast<uint8_t>(bytes[1]) > static_cast<uint8_t>(Outcome::kUnknown) ||
      static_cast<uint8_t>(bytes[2]) > static_cast<uint8_t>(Refusal::kInvalid)) {
    return core::Status(core::Code::kCorrupt, "stored result of an idempotency key");
  }
  WriteResult result;
  result.outcome = static_cast<Outcome>(bytes[1]);
  result.refusal = static_cast<Refusal>(bytes[2]);
  result.created = bytes[3] != std::byte{0};
  result.repeated = true;
  std::memcpy(&result.row, bytes.data() + kResultHead, sizeof(PlayerRow));
  return result;
}

}  // namespace bluemarble::persistence
