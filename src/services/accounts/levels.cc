#include "services/accounts/levels.h"

#include <algorithm>

namespace bluemarble::accounts {
namespace {

double Fallen(const Levels::Level& level, int64_t now_ns, double per_s) {
  return std::max(0.0, level.value - static_cast<double>(now_ns - level.at_ns) * 1e-9 * per_s);
}

}  // namespace

Levels::Level Levels::Get(const std::string& key, int64_t now_ns, double per_s) const {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return {};
  Level level = found->second->second;
  level.value = Fallen(level, now_ns, per_s);
  return level;
}

Levels::Level& Levels::Add(const std::string& key, double amount, int64_t now_ns, double per_s) {
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
  } else {
    if (entries_.size() >= max_keys_) {
      by_key_.erase(entries_.back().first);
      entries_.pop_back();
    }
    entries_.emplace_front(key, Level{});
    by_key_.emplace(entries_.front().first, entries_.begin());
  }
  Level& level = entries_.front().second;
  level.value = Fallen(level, now_ns, per_s) + amount;
  level.at_ns = now_ns;
  return level;
}

void Levels::Forget(const std::string& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  const auto entry = found->second;
  by_key_.erase(found);
  entries_.erase(entry);
}

}  // namespace bluemarble::accounts
