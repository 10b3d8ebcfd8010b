#include "persistence/redis_connection.h"

#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <mutex>
#include <optional>
#include <utility>

#include "core/clock.h"

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Status;

// hiredis uses write(): the second one to a dead server would end the process (PITFALLS R-1).
void IgnoreSigpipeOnce() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction current {};
    if (::sigaction(SIGPIPE, nullptr, &current) == 0 && current.sa_handler == SIG_DFL) {
      ::signal(SIGPIPE, SIG_IGN);
    }
  });
}

Status UrlError(const char* what) { return {Code::kInvalid, what}; }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = HexDigit(text[i + 1]), low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return std::nullopt;
    out.push_back(c);
  }
  return out;
}

std::optional<int> Number(std::string_view text, int low, int high) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (value < low || value > high) return std::nullopt;
  return value;
}

RedisReply Convert(const redisReply& from) {
  RedisReply to;
  switch (from.type) {
    case REDIS_REPLY_NIL: break;
    case REDIS_REPLY_INTEGER:
      to.type = RedisReply::Type::kInteger;
      to.integer = from.integer;
      break;
    case REDIS_REPLY_ARRAY:
      to.type = RedisReply::Type::kArray;
      for (size_t i = 0; i < from.elements; ++i) to.elements.push_back(Convert(*from.element[i]));
      break;
    case REDIS_REPLY_ERROR:
      to.type = RedisReply::Type::kError;
      to.text.assign(from.str, from.len);
      break;
    default:  // string, status
      to.type = RedisReply::Type::kText;
      to.text.assign(from.str, from.len);
      break;
  }
  return to;
}

std::string RunIdOf(std::string_view info) {
  constexpr std::string_view kField = "\nrun_id:";
  const size_t at = info.find(kField);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = info.substr(at + kField.size());
  return std::string(rest.substr(0, rest.find_first_of("\r\n")));
}

}  // namespace

std::string RedisUrl::ForPeople() const {
  const bool v6 = host.find(':') != std::string::npos;
  return fmt::format("redis://{}{}{}:{}/{}", v6 ? "[" : "", host, v6 ? "]" : "", port, database);
}

core::Result<RedisUrl> ParseRedisUrl(std::string_view url) {
  constexpr std::string_view kScheme = "redis://";
  if (url.starts_with("rediss://")) {
    return UrlError(
        "redis.url asks for TLS (rediss://), which is not supported: use redis:// on a "
        "private network");
  }
  if (!url.starts_with(kScheme)) {
    return UrlError("redis.url must be redis://[user:password@]host:port[/database]");
  }
  url.remove_prefix(kScheme.size());
  if (url.find_first_of("?#") != std::string_view::npos) {
    return UrlError(
        "redis.url has a ? or #: write %3F or %23 inside a password; options there are "
        "not supported");
  }
  RedisUrl out;
  const size_t slash = url.find('/');
  if (slash != std::string_view::npos) {
    const std::string_view database = url.substr(slash + 1);
    if (database.find('@') != std::string_view::npos) {
      return UrlError("redis.url has a / before the @: write %2F inside a password");
    }
    if (!database.empty()) {
      const auto number = Number(database, 0, 1'000'000);
      if (!number) return UrlError("redis.url: the database after the / must be a number");
      out.database = *number;
    }
    url = url.substr(0, slash);
  }
  const size_t at = url.rfind('@');
  if (at != std::string_view::npos) {
    const std::string_view who = url.substr(0, at);
    const size_t colon = who.find(':');
    const auto user = PercentDecode(who.substr(0, colon));
    const auto password =
        PercentDecode(colon == std::string_view::npos ? std::string_view() : who.substr(colon + 1));
    if (!user || !password) {
      return UrlError("redis.url: user or password is not percent-encoded text (write % as %25)");
    }
    out.user = *user;
    out.password = *password;
    if (!out.user.empty() && out.password.empty()) {
      return UrlError(
          "redis.url has a user without a password: write user:password@ or :password@");
    }
    url = url.substr(at + 1);
  }
  std::string_view port;
  if (url.starts_with('[')) {
    const size_t close = url.find(']');
    if (close == std::string_view::npos) return UrlError("redis.url: the [ of the host has no ]");
    out.host = url.substr(1, close - 1);
    port = url.substr(close + 1);
  } else {
    const size_t colon = url.find(':');
    out.host = url.substr(0, colon);
    if (colon != std::string_view::npos) port = url.substr(colon);
  }
  if (out.host.empty() || out.host.find('\0') != std::string::npos) {
    return UrlError("redis.url names no host");
  }
  if (!port.empty()) {
    const auto number = port[0] == ':' ? Number(port.substr(1), 1, 65'535) : std::nullopt;
    if (!number) return UrlError("redis.url: the port must be a number from 1 to 65535");
    out.port = static_cast<uint16_t>(*number);
  }
  return out;
}

std::string_view RedisFailureName(RedisFailure failure) {
  constexpr std::array<std::string_view, kRedisFailures> kNames = {
      "none",   "timeout",    "connection", "protocol", "down",
      "denied", "wrong_type", "no_script",  "other"};
  return kNames[static_cast<size_t>(failure)];
}

RedisFailure ClassifyRedisError(std::string_view text) {
  // Before Redis 7 a script's error is wrapped: "ERR Error running script (...): ... -OOM command".
  if (text.starts_with("ERR Error running script")) {
    const size_t inner = text.find(": -");
    if (inner != std::string_view::npos) return ClassifyRedisError(text.substr(inner + 3));
  }
  const std::string_view word = text.substr(0, text.find(' '));
  for (const std::string_view down : {"OOM", "MISCONF", "LOADING", "READONLY", "BUSY", "MASTERDOWN",
                                      "CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS"}) {
    if (word == down) return RedisFailure::kDown;
  }
  if (word == "WRONGTYPE") return RedisFailure::kWrongType;
  if (word == "NOSCRIPT") return RedisFailure::kNoScript;
  if (word == "NOAUTH" || word == "WRONGPASS" || word == "NOPERM") return RedisFailure::kDenied;
  // Sent instead of any answer, before the connection is closed.
  if (text.starts_with("ERR max number of clients")) return RedisFailure::kDown;
  return RedisFailure::kOther;
}

core::Result<std::unique_ptr<RedisConnection>> RedisConnection::Open(const RedisUrl& url,
                                                                     int64_t deadline_ns,
                                                                     RedisFailure& failure) {
  IgnoreSigpipeOnce();
  redisContext* context = ::redisConnectNonBlock(url.host.c_str(), url.port);
  std::unique_ptr<RedisConnection> connection(new RedisConnection(context));
  if (context == nullptr || context->err != 0) {
    failure = RedisFailure::kConnection;
    return Status(Code::kUnavailable, "redis.url: cannot connect",
                  fmt::format("{}: {}", url.ForPeople(),
                              context == nullptr ? "out of memory" : context->errstr));
  }
  if (Status status = connection->Prepare(url, deadline_ns, failure); !status.ok()) return status;
  return connection;
}

// One round trip: a server that takes connections but does not run (PITFALLS R-6) shows here.
Status RedisConnection::Prepare(const RedisUrl& url, int64_t deadline_ns, RedisFailure& failure) {
  const auto append = [this](std::initializer_list<std::string_view> arguments) {
    Append({arguments.begin(), arguments.size()});
  };
  const bool auth = !url.password.empty();
  const bool select = url.database != 0;
  if (auth && url.user.empty()) append({"AUTH", url.password});
  if (auth && !url.user.empty()) append({"AUTH", url.user, url.password});
  if (select) append({"SELECT", std::to_string(url.database)});
  append({"PING"});
  append({"INFO", "server"});

  std::vector<RedisReply> replies;
  failure = Exchange(deadline_ns, replies);
  if (failure != RedisFailure::kNone) {
    return {Code::kUnavailable, "redis.url: the server does not answer",
            fmt::format("{}: {}", url.ForPeople(), error_)};
  }
  size_t next = 0;
  const auto refused = [&](const RedisReply& reply, const char* what) -> Status {
    broken_ = true;
    // The server's words may quote what it was sent: only their first one is told on.
    const std::string word = reply.text.substr(0, reply.text.find(' '));
    return {failure == RedisFailure::kDenied ? Code::kDenied : Code::kUnavailable, what,
            fmt::format("{} said {}", url.ForPeople(), word)};
  };
  if (auth) {
    const RedisReply& reply = replies[next++];
    if (reply.type == RedisReply::Type::kError) {
      failure = ClassifyRedisError(reply.text);
      if (failure == RedisFailure::kOther) failure = RedisFailure::kDenied;
      return refused(reply, failure == RedisFailure::kDenied
                                ? "redis.url: the server refuses this user and password"
                                : "redis.url: the server cannot serve now");
    }
  }
  const RedisReply* selected = select ? &replies[next++] : nullptr;
  const RedisReply& pong = replies[next++];
  if (pong.type == RedisReply::Type::kError) {
    failure = ClassifyRedisError(pong.text);
    return refused(pong, pong.text.starts_with("NOAUTH")
                             ? "redis.url: the server wants a password, and the url has none"
                         : failure == RedisFailure::kDenied
                             ? "redis.url: this user may not use the server"
                             : "redis.url: the server cannot serve now");
  }
  if (pong.type != RedisReply::Type::kText || pong.text != "PONG") {
    failure = RedisFailure::kProtocol;
    return refused(pong, "redis.url: what answers there is not Redis");
  }
  if (selected != nullptr && selected->type == RedisReply::Type::kError) {
    failure = RedisFailure::kDenied;
    return refused(*selected, "redis.url: the server has no such database");
  }
  // A user who may not ask INFO has a server without a run id.
  if (replies[next].type == RedisReply::Type::kText) run_id_ = RunIdOf(replies[next].text);
  return {};
}

RedisConnection::~RedisConnection() {
  if (context_ != nullptr) ::redisFree(context_);
}

void RedisConnection::Append(std::span<const std::string_view> arguments) {
  std::vector<const char*> starts;
  std::vector<size_t> sizes;
  starts.reserve(arguments.size());
  sizes.reserve(arguments.size());
  for (const std::string_view argument : arguments) {
    // Never null: memcpy of nothing from it is undefined all the same.
    starts.push_back(argument.empty() ? "" : argument.data());
    sizes.push_back(argument.size());
  }
  if (broken_) return;
  if (::redisAppendCommandArgv(context_, static_cast<int>(arguments.size()), starts.data(),
                               sizes.data()) != REDIS_OK) {
    BreakByContext();
    return;
  }
  ++expected_;
}

RedisFailure RedisConnection::Exchange(int64_t deadline_ns, std::vector<RedisReply>& replies) {
  replies.clear();
  if (broken_) return RedisFailure::kConnection;
  const core::SystemClock clock;
  bool sent = false;
  while (true) {
    while (replies.size() < expected_) {
      void* raw = nullptr;
      if (::redisGetReplyFromReader(context_, &raw) != REDIS_OK) return BreakByContext();
      if (raw == nullptr) break;
      replies.push_back(Convert(*static_cast<redisReply*>(raw)));
      ::freeReplyObject(raw);
    }
    if (sent && replies.size() == expected_) break;

    const int64_t left_ns = deadline_ns - clock.NowNs();
    if (left_ns <= 0) return Break(RedisFailure::kTimeout, "no answer in time (redis.timeout_ms)");
    pollfd waiting{context_->fd, static_cast<short>(sent ? POLLIN : POLLIN | POLLOUT), 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>((left_ns + 999'999) / 1'000'000));
    if (ready <= 0) continue;  // time is up, or a signal
    if (!sent && (waiting.revents & (POLLOUT | POLLERR | POLLHUP)) != 0) {
      int done = 0;
      if (::redisBufferWrite(context_, &done) != REDIS_OK) return BreakByContext();
      sent = done != 0;
    }
    if ((waiting.revents & (POLLIN | POLLERR | POLLHUP)) != 0 &&
        ::redisBufferRead(context_) != REDIS_OK) {
      return BreakByContext();
    }
  }
  expected_ = 0;
  if (context_->reader->pos != context_->reader->len) {
    return Break(RedisFailure::kProtocol, "more answers than questions");
  }
  return RedisFailure::kNone;
}

RedisFailure RedisConnection::Call(std::span<const std::string_view> arguments, int64_t deadline_ns,
                                   RedisReply& reply) {
  Append(arguments);
  std::vector<RedisReply> replies;
  const RedisFailure failure = Exchange(deadline_ns, replies);
  if (failure != RedisFailure::kNone) return failure;
  reply = std::move(replies[0]);
  if (reply.type != RedisReply::Type::kError) return RedisFailure::kNone;
  error_ = reply.text;
  return ClassifyRedisError(reply.text);
}

bool RedisConnection::usable() {
  if (broken_ || expected_ != 0) return false;
  pollfd waiting{context_->fd, POLLIN, 0};
  if (::poll(&waiting, 1, 0) == 0) return true;
  Break(RedisFailure::kConnection, "closed by the server");
  return false;
}

RedisFailure RedisConnection::Break(RedisFailure failure, std::string text) {
  broken_ = true;
  error_ = std::move(text);
  return failure;
}

RedisFailure RedisConnection::BreakByContext() {
  const bool protocol = context_->err == REDIS_ERR_PROTOCOL;
  return Break(protocol ? RedisFailure::kProtocol : RedisFailure::kConnection, context_->errstr);
}

}  // namespace bluemarble::persistence
