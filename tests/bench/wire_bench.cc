/// What the codec costs on the wire: bytes and nanoseconds per entity update, for one viewer who is
/// sent everything every tick and whose acknowledgements come `base-age` ticks later. Leaves and
/// slots are those of the zone's octree; every part is decoded on what was decoded before, and must
/// come out as it went in. Prints one JSON object; exit 1 when anything differs or a limit is
/// missed, 65 for a file that is not as described here.
///
///   wire_bench --trace|--bodies FILE.csv [--hz N] [--base-age N] [--base-step N] [--leaf-level N]
///              [--facing] [--most-bytes X] [--most-bits X] [--most-ns X]
///
/// Rows are in frames of 1/hz s, each with at least one row from the first to the last: bases are
/// counted in frames. Who is in a frame may change from one to the next. The first line may name
/// the columns.
/// --trace: t_s,agent,x_m,y_m,z_m (scripts/trace-from-crowd): people, one update per sample of the
/// recording; with --facing they look where they go, else north, since the recording does not say.
/// --bodies: t_s,id,x,y,z,qx,qy,qz,qw (bodies_scene); rotations of any length but none.
/// --most-bytes is held against bytes_per_update, --most-bits against part_bits_per_update,
/// --most-ns against encode_ns_per_update. The older base is `base-step` ticks older, a tenth of a
/// second unless said otherwise; 0: there is none.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "aoi/octree.h"
#include "geo/grid.h"
#include "protocol/part_codec.h"
#include "protocol/snapshot.h"
#include "tools/zonebot/csv.h"

namespace bluemarble::bench {
namespace {

using core::EntityId;
using core::Tick;
using geo::Vec3;
using protocol::PartState;

// ENet's 10 bytes: peer 2, command 4, group 2, length 2. The seal's 33: type 1, session 8, sequence
// 8, tag 16.
constexpr size_t kEnetBytes = 10;
constexpr size_t kSealBytes = 33;
constexpr size_t kMessageBytes = kEnetMtu - 28;
constexpr Tick kFirstTick = 1000;
constexpr Tick kDropRepeatTicks = 4;
constexpr double kMostSeconds = 86'400;
constexpr uint32_t kMostIds = 1'000'000;
constexpr double kMostMetres = 100'000;  // from the middle, on each axis
// Times are written with four decimals or more.
constexpr double kFrameTolerance = 0.05;
constexpr double kLeastLength = 1e-6;  // of a rotation
constexpr int kTimedRounds = 2;        // the last counts: a tick has just gathered what it encodes
const geo::Geodetic kAnchor{.lon_deg = 6.78, .lat_deg = 51.23, .alt_m = 100};

struct Sample {
  Vec3 place;
  std::array<double, 4> rotation{0, 0, 0, 1};
  double facing_turns = 0;
};

struct Arguments {
  std::string file;
  bool bodies = false;
  bool facing = false;
  int hz = 0;
  int base_age = 0;
  int base_step = -1;
  int leaf_level = aoi::OctreeLimits().max_level;
  double most_bytes = 0, most_bits = 0, most_ns = 0;  // 0: no limit
};

/// frame -> id -> sample
using Scene = std::map<Tick, std::map<uint32_t, Sample>>;

int64_t CpuNs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

/// Brings it to length 1; false when it has no direction.
bool Normalise(std::array<double, 4>& q) {
  const double length = std::hypot(std::hypot(q[0], q[1]), std::hypot(q[2], q[3]));
  if (length < kLeastLength) return false;
  for (double& axis : q) axis /= length;
  return true;
}

/// One line into its frame.
core::Status AddRow(const Arguments& arguments, size_t number,
                    const std::vector<std::string_view>& fields, Scene& scene) {
  const auto bad = [&](size_t column, const std::string& what) {
    return zonebot::BadCsv(arguments.file, number, column, what);
  };
  const size_t columns = arguments.bodies ? 9 : 5;
  if (fields.size() != columns) {
    return bad(fields.size(), fmt::format("expected {} fields: {}", columns,
                                          arguments.bodies ? "t_s,id,x,y,z,qx,qy,qz,qw (--bodies)"
                                                           : "t_s,agent,x_m,y_m,z_m (--trace)"));
  }
  std::array<double, 9> v{};
  for (size_t i = 0; i < columns; ++i) {
    if (!zonebot::ParseNumber(fields[i], v[i])) return bad(i + 1, "not a number");
  }
  if (v[0] < 0 || v[0] > kMostSeconds) return bad(1, "seconds from 0 to a day");
  const double frame = std::round(v[0] * arguments.hz);
  if (std::abs(v[0] * arguments.hz - frame) > kFrameTolerance) {
    return bad(1, fmt::format("{} s is between two frames of 1/{} s: is the file's rate another? "
                              "Say it by --hz",
                              fields[0], arguments.hz));
  }
  if (v[1] != std::floor(v[1]) || v[1] < 0 || v[1] >= kMostIds)
    return bad(2, fmt::format("whole numbers below {}", kMostIds));
  for (size_t i = 2; i < 5; ++i) {
    if (std::abs(v[i]) > kMostMetres) return bad(i + 1, "metres from -100,000 to 100,000");
  }
  Sample sample;
  sample.place = {v[2], v[3], v[4]};
  if (arguments.bodies) {
    sample.rotation = {v[5], v[6], v[7], v[8]};
    if (!Normalise(sample.rotation)) return bad(6, "a rotation of length 0 is none");
  }
  const Tick tick = kFirstTick + static_cast<Tick>(frame);
  if (!scene[tick].emplace(static_cast<uint32_t>(v[1]), sample).second)
    return bad(2, fmt::format("{} is in the frame of {} s a second time", fields[1], fields[0]));
  return core::Status::Ok();
}

bool AreNames(const std::vector<std::string_view>& fields) {
  double number = 0;
  return std::none_of(fields.begin(), fields.end(),
                      [&](std::string_view field) { return zonebot::ParseNumber(field, number); });
}

// A missing frame would be a base that nobody has.
core::Status CheckFrames(const Arguments& arguments, const Scene& scene) {
  Tick expected = scene.begin()->first;
  for (const auto& [tick, samples] : scene) {
    if (tick != expected) {
      const auto seconds = [&](Tick at) {
        return static_cast<double>(at - kFirstTick) / arguments.hz;
      };
      return {
          core::Code::kInvalid, "bad file",
          fmt::format("{}: no row for {:.5f} s; the next frame is that of {:.5f} s. Every 1/{} s "
                      "from the first to the last frame must have one: is the file's rate "
                      "another (--hz), or is it cut?",
                      arguments.file, seconds(expected), seconds(tick), arguments.hz)};
    }
    ++expected;
  }
  return core::Status::Ok();
}

core::Status Load(const Arguments& arguments, Scene& scene) {
  std::ifstream file(arguments.file);
  std::stringstream content;
  content << file.rdbuf();
  const std::string text = content.str();
  if (!file) return {core::Code::kNotFound, "cannot be read", arguments.file};
  std::string_view rest = text;
  std::string_view line;
  std::vector<std::string_view> fields;
  for (size_t number = 1; zonebot::NextLine(rest, line); ++number) {
    zonebot::SplitFields(line, fields);
    if (number == 1 && AreNames(fields)) continue;
    if (core::Status row = AddRow(arguments, number, fields, scene); !row.ok()) return row;
  }
  if (scene.empty()) return zonebot::BadCsv(arguments.file, 2, 1, "no rows below the names");
  return CheckFrames(arguments, scene);
}

// People look where they went in the last quarter of a second; who stands looks on.
void FaceForward(Scene& scene, int hz) {
  for (auto& [tick, people] : scene) {
    for (auto& [id, now] : people) {
      const auto before = scene.find(tick - 1);
      if (before != scene.end() && before->second.contains(id))
        now.facing_turns = before->second.at(id).facing_turns;
      const auto past = scene.find(tick - static_cast<Tick>(std::max(1, hz / 4)));
      if (past == scene.end() || !past->second.contains(id)) continue;
      const Vec3 way = now.place - past->second.at(id).place;
      if (geo::Length(way) > 0.05)
        now.facing_turns = std::atan2(way.x, way.y) / (2 * 3.14159265358979323846);
    }
  }
}

protocol::Rotation Quantise(const std::array<double, 4>& q) {
  protocol::Rotation rotation;
  size_t largest = 0;
  for (size_t i = 1; i < 4; ++i) {
    if (std::abs(q[i]) > std::abs(q[largest])) largest = i;
  }
  rotation.largest = static_cast<uint8_t>(largest);
  size_t part = 0;
  for (size_t i = 0; i < 4; ++i) {
    if (i == largest) continue;
    rotation.parts[part++] =
        static_cast<int16_t>(std::lround(1000 * (q[largest] < 0 ? -q[i] : q[i])));
  }
  return rotation;
}

/// What client and server both keep of one part.
struct PartRecord {
  std::map<Tick, PartState> decoded;
};

struct Job {
  protocol::PartHeader header;
  PartState now;
  PartState newest, older;  // the server's idea of the bases: states of those still there
  protocol::SameMembers same;
  PartRecord* record = nullptr;
  uint64_t order = 0;
};

struct Totals {
  uint64_t updates = 0, entities_most = 0, frames = 0, datagrams = 0;
  uint64_t wire_bytes = 0, part_bytes = 0, payload_bytes = 0, drop_bytes = 0;
  uint64_t full = 0, short_kept = 0, parts = 0, keyframes = 0, differing = 0;
  int64_t encode_ns = 0, decode_ns = 0;
  double worst_position_m = 0, worst_rotation = 0;
};

class WireBench {
 public:
  explicit WireBench(const Arguments& arguments)
      : arguments_(arguments),
        octree_(Limits(arguments)),
        anchor_(geo::ToEcef(kAnchor)),
        axes_(geo::FrameAt(anchor_)) {}

  void Frame(Tick now, const std::map<uint32_t, Sample>& samples) {
    Place(now, samples);
    std::vector<Job> jobs = Gather(now, samples);
    EncodeAll(jobs);
    Send(now, jobs);
    Check(now, jobs, samples);
    totals_.frames += 1;
    totals_.entities_most = std::max<uint64_t>(totals_.entities_most, samples.size());
  }

  const Totals& totals() const { return totals_; }

 private:
  static aoi::OctreeLimits Limits(const Arguments& arguments) {
    aoi::OctreeLimits limits;
    limits.max_level = arguments.leaf_level;
    limits.min_level = std::min(limits.min_level, arguments.leaf_level);
    return limits;
  }

  static EntityId IdOf(uint32_t id) { return EntityId::Make(id + 1, 1); }
  Vec3 Ecef(const Sample& sample) const {
    return anchor_ + axes_.east * sample.place.x + axes_.north * sample.place.y +
           axes_.up * sample.place.z;
  }

  void Place(Tick now, const std::map<uint32_t, Sample>& samples) {
    for (auto it = present_.begin(); it != present_.end();) {
      if (samples.contains(it->first)) {
        ++it;
        continue;
      }
      (void)octree_.Remove(IdOf(it->first), now);
      it = present_.erase(it);
    }
    for (const auto& [id, sample] : samples) {
      const geo::GridPoint at = geo::ToGrid(Ecef(sample));
      if (present_.emplace(id, true).second) {
        (void)octree_.Insert(IdOf(id), at, now);
      } else {
        octree_.Move(IdOf(id), at, now);
      }
    }
    octree_.Restructure(now);
  }

  protocol::QuantState StateOf(const Sample& sample, const geo::SectorFrame& frame) const {
    const geo::SectorPoint point = frame.ToSector(Ecef(sample));
    protocol::QuantState state;
    state.position = {point.east, point.north, point.up};
    if (arguments_.bodies) {
      state.rotation = Quantise(sample.rotation);
      return state;
    }
    const double turn = sample.facing_turns - std::floor(sample.facing_turns);
    state.yaw = static_cast<uint16_t>(std::lround(turn * 1024) & 1023);
    state.health = 100;
    return state;
  }

  // A row of the history per entity and tick, and one job per part.
  std::vector<Job> Gather(Tick now, const std::map<uint32_t, Sample>& samples) {
    std::map<std::tuple<uint64_t, uint32_t, uint32_t>, aoi::LeafId> leaves;
    for (const auto& [id, sample] : samples) {
      const aoi::LeafId leaf = octree_.PlaceOf(IdOf(id)).leaf;
      leaves[{octree_.Find(leaf)->key.bits, leaf.index, leaf.generation}] = leaf;
    }
    std::vector<Job> jobs;
    for (const auto& [key, id] : leaves) {
      const aoi::Leaf& leaf = *octree_.Find(id);
      const auto frame = geo::SectorFrame::Of(leaf.key.ancestor(geo::kSectorLevel));
      for (uint32_t at = leaf.first_part; at != aoi::Part::kNone; at = octree_.part(at).next) {
        const aoi::Part& part = octree_.part(at);
        PartRecord& record = records_[{id.index, id.generation, part.number}];
        Job& job = jobs.emplace_back();
        job.record = &record;
        job.header.leaf = leaf.key;
        job.header.part = static_cast<uint8_t>(part.number);
        const auto age = static_cast<Tick>(arguments_.base_age);
        const auto step = static_cast<Tick>(arguments_.base_step);
        if (record.decoded.contains(now - age)) job.header.base_age = static_cast<uint8_t>(age);
        if (step > 0 && job.header.base_age != 0 && record.decoded.contains(now - age - step))
          job.header.base_step = static_cast<uint8_t>(step);
        job.now.occupied = part.occupied;
        for (uint32_t rest = part.occupied; rest != 0; rest &= rest - 1) {
          const auto slot = static_cast<uint32_t>(std::countr_zero(rest));
          const EntityId entity = part.slots[slot].entity;
          const protocol::QuantState state = StateOf(samples.at(entity.index() - 1), frame);
          rows_[entity.index()][now % kBaseTicks] = state;
          job.now.members[slot] = {entity, arguments_.bodies ? protocol::kBodyKind : uint8_t{1},
                                   state};
          if (job.header.base_age == 0 || part.slots[slot].since > now - age) continue;
          job.same.newest |= 1u << slot;
          job.newest.members[slot].state = rows_[entity.index()][(now - age) % kBaseTicks];
          if (job.header.base_step == 0 || part.slots[slot].since > now - age - step) continue;
          job.same.both |= 1u << slot;
          job.older.members[slot].state = rows_[entity.index()][(now - age - step) % kBaseTicks];
        }
        job.newest.occupied = job.same.newest;
        job.older.occupied = job.same.both;
        const auto members = static_cast<uint64_t>(std::popcount(part.occupied));
        const auto kept = static_cast<uint64_t>(std::popcount(job.same.newest));
        totals_.updates += members;
        totals_.full += members - kept;
        totals_.short_kept += kept - static_cast<uint64_t>(std::popcount(job.same.both));
        totals_.parts += 1;
        totals_.keyframes += job.header.base_age == 0 ? 1 : 0;
      }
    }
    return jobs;
  }

  static protocol::PartBases BasesOf(const protocol::PartHeader& header, const PartState* newest,
                                     const PartState* older) {
    if (header.base_age == 0) return {};
    return {newest, header.base_step == 0 ? nullptr : older, header.base_age, header.base_step};
  }

  void EncodeAll(const std::vector<Job>& jobs) {
    payloads_.resize(jobs.size());
    sizes_.resize(jobs.size());
    int64_t taken_ns = 0;
    for (int round = 0; round < kTimedRounds; ++round) {
      const int64_t start = CpuNs();
      for (size_t i = 0; i < jobs.size(); ++i) {
        const Job& job = jobs[i];
        const auto size =
            protocol::EncodePart(job.now, BasesOf(job.header, &job.newest, &job.older), job.same,
                                 arguments_.hz, ReplicationClass::kCombat, payloads_[i]);
        sizes_[i] = size.ok() ? *size : 0;
      }
      taken_ns = CpuNs() - start;
    }
    totals_.encode_ns += taken_ns;
  }

  void Send(Tick now, const std::vector<Job>& jobs) {
    for (const aoi::LeafGone& gone : octree_.gone()) drops_.emplace_back(gone.key, now);
    octree_.ClearGone();
    std::vector<geo::NodeKey> due;
    for (const auto& [key, since] : drops_) {
      if ((now - since) % kDropRepeatTicks == 0 && due.size() < protocol::kMaxDropsPerSnapshot)
        due.push_back(key);
    }
    std::erase_if(drops_, [&](const auto& drop) {
      return now - drop.second >= static_cast<Tick>(arguments_.base_age);
    });
    totals_.drop_bytes += due.size() * 8;

    std::array<std::byte, kMessageBytes> message;
    protocol::SnapshotWriter writer;
    size_t at = 0;
    do {
      const protocol::PrivateBlock own{
          .sequence = 1, .tick = static_cast<uint32_t>(now), .confirmed = true, .confirmed_age = 2};
      (void)writer.Begin(own, due, message);
      due.clear();
      const size_t before = writer.size_bytes();
      while (at < jobs.size() &&
             writer.AddPart(jobs[at].header, {payloads_[at].data(), sizes_[at]})) {
        totals_.payload_bytes += sizes_[at];
        ++at;
      }
      totals_.part_bytes += writer.size_bytes() - before;
      totals_.wire_bytes += writer.size_bytes() + kEnetBytes + kSealBytes;
      totals_.datagrams += 1;
    } while (at < jobs.size());
  }

  void Check(Tick now, const std::vector<Job>& jobs, const std::map<uint32_t, Sample>& samples) {
    std::vector<PartState> decoded(jobs.size());
    std::vector<bool> good(jobs.size());
    const int64_t start = CpuNs();
    for (size_t i = 0; i < jobs.size(); ++i) {
      const Job& job = jobs[i];
      const auto held = [&](Tick tick) {
        const auto it = job.record->decoded.find(tick);
        return it == job.record->decoded.end() ? nullptr : &it->second;
      };
      const Tick base = now - job.header.base_age;
      good[i] =
          protocol::DecodePart({payloads_[i].data(), sizes_[i]},
                               BasesOf(job.header, held(base), held(base - job.header.base_step)),
                               arguments_.hz, ReplicationClass::kCombat, decoded[i])
              .ok();
    }
    totals_.decode_ns += CpuNs() - start;
    for (size_t i = 0; i < jobs.size(); ++i) {
      const Job& job = jobs[i];
      bool same = good[i] && decoded[i].occupied == job.now.occupied;
      const auto frame = geo::SectorFrame::Of(job.header.leaf.ancestor(geo::kSectorLevel));
      for (uint32_t rest = job.now.occupied; same && rest != 0; rest &= rest - 1) {
        const auto slot = static_cast<size_t>(std::countr_zero(rest));
        const protocol::Member& member = decoded[i].members[slot];
        same &= member == job.now.members[slot];
        Compare(member, samples.at(member.id.index() - 1), frame);
      }
      totals_.differing += same ? 0 : 1;
      auto& kept = job.record->decoded;
      kept[now] = decoded[i];
      kept.erase(kept.begin(), kept.lower_bound(now - kBaseTicks));
    }
  }

  void Compare(const protocol::Member& member, const Sample& truth, const geo::SectorFrame& frame) {
    const auto& p = member.state.position;
    const Vec3 place = frame.ToEcef({p[0], p[1], p[2]});
    totals_.worst_position_m = std::max(totals_.worst_position_m, geo::Length(place - Ecef(truth)));
    if (!arguments_.bodies) return;
    const protocol::Rotation& rotation = member.state.rotation;
    const size_t largest = rotation.largest;
    const double sign = truth.rotation[largest] < 0 ? -1 : 1;
    size_t part = 0;
    for (size_t i = 0; i < 4; ++i) {
      if (i == largest) continue;
      const double error = std::abs(rotation.parts[part++] / 1000.0 - sign * truth.rotation[i]);
      totals_.worst_rotation = std::max(totals_.worst_rotation, error);
    }
  }

  Arguments arguments_;
  aoi::Octree octree_;
  Vec3 anchor_;
  geo::LocalFrame axes_;
  std::map<uint32_t, bool> present_;
  std::map<std::tuple<uint32_t, uint32_t, uint32_t>, PartRecord> records_;
  std::map<uint32_t, std::array<protocol::QuantState, kBaseTicks>> rows_;
  std::vector<std::pair<geo::NodeKey, Tick>> drops_;
  std::vector<std::array<std::byte, protocol::kMaxPartBytes>> payloads_;
  std::vector<size_t> sizes_;
  Totals totals_;
};

/// False when something differed or a limit was missed; the report then names it.
bool Print(const Arguments& arguments, const Totals& t) {
  const auto per_update = [&](auto amount) {
    return static_cast<double>(amount) / static_cast<double>(t.updates);
  };
  const double bytes = per_update(t.wire_bytes), bits = 8 * per_update(t.part_bytes);
  const double encode_ns = per_update(t.encode_ns);
  std::string limits, missed;
  const auto hold = [&](const char* name, double value, double most) {
    if (most <= 0) return;
    limits += fmt::format("{}\"{}\": {}", limits.empty() ? "" : ", ", name, most);
    if (value > most) missed += fmt::format("{}\"{}\"", missed.empty() ? "" : ", ", name);
  };
  hold("bytes_per_update", bytes, arguments.most_bytes);
  hold("part_bits_per_update", bits, arguments.most_bits);
  hold("encode_ns_per_update", encode_ns, arguments.most_ns);
  const bool pass = t.differing == 0 && missed.empty();
  fmt::print(
      "{{\"scene\": \"{}\", \"hz\": {}, \"base_age\": {}, \"base_step\": {}, \"leaf_level\": {}, "
      "\"facing\": {}, \"entities_most\": {}, \"updates\": {}, \"datagrams\": {}, \"parts\": {}, "
      "\"keyframes\": {}, \"full_records\": {}, \"short_records\": {}, \"bytes\": {}, "
      "\"drop_bytes\": {}, \"bytes_per_update\": {:.3f}, \"part_bits_per_update\": {:.3f}, "
      "\"payload_bits_per_update\": {:.3f}, \"encode_ns_per_update\": {:.1f}, "
      "\"decode_ns_per_update\": {:.1f}, \"worst_position_error_m\": {:.5f}, "
      "\"worst_rotation_error\": {:.5f}, \"differing_parts\": {}, \"limits\": {{{}}}, "
      "\"missed\": [{}], \"pass\": {}}}\n",
      arguments.bodies ? "bodies" : "trace", arguments.hz, arguments.base_age, arguments.base_step,
      arguments.leaf_level, arguments.facing, t.entities_most, t.updates, t.datagrams, t.parts,
      t.keyframes, t.full, t.short_kept, t.wire_bytes, t.drop_bytes, bytes, bits,
      8 * per_update(t.payload_bytes), encode_ns, per_update(t.decode_ns), t.worst_position_m,
      t.worst_rotation, t.differing, limits, missed, pass);
  return pass;
}

bool Parse(int argc, char** argv, Arguments& out) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--facing") {
      out.facing = true;
      continue;
    }
    if (i + 1 >= argc) return false;
    const char* value = argv[++i];
    const auto limit = [&](double& most) { return zonebot::ParseNumber(value, most) && most > 0; };
    const auto whole = [&](int& number, int least) {
      double given = 0;
      if (!zonebot::ParseNumber(value, given) || given != std::floor(given)) return false;
      if (given < least || given > 1'000) return false;
      number = static_cast<int>(given);
      return true;
    };
    if (name == "--trace" || name == "--bodies") {
      out.file = value;
      out.bodies = name == "--bodies";
    } else if (name == "--hz") {
      if (!whole(out.hz, 1)) return false;
    } else if (name == "--base-age") {
      if (!whole(out.base_age, 1)) return false;
    } else if (name == "--base-step") {
      if (!whole(out.base_step, 0)) return false;
    } else if (name == "--leaf-level") {
      if (!whole(out.leaf_level, 1)) return false;
    } else if (name == "--most-bytes") {
      if (!limit(out.most_bytes)) return false;
    } else if (name == "--most-bits") {
      if (!limit(out.most_bits)) return false;
    } else if (name == "--most-ns") {
      if (!limit(out.most_ns)) return false;
    } else {
      return false;
    }
  }
  if (out.hz == 0) out.hz = out.bodies ? 30 : 16;
  if (out.base_step < 0) out.base_step = std::max(1, out.hz / 10);  // as the zone wants it
  if (out.base_age == 0) out.base_age = out.bodies ? 3 : 6;
  return !out.file.empty() && out.hz > 0 && out.hz <= 240 && out.base_age > 0 &&
         out.base_step >= 0 && out.base_age + out.base_step < kBaseTicks && out.leaf_level >= 14 &&
         out.leaf_level <= geo::kMaxLevel;
}

int MeasureWire(int argc, char** argv) {
  Arguments arguments;
  Scene scene;
  if (!Parse(argc, argv, arguments)) {
    fmt::print(
        stderr,
        "usage: wire_bench --trace|--bodies FILE.csv [--hz N] [--base-age N] [--base-step N] "
        "[--leaf-level N] [--facing] [--most-bytes X] [--most-bits X] [--most-ns X]\n"
        "N are whole numbers: --hz 1 to 240, --leaf-level 14 to {}, --base-age at least 1 and with "
        "--base-step less than {}\n",
        geo::kMaxLevel, kBaseTicks);
    return 64;
  }
  if (const core::Status loaded = Load(arguments, scene); !loaded.ok()) {
    fmt::print(stderr, "wire_bench: {}\n", loaded.ToString());
    return 65;
  }
  if (arguments.facing) FaceForward(scene, arguments.hz);
  // A processor that has slept takes a while to come to its pace: the second pass counts.
  Totals totals;
  for (int pass = 0; pass < 2; ++pass) {
    WireBench bench(arguments);
    for (const auto& [tick, samples] : scene) bench.Frame(tick, samples);
    totals = bench.totals();
  }
  return Print(arguments, totals) ? 0 : 1;
}

}  // namespace
}  // namespace bluemarble::bench

int main(int argc, char** argv) { return bluemarble::bench::MeasureWire(argc, argv); }
