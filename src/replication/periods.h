/// Ticks between the updates of each class: regular ones, those under relief, and which classes
/// have their turn at a tick. Pure functions; any thread.
#pragma once

#include <array>
#include <cstdint>

#include "bluemarble/wire.h"
#include "core/ids.h"

namespace bluemarble::replication {

inline constexpr uint8_t kReliefSteps = 4;

/// By class, each at least 1.
using Periods = std::array<uint32_t, kReplicationClasses>;

/// `rate_hz` as in the settings; 0: every tick.
Periods RegularPeriods(const std::array<uint32_t, kReplicationClasses>& rate_hz, int tick_hz);

/// Replicator::SetRelief says what the steps are. A class whose regular updates find their bases
/// alive finds them under relief too: its period and one of the nearest class together are shorter
/// than a base lives, since a part that a datagram has no room for goes into the viewer's next one.
/// More rarely every update would be a keyframe: fewer of them, in more bytes. The period stays a
/// multiple of the nearest class's, so that it needs no datagrams of its own, hence it may be the
/// regular one less a part of that.
Periods RelievedPeriods(const Periods& regular, uint8_t step);

/// Turns that are told apart: as many as periods have ticks under the hardest relief, or some.
inline constexpr uint32_t kNearTurns = 12, kFarTurns = 10;

/// While the nearest class has its turn at every tick. Bit c: class c has it too for viewers whose
/// turn is `near_turn` of kNearTurns and `far_turn` of kFarTurns.
uint8_t TurnsAt(core::Tick now, uint32_t near_turn, uint32_t far_turn, const Periods& periods);

/// While it has its turn more rarely: the classes' turns of a viewer, by its slot. The others come
/// along at turns of the nearest class, one in each of their periods; 0 between.
uint8_t SlotTurnsAt(core::Tick now, uint32_t slot, const Periods& periods);

}  // namespace bluemarble::replication
