#include "persistence/settings.h"

#include <fmt/core.h>

#include "persistence/pg_connection.h"
#include "persistence/redis_connection.h"

namespace bluemarble::persistence {
namespace {

template <typename T>
void CheckRange(const char* name, T value, T low, T high, std::vector<std::string>& problems) {
  if (value < low || value > high) {
    problems.push_back(
        fmt::format("persistence.{} is {}; it must be {} to {}", name, value, low, high));
  }
}

// It goes into SQL as it is.
bool IsIdentifier(const std::string& name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
}

}  // namespace

void PersistenceSettings::Validate(std::vector<std::string>& problems) const {
  if (data_dir.empty() || data_dir.find('\0') != std::string::npos) {
    problems.push_back("persistence.data_dir must name a folder");
  }
  CheckRange<uint64_t>("queue_bytes", queue_bytes, 64u << 10, 1u << 30, problems);
  CheckRange("position_interval_ms", position_interval_ms, 50, 1000, problems);
  CheckRange("sample_interval_s", sample_interval_s, 10, 3600, problems);
  CheckRange("max_group", max_group, 1, 10'000, problems);
  CheckRange("key_retention_s", key_retention_s, 7200, 2'592'000, problems);
  CheckRange("check_limit_mib", check_limit_mib, 0, 1'048'576, problems);
  CheckRange("stop_deadline_ms", stop_deadline_ms, 100, 60'000, problems);
  CheckRange("stall_ms", stall_ms, 50, 60'000, problems);
  if (!IsIdentifier(database.schema)) {
    problems.push_back(
        "database.schema must be a plain name: lower-case letters, digits and _, not first a "
        "digit");
  }
  if (!database.url.empty()) {
    if (const auto url = CheckDatabaseUrl(database.url); !url.ok())
      problems.push_back(url.ToString());
  }
  if (!redis.url.empty()) {
    if (const auto url = ParseRedisUrl(redis.url); !url.ok())
      problems.push_back(url.status().ToString());
  }
  if (redis.prefix.find_first_of(" \t\r\n{}") != std::string::npos) {
    problems.push_back("redis.prefix must have no spaces and no braces");
  }
}

}  // namespace bluemarble::persistence
