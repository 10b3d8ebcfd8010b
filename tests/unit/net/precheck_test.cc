#include "net/precheck.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "core/hash.h"

namespace bluemarble::net {
namespace {

using Datagram = std::vector<std::byte>;

void Put(Datagram& out, uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

Datagram Head(uint16_t first) {
  Datagram out;
  Put(out, first, 2);
  if ((first & 0x8000) != 0) Put(out, 0, 2);
  return out;
}

// [command byte][channel][sequence][rest]
void Command(Datagram& out, uint8_t command, uint8_t channel, size_t rest) {
  Put(out, command, 1);
  Put(out, channel, 1);
  Put(out, 1, 2);
  out.resize(out.size() + rest);
}

void Reliable(Datagram& out, uint8_t channel, size_t declared, size_t present) {
  Command(out, 0x86, channel, 0);
  Put(out, declared, 2);
  out.resize(out.size() + present);
}

void Unsequenced(Datagram& out, uint8_t channel, size_t declared, size_t present) {
  Command(out, 0x49, channel, 0);
  Put(out, 7, 2);
  Put(out, declared, 2);
  out.resize(out.size() + present);
}

void Fragment(Datagram& out, uint32_t count, uint32_t number, uint32_t total, uint32_t offset,
              size_t data) {
  Command(out, 0x88, 0, 0);
  Put(out, 1, 2);
  Put(out, data, 2);
  Put(out, count, 4);
  Put(out, number, 4);
  Put(out, total, 4);
  Put(out, offset, 4);
  out.resize(out.size() + data);
}

void Connect(Datagram& out, uint32_t mtu, uint32_t channels) {
  Command(out, 0x82, 0xff, 4);
  Put(out, mtu, 4);
  Put(out, 65536, 4);
  Put(out, channels, 4);
  Put(out, 1000, 4);
  Put(out, 2000, 4);
  Put(out, 5000, 4);
  Put(out, 2, 4);
  Put(out, 2, 4);
  Put(out, 0x12345678, 4);
  Put(out, 0, 4);
}

constexpr uint16_t kPeer3 = 0x8003, kNobody = 0x8fff;

template <typename Build>
Datagram Make(uint16_t head, Build build) {
  Datagram out = Head(head);
  build(out);
  return out;
}

struct Case {
  const char* what;
  Verdict expected;
  Datagram datagram;
  Direction direction = Direction::kToServer;
};

std::vector<Case> Cases() {
  return {
      {"nothing", Verdict::kTooShort, {}},
      {"one byte", Verdict::kTooShort, Datagram(1)},
      {"a head only", Verdict::kTooShort, Head(kPeer3)},
      {"a ping", Verdict::kOk, Make(kPeer3, [](Datagram& d) { Command(d, 0x85, 0xff, 0); })},
      {"a ping without time", Verdict::kNoSentTime,
       Make(0x0003, [](Datagram& d) { Command(d, 0x85, 0xff, 0); })},
      {"a ping on channel 0", Verdict::kWrongChannel,
       Make(kPeer3, [](Datagram& d) { Command(d, 0x85, 0, 0); })},
      {"a ping that asks for no answer", Verdict::kWrongFlags,
       Make(kPeer3, [](Datagram& d) { Command(d, 0x05, 0xff, 0); })},
      {"an acknowledgement", Verdict::kOk,
       Make(0x0003, [](Datagram& d) { Command(d, 0x01, 0, 4); })},
      {"half an acknowledgement", Verdict::kTruncated,
       Make(0x0003, [](Datagram& d) { Command(d, 0x01, 0, 3); })},
      {"compressed", Verdict::kCompressed,
       Make(0xc003, [](Datagram& d) { Command(d, 0x85, 0xff, 0); })},
      {"command type 0", Verdict::kUnknownCommand,
       Make(kPeer3, [](Datagram& d) { Command(d, 0x80, 0, 8); })},
      {"command type 13", Verdict::kUnknownCommand,
       Make(kPeer3, [](Datagram& d) { Command(d, 0x8d, 0, 8); })},
      {"sequenced unreliable data", Verdict::kUnknownCommand,
       Make(kPeer3, [](Datagram& d) { Command(d, 0x07, 1, 4); })},
      {"an unreliable fragment", Verdict::kUnknownCommand,
       Make(kPeer3, [](Datagram& d) { Command(d, 0x0c, 1, 20); })},
      {"64 pings", Verdict::kOk,
       Make(kPeer3,
            [](Datagram& d) {
              for (int i = 0; i < 64; ++i) Command(d, 0x85, 0xff, 0);
            })},
      {"65 pings", Verdict::kTooManyCommands,
       Make(kPeer3,
            [](Datagram& d) {
              for (int i = 0; i < 65; ++i) Command(d, 0x85, 0xff, 0);
            })},
      {"a reliable message", Verdict::kOk,
       Make(kPeer3, [](Datagram& d) { Reliable(d, 0, 100, 100); })},
      {"an empty reliable message", Verdict::kOk,
       Make(kPeer3, [](Datagram& d) { Reliable(d, 0, 0, 0); })},
      {"a reliable message on channel 1", Verdict::kWrongChannel,
       Make(kPeer3, [](Datagram& d) { Reliable(d, 1, 100, 100); })},
      {"a reliable message that claims a byte more", Verdict::kTruncated,
       Make(kPeer3, [](Datagram& d) { Reliable(d, 0, 101, 100); })},
      {"an unsequenced message", Verdict::kOk,
       Make(0x0003, [](Datagram& d) { Unsequenced(d, 1, 9, 9); })},
      {"an unsequenced message on channel 0", Verdict::kWrongChannel,
       Make(0x0003, [](Datagram& d) { Unsequenced(d, 0, 9, 9); })},
      {"an unsequenced message that claims 65,535 bytes", Verdict::kTruncated,
       Make(0x0003, [](Datagram& d) { Unsequenced(d, 1, 65535, 9); })},
      {"a fragment to a server, as good as one can be", Verdict::kBadFragment,
       Make(kPeer3, [](Datagram& d) { Fragment(d, 3, 0, 3000, 0, 1000); })},
      {"a fragment", Verdict::kOk,
       Make(kPeer3, [](Datagram& d) { Fragment(d, 3, 0, 3000, 0, 1000); }), Direction::kToClient},
      {"a bitmap bomb", Verdict::kBadFragment,
       Make(kPeer3, [](Datagram& d) { Fragment(d, 1 << 20, 0, 3000, 0, 1000); }),
       Direction::kToClient},
      {"as many fragments as 512-byte ones make, and one", Verdict::kOk,
       Make(kPeer3, [](Datagram& d) { Fragment(d, 129, 128, 65536, 0, 500); }),
       Direction::kToClient},
      {"one fragment more", Verdict::kBadFragment,
       Make(kPeer3, [](Datagram& d) { Fragment(d, 130, 128, 65536, 0, 500); }),
       Direction::kToClient},
      {"a total of 65,537", Verdict::kBadFragment,
       Make(kPeer3, [](Datagram& d) { Fragment(d, 100, 0, 65537, 0, 1000); }),
       Direction::kToClient},
      {"a total near 2^32", Verdict::kBadFragment,
       Make(kPeer3, [](Datagram& d) { Fragment(d, 1, 0, 0xffffffff, 0, 1000); }),
       Direction::kToClient},
      {"a fragment of nothing", Verdict::kBadFragment,
       Make(kPeer3, [](Datagram& d) { Fragment(d, 3, 0, 3000, 0, 0); }), Direction::kToClient},
      {"fragment number 3 of 3", Verdict::kBadFragment,
       Make(kPeer3, [](Datagram& d) { Fragment(d, 3, 3, 3000, 0, 1000); }), Direction::kToClient},
      {"a fragment beyond its message", Verdict::kBadFragment,
       Make(kPeer3, [](Datagram& d) { Fragment(d, 3, 2, 3000, 2500, 1000); }),
       Direction::kToClient},
      {"CONNECT", Verdict::kOk, Make(kNobody, [](Datagram& d) { Connect(d, 4096, 2); })},
      {"CONNECT with the least mtu", Verdict::kOk,
       Make(kNobody, [](Datagram& d) { Connect(d, 1167, 2); })},
      {"CONNECT with an mtu that would cut snapshots into fragments", Verdict::kBadConnect,
       Make(kNobody, [](Datagram& d) { Connect(d, 1166, 2); })},
      {"CONNECT for no channel", Verdict::kBadConnect,
       Make(kNobody, [](Datagram& d) { Connect(d, 1167, 0); })},
      {"CONNECT for 256 channels", Verdict::kBadConnect,
       Make(kNobody, [](Datagram& d) { Connect(d, 1167, 256); })},
      {"CONNECT from an existing peer", Verdict::kBadPeer,
       Make(kPeer3, [](Datagram& d) { Connect(d, 1167, 2); })},
      {"CONNECT with a tail", Verdict::kBadPeer,
       Make(kNobody,
            [](Datagram& d) {
              Connect(d, 1167, 2);
              Command(d, 0x85, 0xff, 0);
            })},
      {"data from nobody", Verdict::kBadPeer,
       Make(kNobody, [](Datagram& d) { Reliable(d, 0, 4, 4); })},
      {"CONNECT to a client", Verdict::kUnknownCommand,
       Make(kNobody, [](Datagram& d) { Connect(d, 1167, 2); }), Direction::kToClient},
      {"VERIFY_CONNECT to a client", Verdict::kOk,
       Make(kPeer3, [](Datagram& d) { Command(d, 0x83, 0xff, 40); }), Direction::kToClient},
      {"VERIFY_CONNECT to a server", Verdict::kUnknownCommand,
       Make(kPeer3, [](Datagram& d) { Command(d, 0x83, 0xff, 40); })},
      {"DISCONNECT, acknowledged", Verdict::kOk,
       Make(kPeer3, [](Datagram& d) { Command(d, 0x84, 0xff, 4); })},
      {"DISCONNECT, in passing", Verdict::kOk,
       Make(0x0003, [](Datagram& d) { Command(d, 0x44, 0xff, 4); })},
      {"three bytes after a ping", Verdict::kTruncated,
       Make(kPeer3,
            [](Datagram& d) {
              Command(d, 0x85, 0xff, 0);
              d.resize(d.size() + 3);
            })},
  };
}

TEST(Precheck, JudgesEachCraftedDatagram) {
  for (const Case& c : Cases()) {
    EXPECT_EQ(VerdictName(Precheck(c.datagram, c.direction)), VerdictName(c.expected)) << c.what;
  }
}

TEST(Precheck, RefusesEveryTruncationOfAFullDatagram) {
  const Datagram whole = Make(kPeer3, [](Datagram& d) {
    Reliable(d, 0, 20, 20);
    Fragment(d, 3, 0, 3000, 0, 40);
    Unsequenced(d, 1, 10, 10);
  });
  ASSERT_EQ(Precheck(whole, Direction::kToClient), Verdict::kOk);
  const std::vector<size_t> ends_of_commands{4 + 26, 4 + 26 + 64};
  for (size_t length = 0; length < whole.size(); ++length) {
    const bool clean_end = std::ranges::find(ends_of_commands, length) != ends_of_commands.end();
    EXPECT_EQ(Precheck(std::span(whole).first(length), Direction::kToClient) == Verdict::kOk,
              clean_end)
        << length;
  }
}

TEST(Precheck, ReadsNothingBeyondRandomAndMutatedDatagrams) {
  constexpr uint64_t kSeed = 0x5eed0001;
  SCOPED_TRACE(kSeed);
  core::Random random(kSeed);
  const auto cases = Cases();
  for (int i = 0; i < 200'000; ++i) {
    Datagram bytes;
    if (random.Chance(0.5)) {
      bytes.resize(random.Below(200));
      for (auto& b : bytes) b = static_cast<std::byte>(random.Next());
    } else {
      bytes = cases[random.Below(cases.size())].datagram;
      for (int flips = 0; flips < 3 && !bytes.empty(); ++flips) {
        bytes[random.Below(bytes.size())] = static_cast<std::byte>(random.Next());
      }
    }
    // An exact heap block of its own, so that the address sanitizer sees one byte too many.
    const Datagram exact(bytes.begin(), bytes.end());
    if (Precheck(exact, Direction::kToServer) != Verdict::kOk) continue;
    Datagram writable(exact);
    ClampNegotiation(writable, 1167);
    EXPECT_EQ(Precheck(writable, Direction::kToServer), Verdict::kOk);
  }
}

TEST(Precheck, ClampsWhatAConnectMayNegotiate) {
  Datagram datagram = Make(kNobody, [](Datagram& d) { Connect(d, 4096, 2); });
  ClampNegotiation(datagram, 1167);
  Datagram expected = Make(kNobody, [](Datagram& d) { Connect(d, 1167, 2); });
  std::fill_n(expected.begin() + 4 + 20, 8, std::byte{0});  // both bandwidths
  EXPECT_EQ(datagram, expected);
}

TEST(Precheck, NamesEveryVerdict) {
  for (int i = 0; i < kVerdicts; ++i) EXPECT_NE(VerdictName(static_cast<Verdict>(i)), "unknown");
}

}  // namespace
}  // namespace bluemarble::net
