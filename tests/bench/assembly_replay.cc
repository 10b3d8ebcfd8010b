#include "bench/assembly_replay.h"

#include <time.h>

#include <algorithm>
#include <stdexcept>

namespace bluemarble::bench {
namespace {

constexpr uint32_t kParts = 1u << 17;
constexpr size_t kCachedBytes = 32u << 20;
constexpr int kRounds = 3;

int64_t ThreadCpuNs() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return used.tv_sec * 1'000'000'000 + used.tv_nsec;
}

}  // namespace

AssemblyReplay::AssemblyReplay(size_t max_datagram_bytes)
    : max_bytes_(max_datagram_bytes), cache_(kParts, 1, kCachedBytes) {}

void AssemblyReplay::Replay(core::Tick now, const FlatTransport::Lane& down) {
  cache_.BeginTick(now);
  part_ids_.clear();
  snapshots_.clear();
  for (const FlatTransport::Message& message : down.messages) {
    if (message.channel != net::Channel::kUnreliable) continue;
    Snapshot snapshot;
    if (TakeApart(down.BodyOf(message), snapshot)) {
      snapshots_.push_back(std::move(snapshot));
    } else {
      ++differing_;
    }
  }
  if (snapshots_.empty()) return;
  made_.resize(down.bytes.size() + max_bytes_);
  sizes_.resize(snapshots_.size());
  // One after the other into one space, as the replicator does.
  int64_t taken_ns = 0;
  for (int round = 0; round < kRounds; ++round) {
    const int64_t begin_ns = ThreadCpuNs();
    size_t used = 0;
    for (size_t i = 0; i < snapshots_.size(); ++i) {
      sizes_[i] = Assemble(snapshots_[i], std::span(made_).subspan(used, max_bytes_));
      used += sizes_[i];
    }
    if (round > 0) taken_ns += ThreadCpuNs() - begin_ns;
  }
  taken_ns_ += taken_ns / (kRounds - 1);
  size_t used = 0;
  for (size_t i = 0; i < snapshots_.size(); ++i) {
    const Snapshot& wanted = snapshots_[i];
    differing_ +=
        std::ranges::equal(std::span(made_).subspan(used, sizes_[i]), wanted.bytes) ? 0 : 1;
    used += sizes_[i];
    parts_ += wanted.parts.size();
    bytes_ += wanted.bytes.size();
  }
  datagrams_ += snapshots_.size();
}

bool AssemblyReplay::TakeApart(std::span<const std::byte> bytes, Snapshot& out) {
  protocol::SnapshotReader reader;
  if (!reader.Begin(bytes).ok()) return false;
  out.bytes = bytes;
  out.own = reader.own();
  out.drops.assign(reader.drops().begin(), reader.drops().end());
  protocol::PartHeader header;
  std::span<const std::byte> payload;
  while (reader.NextPart(header, payload)) {
    const replication::BlockKey key{PartId(header), header.cls, header.base_age, header.base_step};
    out.parts.push_back({key, header, payload});
    Get(out.parts.back());
  }
  return !reader.malformed();
}

replication::EncodedBlock AssemblyReplay::Get(const Part& part) {
  return cache_.Get(part.key, 0,
                    [&](std::span<std::byte> space) -> replication::BlockCache::Content {
                      std::ranges::copy(part.payload, space.begin());
                      return {part.payload.size(), 1};
                    });
}

size_t AssemblyReplay::Assemble(const Snapshot& snapshot, std::span<std::byte> out) {
  protocol::SnapshotWriter writer;
  if (!writer.Begin(snapshot.own, snapshot.drops, out).ok()) return 0;
  for (const Part& part : snapshot.parts) {
    const replication::EncodedBlock block = Get(part);
    uncached_ += block.first ? 1 : 0;
    if (!writer.AddPart(part.header, block.bytes)) break;
  }
  return writer.size_bytes();
}

uint32_t AssemblyReplay::PartId(const protocol::PartHeader& header) {
  const auto next = static_cast<uint32_t>(part_ids_.size());
  const uint32_t id =
      part_ids_.emplace(std::pair(header.leaf.bits, header.part), next).first->second;
  if (id >= kParts) throw std::runtime_error("more parts in a tick than the replay has room for");
  return id;
}

}  // namespace bluemarble::bench
