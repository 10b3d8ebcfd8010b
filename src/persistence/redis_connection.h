/// One connection to Redis, Valkey or DragonflyDB in plain RESP2, behind hiredis 0.14. Every call
/// has a deadline. A connection that failed once in any way never works again (PITFALLS R-4): build
/// a new one. One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"

struct redisContext;

namespace bluemarble::persistence {

struct RedisUrl {
  std::string host;
  uint16_t port = 6379;
  std::string user;      ///< Empty: the server's default user.
  std::string password;  ///< Secret. Empty: none.
  int database = 0;

  /// "redis://host:port/database" without user and password: for logs.
  std::string ForPeople() const;
};

/// redis://[[user][:password]@]host[:port][/database]; user and password percent-encoded, an IPv6
/// address in brackets. kInvalid names redis.url and what is wrong, and quotes nothing of the text:
/// whatever it is, it may be a part of the password.
core::Result<RedisUrl> ParseRedisUrl(std::string_view url);

/// Why a call brought no answer that counts.
enum class RedisFailure : uint8_t {
  kNone,
  kTimeout,     ///< Nothing complete before the deadline.
  kConnection,  ///< Refused, reset, closed.
  kProtocol,    ///< Not RESP2, or an answer that nobody asked for.
  kDown,        ///< The server says that it cannot serve: OOM, MISCONF, LOADING, READONLY, BUSY...
  kDenied,      ///< Wrong or missing password, a command that the user may not run.
  kWrongType,   ///< The key holds another type.
  kNoScript,    ///< EVALSHA of a script that the server does not know (any more).
  kOther,       ///< Any other error reply.
};
inline constexpr int kRedisFailures = 9;
std::string_view RedisFailureName(RedisFailure failure);

/// Of the text of an error reply, by its first word.
RedisFailure ClassifyRedisError(std::string_view text);

struct RedisReply {
  enum class Type : uint8_t { kNil, kInteger, kText, kArray, kError };
  Type type = Type::kNil;
  int64_t integer = 0;
  std::string text;  ///< kText (any bytes), kError.
  std::vector<RedisReply> elements;
};

class RedisConnection {
 public:
  /// Connects, authenticates, selects the database, pings and asks who the server is, all before
  /// `deadline_ns` of the monotonic clock. (A host *name* is looked up by the system's resolver,
  /// which knows no deadline: where that can hang, configure an address.) The first call makes the
  /// process ignore SIGPIPE unless it handles it: hiredis writes to dead peers.
  /// Errors: kDenied for passwords and databases, kUnavailable otherwise; the text names redis.url
  /// and never the password; `failure` is the class.
  static core::Result<std::unique_ptr<RedisConnection>> Open(const RedisUrl& url,
                                                             int64_t deadline_ns,
                                                             RedisFailure& failure);
  ~RedisConnection();
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;

  /// Adds one command to what the next Exchange sends. Arguments may hold any bytes.
  void Append(std::span<const std::string_view> arguments);

  /// Sends what was appended and reads one reply for each. kNone: `replies` are complete; single
  /// ones may still be of type kError. Anything else: the connection is broken.
  RedisFailure Exchange(int64_t deadline_ns, std::vector<RedisReply>& replies);

  /// Append and Exchange of one command; an error reply is a failure, the connection stays good.
  RedisFailure Call(std::span<const std::string_view> arguments, int64_t deadline_ns,
                    RedisReply& reply);

  /// False once a call failed, or when the idle connection was closed or has bytes to read.
  bool usable();

  /// Of the server process; empty when it does not tell (DragonflyDB).
  const std::string& run_id() const { return run_id_; }
  /// What went wrong last, for people.
  const std::string& error() const { return error_; }
  void set_error(std::string text) { error_ = std::move(text); }

 private:
  explicit RedisConnection(redisContext* context) : context_(context) {}
  RedisFailure Break(RedisFailure failure, std::string text);
  RedisFailure BreakByContext();
  core::Status Prepare(const RedisUrl& url, int64_t deadline_ns, RedisFailure& failure);

  redisContext* context_;
  size_t expected_ = 0;  ///< Commands appended and not answered.
  bool broken_ = false;
  std::string run_id_;
  std::string error_;
};

}  // namespace bluemarble::persistence
