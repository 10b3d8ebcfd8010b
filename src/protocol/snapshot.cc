#include "protocol/snapshot.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace bluemarble::protocol {
namespace {

using core::Code;

constexpr size_t kFixedBytes = 1 + 2 + 4 + 1 + 1 + 1;
constexpr size_t kExactBytes = 7 * 8 + 2;
constexpr uint8_t kFlagExact = 1;
constexpr uint8_t kFlagConfirmed = 2;
constexpr uint8_t kFlagDilated = 4;
constexpr uint16_t kMostDilationPct = 355;

constexpr uint32_t kModeHasBase = 1u << 2;
constexpr uint32_t kModeAgesFollow = 1u << 3;
constexpr uint32_t kModeNextOfLeaf = 1u << 4;
constexpr uint32_t kModeLong = 1u << 5;
constexpr uint32_t kModeNumbered = 1u << 6;
constexpr uint32_t kModeWholeKey = 1u << 7;
constexpr int kAgeBits = 5;
constexpr uint32_t kAgeMask = 31;
constexpr int kRelativeKeyBits = 49;  // seven bytes of a varint
constexpr int kLevelBits = 4;

class ByteWriter {
 public:
  explicit ByteWriter(std::byte* at) : at_(at) {}
  template <typename T>
  void Put(T value) {
    std::memcpy(at_, &value, sizeof value);
    at_ += sizeof value;
  }
  void PutVarint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) Put(static_cast<uint8_t>(value | 0x80));
    Put(static_cast<uint8_t>(value));
  }
  std::byte* at() const { return at_; }

 private:
  std::byte* at_;
};

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> in) : in_(in) {}
  template <typename T>
  T Get() {
    T value{};
    if (in_.size() < sizeof value) {
      short_ = true;
      in_ = {};
      return value;
    }
    std::memcpy(&value, in_.data(), sizeof value);
    in_ = in_.subspan(sizeof value);
    return value;
  }
  // At most seven bytes, the shortest form not demanded.
  uint64_t GetVarint() {
    uint64_t value = 0;
    for (int shift = 0; shift < kRelativeKeyBits; shift += 7) {
      const auto b = Get<uint8_t>();
      value |= uint64_t{b & 0x7fu} << shift;
      if (b < 0x80) return value;
    }
    short_ = true;
    return value;
  }
  std::span<const std::byte> rest() const { return in_; }
  bool truncated() const { return short_; }

 private:
  std::span<const std::byte> in_;
  bool short_ = false;
};

// `from` as a key of `level`: its ancestor or its first descendant there.
uint64_t AtLevel(geo::NodeKey from, int level) {
  const int deeper = level - from.level();
  return deeper >= 0 ? from.bits << (3 * deeper) : from.bits >> (-3 * deeper);
}

// Level above the sectors' (4 bits), then the zigzag difference to the key before, brought to that
// level. All ones when it is not to be used.
uint64_t RelativeKey(geo::NodeKey before, geo::NodeKey key) {
  if (!before.valid()) return ~uint64_t{0};
  const auto apart = static_cast<int64_t>(key.bits - AtLevel(before, key.level()));
  const uint64_t zigzag = static_cast<uint64_t>(apart) << 1 ^ static_cast<uint64_t>(apart >> 63);
  if (zigzag >> (kRelativeKeyBits - kLevelBits) != 0) return ~uint64_t{0};
  return zigzag << kLevelBits | static_cast<uint64_t>(key.level() - geo::kSectorLevel);
}

// None when there is no part before, or when the level is none.
geo::NodeKey KeyRelativeTo(geo::NodeKey before, uint64_t relative) {
  const int level = geo::kSectorLevel + static_cast<int>(relative & ((1u << kLevelBits) - 1));
  if (!before.valid() || level > geo::kMaxLevel) return {};
  const uint64_t zigzag = relative >> kLevelBits;
  const geo::NodeKey key{AtLevel(before, level) + (zigzag >> 1 ^ (0 - (zigzag & 1)))};
  return key.valid() && key.level() == level ? key : geo::NodeKey{};
}

bool Finite(geo::Vec3 v) { return std::isfinite(v.x) && std::isfinite(v.y) && std::isfinite(v.z); }

}  // namespace

core::Status SnapshotWriter::Begin(const PrivateBlock& own, std::span<const geo::NodeKey> drops,
                                   std::span<std::byte> out) {
  const bool dilated = own.dilation_pct != 100;
  const size_t need = kFixedBytes + (own.exact ? kExactBytes : 0) + (own.confirmed ? 1 : 0) +
                      (dilated ? 1 : 0) + 1 + drops.size() * 8;
  if (need > out.size() || drops.size() > kMaxDropsPerSnapshot) {
    return {Code::kNoSpace, "snapshot does not hold its private block"};
  }
  ByteWriter writer(out.data());
  writer.Put(static_cast<uint8_t>(DatagramType::kSnapshot));
  writer.Put(own.sequence);
  writer.Put(own.tick);
  writer.Put(static_cast<uint8_t>((own.exact ? kFlagExact : 0) |
                                  (own.confirmed ? kFlagConfirmed : 0) |
                                  (dilated ? kFlagDilated : 0)));
  writer.Put(own.input_depth);
  writer.Put(own.health);
  if (own.exact) {
    for (double v : {own.position.x, own.position.y, own.position.z, own.velocity.x, own.velocity.y,
                     own.velocity.z, own.ground_height_m}) {
      writer.Put(v);
    }
    writer.Put(own.yaw);
  }
  if (own.confirmed) writer.Put(own.confirmed_age);
  if (dilated) {
    const int above = std::clamp(int{own.dilation_pct}, 100, int{kMostDilationPct}) - 100;
    writer.Put(static_cast<uint8_t>(above));
  }
  writer.Put(static_cast<uint8_t>(drops.size()));
  for (geo::NodeKey key : drops) writer.Put(key.bits);
  out_ = out;
  size_ = need;
  before_ = {};
  ages_before_ = 0;
  return core::Status::Ok();
}

bool SnapshotWriter::AddPart(const PartHeader& header, std::span<const std::byte> payload) {
  std::array<std::byte, kPartHeaderBytes> head;
  ByteWriter writer(head.data() + 1);
  uint32_t mode = static_cast<uint32_t>(header.cls);
  const bool next_of_leaf = before_.leaf == header.leaf && before_.part + 1 == header.part;
  if (next_of_leaf) {
    mode |= kModeNextOfLeaf;
  } else {
    const uint64_t relative = RelativeKey(before_.leaf, header.leaf);
    if (relative >> kRelativeKeyBits == 0) {
      writer.PutVarint(relative);
    } else {
      mode |= kModeWholeKey;
      writer.Put(header.leaf.bits);
    }
    if (header.part != 0) {
      mode |= kModeNumbered;
      writer.Put(header.part);
    }
  }
  if (header.base_age > 0) {
    mode |= kModeHasBase;
    const auto ages = static_cast<uint16_t>(header.base_age | header.base_step << kAgeBits);
    if (ages != ages_before_) {
      mode |= kModeAgesFollow;
      writer.PutVarint(ages);
    }
  }
  if (payload.size() > 0xff) {
    mode |= kModeLong;
    writer.Put(static_cast<uint16_t>(payload.size()));
  } else {
    writer.Put(static_cast<uint8_t>(payload.size()));
  }
  head[0] = static_cast<std::byte>(mode);
  const auto head_size = static_cast<size_t>(writer.at() - head.data());
  if (head_size + payload.size() > room_bytes()) return false;
  std::memcpy(out_.data() + size_, head.data(), head_size);
  size_ += head_size;
  if (!payload.empty()) std::memcpy(out_.data() + size_, payload.data(), payload.size());
  size_ += payload.size();
  before_ = header;
  if (header.base_age > 0)
    ages_before_ = static_cast<uint16_t>(header.base_age | header.base_step << kAgeBits);
  return true;
}

core::Status SnapshotReader::Begin(std::span<const std::byte> bytes) {
  own_ = {};
  drop_count_ = 0;
  malformed_ = false;
  rest_ = {};
  before_ = {};
  ages_before_ = 0;
  ByteReader reader(bytes);
  if (reader.Get<uint8_t>() != static_cast<uint8_t>(DatagramType::kSnapshot)) {
    return {Code::kInvalid, "not a snapshot"};
  }
  own_.sequence = reader.Get<uint16_t>();
  own_.tick = reader.Get<uint32_t>();
  const auto flags = reader.Get<uint8_t>();
  own_.input_depth = reader.Get<int8_t>();
  own_.health = reader.Get<uint8_t>();
  if ((flags & ~(kFlagExact | kFlagConfirmed | kFlagDilated)) != 0)
    return {Code::kInvalid, "snapshot has unknown flags"};
  if (own_.sequence == 0) return {Code::kInvalid, "snapshot sequence is 0"};
  own_.exact = (flags & kFlagExact) != 0;
  own_.confirmed = (flags & kFlagConfirmed) != 0;
  if (own_.exact) {
    own_.position = {reader.Get<double>(), reader.Get<double>(), reader.Get<double>()};
    own_.velocity = {reader.Get<double>(), reader.Get<double>(), reader.Get<double>()};
    own_.ground_height_m = reader.Get<double>();
    own_.yaw = reader.Get<uint16_t>();
    if (!Finite(own_.position) || !Finite(own_.velocity) || !std::isfinite(own_.ground_height_m)) {
      return {Code::kInvalid, "snapshot's own state is not finite"};
    }
  }
  if (own_.confirmed) own_.confirmed_age = reader.Get<uint8_t>();
  if ((flags & kFlagDilated) != 0)
    own_.dilation_pct = static_cast<uint16_t>(100 + reader.Get<uint8_t>());
  drop_count_ = reader.Get<uint8_t>();
  if (drop_count_ > kMaxDropsPerSnapshot) {
    drop_count_ = 0;
    return {Code::kInvalid, "snapshot has too many drops"};
  }
  for (size_t i = 0; i < drop_count_; ++i) {
    drops_[i].bits = reader.Get<uint64_t>();
    if (!drops_[i].valid() && !reader.truncated())
      return {Code::kInvalid, "snapshot drops a key that is none"};
  }
  if (reader.truncated()) return {Code::kInvalid, "snapshot is truncated"};
  rest_ = reader.rest();
  return core::Status::Ok();
}

bool SnapshotReader::NextPart(PartHeader& header, std::span<const std::byte>& payload) {
  if (rest_.empty()) return false;
  ByteReader reader(rest_);
  const uint32_t mode = reader.Get<uint8_t>();
  bool good = (mode & 3) < kReplicationClasses;
  header = {};
  if ((mode & kModeNextOfLeaf) != 0) {
    good &= before_.leaf.valid() && before_.part < 0xff &&
            (mode & (kModeNumbered | kModeWholeKey)) == 0;
    header.leaf = before_.leaf;
    header.part = static_cast<uint8_t>(before_.part + 1);
  } else {
    if ((mode & kModeWholeKey) != 0) {
      header.leaf.bits = reader.Get<uint64_t>();
    } else {
      header.leaf = KeyRelativeTo(before_.leaf, reader.GetVarint());
    }
    if ((mode & kModeNumbered) != 0) header.part = reader.Get<uint8_t>();
  }
  if ((mode & kModeHasBase) != 0) {
    if ((mode & kModeAgesFollow) != 0) {
      const uint64_t ages = reader.GetVarint();
      ages_before_ = ages >> (2 * kAgeBits) == 0 ? static_cast<uint16_t>(ages) : uint16_t{0};
    }
    header.base_age = static_cast<uint8_t>(ages_before_ & kAgeMask);
    header.base_step = static_cast<uint8_t>(ages_before_ >> kAgeBits & kAgeMask);
    good &= header.base_age > 0 && header.base_age + header.base_step < kBaseTicks;
  } else {
    good &= (mode & kModeAgesFollow) == 0;
  }
  const size_t length =
      (mode & kModeLong) != 0 ? reader.Get<uint16_t>() : size_t{reader.Get<uint8_t>()};
  malformed_ = !good || reader.truncated() || !header.leaf.valid() ||
               header.leaf.level() < geo::kSectorLevel || length > kMaxPartBytes ||
               length > reader.rest().size();
  if (malformed_) {
    rest_ = {};
    return false;
  }
  header.cls = static_cast<ReplicationClass>(mode & 3);
  before_ = header;
  payload = reader.rest().first(length);
  rest_ = reader.rest().subspan(length);
  return true;
}

}  // namespace bluemarble::protocol
