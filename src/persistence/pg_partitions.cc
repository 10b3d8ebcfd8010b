#include "persistence/pg_partitions.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <pqxx/pqxx>

namespace bluemarble::persistence {
namespace {

using core::Code;
using core::Status;

constexpr int64_t kDayUs = 86'400'000'000;

int64_t FloorTo(int64_t value, int64_t step) {
  const int64_t rest = value % step;
  return value - (rest < 0 ? rest + step : rest);
}

// The bounds are in the table's comment, where they outlive its being attached.
std::vector<EventPartition> List(pqxx::transaction_base& tx) {
  std::vector<EventPartition> partitions;
  for (const pqxx::row& row :
       tx.exec("SELECT c.relname, coalesce(obj_description(c.oid, 'pg_class'), ''),"
               " EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhrelid = c.oid)"
               " FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace"
               " AND c.relkind = 'r' AND c.relname ~ '^event_p[0-9]{8}(_[0-9]+)?$'")) {
    EventPartition partition;
    partition.name = row[0].as<std::string>();
    const auto comment = row[1].as<std::string>();
    char* end = nullptr;
    partition.from_us = std::strtoll(comment.c_str(), &end, 10);
    partition.to_us = std::strtoll(end, nullptr, 10);
    partition.attached = row[2].as<bool>();
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
  const Status ran = connection.Run([&](pqxx::connection_base& link) {
    made = 0;
    pqxx::work tx(link);
    std::vector<EventPartition> all = List(tx);
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
