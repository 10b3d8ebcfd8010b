/// Actions whose answers were lost with a connection, on their way over the next one: sent again
/// with their keys, no faster than the server takes them. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bluemarble/client.h"

namespace bluemarble::client {

class Resend {
 public:
  /// What a client that ended had not been answered.
  void Keep(const std::vector<Action>& unanswered);
  /// A client is in play. Not `resumed`: entities and offers may have other numbers now, so actions
  /// that name one are asked without it. The server finds what was done by its key; what was not
  /// done is refused, rather than done to somebody else.
  void Begin(bool resumed, int64_t now_ns);
  /// Sends what is due.
  void Send(Client& client, int64_t now_ns);
  /// INT64_MAX: nothing is kept.
  int64_t next_due_ns() const { return kept_.empty() ? INT64_MAX : due_ns_; }
  const std::vector<Action>& kept() const { return kept_; }

 private:
  std::vector<Action> kept_;
  size_t at_once_ = 0;
  int64_t due_ns_ = 0;
};

}  // namespace bluemarble::client
