#include "tools/zonebot/talker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bluemarble::zonebot {

Talker::Talker(size_t bots, double per_s, uint64_t seed)
    : per_s_(per_s), random_(seed), mouths_(bots) {}

// Exponential: independent speakers.
int64_t Talker::Pause() {
  constexpr double kSteps = 1 << 20;
  const double share = (static_cast<double>(random_.Below(1 << 20)) + 0.5) / kSteps;
  return static_cast<int64_t>(-std::log(share) / per_s_ * 1e9);
}

void Talker::Speak(size_t bot, Client& client, int64_t now_ns) {
  if (per_s_ <= 0) return;
  Mouth& mouth = mouths_[bot];
  if (mouth.due_ns == 0) mouth.due_ns = now_ns + Pause();
  if (now_ns < mouth.due_ns) return;
  mouth.due_ns = std::max(mouth.due_ns + Pause(), now_ns);
  const ChatScope scope = mouth.lines++ % 2 == 0 ? ChatScope::kZone : ChatScope::kLocal;
  mouth.line = fmt::format("bot {} says line {}", bot, mouth.lines);
  if (client.Say(scope, mouth.line) == 0) return;
  ++said_;
  mouth.said_ns = now_ns;
}

void Talker::Listen(size_t bot, Client& client, int64_t now_ns) {
  Mouth& mouth = mouths_[bot];
  ChatLine line;
  while (client.NextChat(line)) {
    if (line.refused != ChatReason::kNone) {
      ++refused_[ChatReasonName(line.refused)];
      continue;
    }
    ++heard_;
    if (mouth.said_ns == 0 || line.player_id != client.player_id() || line.text != mouth.line)
      continue;
    own_us_.Add(static_cast<uint64_t>((now_ns - mouth.said_ns) / 1000));
    mouth.said_ns = 0;
  }
}

void Talker::Fill(Report& report) const {
  report.chat_said = said_;
  report.chat_heard = heard_;
  report.chat_refused_by_reason = refused_;
  report.chat_p50_ms = static_cast<double>(own_us_.Quantile(0.5)) / 1000;
  report.chat_p99_ms = static_cast<double>(own_us_.Quantile(0.99)) / 1000;
}

}  // namespace bluemarble::zonebot
