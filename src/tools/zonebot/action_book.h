/// What became of one bot's actions: which are under way, which are in doubt and when to ask for
/// them again, and whether repeats got the same answer. No I/O, no clock: times come in. Main
/// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "bluemarble/client.h"
#include "tools/zonebot/choices.h"

namespace bluemarble::zonebot {

/// Refusals that say nothing of what an earlier copy did.
bool IsTemporary(ActionReason reason);

struct OpenAction {
  Action action;  ///< With its key.
  Op op = Op::kDrop;
  size_t partner = SIZE_MAX;
  int64_t first_ns = 0;
  int64_t again_ns = INT64_MAX;  ///< When to ask again; INT64_MAX: an answer is awaited.
  int copies_out = 0;  ///< On the connection that stands; the library tells of the first answer.
  int asked_again = 0;
  bool doubtful = false;  ///< It may have happened without our having been told.
};

class ActionBook {
 public:
  /// What an answer means.
  enum class News : uint8_t {
    kNothing,  ///< Wait for more.
    kOk,
    kRefused,
    kUnknown,  ///< For the first time; it will be asked for again.
    kSame,     ///< A repeat of what had been settled.
    kChanged,  ///< A repeat that contradicts what had been settled: a broken promise.
    kStray     ///< Nothing that we asked for, or too long ago.
  };
  struct Told {
    News news = News::kNothing;
    Op op = Op::kDrop;
    ActionReason reason = ActionReason::kNone;
    int64_t took_ns = 0;    ///< Since the first copy; kOk and kRefused.
    bool doubtful = false;  ///< It had been in doubt before.
  };

  /// `copies` of it go out now.
  void Begin(Action action, Op op, size_t partner, int copies, int64_t now_ns);
  Told OnAnswer(const ActionAnswer& answer, int64_t now_ns);
  /// The connection is gone: what is not answered is in doubt. Returns those for which that is new.
  std::vector<const OpenAction*> OnLost(int64_t now_ns);
  /// A new connection stands: everything in doubt is due.
  void OnBack(int64_t now_ns);
  /// Copies of one that was due went out; 0: it could not be sent.
  void Again(OpenAction& open, int copies, int64_t now_ns);
  /// Null when nothing is due.
  OpenAction* Due(int64_t now_ns);

  const std::vector<OpenAction>& open() const { return open_; }
  bool Holds(int64_t item_id) const;  ///< Is the item in an action under way?
  bool offering() const;
  /// The newest that was settled ok, to ask for once more; null when there is none.
  const Action* newest_done() const;
  /// The one that was settled last; null when there is none.
  const Action* last_settled() const { return done_.empty() ? nullptr : &done_.back().action; }

 private:
  struct Done {
    Action action;
    bool ok = false;
  };
  Told Settle(size_t index, ActionOutcome outcome, ActionReason reason, int64_t now_ns);

  std::vector<OpenAction> open_;
  std::deque<Done> done_;
};

}  // namespace bluemarble::zonebot
