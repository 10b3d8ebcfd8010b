#include "net/flood_filter.h"

#include "net/byte_order.h"
#include "net/sealed_packets.h"

namespace bluemarble::net {
namespace {

// The filter sees the UDP header before the payload, and reads integers as they are on the wire.
constexpr uint32_t kUdpHeaderBytes = 8;
constexpr uint32_t kTypeAt = kUdpHeaderBytes, kProtocolAt = kUdpHeaderBytes + 4;
constexpr uint32_t kFirstAt = kUdpHeaderBytes + 1, kSecondAt = kFirstAt + 4,
                   kMarkAt = kSecondAt + 2;
constexpr uint32_t kProtocol = 0x424d5344;  // "BMSD"
constexpr int kShift = 15;

uint32_t Mixed(uint32_t x) { return x ^ x >> kShift; }

constexpr sock_filter Do(int code, uint32_t value = 0) {
  return {static_cast<uint16_t>(code), 0, 0, value};
}
constexpr sock_filter If(int code, uint32_t value, uint8_t then, uint8_t otherwise) {
  return {static_cast<uint16_t>(BPF_JMP | code), then, otherwise, value};
}
constexpr uint32_t Number(PacketType type) { return static_cast<uint32_t>(type); }

}  // namespace

SessionMark::SessionMark(const Key& key) {
  for (size_t i = 0; i < key_.size(); ++i) key_[i] = ReadLe<uint32_t>(key, 4 * i) | 1;
}

// What a filter's few instructions can do: it mixes, and is no MAC.
uint16_t SessionMark::Of(uint32_t first, uint16_t second) const {
  uint32_t x = Mixed((first + key_[0]) * key_[1]);
  x = Mixed((x + second) * key_[2]);
  x = Mixed(x * key_[3]);
  return static_cast<uint16_t>(x);
}

uint64_t SessionMark::IdOf(uint64_t random) const {
  const auto first = static_cast<uint32_t>(random);
  const auto second = static_cast<uint16_t>(random >> 32);
  const uint16_t mark = Of(__builtin_bswap32(first), __builtin_bswap16(second));
  return (random & 0xffff'ffff'ffff) | uint64_t{__builtin_bswap16(mark)} << 48;
}

std::vector<sock_filter> SessionMark::Filter() const {
  constexpr int kLoad = BPF_LD | BPF_ABS, kCompute = BPF_ALU | BPF_K;
  constexpr sock_filter kLength = Do(BPF_LD | BPF_W | BPF_LEN);
  std::vector<sock_filter> out;
  const auto mix = [&out] {
    for (const sock_filter& step :
         {Do(BPF_MISC | BPF_TAX), Do(kCompute | BPF_RSH, kShift), Do(BPF_ALU | BPF_XOR | BPF_X)})
      out.push_back(step);
  };
  // Jumps count the steps that they leap over. A Request is judged at once; what is sealed goes on.
  out = {Do(kLoad | BPF_B, kTypeAt),
         If(BPF_JEQ | BPF_K, Number(PacketType::kRequest), 0, 5),
         kLength,
         If(BPF_JEQ | BPF_K, kUdpHeaderBytes + kRequestBytes, 0, 2),
         Do(kLoad | BPF_W, kProtocolAt),
         If(BPF_JEQ | BPF_K, kProtocol, 1, 0),
         Do(BPF_RET | BPF_K, 0),
         Do(kCompute | BPF_AND, static_cast<uint8_t>(~kPhaseBit)),
         If(BPF_JEQ | BPF_K, Number(PacketType::kData), 2, 0),
         If(BPF_JEQ | BPF_K, Number(PacketType::kControl), 1, 0),
         Do(BPF_RET | BPF_K, 0),
         kLength,
         If(BPF_JGE | BPF_K, kUdpHeaderBytes + kSealBytes, 1, 0),
         Do(BPF_RET | BPF_K, 0)};
  constexpr size_t kRequestJump = 5;  // to the end, which is not known yet
  out.push_back(Do(kLoad | BPF_W, kFirstAt));
  out.push_back(Do(kCompute | BPF_ADD, key_[0]));
  out.push_back(Do(kCompute | BPF_MUL, key_[1]));
  mix();
  out.push_back(Do(BPF_ST, 0));
  out.push_back(Do(kLoad | BPF_H, kSecondAt));
  out.push_back(Do(BPF_MISC | BPF_TAX));
  out.push_back(Do(BPF_LD | BPF_MEM, 0));
  out.push_back(Do(BPF_ALU | BPF_ADD | BPF_X));
  out.push_back(Do(kCompute | BPF_MUL, key_[2]));
  mix();
  out.push_back(Do(kCompute | BPF_MUL, key_[3]));
  mix();
  out.push_back(Do(kCompute | BPF_AND, 0xffff));
  out.push_back(Do(BPF_MISC | BPF_TAX));
  out.push_back(Do(kLoad | BPF_H, kMarkAt));
  out.push_back(If(BPF_JEQ | BPF_X, 0, 1, 0));
  out.push_back(Do(BPF_RET | BPF_K, 0));
  out[kRequestJump].jt = static_cast<uint8_t>(out.size() - kRequestJump - 1);
  out.push_back(Do(BPF_RET | BPF_K, UINT32_MAX));
  return out;
}

}  // namespace bluemarble::net
