/// Notes: what was said and done, kept for people who must judge it later (moderation, cheating).
/// The world does not rest on them: a note changes no row, has no version, and is never read by the
/// zone. Plain values, any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/ids.h"
#include "core/result.h"

namespace bluemarble::persistence {

/// Stored as numbers; never renumber. `code` says more, by the kind.
enum class NoteKind : uint8_t {
  kChat = 1,     ///< A line of chat; code: its scope as on the wire (1 zone, 2 local).
  kConduct = 2,  ///< A rule that a player broke, or what was done about it.
};
/// "chat", "conduct"; "?" for any other number.
std::string_view NoteKindName(NoteKind kind);
std::optional<NoteKind> ParseNoteKind(std::string_view name);

inline constexpr size_t kMaxNoteBytes = 256;

struct NoteRequest {
  int64_t player_id = 0;  ///< Whose note it is; 0: nobody's.
  core::Tick tick = 0;
  NoteKind kind = NoteKind::kChat;
  uint8_t reserved = 0;
  uint16_t code = 0;
  uint16_t bytes = 0;  ///< Used of `text`.
  uint16_t reserved2 = 0;
  std::array<char, kMaxNoteBytes> text{};

  /// Cuts what is longer than kMaxNoteBytes; validate first (core::ValidateStorable).
  void SetText(std::string_view value);
  std::string_view view() const { return {text.data(), bytes}; }
};
static_assert(std::is_trivially_copyable_v<NoteRequest> &&
              sizeof(NoteRequest) == 24 + kMaxNoteBytes);

/// kInvalid: an unknown kind, a text that is too long, or that a database may refuse.
core::Status CheckNote(const NoteRequest& note);
/// The part that crosses the queue. `note` must be one that CheckNote took.
std::span<const std::byte> UsedBytes(const NoteRequest& note);
/// False when the bytes are not a note.
bool DecodeNote(std::span<const std::byte> bytes, NoteRequest& out);

/// As stored. (run, number) is the key: it makes a note that is written again the same one.
struct NoteRow {
  int64_t run = 0;     ///< Of the process that wrote it (StoreMeta::run).
  int64_t number = 0;  ///< Within the run, from 1.
  int64_t at_us = 0;   ///< Wall clock.
  int64_t player_id = 0;
  core::Tick tick = 0;
  NoteKind kind = NoteKind::kChat;
  uint16_t code = 0;
  std::string text;
  friend bool operator==(const NoteRow&, const NoteRow&) = default;
};

/// Of the notes that match, the newest `limit`.
struct NoteQuery {
  std::optional<int64_t> player_id;
  std::optional<NoteKind> kind;
  int64_t since_us = 0;
  int64_t until_us = INT64_MAX;  ///< Not included.
  size_t limit = 100;
};

}  // namespace bluemarble::persistence
