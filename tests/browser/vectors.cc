// What the TypeScript client (src/browser) is compared with: JSON lines of snapshots with what the
// C++ decoder makes of them, of movement steps with their digests, of inputs, actions and what the
// server tells of belongings with their bytes, and of places.
//   browser_vectors FILE
#include <algorithm>
#include <array>
#include <bit>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <vector>

#include "client/replica.h"
#include "core/hash.h"
#include "geo/border.h"
#include "geo/grid.h"
#include "json_lines.h"
#include "motion/step.h"
#include "protocol/input.h"
#include "protocol/snapshot.h"

namespace client = bluemarble::client;
namespace core = bluemarble::core;
namespace geo = bluemarble::geo;
namespace motion = bluemarble::motion;
namespace protocol = bluemarble::protocol;
using bluemarble::ReplicationClass;

namespace {

constexpr int kHz = 30;
constexpr uint64_t kSeed = 6;
FILE* out;

void PrintHex(std::span<const std::byte> bytes) { browser_test::PrintHex(out, bytes); }

void Print(geo::Vec3 v) { std::fprintf(out, "[%.17g,%.17g,%.17g]", v.x, v.y, v.z); }

// A leaf whose members walk, stand, fly, come and go.
struct Leaf {
  geo::NodeKey key;
  std::vector<protocol::Member> members;  // by slot; id 0: empty
  std::map<std::pair<int, size_t>, std::map<uint32_t, protocol::PartState>>
      sent;  // (class, part) -> tick
};

class Life {
 public:
  Life() : random_(kSeed) {
    for (int i = 0; i < 12; ++i) {
      const geo::Vec3 at = geo::ToEcef({10.0 + 0.0003 * i + (i > 8 ? 170.0 : 0.0),
                                        i > 10 ? -62.0 : 50.0 + 0.0002 * (i % 4), 30.0});
      Leaf leaf;
      leaf.key = geo::NodeKey::At(geo::ToGrid(at), 16 + i % 6);
      leaf.members.resize(i % 3 == 0 ? 70 : 24);
      for (protocol::Member& member : leaf.members) Enter(member);
      leaves_.push_back(std::move(leaf));
    }
  }

  void Run(uint32_t ticks) {
    for (uint32_t tick = 1000; tick < 1000 + ticks; ++tick) {
      for (Leaf& leaf : leaves_) Move(leaf);
      Send(tick);
    }
  }

 private:
  void Enter(protocol::Member& member) {
    member = {};
    if (random_.Chance(0.2)) return;
    ++made_;
    member.id = core::EntityId::Make(made_ * 7 % 900'000 + 1, 1 + made_ % 3);
    member.kind = static_cast<uint8_t>(1 + random_.Below(5));
    if (random_.Chance(0.02)) member.kind = static_cast<uint8_t>(random_.Below(16));
    const auto axis = [&](double most) { return static_cast<int32_t>(random_.Range(-most, most)); };
    member.state.position = {axis(200'000), axis(200'000), axis(20'000)};
    if (random_.Chance(0.01)) member.state.position[0] = (1 << 21) - 1;
    if (member.kind == protocol::kBodyKind) {
      Turn(member);
      return;
    }
    member.state.yaw = static_cast<uint16_t>(random_.Below(1024));
    member.state.health = static_cast<uint8_t>(random_.Chance(0.7) ? 100 : random_.Below(256));
    member.state.animation = static_cast<uint8_t>(random_.Below(3));
  }

  void Turn(protocol::Member& member) {
    auto& rotation = member.state.rotation;
    if (random_.Chance(0.1)) rotation.largest = static_cast<uint8_t>(random_.Below(4));
    for (int16_t& part : rotation.parts) {
      const int moved = part + static_cast<int>(random_.Range(-40, 40));
      part = static_cast<int16_t>(std::clamp(moved, -500, 500));
    }
  }

  void Move(Leaf& leaf) {
    for (protocol::Member& member : leaf.members) {
      if (random_.Chance(0.003)) Enter(member);
      if (!member.id || member.id.bits % 3 == 0) continue;  // stands
      auto& position = member.state.position;
      const auto pace = static_cast<int32_t>(member.id.bits % 40) - 20;
      position[0] += pace;
      position[1] += 23 - pace;
      if (member.kind == protocol::kBodyKind) {
        position[2] += static_cast<int32_t>(random_.Range(-30, 30));
        Turn(member);
      } else if (random_.Chance(0.1)) {
        member.state.yaw = static_cast<uint16_t>((member.state.yaw + random_.Below(40)) % 1024);
        if (random_.Chance(0.1)) member.state.health = static_cast<uint8_t>(random_.Below(101));
        if (random_.Chance(0.02)) position[2] += 900'000;
      }
      for (int32_t& axis : position) axis = std::clamp(axis, -(1 << 21), (1 << 21) - 1);
    }
  }

  void Send(uint32_t tick) {
    std::array<std::byte, 1100> message;
    protocol::PrivateBlock own;
    own.sequence = static_cast<uint16_t>(65'500 + tick - 1000);
    if (own.sequence < 65'500) ++own.sequence;  // 0 is skipped
    own.tick = tick;
    own.input_depth = static_cast<int8_t>(tick % 7 - 3);
    own.health = static_cast<uint8_t>(tick % 101);
    own.exact = tick % 5 == 0;
    own.confirmed = tick % 3 == 0;
    own.confirmed_age = static_cast<uint8_t>(tick % 200);
    own.dilation_pct = tick % 11 == 0 ? 150 : 100;
    own.position = {6'378'137.25 + tick, 1.0 / 3, -2e-9 * tick};
    own.velocity = {0.1, -0.2, 7};
    own.ground_height_m = 12.5;
    own.yaw = static_cast<uint16_t>(tick * 77);
    std::vector<geo::NodeKey> drops;
    if (tick % 25 == 7) drops.push_back(leaves_[tick / 25 % leaves_.size()].key);
    protocol::SnapshotWriter writer;
    if (!writer.Begin(own, drops, message).ok()) std::abort();
    for (size_t i = 0; i < leaves_.size(); ++i) {
      Leaf& leaf = leaves_[(tick + i) % leaves_.size()];
      const auto cls = static_cast<ReplicationClass>((leaf.key.bits / 8 + tick / 40) % 3);
      for (size_t part = 0; part * protocol::kSlots < leaf.members.size(); ++part)
        if (!AddPart(writer, leaf, part, cls, tick)) break;
    }
    for (const geo::NodeKey key : drops)
      for (Leaf& leaf : leaves_)
        if (leaf.key == key) leaf.sent.clear();
    Tell(std::span(message).first(writer.size_bytes()), tick);
  }

  bool AddPart(protocol::SnapshotWriter& writer, Leaf& leaf, size_t number, ReplicationClass cls,
               uint32_t tick) {
    protocol::PartState now;
    for (size_t slot = 0; slot < protocol::kSlots; ++slot) {
      const size_t at = number * protocol::kSlots + slot;
      if (at >= leaf.members.size() || !leaf.members[at].id) continue;
      now.occupied |= 1u << slot;
      now.members[slot] = leaf.members[at];
      now.members[slot].state = protocol::ToClass(leaf.members[at].state, cls);
    }
    auto& sent = leaf.sent[{static_cast<int>(cls), number}];
    std::erase_if(sent, [&](const auto& state) { return state.first + 31 < tick; });
    protocol::PartBases bases;
    protocol::SameMembers same;
    if (!sent.empty() && !random_.Chance(0.05)) {
      auto newest = sent.begin();
      std::advance(newest, static_cast<ptrdiff_t>(random_.Below(sent.size())));
      bases = {&newest->second, nullptr, static_cast<int>(tick - newest->first), 0};
      same.newest = Same(now, newest->second);
      if (newest != sent.begin() && !random_.Chance(0.2)) {
        auto older = sent.begin();
        std::advance(older, static_cast<ptrdiff_t>(random_.Below(
                                static_cast<uint64_t>(std::distance(older, newest)))));
        bases.older = &older->second;
        bases.step = static_cast<int>(newest->first - older->first);
        same.both = same.newest & Same(now, older->second);
      }
    }
    std::array<std::byte, 2000> payload;
    const auto size = protocol::EncodePart(now, bases, same, kHz, cls, payload);
    if (!size.ok()) std::abort();
    if (*size > protocol::kMaxPartBytes) return false;
    const protocol::PartHeader header{leaf.key, static_cast<uint8_t>(number), cls,
                                      static_cast<uint8_t>(bases.age),
                                      static_cast<uint8_t>(bases.step)};
    if (!writer.AddPart(header, std::span(payload).first(*size))) return false;
    sent[tick] = now;
    return true;
  }

  static uint32_t Same(const protocol::PartState& now, const protocol::PartState& base) {
    uint32_t same = 0;
    for (uint32_t rest = now.occupied & base.occupied; rest != 0; rest &= rest - 1) {
      const auto slot = static_cast<size_t>(std::countr_zero(rest));
      const protocol::Member &a = now.members[slot], &b = base.members[slot];
      if (a.id == b.id && a.kind == b.kind) same |= 1u << slot;
    }
    return same;
  }

  // What the C++ client holds afterwards: the newest state of each part of this snapshot, and all
  // entities.
  void Tell(std::span<const std::byte> message, uint32_t tick) {
    protocol::SnapshotReader reader;
    if (!reader.Begin(message).ok()) std::abort();
    protocol::SnapshotReader headers = reader;
    if (!replica_.Apply(reader, tick).ok()) std::abort();
    std::fprintf(out, R"({"kind":"snapshot","hz":%d,"tick":%u,"bytes":")", kHz, tick);
    PrintHex(message);
    const protocol::PrivateBlock& own = headers.own();
    std::fprintf(out,
                 R"(","sequence":%d,"depth":%d,"health":%d,"confirmed":%d,"slowed":%d,"exact":)",
                 own.sequence, own.input_depth, own.health, own.confirmed ? own.confirmed_age : -1,
                 own.dilation_pct - 100);
    if (own.exact) {
      Print(own.position);
      std::fprintf(out, R"(,"velocity":)");
      Print(own.velocity);
      std::fprintf(out, R"(,"ground":%.17g,"yaw":%d)", own.ground_height_m, own.yaw);
    } else {
      std::fprintf(out, "null");
    }
    std::fprintf(out, R"(,"parts":[)");
    protocol::PartHeader header;
    std::span<const std::byte> payload;
    for (const char* comma = ""; headers.NextPart(header, payload); comma = ",") {
      core::Tick held_tick = 0;
      ReplicationClass cls{};
      const protocol::PartState* part = replica_.FindPart(header.leaf, header.part, held_tick, cls);
      if (part == nullptr || held_tick != tick) {  // dropped by this very snapshot
        std::fprintf(out, "%snull", comma);
        continue;
      }
      std::fprintf(
          out, R"(%s{"leaf":"%)" PRIx64 R"(","number":%d,"cls":%d,"age":%d,"step":%d,"members":[)",
          comma, header.leaf.bits, header.part, static_cast<int>(header.cls), header.base_age,
          header.base_step);
      const char* between = "";
      for (uint32_t rest = part->occupied; rest != 0; rest &= rest - 1) {
        const int slot = std::countr_zero(rest);
        const protocol::Member& member = part->members[static_cast<size_t>(slot)];
        const protocol::QuantState& s = member.state;
        std::fprintf(out, "%s[%d,%u,%d,%d,%d,%d,%d,%d,%d,%d,%d,%d,%d]", between, slot,
                     member.id.bits, member.kind, s.position[0], s.position[1], s.position[2],
                     s.yaw, s.health, s.animation, s.rotation.largest, s.rotation.parts[0],
                     s.rotation.parts[1], s.rotation.parts[2]);
        between = ",";
      }
      std::fprintf(out, "]}");
    }
    std::fprintf(out, R"(],"drops":[)");
    const char* comma = "";
    for (const geo::NodeKey key : headers.drops()) {
      std::fprintf(out, R"(%s"%)" PRIx64 R"(")", comma, key.bits);
      comma = ",";
    }
    std::fprintf(out, R"(],"entities":[)");
    comma = "";
    replica_.ForEach([&](const client::HeldEntity& entity) {
      if (tick % 10 != 0) return;  // often enough, in a tenth of the bytes
      std::fprintf(out, "%s[%u,%" PRIu64 ",", comma, entity.id.bits, uint64_t{entity.tick});
      Print(entity.position);
      std::fprintf(out, "]");
      comma = ",";
    });
    std::fprintf(out, "]}\n");
  }

  core::Random random_;
  std::vector<Leaf> leaves_;
  uint32_t made_ = 0;
  client::Replica replica_{kHz};
};

void PrintState(const char* name, const motion::MotionState& state) {
  std::fprintf(out, R"("%s":{"position":)", name);
  Print(state.position);
  std::fprintf(out, R"(,"velocity":)");
  Print(state.velocity);
  std::fprintf(out, R"(,"groundHeight":%.17g,"yaw":%d})", state.ground_height_m, state.yaw);
}

// Walks from places all over the Earth, some of them into the wall of a shard's border.
void Steps() {
  core::Random random(kSeed);
  const motion::MotionLimits limits;
  for (int walk = 0; walk < 40; ++walk) {
    double low = -180, high = 180;
    geo::Geodetic start{random.Range(-180, 180), random.Range(-89.9, 89.9),
                        random.Range(-50, 5000)};
    if (walk % 2 == 1) {
      low = 10;
      high = walk % 4 == 1 ? 20 : -170;
      start.lon_deg = walk % 8 < 4 ? low + 1e-5 : geo::NormalizeLongitude(high - 1e-5);
    }
    if (walk == 6) start.lat_deg = 90;
    const auto range = *geo::LongitudeRange::Make(low, high);
    motion::MotionState state;
    state.position = geo::ToEcef(start);
    state.ground_height_m = start.alt_m;
    motion::MotionInput input;
    for (int i = 0; i < 60; ++i) {
      if (i % 8 == 0) {
        const auto axis = [&] { return static_cast<int8_t>(random.Range(-127.9, 127.9)); };
        input = {axis(), axis(), static_cast<uint16_t>(random.Below(65536)), 0};
        if (random.Chance(0.3)) input.move_east = input.move_north = 0;
        if (walk % 2 == 1) input.move_east = walk % 8 < 4 ? int8_t{-127} : int8_t{127};
      }
      const motion::MotionState next = motion::StepInside(state, input, limits, 1.0 / kHz, range);
      std::fprintf(
          out,
          R"({"kind":"step","hz":%d,"speed":%.17g,"acceleration":%.17g,"west":%.17g,"east":%.17g,)",
          kHz, limits.max_speed_mps, limits.acceleration_mps2, low, high);
      PrintState("before", state);
      std::fprintf(out, R"(,"input":[%d,%d,%d],)", input.move_east, input.move_north, input.yaw);
      PrintState("after", next);
      std::fprintf(out,
                   R"(,"digest":%d})"
                   "\n",
                   motion::PositionDigest(next.position));
      state = next;
    }
  }
}

void Inputs() {
  core::Random random(kSeed);
  for (int i = 0; i < 100; ++i) {
    protocol::InputMessage message;
    message.ack = static_cast<uint16_t>(random.Next());
    message.ack_bits = random.Next();
    message.newest_tick = static_cast<uint32_t>(random.Next());
    message.digest = static_cast<uint16_t>(random.Next());
    message.count = 4 + static_cast<int>(random.Below(13));
    protocol::Command command;
    for (protocol::Command& each : message.commands) {
      if (random.Chance(0.4))
        command = {static_cast<int8_t>(static_cast<int>(random.Below(255)) - 127),
                   static_cast<int8_t>(static_cast<int>(random.Below(255)) - 127),
                   static_cast<uint16_t>(random.Next()), static_cast<uint8_t>(random.Next())};
      each = command;
    }
    std::array<std::byte, protocol::kMaxInputBytes> bytes;
    const auto size = protocol::EncodeInput(message, bytes);
    if (!size.ok()) std::abort();
    std::fprintf(out,
                 R"({"kind":"input","ack":%d,"ackBits":"%)" PRIx64
                 R"(","tick":%u,"digest":%d,"commands":[)",
                 message.ack, message.ack_bits, message.newest_tick, message.digest);
    for (int c = 0; c < message.count; ++c) {
      const protocol::Command& each = message.commands[static_cast<size_t>(c)];
      std::fprintf(out, "%s[%d,%d,%d,%d]", c == 0 ? "" : ",", each.move_east, each.move_north,
                   each.yaw, each.buttons);
    }
    std::fprintf(out, R"(],"bytes":")");
    PrintHex(std::span(bytes).first(*size));
    std::fprintf(out, "\"}\n");
  }
}

void Places() {
  core::Random random(kSeed);
  for (int i = 0; i < 200; ++i) {
    const geo::Geodetic place{random.Range(-180, 180),
                              i < 2 ? 90.0 - 180.0 * i : random.Range(-90, 90),
                              random.Range(-500, 20'000)};
    std::fprintf(out, R"({"kind":"place","lon":%.17g,"lat":%.17g,"height":%.17g,"ecef":)",
                 place.lon_deg, place.lat_deg, place.alt_m);
    Print(geo::ToEcef(place));
    std::fprintf(out, "}\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || (out = std::fopen(argv[1], "w")) == nullptr) {
    std::fprintf(stderr, "usage: browser_vectors FILE\n");
    return 2;
  }
  Life().Run(250);
  Steps();
  Inputs();
  browser_test::PrintBelongings(out);
  Places();
  return std::fclose(out) == 0 ? 0 : 1;
}
