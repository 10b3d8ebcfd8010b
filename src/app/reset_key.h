/// The key under which clients of an earlier life of this shard are told that it has ended
/// (DESIGN §5, stateless reset). In a file of the data folder, made at the first start.
#pragma once

#include <string>

#include "core/result.h"
#include "net/aead.h"

namespace bluemarble::app {

inline constexpr const char* kResetKeyFile = "reset.key";

/// Makes the folder, too. kDenied: not readable or writable, or readable by others; kInvalid: its
/// content is no key. The detail names the file.
core::Result<net::Key> ReadOrMakeResetKey(const std::string& data_dir);

}  // namespace bluemarble::app
