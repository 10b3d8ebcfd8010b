#include "services/chat/chat.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>
#include <utility>

#include "core/hash.h"
#include "core/text.h"

namespace bluemarble::chat {
namespace {

// Each is compared with every player's place; a tick has time for that many.
constexpr int kLocalLinesPerTick = 100;
constexpr uint32_t kBusyRetryMs = 1000;
constexpr const char* kOperatorName = "operator";

std::optional<int64_t> NumberOf(const std::string& text) {
  int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || at != end || number <= 0) return std::nullopt;
  return number;
}

size_t IndexOf(ChatScope scope) { return static_cast<size_t>(scope) - 1; }

}  // namespace

const char* ScopeName(ChatScope scope) {
  switch (scope) {
    case ChatScope::kZone: return "zone";
    case ChatScope::kLocal: return "local";
  }
  return "unknown";
}

Chat::Chat(const ChatRules& rules, const ChatParts& parts)
    : rules_(rules),
      rate_{rules.session.chats_per_s, rules.session.chat_burst},
      reach_sq_m2_(rules.chat.local_radius_m * rules.chat.local_radius_m),
      parts_(parts),
      speakers_(rules.session.max_players + rules.session.max_pending) {
  listeners_.reserve(speakers_.size());
  for (const std::string& text : rules.chat.muted) {
    if (const auto number = NumberOf(text)) muted_.insert(*number);
  }
}

void ChatSettings::Validate(std::vector<std::string>& problems) const {
  for (const std::string& text : muted) {
    if (!NumberOf(text))
      problems.push_back("chat.muted: \"" + core::EscapeForLog(text) + "\" is no player's number");
  }
}

void Chat::OnSay(const session::Session& session, const protocol::ChatSay& say) {
  const char* text = "";
  uint32_t retry_ms = 0;
  const ChatReason reason = Check(session, say, text, retry_ms);
  if (reason != ChatReason::kNone) {
    stats_.refused[static_cast<size_t>(reason)].Add();
    sender_->SendTo(session.id, protocol::ChatRefused{say.number, reason, text, retry_ms});
    return;
  }
  Line& line = QueueOf(say.scope).emplace_back();
  line.scope = say.scope;
  line.speaker = session.id;
  line.said = now_;
  line.from = parts_.world.bodies()[parts_.world.RowOf(session.entity)].position;
  line.message = protocol::Encode(protocol::ServerControl(
      protocol::ChatHeard{say.scope, session.entity.bits, session.player_id,
                          std::string(session.name.view()), say.text, now_}));
  if (say.scope == ChatScope::kZone) ++speakers_[session.id.index].waiting;
  stats_.said[IndexOf(say.scope)].Add();
}

void Chat::Announce(std::string_view text) {
  Line& line = zone_.emplace_back();
  line.said = now_;
  line.message = protocol::Encode(protocol::ServerControl(
      protocol::ChatHeard{ChatScope::kZone, 0, 0, kOperatorName, std::string(text), now_}));
  persistence::NoteRequest note;
  note.tick = now_;
  note.kind = persistence::NoteKind::kChat;
  note.code = static_cast<uint16_t>(ChatScope::kZone);
  note.SetText(text);
  // The audit has it already: a store that is away silences no operator.
  (void)parts_.store.AppendNote(note);
}

ChatReason Chat::Check(const session::Session& session, const protocol::ChatSay& say,
                       const char*& text, uint32_t& retry_ms) {
  if (!MaySpeak(session, retry_ms)) {
    text = "too fast (session.chats_per_s)";
    return ChatReason::kTooFast;
  }
  if (muted_.contains(session.player_id)) {
    text = "an operator has silenced you";
    return ChatReason::kMuted;
  }
  if (say.scope != ChatScope::kZone && say.scope != ChatScope::kLocal) {
    text = "this server knows no such scope";
    return ChatReason::kBadScope;
  }
  if (say.text.size() > rules_.session.chat_max_bytes) {
    text = "too long (session.chat_max_bytes)";
    return ChatReason::kTooLong;
  }
  if (const core::Status status = core::ValidateChat(say.text, kMaxChatBytes); !status.ok()) {
    text = status.context();
    return ChatReason::kBadText;
  }
  // A place of its own in the line for everybody: a few who never stop shall not hold all of it.
  Speaker& speaker = speakers_[session.id.index];
  if (QueueOf(say.scope).size() >= rules_.chat.queue ||
      (say.scope == ChatScope::kZone && speaker.waiting >= 2 * rules_.session.chat_burst)) {
    text = "too much is being said (chat.queue), try again";
    retry_ms = kBusyRetryMs;
    speaker.bucket.spent -=
        std::min<uint64_t>(speaker.bucket.spent, static_cast<uint64_t>(rules_.tick_hz));
    return ChatReason::kBusy;
  }
  persistence::NoteRequest note;
  note.player_id = session.player_id;
  note.tick = now_;
  note.kind = persistence::NoteKind::kChat;
  note.code = static_cast<uint16_t>(say.scope);
  note.SetText(say.text);
  if (!parts_.store.AppendNote(note).ok()) {
    text = "what is said is kept on record, and that is not possible now: try again";
    return ChatReason::kUnavailable;
  }
  return ChatReason::kNone;
}

bool Chat::MaySpeak(const session::Session& session, uint32_t& retry_ms) {
  Speaker& speaker = speakers_[session.id.index];
  if (speaker.generation != session.id.generation) {
    speaker.generation = session.id.generation;
    speaker.bucket = {0, now_};
    speaker.waiting = 0;
  }
  const auto hz = static_cast<uint32_t>(rules_.tick_hz);
  if (session::Spend(speaker.bucket, rate_, hz, now_)) return true;
  const uint64_t missing = speaker.bucket.spent + hz - uint64_t{rate_.burst} * hz;
  const uint64_t ticks = (missing + rate_.per_second - 1) / rate_.per_second;
  retry_ms = static_cast<uint32_t>((ticks * 1000 + hz - 1) / hz);
  return false;
}

void Chat::EndReceive() {
  if (!zone_.empty() || !local_.empty()) {
    FindListeners();
    // A crowd that talks to itself must not silence the zone, nor the other way round.
    const uint32_t all = rules_.chat.deliveries_per_tick;
    const uint32_t kept = zone_.empty() ? 0 : (all + 3) / 4;
    uint32_t budget = all - kept;
    PassOn(local_, budget);
    budget += kept;
    PassOn(zone_, budget);
  }
  stats_.waiting.Set(zone_.size() + local_.size());
}

void Chat::FindListeners() {
  listeners_.clear();
  for (const session::Session& session : sessions_->slots()) {
    if (session.state != session::SessionState::kPlaying) continue;
    listeners_.push_back({session.id, session.entered,
                          parts_.world.bodies()[parts_.world.RowOf(session.entity)].position});
  }
}

void Chat::PassOn(std::deque<Line>& queue, uint32_t& budget) {
  for (int lines = 0; !queue.empty() && budget != 0; ++lines) {
    Line& line = queue.front();
    if (line.scope == ChatScope::kLocal && lines == kLocalLinesPerTick) return;
    const bool first = line.next == 0;
    const bool done = PassOn(line, budget);
    if (first && (!done || line.said != now_)) stats_.delayed.Add();
    if (!done) return;
    Speaker& speaker = speakers_[line.speaker.index];
    const bool operators = line.speaker.generation == 0;
    if (line.scope == ChatScope::kZone && !operators &&
        speaker.generation == line.speaker.generation)
      --speaker.waiting;
    queue.pop_front();
  }
}

bool Chat::PassOn(Line& line, uint32_t& budget) {
  auto listener = std::ranges::lower_bound(listeners_, line.next, {},
                                           [](const Listener& l) { return l.session.index; });
  for (; listener != listeners_.end(); ++listener) {
    // Who came later was not there when it was said.
    if (listener->entered > line.said) continue;
    if (line.scope == ChatScope::kLocal && listener->session != line.speaker) {
      const geo::Vec3 way = listener->at - line.from;
      if (Dot(way, way) > reach_sq_m2_) continue;
    }
    if (budget == 0) {
      line.next = listener->session.index;
      return false;
    }
    --budget;
    (sender_->SendEncoded(listener->session, line.message) ? stats_.heard : stats_.missed).Add();
  }
  return true;
}

uint64_t Chat::Hash() const {
  uint64_t hash = 0;
  for (const auto* queue : {&zone_, &local_}) {
    for (const Line& line : *queue) {
      hash = core::HashCombine(hash, core::HashBytes(line.message));
      hash = core::HashCombine(hash, line.next);
    }
  }
  return hash;
}

}  // namespace bluemarble::chat
