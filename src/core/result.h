/// Status and Result<T>: how every fallible call of the project answers. Values only, any thread.
/// Contexts are static strings (no allocation on the tick path); adapters that have dynamic text (a
/// path, a library's message) put it into `detail`, which allocates and is never used in the tick.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace bluemarble::core {

enum class Code : uint8_t {
  kOk = 0,
  kInvalid,      ///< The input breaks the contract: malformed, out of range, unknown.
  kNotFound,     ///< The named thing does not exist.
  kFull,         ///< A bound was hit; the context names the setting to raise.
  kNoSpace,      ///< The output buffer is too small; nothing was written.
  kStale,        ///< A version, generation, epoch or sequence is older than the current one.
  kUnavailable,  ///< A dependency is away; trying again later may work.
  kConflict,     ///< Somebody else holds it (port, lock, name).
  kDenied,       ///< The operating system or a policy refused.
  kCorrupt,      ///< Stored or received bytes fail their checks.
  kUnknown,      ///< The outcome is not known: read back before deciding anything.
  kInternal,     ///< Our own mistake.
};

/// The enumerator's name in snake_case, for logs and metrics.
std::string_view CodeName(Code code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  /// `context` must outlive the status: a string literal.
  Status(Code code, const char* context) : code_(code), context_(context) {}
  Status(Code code, const char* context, std::string detail)
      : code_(code), context_(context), detail_(std::move(detail)) {}

  static Status Ok() { return {}; }
  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const char* context() const { return context_; }
  const std::string& detail() const { return detail_; }
  /// "context: detail" for people. Allocates.
  std::string ToString() const;

 private:
  Code code_ = Code::kOk;
  const char* context_ = "";
  std::string detail_;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}         // NOLINT: implicit by design
  Result(Status status) : state_(std::move(status)) {}  // NOLINT: implicit by design
  Result(Code code, const char* context) : state_(Status(code, context)) {}

  bool ok() const { return std::holds_alternative<T>(state_); }
  explicit operator bool() const { return ok(); }
  T& value() { return std::get<T>(state_); }
  const T& value() const { return std::get<T>(state_); }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  /// The failure, or Ok when there is a value.
  Status status() const { return ok() ? Status::Ok() : std::get<Status>(state_); }

 private:
  std::variant<T, Status> state_;
};

}  // namespace bluemarble::core
