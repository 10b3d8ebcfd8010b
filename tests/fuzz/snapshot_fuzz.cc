// A client that hears several snapshots: two bytes of length before each, so that a later one may
// name an earlier one as its base.
#include "client/replica.h"
#include "fuzz_target.h"
#include "protocol/snapshot.h"

namespace protocol = bluemarble::protocol;

FUZZ_TARGET(snapshot) {
  bluemarble::client::Replica replica(30);
  bluemarble::core::Tick newest = 0;
  while (bytes.size() > 2) {
    const size_t length = std::to_integer<size_t>(bytes[0]) | std::to_integer<size_t>(bytes[1])
                                                                  << 8;
    bytes = bytes.subspan(2);
    const auto message = bytes.first(std::min(length, bytes.size()));
    bytes = bytes.subspan(message.size());
    protocol::SnapshotReader reader;
    if (!reader.Begin(message).ok()) continue;
    if (reader.own().tick < newest) continue;
    newest = reader.own().tick;
    (void)replica.Apply(reader, newest);
  }
  size_t entities = 0;
  replica.ForEach([&](const bluemarble::client::HeldEntity& entity) {
    ++entities;
    bluemarble::fuzz::Require(replica.Find(entity.id) == &entity);
  });
  bluemarble::fuzz::Require(entities == replica.entities());
}
