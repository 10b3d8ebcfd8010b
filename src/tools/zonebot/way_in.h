/// How bots get their tickets: by name in plain mode, or each with an account of its own. Main
/// thread; the calls it makes run on its pool's threads.
#pragma once

#include <string>

#include "bluemarble/connection.h"
#include "tools/zonebot/options.h"

namespace bluemarble::zonebot {

/// "bot-<seed>-<index>".
std::string BotName(uint64_t seed, size_t index);

/// Owns what it uses: by name, or with an account of that name, as the options say.
Connection::JoinCall JoinCallOf(const Options& options, const std::string& name);

class WayIn {
 public:
  explicit WayIn(const Options& options);

  Connection::JoinCall CallOf(size_t index) const;
  /// What all bots have in common; each has the seed of its own faults.
  ConnectionOptions OptionsOf(size_t index, const GeoPosition& spawn, bool decode) const;
  RequestPool& pool() { return pool_; }

 private:
  const Options options_;
  RequestPool pool_;
};

}  // namespace bluemarble::zonebot
