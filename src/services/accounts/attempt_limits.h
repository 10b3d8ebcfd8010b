/// How often passwords may be tried. What counts is who tries, not whom it is tried on: an account
/// is never closed, so that a stranger cannot lock its owner out. Any thread.
///
/// An address (IPv6: a /64) that fails on one name waits ever longer before its next try on that
/// name: none for the first kFreeTries, then a second, doubled each time. One that fails on many
/// names waits likewise with all of them. A name that many addresses fail on leaves an address one
/// free try instead of five; an address that has not failed is always let through. Loopback is a
/// proxy that all players come through: there only names count, each by itself.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "services/accounts/levels.h"

namespace bluemarble::accounts {

class AttemptLimits {
 public:
  static constexpr double kFreeTries = 5;
  static constexpr double kFreeTriesOfAddress = 50;
  static constexpr double kAttackedFrom = 50;  ///< Failures on one name, of all addresses.
  static constexpr int64_t kLongestWait_ns = 900'000'000'000;
  /// One failure is forgiven in this time: of a pair, of an address, of a name.
  static constexpr double kPairForgives_s = 300;
  static constexpr double kAddressForgives_s = 60;
  static constexpr double kNameForgives_s = 60;
  /// About 200 bytes each, three kinds.
  static constexpr size_t kMaxKeys = 65536;

  explicit AttemptLimits(size_t max_keys = kMaxKeys)
      : pairs_(max_keys), addresses_(max_keys), names_(max_keys) {}

  /// How long to wait; 0: try.
  int64_t WaitNs(const std::string& name_key, const std::string& address, int64_t now_ns);
  void Failed(const std::string& name_key, const std::string& address, int64_t now_ns);
  /// Forgets the pair's failures, not the address's: who owns one account could otherwise guess
  /// others' for ever.
  void Succeeded(const std::string& name_key, const std::string& address);
  size_t size();

 private:
  std::mutex mutex_;
  Levels pairs_, addresses_, names_;
};

}  // namespace bluemarble::accounts
