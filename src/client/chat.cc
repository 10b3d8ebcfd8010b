#include "client/chat.h"

#include <utility>

namespace bluemarble::client {

ChatLine& ChatLog::Add() {
  if (lines_.size() == kMaxLines) lines_.pop_front();
  return lines_.emplace_back();
}

void ChatLog::OnHeard(protocol::ChatHeard heard) {
  ChatLine& line = Add();
  line.scope = heard.scope;
  line.name = std::move(heard.name);
  line.player_id = heard.player_id;
  line.entity_id = heard.entity_id;
  line.tick = heard.tick;
  line.text = std::move(heard.text);
}

void ChatLog::OnRefused(protocol::ChatRefused refused) {
  // A reason that this client does not know is a refusal all the same.
  ChatLine& line = Add();
  line.refused = refused.reason == ChatReason::kNone ? ChatReason::kUnavailable : refused.reason;
  line.text = std::move(refused.text);
  line.number = refused.number;
  line.retry_ms = refused.retry_ms;
}

bool ChatLog::Next(ChatLine& out) {
  if (lines_.empty()) return false;
  out = std::move(lines_.front());
  lines_.pop_front();
  return true;
}

}  // namespace bluemarble::client
