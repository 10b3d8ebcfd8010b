#include "session/session_table.h"

#include <algorithm>
#include <bit>

#include "core/hash.h"
#include "core/look_ahead.h"

namespace bluemarble::session {

const char* SessionStateName(SessionState state) {
  switch (state) {
    case SessionState::kFree: return "free";
    case SessionState::kConnected: return "connected";
    case SessionState::kLoading: return "loading";
    case SessionState::kEntering: return "entering";
    case SessionState::kPlaying: return "playing";
    case SessionState::kLingering: return "lingering";
    case SessionState::kLeaving: return "leaving";
  }
  return "unknown";
}

SessionTable::SessionTable(uint32_t capacity)
    : slots_(capacity),
      buckets_(std::bit_ceil(size_t{capacity} * 2 + 2), 0),
      name_heads_(buckets_.size(), 0),
      name_next_(capacity, 0),
      presence_(capacity) {
  free_.reserve(capacity);
  for (uint32_t i = capacity; i-- > 0;) {
    slots_[i].id = {i, 1};
    free_.push_back(i);
  }
}

size_t SessionTable::BucketOf(core::PeerId peer) const {
  return core::Mix64(peer.bits) & (buckets_.size() - 1);
}

Session* SessionTable::Open(core::PeerId peer, core::Tick now) {
  if (free_.empty() || FindByPeer(peer) != nullptr) return nullptr;
  const uint32_t index = free_.back();
  free_.pop_back();
  Session& session = slots_[index];
  const SessionId id = session.id;
  session = Session{};
  session.id = id;
  session.state = SessionState::kConnected;
  session.peer = peer;
  session.since = session.heard = now;
  Link(peer, index);
  ++size_;
  used_ = std::max(used_, index + 1);
  return &session;
}

void SessionTable::Close(Session& session) {
  Detach(session);
  UnlinkName(session);
  if (session.player_id != 0) presence_.Set(session.id.index, 0);
  session.state = SessionState::kFree;
  if (++session.id.generation == 0) session.id.generation = 1;
  free_.push_back(session.id.index);
  --size_;
}

void SessionTable::Detach(Session& session) {
  if (!session.peer) return;
  Unlink(session.peer);
  session.peer = {};
}

void SessionTable::MovePeer(Session& from, Session& to) {
  const core::PeerId peer = from.peer;
  Detach(from);
  to.peer = peer;
  Link(peer, to.id.index);
}

Session* SessionTable::Find(SessionId id) {
  if (id.generation == 0 || id.index >= slots_.size()) return nullptr;
  Session& session = slots_[id.index];
  return session.id == id && session.state != SessionState::kFree ? &session : nullptr;
}

Session* SessionTable::AtIndex(uint32_t index) {
  if (index >= slots_.size() || slots_[index].state == SessionState::kFree) return nullptr;
  return &slots_[index];
}

Session* SessionTable::FindByPeer(core::PeerId peer) {
  for (size_t bucket = BucketOf(peer); buckets_[bucket] != 0;
       bucket = (bucket + 1) & (buckets_.size() - 1)) {
    Session& session = slots_[buckets_[bucket] - 1];
    if (session.peer == peer) return &session;
  }
  return nullptr;
}

// Nearly always the first bucket is the peer's; to make sure would be the wait that this avoids.
void SessionTable::Fetch(core::PeerId peer) const {
  const uint32_t link = buckets_[BucketOf(peer)];
  if (link == 0) return;
  const Session& session = slots_[link - 1];
  core::Fetch(&session, offsetof(Session, watch));
}

uint32_t& SessionTable::NameHead(const persistence::PlayerName& name) {
  return name_heads_[core::HashBytes(std::as_bytes(std::span(name.bytes))) &
                     (name_heads_.size() - 1)];
}

void SessionTable::SetName(Session& session, const persistence::PlayerName& name) {
  session.name = name;
  uint32_t& head = NameHead(name);
  name_next_[session.id.index] = head;
  head = session.id.index + 1;
}

void SessionTable::SetPresent(const Session& session) {
  presence_.Set(session.id.index, session.player_id, session.name);
}

void SessionTable::UnlinkName(const Session& session) {
  uint32_t* link = &NameHead(session.name);
  while (*link != 0 && *link != session.id.index + 1) link = &name_next_[*link - 1];
  if (*link != 0) *link = name_next_[session.id.index];
}

Session* SessionTable::FindInChain(uint32_t link, const persistence::PlayerName& name) {
  while (link != 0 && slots_[link - 1].name != name) link = name_next_[link - 1];
  return link == 0 ? nullptr : &slots_[link - 1];
}

Session* SessionTable::FirstNamed(const persistence::PlayerName& name) {
  return FindInChain(NameHead(name), name);
}

Session* SessionTable::NextNamed(const Session& session) {
  return FindInChain(name_next_[session.id.index], session.name);
}

void SessionTable::Link(core::PeerId peer, uint32_t index) {
  size_t bucket = BucketOf(peer);
  while (buckets_[bucket] != 0) bucket = (bucket + 1) & (buckets_.size() - 1);
  buckets_[bucket] = index + 1;
}

void SessionTable::Unlink(core::PeerId peer) {
  const size_t mask = buckets_.size() - 1;
  size_t hole = BucketOf(peer);
  while (buckets_[hole] != 0 && slots_[buckets_[hole] - 1].peer != peer) hole = (hole + 1) & mask;
  if (buckets_[hole] == 0) return;
  // Backward shift keeps probe chains whole without tombstones.
  for (size_t next = (hole + 1) & mask; buckets_[next] != 0; next = (next + 1) & mask) {
    const size_t home = BucketOf(slots_[buckets_[next] - 1].peer);
    if (((next - home) & mask) < ((next - hole) & mask)) continue;
    buckets_[hole] = buckets_[next];
    hole = next;
  }
  buckets_[hole] = 0;
}

}  // namespace bluemarble::session
