/// Where zonectl's answers come from: the daemon over HTTP, or the same endpoints run in this
/// process on a reader of the database. One thread.
#pragma once

#include <memory>
#include <string>

#include "core/result.h"
#include "persistence/reader.h"
#include "tools/zonectl/options.h"

namespace bluemarble::zonectl {

struct Reply {
  int status = 0;
  std::string body;
};

class Source {
 public:
  virtual ~Source() = default;
  /// `target` is path and query. kUnavailable: nobody answers; kDenied: no usable secret.
  virtual core::Result<Reply> Ask(const std::string& method, const std::string& target,
                                  const std::string& body) = 0;
};

/// As the options say. No message holds a secret.
core::Result<std::unique_ptr<Source>> OpenSource(const Options& options);

/// `ca_file`: whom https:// believes; empty: the system's.
std::unique_ptr<Source> HttpSource(std::string url, std::string secret, std::string ca_file,
                                   int timeout_s);
std::unique_ptr<Source> DirectSource(std::unique_ptr<persistence::StoreReader> reader);
core::Result<std::unique_ptr<persistence::StoreReader>> OpenReader(const Options& options);

/// Percent-encoded for a query.
std::string Encoded(std::string_view text);

}  // namespace bluemarble::zonectl
