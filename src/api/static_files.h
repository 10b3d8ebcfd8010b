/// Folders of files for browsers: the console, the browser client's page. Everything is read at the
/// start and served from memory under its exact path, so that no request names a file.
#pragma once

#include <cstddef>
#include <string>

#include "api/http_server.h"
#include "core/result.h"

namespace bluemarble::api {

/// More, and the folder is not what it is thought to be.
inline constexpr size_t kMaxStaticBytes = 64u << 20;
inline constexpr size_t kMaxStaticFiles = 2000;

/// Serves what is in `folder` under `prefix` ("/console"): "/console/" is its index.html,
/// "/console" leads there. Hidden files, links, and names with other characters than letters,
/// digits and
/// "._-" are left out. How many files; kNotFound: no folder, or no index.html in it; kFull: too
/// much; kDenied: it cannot be read.
core::Result<size_t> AddStaticFiles(Router& router, const std::string& folder,
                                    const std::string& prefix);

/// GET `from` leads to `to`.
void AddRedirect(Router& router, const std::string& from, const std::string& to);

/// "text/javascript; charset=utf-8" of "app.js"; application/octet-stream when it is not known.
std::string ContentTypeOf(const std::string& file_name);

}  // namespace bluemarble::api
