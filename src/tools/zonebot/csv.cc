#include "tools/zonebot/csv.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace bluemarble::zonebot {

core::Result<std::string> ReadFile(const std::string& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  // A folder opens and fails at the first read; an empty file fails only the insertion.
  const bool read = in && (in.peek() == std::char_traits<char>::eof() || text << in.rdbuf());
  if (!read || (in.bad()))
    return core::Status(core::Code::kNotFound, "cannot read",
                        path + ": " + std::strerror(errno ? errno : EIO));
  return text.str();
}

}  // namespace bluemarble::zonebot
