#include "app/zone_questions.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <thread>

namespace bluemarble::app {
namespace {

constexpr auto kPatience = std::chrono::milliseconds(1000);
constexpr auto kLook = std::chrono::milliseconds(2);
constexpr size_t kSessionsPerTick = 512;  // some 50 us

PlayerSeen Look(const Zone& zone, const session::Session& session, core::Tick now) {
  PlayerSeen seen{.player_id = session.player_id,
                  .account_id = session.account_id,
                  .name = session.name,
                  .entity = session.entity,
                  .position = {},
                  .entered = session.entered,
                  .peer = session.peer,
                  .ack_age = {},
                  .snapshot_bytes = session.snapshot_bytes,
                  .address_v4 = session.address_v4,
                  .lingering = session.state == session::SessionState::kLingering};
  const uint32_t row = zone.world().RowOf(session.entity);
  if (row != world::World::kNoRow) seen.position = zone.world().bodies()[row].position;
  if (!seen.lingering) seen.ack_age = zone.replicator().AckAge(session.viewer, now);
  return seen;
}

// But for ASCII case, as accounts are found by their names.
bool SameNameButCase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

const session::Session* Find(Zone& zone, const WhoIsMeant& who) {
  const session::Session* but_case = nullptr;
  for (const session::Session& session : zone.sessions().table().slots()) {
    if (!session::HasEntity(session.state)) continue;
    if (who.entity           ? session.entity == who.entity
        : who.player_id != 0 ? session.player_id == who.player_id
                             : session.name.view() == who.name)
      return &session;
    const bool by_name = !who.entity && who.player_id == 0;
    if (by_name && SameNameButCase(session.name.view(), who.name)) but_case = &session;
  }
  // Without accounts two may be called so: the exact one was looked for first.
  return but_case;
}

}  // namespace

bool PlayersQuestion::Answer(Zone& zone, core::Tick now) {
  const auto slots = zone.sessions().table().slots();
  const size_t end = std::min(slots.size(), next_ + kSessionsPerTick);
  for (; next_ < end; ++next_) {
    const session::Session& session = slots[next_];
    if (session::HasEntity(session.state) && players.size() < players.capacity())
      players.push_back(Look(zone, session, now));
  }
  return next_ >= slots.size();
}

bool EntityQuestion::Answer(Zone& zone, core::Tick now) {
  const session::Session* const session = Find(zone, who_);
  const core::EntityId id = session != nullptr ? session->entity : who_.entity;
  const uint32_t row = id ? zone.world().RowOf(id) : world::World::kNoRow;
  if (row == world::World::kNoRow) return true;
  entity.emplace();
  entity->id = id;
  entity->kind = zone.world().kinds()[row];
  entity->body = zone.world().bodies()[row];
  entity->vitals = zone.world().vitals()[row];
  const aoi::Place place = zone.octree().PlaceOf(id);
  if (const aoi::Leaf* leaf = zone.octree().Find(place.leaf)) entity->leaf = leaf->key;
  entity->slot = place.slot;
  if (session != nullptr) entity->player = Look(zone, *session, now);
  if (const items::GroundItem* lying = zone.items().ground().items().Find(id))
    entity->item = lying->row;
  return true;
}

bool InterestQuestion::Answer(Zone& zone, core::Tick now) {
  const session::Session* const session = Find(zone, who_);
  if (session == nullptr) return true;
  player = Look(zone, *session, now);
  if (player->lingering) return true;  // nobody is sent anything
  zone.replicator().EachPart(session->viewer,
                             [this](geo::NodeKey key, uint8_t number, ReplicationClass cls) {
                               if (parts.size() < parts.capacity())
                                 parts.push_back({key, number, cls});
                             });
  return true;
}

bool LeavesQuestion::Answer(Zone& zone, core::Tick) {
  truncated = zone.octree().QueryLeaves(centre_, radius_cm_, ids_).code() == core::Code::kFull;
  for (const aoi::LeafId id : ids_) {
    const aoi::Leaf* leaf = zone.octree().Find(id);
    if (leaf != nullptr) leaves.push_back({leaf->key, leaf->members});
  }
  return true;
}

core::Status ZoneQuestions::Ask(ZoneQuestion& question) {
  const core::Status silent(core::Code::kUnavailable, "the zone did not answer within a second");
  const auto until = std::chrono::steady_clock::now() + kPatience;
  const std::unique_lock line(line_, until);
  if (!line.owns_lock()) return silent;
  question_ = &question;
  state_.store(kAsked, std::memory_order_release);
  while (state_.load(std::memory_order_acquire) != kDone) {
    if (std::chrono::steady_clock::now() > until) {
      int asked = kAsked;
      if (state_.compare_exchange_strong(asked, kIdle)) return silent;
    }
    std::this_thread::sleep_for(kLook);
  }
  state_.store(kIdle, std::memory_order_relaxed);
  return {};
}

void ZoneQuestions::Answer(Zone& zone, core::Tick now) noexcept {
  if (state_.load(std::memory_order_relaxed) != kAsked) return;
  int asked = kAsked;
  if (!state_.compare_exchange_strong(asked, kAnswering)) return;
  question_->tick = now;
  const bool done = question_->Answer(zone, now);
  state_.store(done ? kDone : kAsked, std::memory_order_release);
}

}  // namespace bluemarble::app
