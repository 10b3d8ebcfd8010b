#include "services/accounts/attempt_limits.h"

#include <algorithm>
#include <cmath>

namespace bluemarble::accounts {
namespace {

std::string PairOf(const std::string& name_key, const std::string& address) {
  return address + '\n' + name_key;  // an address has no line end
}

void Close(Levels::Level& level, double free, int64_t now_ns) {
  if (level.value <= free) return;
  const double wait_ns = 1e9 * std::exp2(std::min(level.value - free - 1, 30.0));
  level.closed_until_ns =
      now_ns + std::min(static_cast<int64_t>(wait_ns), AttemptLimits::kLongestWait_ns);
}

bool IsShared(const std::string& address) {
  return address.starts_with("127.") || address.starts_with("::1") || address == "localhost";
}

}  // namespace

int64_t AttemptLimits::WaitNs(const std::string& name_key, const std::string& address,
                              int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  const auto pair = pairs_.Get(PairOf(name_key, address), now_ns, 1 / kPairForgives_s);
  const auto of_address = addresses_.Get(address, now_ns, 1 / kAddressForgives_s);
  const int64_t until_ns = std::max(pair.closed_until_ns, of_address.closed_until_ns);
  return std::max<int64_t>(0, until_ns - now_ns);
}

void AttemptLimits::Failed(const std::string& name_key, const std::string& address,
                           int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  const double on_name = names_.Add(name_key, 1, now_ns, 1 / kNameForgives_s).value;
  Close(pairs_.Add(PairOf(name_key, address), 1, now_ns, 1 / kPairForgives_s),
        on_name > kAttackedFrom ? 0 : kFreeTries - 1, now_ns);
  if (IsShared(address)) return;
  Close(addresses_.Add(address, 1, now_ns, 1 / kAddressForgives_s), kFreeTriesOfAddress - 1,
        now_ns);
}

void AttemptLimits::Succeeded(const std::string& name_key, const std::string& address) {
  const std::lock_guard lock(mutex_);
  pairs_.Forget(PairOf(name_key, address));
}

size_t AttemptLimits::size() {
  const std::lock_guard lock(mutex_);
  return pairs_.size() + addresses_.size() + names_.size();
}

}  // namespace bluemarble::accounts
