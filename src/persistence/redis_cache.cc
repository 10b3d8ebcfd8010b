#include "persistence/redis_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "core/clock.h"
#include "core/hash.h"
#include "core/log.h"

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Status;
using Side = CircuitBreaker::Side;

// KEYS: keys; ARGV: seconds to live, then one value for each key. Replaces only older versions: the
// first 20 bytes of a value, decimal because strings are compared by the server's locale and its
// numbers end at 2^53. What is gone since version v gives way to a value of version v as well: it
// was read after v was the newest in the database. Returns how many were written and how many keys
// held another type.
constexpr std::string_view kScript = R"(local new, wrong = 0, 0
for i, key in ipairs(KEYS) do
  local value = ARGV[i + 1]
  local old = redis.pcall('GETRANGE', key, 0, 22)
  if type(old) == 'table' then
    if not string.find(old.err, 'WRONGTYPE') then return old end
    redis.call('DEL', key)
    wrong = wrong + 1
    old = ''
  end
  local had, has = string.sub(old, 1, 20), string.sub(value, 1, 20)
  local gone = string.byte(old, 23) == 1
  if #had ~= 20 or string.find(had, '%D') or had < has or (had == has and gone) then
    redis.call('SET', key, value, 'EX', ARGV[1])
    new = new + 1
  end
end
return {new, wrong})";
// Of the lines above; a wrong one costs a round trip a call and fails redis_cache_test.
constexpr std::string_view kScriptSha1 = "3e0de7670ddc0cb1b1dafe396672c894edd95fbf";

constexpr size_t kVersionDigits = 20;
constexpr size_t kHeaderBytes = kVersionDigits + 4 + 8 + 8;
constexpr char kFormat = 1;
constexpr size_t kChecksumAt = kVersionDigits + 4 + 8;

// A script call keeps the server from everybody else, so it stays below about a millisecond.
constexpr size_t kBatchEntries = 64;
constexpr size_t kBatchBytes = 256u << 10;

int64_t NowNs() { return core::SystemClock().NowNs(); }
uint64_t MicrosSince(int64_t start_ns) { return static_cast<uint64_t>(NowNs() - start_ns) / 1000; }
size_t Index(CacheKind kind) { return static_cast<size_t>(kind) - 1; }

std::span<const std::byte> Bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

std::string_view CacheKindName(CacheKind kind) {
  constexpr std::array<std::string_view, kCacheKinds> kNames = {"player", "inventory", "position",
                                                                "session"};
  return kNames[Index(kind)];
}

core::Result<std::unique_ptr<RedisCache>> RedisCache::Create(const RedisSettings& settings,
                                                             std::string_view shard_id,
                                                             int64_t generation) {
  auto url = ParseRedisUrl(settings.url);
  if (!url.ok()) return url.status();
  return std::unique_ptr<RedisCache>(
      new RedisCache(settings, std::move(*url), shard_id, generation));
}

// The upper half of the generation counts the openings of the store, the lower half raises in this
// run: no run ever uses a generation of another one.
RedisCache::RedisCache(RedisSettings settings, RedisUrl url, std::string_view shard_id,
                       int64_t generation)
    : settings_(std::move(settings)),
      url_(std::move(url)),
      scope_(fmt::format("{}:{}:", settings_.prefix, shard_id)),
      breaker_(settings_.breaker_threshold, int64_t{settings_.breaker_open_ms} * 1'000'000),
      last_generation_(static_cast<uint64_t>(generation) << 32),
      generation_(last_generation_.load()),
      slots_(std::make_unique<std::array<Slot, kSlots>>()),
      pool_(
          {.connections = settings_.connections,
           .max_waiting = settings_.max_waiting,
           .wait_ms = settings_.wait_ms,
           .full = "the line for Redis connections is full (redis.max_waiting)",
           .no_free = "no free Redis connection within redis.wait_ms"},
          [this] { return Connect(Side::kRead, DeadlineNs()); },
          [](RedisConnection& connection) { return connection.usable(); }) {}

Status RedisCache::Check() {
  RedisFailure failure = RedisFailure::kNone;
  auto connection = RedisConnection::Open(url_, DeadlineNs(), failure);
  return connection.ok() ? Status() : connection.status();
}

int64_t RedisCache::DeadlineNs() const {
  return NowNs() + int64_t{settings_.timeout_ms} * 1'000'000;
}

std::string RedisCache::KeyText(CacheKey key, uint64_t generation) const {
  return fmt::format("{}{}:{}:{}", scope_, generation, static_cast<int>(key.kind), key.id);
}

// Of everything that names the value (scope, generation, version, kind, id) and of its bytes.
uint64_t RedisCache::Checksum(CacheKey key, uint64_t generation, std::string_view stored) const {
  uint64_t sum = core::HashBytes(Bytes(scope_), generation);
  sum = core::HashCombine(sum, static_cast<uint64_t>(key.kind));
  sum = core::HashCombine(sum, static_cast<uint64_t>(key.id));
  sum = core::HashBytes(Bytes(stored.substr(0, kChecksumAt)), sum);
  return core::HashBytes(Bytes(stored.substr(kHeaderBytes)), sum);
}

RedisCache::Encoded RedisCache::Encode(CacheKey key, uint64_t version, bool gone,
                                       std::span<const std::byte> value, uint64_t generation) {
  if (value.size() > kMaxCachedBytes) {
    const std::lock_guard lock(stats_mutex_);
    stats_.too_large.Add();
    gone = true;
  }
  if (gone) value = {};
  Encoded out{KeyText(key, generation), fmt::format("{:020}", version)};
  const char fixed[4] = {kFormat, static_cast<char>(key.kind), static_cast<char>(gone), 0};
  out.value.append(fixed, 4);
  out.value.append(reinterpret_cast<const char*>(&key.id), 8);
  out.value.append(8, '\0');
  if (!value.empty()) out.value.append(reinterpret_cast<const char*>(value.data()), value.size());
  const uint64_t sum = Checksum(key, generation, out.value);
  std::memcpy(out.value.data() + kChecksumAt, &sum, 8);
  return out;
}

std::optional<RedisCache::Decoded> RedisCache::Decode(CacheKey key, uint64_t generation,
                                                      std::string_view stored) const {
  if (stored.size() < kHeaderBytes) return std::nullopt;
  Decoded out;
  const char* digits_end = stored.data() + kVersionDigits;
  const auto [end, error] = std::from_chars(stored.data(), digits_end, out.version);
  if (error != std::errc() || end != digits_end) return std::nullopt;
  int64_t id = 0;
  uint64_t sum = 0;
  std::memcpy(&id, stored.data() + kVersionDigits + 4, 8);
  std::memcpy(&sum, stored.data() + kChecksumAt, 8);
  if (stored[kVersionDigits] != kFormat ||
      stored[kVersionDigits + 1] != static_cast<char>(key.kind) || id != key.id ||
      sum != Checksum(key, generation, stored)) {
    return std::nullopt;
  }
  out.gone = stored[kVersionDigits + 2] != 0;
  out.payload = stored.substr(kHeaderBytes);
  return out;
}

RedisCache::Slot& RedisCache::SlotOf(CacheKey key) {
  return (
      *slots_)[core::HashCombine(static_cast<uint64_t>(key.id), static_cast<uint64_t>(key.kind)) %
               kSlots];
}

// --- the circuit, and who the server is

void RedisCache::RaiseGeneration() {
  const uint64_t mine = last_generation_.fetch_add(1) + 1;
  // Two at once: the greater one stays.
  uint64_t current = generation_.load();
  while (current < mine && !generation_.compare_exchange_weak(current, mine)) {
  }
  const std::lock_guard lock(stats_mutex_);
  stats_.generation_raises.Add();
}

void RedisCache::RaiseGeneration(CacheKey key) {
  std::atomic<uint64_t>& slot = SlotOf(key).generation;
  const uint64_t mine = last_generation_.fetch_add(1) + 1;
  uint64_t current = slot.load();
  while (current < mine && !slot.compare_exchange_weak(current, mine)) {
  }
  const std::lock_guard lock(stats_mutex_);
  stats_.keys_raised.Add();
}

uint64_t RedisCache::GenerationOf(CacheKey key) {
  return std::max(generation_.load(), SlotOf(key).generation.load());
}

void RedisCache::NoteServer(const std::string& run_id) {
  const std::lock_guard lock(server_mutex_);
  // A server that does not say who it is may be another one at each connection.
  if (server_ && (run_id.empty() || *server_ != run_id)) RaiseGeneration();
  server_ = run_id;
}

void RedisCache::CountFailure(RedisFailure failure, std::string_view text) {
  const std::lock_guard lock(stats_mutex_);
  stats_.failures[static_cast<size_t>(failure)].Add();
  last_error_ = text;
}

void RedisCache::NoteFailure(Side side, RedisFailure failure, std::string_view text) {
  CountFailure(failure, text);
  const bool down = failure == RedisFailure::kDown || failure == RedisFailure::kDenied;
  if (!breaker_.Failed(side, down, NowNs())) return;
  pool_.DropIdle();
  {
    const std::lock_guard lock(stats_mutex_);
    stats_.breaker_opens.Add();
    stats_.circuit_open.Set(1);
  }
  core::Log(core::LogLevel::kWarn, "redis_circuit_open", "server={} class={} reason=\"{}\"",
            url_.ForPeople(), RedisFailureName(failure), text);
}

core::Result<std::unique_ptr<RedisConnection>> RedisCache::Connect(Side side, int64_t deadline_ns) {
  RedisFailure failure = RedisFailure::kNone;
  auto connection = RedisConnection::Open(url_, deadline_ns, failure);
  if (connection.ok()) {
    NoteServer((*connection)->run_id());
  } else {
    NoteFailure(side, failure, connection.status().ToString());
  }
  return connection;
}

bool RedisCache::MayAsk(int64_t deadline_ns) {
  switch (breaker_.Ask(NowNs())) {
    case CircuitBreaker::Permission::kGo: return true;
    case CircuitBreaker::Permission::kProbe: return Probe(deadline_ns);
    case CircuitBreaker::Permission::kRefused: break;
  }
  return false;
}

// Writes, for a full server or a replica answers reads all the same.
bool RedisCache::Probe(int64_t deadline_ns) {
  struct End {
    CircuitBreaker& breaker;
    bool succeeded = false;
    ~End() { breaker.EndProbe(succeeded, NowNs()); }
  } end{breaker_};
  RedisFailure failure = RedisFailure::kNone;
  auto connection = RedisConnection::Open(url_, deadline_ns, failure);
  if (!connection.ok()) {
    CountFailure(failure, connection.status().ToString());
    return false;
  }
  const std::string key = scope_ + "probe";
  const std::string_view command[] = {"SET", key, "1", "EX", "10"};
  RedisReply reply;
  failure = (*connection)->Call(command, deadline_ns, reply);
  if (failure != RedisFailure::kNone) {
    CountFailure(failure, (*connection)->error());
    return false;
  }
  {
    const std::lock_guard lock(server_mutex_);
    server_ = (*connection)->run_id();
  }
  // Before the circuit closes: nothing that was missed meanwhile may be read.
  RaiseGeneration();
  {
    const std::lock_guard lock(stats_mutex_);
    stats_.circuit_open.Set(0);
  }
  end.succeeded = true;
  core::Log(core::LogLevel::kInfo, "redis_circuit_closed", "server={} generation={}",
            url_.ForPeople(), generation());
  return true;
}

std::string RedisCache::last_error() const {
  const std::lock_guard lock(stats_mutex_);
  return last_error_;
}

// --- writing

void RedisCache::Put(std::span<const CacheEntry> entries) noexcept {
  if (entries.empty()) return;
  const int64_t start_ns = NowNs();
  bool asked = false, done = false;
  try {
    // Before anything is sent: a reader who looked earlier shall not fill any more.
    const uint64_t stamp = stamp_.fetch_add(1) + 1;
    for (const CacheEntry& entry : entries) SlotOf({entry.kind, entry.id}).put_stamp = stamp;
    const int64_t deadline_ns = start_ns + int64_t{settings_.timeout_ms} * 1'000'000;
    asked = MayAsk(deadline_ns);
    done = asked && TryPut(entries, deadline_ns);
  } catch (...) {  // no memory: as if the server had not answered
    asked = true;
    done = false;
  }
  if (asked && !done) {
    writer_.reset();
    for (const CacheEntry& entry : entries) RaiseGeneration({entry.kind, entry.id});
  }
  const std::lock_guard lock(stats_mutex_);
  if (!asked) {
    stats_.refused_puts.Add();
    return;
  }
  stats_.puts.Add();
  stats_.put_entries.Add(entries.size());
  if (!done) stats_.put_failures.Add();
  stats_.put_us.Add(MicrosSince(start_ns));
}

bool RedisCache::TryPut(std::span<const CacheEntry> entries, int64_t deadline_ns) {
  if (!writer_ || !writer_->usable()) {
    writer_.reset();
    auto connection = Connect(Side::kWrite, deadline_ns);
    if (!connection.ok()) return false;
    writer_ = std::move(*connection);
  }
  std::vector<Encoded> encoded;
  encoded.reserve(entries.size());
  for (const CacheEntry& entry : entries) {
    const CacheKey key{entry.kind, entry.id};
    encoded.push_back(Encode(key, entry.version, entry.gone, entry.value, GenerationOf(key)));
  }
  const RedisFailure failure = RunScript(*writer_, encoded, deadline_ns);
  if (failure != RedisFailure::kNone) {
    NoteFailure(Side::kWrite, failure, writer_->error());
    return false;
  }
  breaker_.Succeeded(Side::kWrite);
  return true;
}

RedisFailure RedisCache::RunScript(RedisConnection& connection, std::span<const Encoded> entries,
                                   int64_t deadline_ns) {
  const std::string ttl = std::to_string(settings_.ttl_s);
  const auto append = [&](std::span<const Encoded> batch, bool whole) {
    const std::string count = std::to_string(batch.size());
    std::vector<std::string_view> command = {whole ? "EVAL" : "EVALSHA",
                                             whole ? kScript : kScriptSha1, count};
    command.reserve(4 + 2 * batch.size());
    for (const Encoded& entry : batch) command.push_back(entry.key);
    command.push_back(ttl);
    for (const Encoded& entry : batch) command.push_back(entry.value);
    connection.Append(command);
  };
  std::vector<std::span<const Encoded>> batches;
  while (!entries.empty()) {
    size_t count = 0;
    for (size_t bytes = 0; count < entries.size() && count < kBatchEntries; ++count) {
      bytes += entries[count].value.size();
      if (count > 0 && bytes > kBatchBytes) break;
    }
    batches.push_back(entries.first(count));
    entries = entries.subspan(count);
    append(batches.back(), false);
  }

  std::vector<RedisReply> replies;
  for (bool whole = false; !batches.empty(); whole = true) {
    if (const auto failure = connection.Exchange(deadline_ns, replies);
        failure != RedisFailure::kNone) {
      return failure;
    }
    std::vector<std::span<const Encoded>> again;
    uint64_t wrong_types = 0;
    for (size_t i = 0; i < replies.size(); ++i) {
      const RedisReply& reply = replies[i];
      if (reply.type == RedisReply::Type::kError) {
        const RedisFailure failure = ClassifyRedisError(reply.text);
        if (failure != RedisFailure::kNoScript || whole) {
          connection.set_error(reply.text);
          return failure;
        }
        again.push_back(batches[i]);
      } else if (reply.elements.size() == 2) {
        wrong_types += static_cast<uint64_t>(reply.elements[1].integer);
      } else {
        connection.set_error("not the script's answer");
        return RedisFailure::kProtocol;
      }
    }
    for (const auto& batch : again) append(batch, true);
    batches = std::move(again);
    const std::lock_guard lock(stats_mutex_);
    stats_.wrong_type.Add(wrong_types);
    stats_.scripts_sent.Add(batches.size());
  }
  return RedisFailure::kNone;
}

void RedisCache::Fill(CacheKey key, uint64_t version, std::span<const std::byte> value,
                      FillPermit permit) {
  const auto still_allowed = [&] {
    return permit.generation == GenerationOf(key) && SlotOf(key).put_stamp <= permit.stamp;
  };
  const auto count = [this](core::Counter& counter) {
    const std::lock_guard lock(stats_mutex_);
    counter.Add();
  };
  if (!breaker_.closed() || !still_allowed()) return count(stats_.fills_dropped);
  auto lease = pool_.Acquire();
  if (!lease.ok() || !still_allowed()) return count(stats_.fills_dropped);

  const Encoded entry = Encode(key, version, false, value, permit.generation);
  const int64_t deadline_ns = DeadlineNs();
  RedisConnection& connection = **lease;
  RedisFailure failure = RunScript(connection, {&entry, 1}, deadline_ns);
  if (failure == RedisFailure::kNone && !still_allowed()) {
    // A newer value was put while this one was under way. Should the newer one be lost again, this
    // one must not be found in its place.
    const std::string_view command[] = {"DEL", entry.key};
    RedisReply reply;
    failure = connection.Call(command, deadline_ns, reply);
  }
  if (failure != RedisFailure::kNone) {
    NoteFailure(Side::kWrite, failure, connection.error());
    lease->Drop();
    // The value may still arrive, later than a newer one that is then lost.
    RaiseGeneration(key);
    return count(stats_.fills_dropped);
  }
  breaker_.Succeeded(Side::kWrite);
  count(stats_.fills);
}

// --- reading

core::Result<CacheLookup> RedisCache::Get(CacheKey key) {
  auto many = GetMany({&key, 1});
  if (!many.ok()) return many.status();
  return std::move(many->front());
}

core::Result<std::vector<CacheLookup>> RedisCache::GetMany(std::span<const CacheKey> keys) {
  const int64_t start_ns = NowNs();
  const auto away = [&] {
    const std::lock_guard lock(stats_mutex_);
    stats_.refused_reads.Add(keys.size());
    return Status(Code::kUnavailable, "Redis is away, the circuit is open");
  };
  if (!MayAsk(DeadlineNs())) return away();
  auto lease = pool_.Acquire();
  if (!lease.ok()) return lease.status();
  if (!breaker_.closed()) return away();  // while this one waited

  RedisConnection& connection = **lease;
  // After the connection: making it may have raised the generation.
  const uint64_t stamp = stamp_.load();
  std::vector<CacheLookup> out(keys.size());
  const std::string last_byte = std::to_string(kHeaderBytes + kMaxCachedBytes - 1);
  std::vector<std::string> names;
  names.reserve(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    out[i].permit = {GenerationOf(keys[i]), stamp};
    names.push_back(KeyText(keys[i], out[i].permit.generation));
    // Not GET: whatever is there, no more than the largest value is read.
    const std::string_view command[] = {"GETRANGE", names.back(), "0", last_byte};
    connection.Append(command);
  }
  const int64_t deadline_ns = DeadlineNs();
  std::vector<RedisReply> replies;
  RedisFailure failure = connection.Exchange(deadline_ns, replies);
  std::string text = connection.error();

  std::vector<std::string_view> to_delete;
  size_t wrong_type = 0, gone = 0;
  if (failure == RedisFailure::kNone) {
    for (size_t i = 0; i < keys.size() && failure == RedisFailure::kNone; ++i) {
      const RedisReply& reply = replies[i];
      if (reply.type == RedisReply::Type::kError) {
        text = reply.text;
        const RedisFailure error = ClassifyRedisError(reply.text);
        if (error != RedisFailure::kWrongType) {
          failure = error;
          break;
        }
        ++wrong_type;
        to_delete.push_back(names[i]);
      } else if (!reply.text.empty()) {
        const auto decoded = Decode(keys[i], out[i].permit.generation, reply.text);
        if (!decoded) {
          to_delete.push_back(names[i]);
        } else if (decoded->gone) {
          ++gone;
        } else {
          const auto bytes = Bytes(decoded->payload);
          out[i].found = {decoded->version, {bytes.begin(), bytes.end()}};
        }
      }
    }
  }
  const size_t mismatches = to_delete.size() - wrong_type;
  if (failure == RedisFailure::kNone && !to_delete.empty()) {
    std::vector<std::string_view> command = {"DEL"};
    command.insert(command.end(), to_delete.begin(), to_delete.end());
    RedisReply reply;
    failure = connection.Call(command, deadline_ns, reply);
    text = connection.error();
  }
  if (failure != RedisFailure::kNone) {
    lease->Drop();
    NoteFailure(Side::kRead, failure, text);
    return Status(Code::kUnavailable, "Redis did not answer", std::move(text));
  }
  breaker_.Succeeded(Side::kRead);

  const std::lock_guard lock(stats_mutex_);
  for (size_t i = 0; i < keys.size(); ++i) {
    if (out[i].permit.generation != GenerationOf(keys[i])) out[i].found.reset();
    (out[i].found ? stats_.hits : stats_.misses)[Index(keys[i].kind)].Add();
  }
  stats_.tombstones.Add(gone);
  stats_.wrong_type.Add(wrong_type);
  stats_.mismatches.Add(mismatches);
  stats_.read_us.Add(MicrosSince(start_ns));
  return out;
}

}  // namespace bluemarble::persistence
