/// Leaky levels by key: each rises by what is added and falls evenly with time. Bounded: beyond its
/// size the key that was touched longest ago is forgotten. One thread.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace bluemarble::accounts {

class Levels {
 public:
  explicit Levels(size_t max_keys) : max_keys_(max_keys) {}

  struct Level {
    double value = 0;
    int64_t at_ns = 0;
    int64_t closed_until_ns = 0;  ///< The user's.
  };
  /// As of now, falling by `per_s`; 0 for an unknown key, which is not added.
  Level Get(const std::string& key, int64_t now_ns, double per_s) const;
  /// Valid until the next call.
  Level& Add(const std::string& key, double amount, int64_t now_ns, double per_s);
  void Forget(const std::string& key);
  size_t size() const { return entries_.size(); }

 private:
  using Entry = std::pair<std::string, Level>;

  const size_t max_keys_;
  std::list<Entry> entries_;  // the one touched last first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;
};

}  // namespace bluemarble::accounts
