// Covers src/protocol/snapshot.cc, src/protocol/part_codec.cc, src/client/replica.cc.
//
// A client that hears several snapshots: two bytes of length before each, so that a later one may
// name an earlier one as its base. Each that is read is written again, and its parts likewise.
#include <bit>
#include <vector>

#include "client/replica.h"
#include "fuzz_target.h"
#include "protocol/snapshot.h"

namespace client = bluemarble::client;
namespace core = bluemarble::core;
namespace protocol = bluemarble::protocol;
using bluemarble::ReplicationClass;
using bluemarble::fuzz::Require;

namespace {

constexpr int kTickHz = 30;

bool Same(const protocol::PartState& a, const protocol::PartState& b) {
  if (a.occupied != b.occupied) return false;
  for (uint32_t rest = a.occupied; rest != 0; rest &= rest - 1) {
    const auto slot = static_cast<size_t>(std::countr_zero(rest));
    if (a.members[slot] != b.members[slot]) return false;
  }
  return true;
}

// Slots that an encoder may code as deltas.
uint32_t SameSlots(const protocol::PartState& now, const protocol::PartState& base) {
  uint32_t same = 0;
  for (uint32_t rest = now.occupied & base.occupied; rest != 0; rest &= rest - 1) {
    const auto slot = static_cast<size_t>(std::countr_zero(rest));
    const protocol::Member &member = now.members[slot], &before = base.members[slot];
    if (member.id == before.id && member.kind == before.kind) same |= 1u << slot;
  }
  return same;
}

void WriteAgain(const protocol::PartState& part, const protocol::PartBases& bases,
                ReplicationClass cls) {
  // A part of entities all over a sector takes more than one that the octree makes.
  std::array<std::byte, 2 * protocol::kMaxPartBytes> out;
  protocol::SameMembers same;
  if (bases.newest != nullptr) same.newest = SameSlots(part, *bases.newest);
  const auto size = protocol::EncodePart(part, bases, same, kTickHz, cls, out);
  Require(size.ok());
  protocol::PartState again;
  Require(protocol::DecodePart(std::span(out).first(*size), bases, kTickHz, cls, again).ok());
  Require(Same(part, again));
  Require(!protocol::EncodePart(part, {}, {}, kTickHz, cls, std::span(out).first(0)).ok());
  if (cls != ReplicationClass::kCombat) return;
  for (const ReplicationClass coarser : {ReplicationClass::kVisual, ReplicationClass::kExtended}) {
    protocol::PartState coarse = part;
    for (protocol::Member& member : coarse.members)
      member.state = protocol::ToClass(member.state, coarser);
    WriteAgain(coarse, {}, coarser);
  }
}

// What the replica is about to decode, against the newest state that it holds.
void CheckPart(const client::Replica& replica, const protocol::PartHeader& header,
               std::span<const std::byte> payload, core::Tick tick) {
  protocol::PartState part;
  core::Tick held_tick = 0;
  auto cls = ReplicationClass::kCombat;
  const protocol::PartState* base = replica.FindPart(header.leaf, header.part, held_tick, cls);
  protocol::PartBases bases;
  if (header.base_step > 0) {
    return;  // the replica tells of one state only
  } else if (header.base_age == 0) {
    base = nullptr;
  } else if (base == nullptr || held_tick + header.base_age != tick || cls != header.cls) {
    return;
  }
  if (base != nullptr) bases = {.newest = base, .age = header.base_age};
  if (!protocol::DecodePart(payload, bases, kTickHz, header.cls, part).ok()) return;
  WriteAgain(part, bases, header.cls);
}

void CheckMessage(const client::Replica& replica, protocol::SnapshotReader reader,
                  std::span<const std::byte> message, core::Tick tick) {
  // What was read may have been written in another, no shorter form.
  std::vector<std::byte> out(message.size());
  std::vector<protocol::PartHeader> headers;
  protocol::SnapshotWriter writer;
  Require(writer.Begin(reader.own(), reader.drops(), out).ok());
  protocol::PartHeader header;
  std::span<const std::byte> payload;
  while (reader.NextPart(header, payload)) {
    Require(writer.AddPart(header, payload));
    headers.push_back(header);
    CheckPart(replica, header, payload, tick);
  }
  if (reader.malformed()) return;
  protocol::SnapshotReader again;
  Require(again.Begin(std::span(out).first(writer.size_bytes())).ok());
  for (const protocol::PartHeader& expected : headers)
    Require(again.NextPart(header, payload) && header == expected);
  Require(!again.NextPart(header, payload) && !again.malformed());
  Require(!writer.Begin(reader.own(), reader.drops(), std::span(out).first(5)).ok());
}

struct Listener final : client::Replica::Listener {
  void OnUpdate(const client::HeldEntity& entity) override { Require(bool{entity.id}); }
  void OnRemove(core::EntityId, core::Tick) override { ++removed; }
  uint64_t removed = 0;
};

}  // namespace

FUZZ_TARGET(snapshot) {
  Listener listener;
  client::Replica replica(kTickHz, &listener);
  core::Tick newest = 0;
  while (bytes.size() > 2) {
    const size_t length = std::to_integer<size_t>(bytes[0]) | std::to_integer<size_t>(bytes[1])
                                                                  << 8;
    bytes = bytes.subspan(2);
    const auto message = bytes.first(std::min(length, bytes.size()));
    bytes = bytes.subspan(message.size());
    protocol::SnapshotReader reader;
    if (!reader.Begin(message).ok()) continue;
    // As the client library has it: what was overtaken comes late.
    const core::Tick tick = core::ExpandTick(reader.own().tick, newest);
    CheckMessage(replica, reader, message, tick);
    (void)replica.Apply(reader, tick);
    newest = std::max(newest, tick);
  }
  size_t entities = 0;
  replica.ForEach([&](const client::HeldEntity& entity) {
    ++entities;
    Require(replica.Find(entity.id) == &entity);
  });
  Require(entities == replica.entities());
  Require(replica.stats().entity_updates >= entities);
  const client::Replica moved = std::move(replica);
  Require(moved.entities() == entities);
}
