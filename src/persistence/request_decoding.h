/// The zone's requests as bytes on their way to the committer, and what they ask of the store. Pure
/// functions over spans; the committing thread decodes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/ids.h"
#include "persistence/durable_queue.h"
#include "persistence/store.h"

namespace bluemarble::persistence {

/// Requests cross the queue as [RequestKind u8][7 zero bytes][body]. Bodies: the request struct; of
/// an action only its used item changes, of a note its used text; of positions [u64 journal
/// sequence, 0: none] and the PositionSave array.
enum class RequestKind : uint8_t {
  kLogin = 1,
  kEvent = 2,
  kReserveTicks = 3,
  kPositions = 4,
  kAction = 5,
  kWorldItems = 6,
  kNote = 7,
};
inline constexpr size_t kRequestHeadBytes = 8;
/// Positions per record: a tick's saves are cut into records of this many.
inline constexpr size_t kPositionsPerRecord = 128;
/// The part of an action that crosses the queue. `changes` must not exceed kMaxItemChanges.
std::span<const std::byte> UsedBytes(const ActionRequest& request);

struct DecodedRequest {
  RequestKind kind = RequestKind::kLogin;
  uint64_t request_id = 0;                          ///< Of all but ticks, positions and notes.
  CompletionKind answer = CompletionKind::kAction;  ///< To `write`.
  DurableWrite write;                               ///< kLogin, kEvent, kAction.
  core::Tick up_to = 0;                             ///< kReserveTicks.
  NoteRequest note;                                 ///< kNote.
  uint64_t journal_sequence = 0;                    ///< kPositions, as the next two.
  size_t positions = 0;
  std::span<const std::byte> position_bytes;  ///< Within the record; need not be aligned.

  PositionSave PositionAt(size_t index) const;
};

/// `run`: the store's (StoreMeta); it makes the zone's request ids into keys that no other run has.
/// False when the record is not a request: our own mistake.
bool DecodeRequest(std::span<const std::byte> record, int64_t run, DecodedRequest& out);

}  // namespace bluemarble::persistence
