#include "app/metrics_bytes.h"

#include <fmt/format.h>

#include <array>
#include <string>

#include "app/part_fields.h"

namespace bluemarble::app {
namespace {

void RegisterHost(Registrar& add, const net::HostStats& stats, const std::string& host) {
  const auto part = [&](const char* name, const core::Counter& bytes) {
    add.Count("net_sent_part_bytes_total", "What net_sent_bytes_total is made of.", bytes,
              {{"host", host}, {"part", name}});
  };
  part("snapshot", stats.sent_unreliable_bytes);
  for (size_t field = 0; field < net::kMessageFields; ++field)
    part(MessageFieldName(field), stats.sent_reliable_bytes[field]);
  part("enet", stats.sent_enet_bytes);
  part("seal", stats.sent_seal_bytes);
  part("seal_own", stats.sent_own_bytes);
  add.Count("net_unsent_snapshot_bytes_total", "Snapshots that the zone sent and no socket took.",
            stats.unsent_unreliable_bytes, {{"host", host}});
}

}  // namespace

const char* MessageFieldName(size_t field) {
  constexpr std::array<const char*, net::kMessageFields> kNames = {
      "other",     "welcome",       "refused",      "goodbye",    "action",
      "inventory", "trade_offered", "trade_closed", "chat_heard", "chat_refused"};
  return kNames[field];
}

void RegisterBytes(Registrar& add, const replication::ReplicationStats& replication,
                   const session::SessionStats& sessions, const net::EnetTransport& transport) {
  const auto part = [&](const char* name, const char* cls, const core::Counter& bytes) {
    add.Count("replication_part_bytes_total", "What replication_sent_bytes_total is made of.",
              bytes, {{"class", cls}, {"part", name}});
  };
  part("private", "none", replication.private_bytes);
  part("drops", "none", replication.drop_bytes);
  constexpr std::array<const char*, kReplicationClasses> kClasses = {"combat", "visual",
                                                                     "extended"};
  for (size_t cls = 0; cls < kClasses.size(); ++cls) {
    part("header", kClasses[cls], replication.part_header_bytes[cls]);
    part("payload", kClasses[cls], replication.part_payload_bytes[cls]);
  }
  for (const FieldColumn& column : FieldColumnsOf(replication.part_fields)) {
    add.Count("replication_payload_bytes_total", "What the payloads of parts are made of.",
              *column.bytes, {{"kind", column.kind}, {"field", column.field}});
  }
  add.Count("session_snapshots_dropped_bytes_total",
            "Bytes of snapshots lost to a full outbound queue.", sessions.snapshot_bytes_dropped);
  for (int host = 0; host < transport.hosts(); ++host)
    RegisterHost(add, transport.host_stats(host), fmt::format("{}", host));
}

}  // namespace bluemarble::app
