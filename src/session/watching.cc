// What sessions do about conduct: the books are kept by ConductLedger, the consequences are drawn
// here. Whatever was not allowed has been refused or corrected before.
#include <fmt/format.h>

#include <array>

#include "persistence/notes.h"
#include "session/player_sessions.h"

namespace bluemarble::session {

void PlayerSessions::Report(SessionId id, Violation violation) {
  if (Session* session = table_.Find(id)) Note(*session, violation);
}

void PlayerSessions::Note(Session& session, Violation violation) {
  stats_.violations[static_cast<size_t>(violation)].Add();
  if (session.player_id == 0) return;  // nobody yet to keep a book on
  const ConductResponse response = conduct_.Add(session.player_id, session.name, violation, now_);
  stats_.conduct_players.Set(conduct_.players());
  if (response == ConductResponse::kNone || session.kicked) return;
  if (response == ConductResponse::kKick) {
    session.kicked = true;
    stats_.kicked.Add();
  } else {
    stats_.flagged.Add();
  }
  Audit(session, response, violation);
}

void PlayerSessions::NoteRefusal(Session& session, const Verdict& verdict) {
  if (verdict.refusal != DisconnectReason::kRateLimited) {
    Note(session, Violation::kProtocol);
    return;
  }
  switch (verdict.message) {
    case kInputRow: Note(session, Violation::kInputRate); break;
    case kActionRow:
    case kDeclineRow: Note(session, Violation::kActionRate); break;
    case kChatRow: Note(session, Violation::kChatRate); break;
    default: Note(session, Violation::kFlood); break;
  }
}

void PlayerSessions::NoteInput(Session& session, InputViolations found) {
  if (found == 0) return;
  if (session.noted_tick != now_) session.noted = 0;
  session.noted_tick = now_;
  for (const Violation violation : {Violation::kInputFuture, Violation::kInputBackwards,
                                    Violation::kInputConflict, Violation::kInputInvalid}) {
    if ((found & ~session.noted & Bit(violation)) != 0) Note(session, violation);
  }
  session.noted |= found;
}

void PlayerSessions::WatchMovement(Session& session, world::Body& body) {
  const MovementBreach breach = session.watch.Check(body, timing_.movement);
  if (breach == MovementBreach::kNone) return;
  if (conduct_log_.Allow(parts_.clock.NowNs())) {
    core::Log(core::LogLevel::kError, "movement_breach",
              "player={} entity={} tick={} kind={} from=({:.3f},{:.3f},{:.3f}) "
              "to=({:.3f},{:.3f},{:.3f})",
              session.player_id, session.entity.bits, now_, static_cast<int>(breach),
              session.watch.last().position.x, session.watch.last().position.y,
              session.watch.last().position.z, body.position.x, body.position.y, body.position.z);
  }
  body = session.watch.last();
  parts_.zone.PutBack(session.entity, body);
  stats_.put_back.Add();
  switch (breach) {
    case MovementBreach::kSpeed: Note(session, Violation::kSpeed); break;
    case MovementBreach::kTeleport: Note(session, Violation::kTeleport); break;
    case MovementBreach::kAcceleration: Note(session, Violation::kAcceleration); break;
    case MovementBreach::kNone: break;
  }
}

void PlayerSessions::Audit(const Session& session, ConductResponse response, Violation violation) {
  const char* what = response == ConductResponse::kKick ? "kick" : "flag";
  const double score = conduct_.ScoreOf(session.player_id, now_);
  if (conduct_log_.Allow(parts_.clock.NowNs())) {
    core::Log(core::LogLevel::kWarn, "conduct",
              "player={} entity={} tick={} response={} violation={} score={:.1f} not_logged={}",
              session.player_id, session.entity.bits, now_, what, ViolationName(violation), score,
              conduct_log_.suppressed());
  }
  persistence::NoteRequest note;
  note.player_id = session.player_id;
  note.tick = now_;
  note.kind = persistence::NoteKind::kConduct;
  note.code = static_cast<uint16_t>(response);
  std::array<char, persistence::kMaxNoteBytes> text;
  const auto end = fmt::format_to_n(text.data(), text.size(), "{} violation={} score={:.1f}", what,
                                    ViolationName(violation), score);
  note.SetText({text.data(), static_cast<size_t>(end.out - text.data())});
  if (!parts_.store.AppendNote(note).ok()) stats_.notes_refused.Add();
}

}  // namespace bluemarble::session
