#include "protocol/snapshot.h"

#include <cmath>
#include <cstring>

namespace bluemarble::protocol {
namespace {

using core::Code;

constexpr size_t kFixedBytes = 1 + 2 + 4 + 1 + 1 + 1;
constexpr size_t kExactBytes = 7 * 8 + 2;
constexpr uint8_t kFlagExact = 1;
constexpr uint8_t kFlagConfirmed = 2;

class ByteWriter {
 public:
  explicit ByteWriter(std::byte* at) : at_(at) {}
  template <typename T>
  void Put(T value) {
    std::memcpy(at_, &value, sizeof value);
    at_ += sizeof value;
  }

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
  std::span<const std::byte> rest() const { return in_; }
  bool truncated() const { return short_; }

 private:
  std::span<const std::byte> in_;
  bool short_ = false;
};

bool Finite(geo::Vec3 v) { return std::isfinite(v.x) && std::isfinite(v.y) && std::isfinite(v.z); }

}  // namespace

core::Status SnapshotWriter::Begin(const PrivateBlock& own, std::span<const geo::NodeKey> drops,
                                   std::span<std::byte> out) {
  const size_t need =
      kFixedBytes + (own.exact ? kExactBytes : 0) + (own.confirmed ? 1 : 0) + 1 + drops.size() * 8;
  if (need > out.size() || drops.size() > kMaxDropsPerSnapshot) {
    return {Code::kNoSpace, "snapshot does not hold its private block"};
  }
  ByteWriter writer(out.data());
  writer.Put(static_cast<uint8_t>(DatagramType::kSnapshot));
  writer.Put(own.sequence);
  writer.Put(own.tick);
  writer.Put(
      static_cast<uint8_t>((own.exact ? kFlagExact : 0) | (own.confirmed ? kFlagConfirmed : 0)));
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
  writer.Put(static_cast<uint8_t>(drops.size()));
  for (geo::NodeKey key : drops) writer.Put(key.bits);
  out_ = out;
  size_ = need;
  return core::Status::Ok();
}

bool SnapshotWriter::AddPart(const PartHeader& header, std::span<const std::byte> payload) {
  if (kPartHeaderBytes + payload.size() > room_bytes()) return false;
  ByteWriter writer(out_.data() + size_);
  writer.Put(header.leaf.bits);
  writer.Put(header.part);
  const uint32_t base = header.base_age > 0 ? 4u | (header.base_age - 1u) << 3 : 0u;
  writer.Put(static_cast<uint8_t>(static_cast<uint32_t>(header.cls) | base));
  writer.Put(static_cast<uint16_t>(payload.size()));
  if (!payload.empty())
    std::memcpy(out_.data() + size_ + kPartHeaderBytes, payload.data(), payload.size());
  size_ += kPartHeaderBytes + payload.size();
  return true;
}

core::Status SnapshotReader::Begin(std::span<const std::byte> bytes) {
  own_ = {};
  drop_count_ = 0;
  malformed_ = false;
  rest_ = {};
  ByteReader reader(bytes);
  if (reader.Get<uint8_t>() != static_cast<uint8_t>(DatagramType::kSnapshot)) {
    return {Code::kInvalid, "not a snapshot"};
  }
  own_.sequence = reader.Get<uint16_t>();
  own_.tick = reader.Get<uint32_t>();
  const auto flags = reader.Get<uint8_t>();
  own_.input_depth = reader.Get<int8_t>();
  own_.health = reader.Get<uint8_t>();
  if ((flags & ~(kFlagExact | kFlagConfirmed)) != 0)
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
  header.leaf.bits = reader.Get<uint64_t>();
  header.part = reader.Get<uint8_t>();
  const uint32_t mode = reader.Get<uint8_t>();
  const auto length = reader.Get<uint16_t>();
  const bool has_base = (mode & 4) != 0;
  malformed_ = reader.truncated() || !header.leaf.valid() || (mode & 3) >= kReplicationClasses ||
               header.leaf.level() < geo::kSectorLevel || (!has_base && (mode >> 3) != 0) ||
               length > kMaxPartBytes || length > reader.rest().size() ||
               (has_base && (mode >> 3) + 1 >= kBaseTicks);
  if (malformed_) {
    rest_ = {};
    return false;
  }
  header.cls = static_cast<ReplicationClass>(mode & 3);
  header.base_age = has_base ? static_cast<uint8_t>((mode >> 3) + 1) : uint8_t{0};
  payload = reader.rest().first(length);
  rest_ = reader.rest().subspan(length);
  return true;
}

}  // namespace bluemarble::protocol
