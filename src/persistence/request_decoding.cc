#include "persistence/request_decoding.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>

namespace bluemarble::persistence {
namespace {

constexpr size_t kActionHeadBytes = offsetof(ActionRequest, items);

template <typename T>
bool Read(std::span<const std::byte> body, T& out) {
  if (body.size() != sizeof(T)) return false;
  std::memcpy(&out, body.data(), sizeof(T));
  return true;
}

/// The zone's own keys: under player 0, where no client's key can be. Logins and events differ in
/// the sign of the run.
IdempotencyKey KeyOf(int64_t run, uint64_t request_id) {
  IdempotencyKey key{0, {}};
  std::memcpy(key.bytes.data(), &run, 8);
  std::memcpy(key.bytes.data() + 8, &request_id, 8);
  return key;
}

bool ReadLogin(std::span<const std::byte> body, int64_t run, DecodedRequest& out) {
  LoginRequest request;
  if (!Read(body, request)) return false;
  out.request_id = request.request_id;
  out.answer = CompletionKind::kLogin;
  out.write.key = KeyOf(run, request.request_id);
  out.write.tick = request.tick;
  out.write.login = PlayerLogin{request.name, request.initial, {}, request.starting_gold};
  for (const Starter& starter : request.starters) {
    if (starter.quantity != 0) out.write.login->starters.push_back(starter);
  }
  return true;
}

bool ReadEvent(std::span<const std::byte> body, int64_t run, DecodedRequest& out) {
  PlayerEventRequest request;
  if (!Read(body, request)) return false;
  out.request_id = request.request_id;
  out.answer =
      request.kind == EventKind::kLogout ? CompletionKind::kLogout : CompletionKind::kSample;
  out.write.key = KeyOf(-run, request.request_id);
  out.write.tick = request.tick;
  out.write.updates.push_back({request.player_id, request.epoch, request.expected_version,
                               request.state, request.kind, EncodePlayerState(request.state)});
  return true;
}

DurableWrite WriteOf(const ActionRequest& request) {
  DurableWrite write;
  const bool forever = request.player_id == 0 && request.keep_key != 0;
  write.key = {forever ? kForeverKeys : request.player_id, request.key};
  write.tick = request.tick;
  write.digest = request.digest;
  write.refuse_with = request.refuse_with;
  if (request.player_id != 0) write.owners.push_back({request.player_id, request.epoch});
  if (request.other_id != 0 && request.other_id != request.player_id)
    write.owners.push_back({request.other_id, request.other_epoch});
  std::ranges::sort(write.owners, {}, &Owner::player_id);
  write.items.assign(request.items.begin(), request.items.begin() + request.changes);
  if (request.other_id != 0 && request.other_key != std::array<std::byte, 16>{}) {
    write.also = {request.other_id, request.other_key};
    write.also_digest = request.other_digest;
  }
  if (request.gold != 0) {
    // The zone has no purse, and nobody pays himself.
    const bool two_players = request.player_id != 0 && request.other_id != 0 &&
                             request.player_id != request.other_id &&
                             request.gold != std::numeric_limits<int64_t>::min();
    if (two_players) {
      write.postings = {{request.player_id, -request.gold}, {request.other_id, request.gold}};
      std::ranges::sort(write.postings, {}, &Posting::account_id);
    } else if (write.refuse_with == Refusal::kNone) {
      write.refuse_with = Refusal::kBadAmount;
    }
  }
  return write;
}

bool ReadAction(std::span<const std::byte> body, DecodedRequest& out) {
  ActionRequest request;
  if (body.size() < kActionHeadBytes) return false;
  std::memcpy(static_cast<void*>(&request), body.data(), kActionHeadBytes);
  if (request.changes > kMaxItemChanges ||
      body.size() != kActionHeadBytes + request.changes * sizeof(ItemChange)) {
    return false;
  }
  std::memcpy(request.items.data(), body.data() + kActionHeadBytes,
              request.changes * sizeof(ItemChange));
  out.request_id = request.request_id;
  out.write = WriteOf(request);
  return true;
}

bool ReadPositions(std::span<const std::byte> body, DecodedRequest& out) {
  if (body.size() < sizeof(out.journal_sequence)) return false;
  std::memcpy(&out.journal_sequence, body.data(), sizeof(out.journal_sequence));
  out.position_bytes = body.subspan(sizeof(out.journal_sequence));
  out.positions = out.position_bytes.size() / sizeof(PositionSave);
  return out.position_bytes.size() % sizeof(PositionSave) == 0;
}

}  // namespace

std::span<const std::byte> UsedBytes(const ActionRequest& request) {
  return std::as_bytes(std::span(&request, 1))
      .first(kActionHeadBytes + request.changes * sizeof(ItemChange));
}

PositionSave DecodedRequest::PositionAt(size_t index) const {
  PositionSave save;
  std::memcpy(&save, position_bytes.data() + index * sizeof(PositionSave), sizeof(PositionSave));
  return save;
}

bool DecodeRequest(std::span<const std::byte> record, int64_t run, DecodedRequest& out) {
  out = {};
  if (record.size() < kRequestHeadBytes) return false;
  const auto body = record.subspan(kRequestHeadBytes);
  out.kind = static_cast<RequestKind>(record[0]);
  switch (out.kind) {
    case RequestKind::kLogin: return ReadLogin(body, run, out);
    case RequestKind::kEvent: return ReadEvent(body, run, out);
    case RequestKind::kAction: return ReadAction(body, out);
    case RequestKind::kWorldItems: return Read(body, out.request_id);
    case RequestKind::kReserveTicks: return Read(body, out.up_to);
    case RequestKind::kPositions: return ReadPositions(body, out);
    case RequestKind::kNote: return DecodeNote(body, out.note);
  }
  return false;
}

}  // namespace bluemarble::persistence
