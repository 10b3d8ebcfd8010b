#include "persistence/notes.h"

#include <algorithm>
#include <cstring>

#include "core/text.h"

namespace bluemarble::persistence {
namespace {

constexpr size_t kHeadBytes = offsetof(NoteRequest, text);
constexpr NoteKind kKinds[] = {NoteKind::kChat, NoteKind::kConduct};

}  // namespace

std::string_view NoteKindName(NoteKind kind) {
  switch (kind) {
    case NoteKind::kChat: return "chat";
    case NoteKind::kConduct: return "conduct";
  }
  return "?";
}

std::optional<NoteKind> ParseNoteKind(std::string_view name) {
  for (const NoteKind kind : kKinds) {
    if (NoteKindName(kind) == name) return kind;
  }
  return std::nullopt;
}

void NoteRequest::SetText(std::string_view value) {
  value = value.substr(0, kMaxNoteBytes);
  text = {};
  if (!value.empty()) std::memcpy(text.data(), value.data(), value.size());
  bytes = static_cast<uint16_t>(value.size());
}

core::Status CheckNote(const NoteRequest& note) {
  if (std::ranges::find(kKinds, note.kind) == std::end(kKinds))
    return {core::Code::kInvalid, "a note of an unknown kind"};
  if (note.bytes > kMaxNoteBytes) return {core::Code::kInvalid, "a note longer than kMaxNoteBytes"};
  if (note.bytes == 0) return core::Status::Ok();
  return core::ValidateStorable(note.view(), kMaxNoteBytes);
}

std::span<const std::byte> UsedBytes(const NoteRequest& note) {
  return std::as_bytes(std::span(&note, 1)).first(kHeadBytes + note.bytes);
}

bool DecodeNote(std::span<const std::byte> bytes, NoteRequest& out) {
  if (bytes.size() < kHeadBytes || bytes.size() > sizeof(NoteRequest)) return false;
  out = {};
  std::memcpy(static_cast<void*>(&out), bytes.data(), bytes.size());
  return bytes.size() == kHeadBytes + out.bytes && CheckNote(out).ok();
}

}  // namespace bluemarble::persistence
