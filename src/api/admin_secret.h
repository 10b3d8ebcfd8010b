/// The local admin secret in its file: made by the daemon, read by zonectl of the same user. Any
/// thread.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace bluemarble::api {

inline constexpr const char* kAdminSecretFile = "admin.secret";  ///< In the data folder.
inline constexpr size_t kMinSecretBytes = 16;

/// kInvalid: shorter than kMinSecretBytes, longer than 256, or not printable ASCII without blanks.
/// The secret is never part of the message.
core::Status ValidateAdminSecret(std::string_view secret);

/// One trailing newline is cut. kNotFound: no such file. kDenied: it cannot be read, or others than
/// its owner can (the detail says how to mend that). kInvalid: as ValidateAdminSecret.
core::Result<std::string> ReadAdminSecret(const std::string& path);

/// The same; when there is no such file it is made first, readable by its owner only, with 64
/// random hexadecimal digits.
core::Result<std::string> ReadOrMakeAdminSecret(const std::string& path);

}  // namespace bluemarble::api
