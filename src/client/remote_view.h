/// The others as they are drawn: the last received states of each entity, and between them the
/// interpolation at a moment far enough in the past that the next state is usually there already.
/// How far follows from the update spacing and the jitter seen, per class. One thread; time comes
/// in as server ticks. Allocates when more entities than ever before are in view, else not.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "bluemarble/client.h"
#include "client/replica.h"
#include "core/ids.h"

namespace bluemarble::client {

class RemoteView final : public Replica::Listener {
 public:
  /// `fixed_delay_ms` > 0 replaces the adapted delay of every class.
  RemoteView(int tick_hz, const std::array<uint32_t, kReplicationClasses>& period_ticks,
             int fixed_delay_ms);

  void OnUpdate(const HeldEntity& entity) override;
  void OnRemove(core::EntityId id, core::Tick tick) override;

  /// Once per poll: forgets what has left the view, and now and then adapts the delays.
  void Advance(double server_tick, double jitter_ticks);

  /// `skip`: the own player.
  void ForEach(double server_tick, core::EntityId skip,
               const std::function<void(const EntityView&)>& visit) const;
  bool Find(core::EntityId id, double server_tick, EntityView& out) const;
  bool Holds(core::EntityId id) const { return table_[Slot(id)] != 0; }
  size_t size() const { return tracks_.size(); }
  double delay_ticks(ReplicationClass cls) const { return delay_[static_cast<size_t>(cls)].ticks; }

 private:
  static constexpr int kSamples = 8;
  static constexpr int kGapBuckets = 64;  // ticks between two states of one entity

  struct Sample {
    core::Tick tick = 0;
    geo::Vec3 position;
    uint16_t yaw = 0;
  };
  struct Track {
    core::EntityId id;
    uint8_t kind = 0;
    ReplicationClass cls = ReplicationClass::kExtended;
    uint8_t health = 0, animation = 0;
    uint16_t definition = 0;  // of an item; known from combat, and it never changes
    uint8_t count = 0, newest = 0;
    double delay_ticks = 0;
    core::Tick removed_tick = 0;  // 0: in view
    std::array<Sample, kSamples> samples;
    const Sample& Back(int i) const {
      return samples[static_cast<size_t>((newest - i) & (kSamples - 1))];
    }
  };
  struct Delay {
    double ticks = 0, low = 0, high = 0;
    std::array<uint32_t, kGapBuckets> gaps{};
    uint32_t seen = 0;
  };

  size_t Slot(core::EntityId id) const;
  Track* Lookup(core::EntityId id);
  Track& Insert(core::EntityId id, ReplicationClass cls);
  void Erase(size_t track);
  void Rehash(size_t table_size);
  void Adapt(Delay& delay, double jitter_ticks) const;
  geo::Vec3 PositionAt(const Track& track, double tick) const;
  bool Draw(const Track& track, double server_tick, EntityView& out) const;

  int tick_hz_;
  bool fixed_ = false;
  std::array<Delay, kReplicationClasses> delay_;
  std::vector<Track> tracks_;
  std::vector<uint32_t> table_;  // open addressing: track + 1, 0 is free
  size_t removals_ = 0;          // tracks with removed_tick
  double adapted_tick_ = 0;
};

}  // namespace bluemarble::client
