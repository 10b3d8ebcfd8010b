/// What was said and has not been taken by the caller. One thread.
#pragma once

#include <cstddef>
#include <deque>

#include "bluemarble/client.h"
#include "protocol/control.h"

namespace bluemarble::client {

class ChatLog {
 public:
  static constexpr size_t kMaxLines = 1000;

  void OnHeard(protocol::ChatHeard heard);
  void OnRefused(protocol::ChatRefused refused);
  bool Next(ChatLine& out);

 private:
  ChatLine& Add();
  std::deque<ChatLine> lines_;
};

}  // namespace bluemarble::client
