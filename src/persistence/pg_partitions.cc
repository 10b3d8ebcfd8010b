#include "persistence/pg_partitions.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <limits>
#include <pqxx/pqxx>

#include "core/log.h"

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Status;

constexpr int64_t kDayUs = 86'400'000'000;
// Whoever comes after a question for an exclusive lock waits behind it, commits too.
constexpr const char* kAskBriefly = "SET LOCAL lock_timeout = '100ms'";
constexpr std::string_view kLockNotAvailable = "55P03";

int64_t FloorTo(int64_t value, int64_t step) {
  const int64_t rest = value % step;
  return value - (rest < 0 ? rest + step : rest);
}

// One bound out of "FOR VALUES FROM ('17') TO (MAXVALUE)" or "17 18"; moves behind it.
bool EatBound(std::string_view& text, std::string_view before, std::string_view after,
              int64_t& out) {
  if (!text.starts_with(before)) return false;
  text.remove_prefix(before.size());
  if (text.starts_with("MINVALUE") || text.starts_with("MAXVALUE")) {
    out = text.starts_with("MIN") ? std::numeric_limits<int64_t>::min()
                                  : std::numeric_limits<int64_t>::max();
    text.remove_prefix(8);
  } else {
    const bool quoted = text.starts_with('\'');
    if (quoted) text.remove_prefix(1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc()) return false;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (quoted && !text.starts_with('\'')) return false;
    if (quoted) text.remove_prefix(1);
  }
  if (!text.starts_with(after)) return false;
  text.remove_prefix(after.size());
  return true;
}

// The catalogue knows the bounds of attached partitions only; those of a detached one are in its
// comment, which outlives that.
void ReadBounds(std::string_view bound, std::string_view comment, EventPartition& out) {
  out.attached = !bound.empty();
  const bool known = out.attached ? EatBound(bound, "FOR VALUES FROM (", ") TO (", out.from_us) &&
                                        EatBound(bound, "", ")", out.to_us)
                                  : EatBound(comment, "", " ", out.from_us) &&
                                        EatBound(comment, "", "", out.to_us) && comment.empty();
  out.bounds_known = known && out.from_us < out.to_us;
  if (!out.bounds_known) out.from_us = out.to_us = 0;
}

std::vector<EventPartition> List(pqxx::transaction_base& tx) {
  std::vector<EventPartition> partitions;
  for (const pqxx::row& row :
       tx.exec("SELECT c.relname, coalesce(pg_get_expr(c.relpartbound, c.oid), ''),"
               " coalesce(obj_description(c.oid, 'pg_class'), '')"
               " FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace"
               " AND c.relkind = 'r' AND c.relname ~ '^event_p[0-9]{8}(_[0-9]+)?$'")) {
    EventPartition partition;
    partition.name = row[0].as<std::string>();
    ReadBounds(row[1].as<std::string>(), row[2].as<std::string>(), partition);
    partitions.push_back(std::move(partition));
  }
  std::sort(partitions.begin(), partitions.end(),
            [](const EventPartition& a, const EventPartition& b) {
              return a.from_us != b.from_us ? a.from_us < b.from_us : a.name < b.name;
            });
  return partitions;
}

std::string FreeName(const std::vector<EventPartition>& partitions, int64_t from_us) {
  const std::time_t day = static_cast<std::time_t>(FloorTo(from_us, kDayUs) / 1'000'000);
  const std::string name = fmt::format("event_p{:%Y%m%d}", fmt::gmtime(day));
  auto taken = [&](const std::string& candidate) {
    return std::any_of(partitions.begin(), partitions.end(),
                       [&](const EventPartition& p) { return p.name == candidate; });
  };
  if (!taken(name)) return name;
  int number = 2;
  while (taken(fmt::format("{}_{}", name, number))) ++number;
  return fmt::format("{}_{}", name, number);
}

void Make(pqxx::transaction_base& tx, const EventPartition& partition) {
  const std::string name = tx.quote_name(partition.name);
  const std::string range =
      fmt::format("at_us >= {} AND at_us < {}", partition.from_us, partition.to_us);
  const bool caught =
      tx.exec1("SELECT EXISTS (SELECT 1 FROM event_default WHERE " + range + ")")[0].as<bool>();
  // Detached, the default partition has no trigger that keeps its rows from moving.
  if (caught) tx.exec("ALTER TABLE event DETACH PARTITION event_default");
  tx.exec(fmt::format("CREATE TABLE {} PARTITION OF event FOR VALUES FROM ({}) TO ({})", name,
                      partition.from_us, partition.to_us));
  tx.exec(fmt::format("COMMENT ON TABLE {} IS '{} {}'", name, partition.from_us, partition.to_us));
  if (caught) {
    tx.exec("INSERT INTO event SELECT * FROM event_default WHERE " + range);
    tx.exec("DELETE FROM event_default WHERE " + range);
    tx.exec("ALTER TABLE event ATTACH PARTITION event_default DEFAULT");
  }
}

}  // namespace

core::Result<std::vector<EventPartition>> ListEventPartitions(PgConnection& connection) {
  std::vector<EventPartition> partitions;
  const Status ran = connection.Run([&](pqxx::connection_base& link) {
    pqxx::work tx(link);
    partitions = List(tx);
  });
  if (!ran.ok()) return ran;
  return partitions;
}

core::Result<int> MakeEventPartitions(PgConnection& connection, const RetentionSettings& settings,
                                      int64_t now_us) {
  const int64_t step_us = settings.partition_days * kDayUs;
  const int64_t until_us = now_us + settings.partitions_ahead * step_us;
  int made = 0;
  bool has_now = false;
  const Status ran = connection.Run([&](pqxx::connection_base& link) {
    made = 0;
    pqxx::work tx(link);
    tx.exec(kAskBriefly);
    std::vector<EventPartition> all = List(tx);
    has_now = std::any_of(all.begin(), all.end(), [now_us](const EventPartition& p) {
      return p.attached && p.from_us <= now_us && now_us < p.to_us;
    });
    for (int64_t at_us = now_us; at_us <= until_us;) {
      const auto covers = [at_us](const EventPartition& p) {
        return p.attached && p.from_us <= at_us && at_us < p.to_us;
      };
      if (const auto there = std::find_if(all.begin(), all.end(), covers); there != all.end()) {
        at_us = there->to_us;
        continue;
      }
      // The length may have changed since the neighbours were made: keep clear of both.
      EventPartition partition;
      partition.from_us = FloorTo(at_us, step_us);
      partition.to_us = partition.from_us + step_us;
      for (const EventPartition& other : all) {
        if (!other.attached) continue;
        if (other.to_us <= at_us) partition.from_us = std::max(partition.from_us, other.to_us);
        if (other.from_us > at_us) partition.to_us = std::min(partition.to_us, other.from_us);
      }
      partition.name = FreeName(all, partition.from_us);
      Make(tx, partition);
      at_us = partition.to_us;
      all.push_back(std::move(partition));
      ++made;
    }
    if (made > 0) tx.commit();
  });
  if (!ran.ok() && has_now && connection.last_sqlstate() == kLockNotAvailable) {
    core::Log(core::LogLevel::kWarn, "event_partitions_wait", "reason=\"{}\"", ran.ToString());
    return 0;
  }
  if (!ran.ok()) return ran;
  return made;
}

Status DetachEventPartition(PgConnection& connection, const std::string& name) {
  Status answer;
  const Status ran = connection.Run([&](pqxx::connection_base& link) {
    pqxx::work tx(link);
    const auto all = List(tx);
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const EventPartition& p) { return p.name == name; });
    if (found == all.end()) {
      answer = {Code::kNotFound, "no event partition of that name", name};
    } else if (found->attached) {
      tx.exec(kAskBriefly);
      tx.exec("COMMENT ON TABLE " + tx.quote_name(name) +
              fmt::format(" IS '{} {}'", found->from_us, found->to_us));
      tx.exec("ALTER TABLE event DETACH PARTITION " + tx.quote_name(name));
      tx.commit();
    }
  });
  return ran.ok() ? answer : ran;
}

Status DropDetached(PgConnection& connection, const std::string& name) {
  Status answer;
  const Status ran = connection.Run([&](pqxx::connection_base& link) {
    pqxx::work tx(link);
    const auto all = List(tx);
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const EventPartition& p) { return p.name == name; });
    if (found == all.end()) {
      answer = {Code::kNotFound, "no event partition of that name", name};
    } else if (found->attached) {
      answer = {Code::kInvalid, "an attached event partition is not dropped", name};
    } else {
      tx.exec("DROP TABLE " + tx.quote_name(name));
      tx.commit();
    }
  });
  return ran.ok() ? answer : ran;
}

}  // namespace bluemarble::persistence
