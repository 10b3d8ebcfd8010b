// Covers src/net/precheck.cc.
// ENet's commands, and ENet itself behind the check: whatever passes goes into a connected host's
// receive path in enet_fuzz.cc; here only the check and the rewriting.
#include <algorithm>
#include <vector>

#include "bluemarble/wire.h"
#include "fuzz_target.h"
#include "net/precheck.h"

namespace net = bluemarble::net;

FUZZ_TARGET(precheck) {
  std::vector<std::byte> copy(bytes.begin(), bytes.end());
  for (const auto direction : {net::Direction::kToServer, net::Direction::kToClient}) {
    const net::Verdict verdict = net::Precheck(copy, direction);
    bluemarble::fuzz::Require(net::VerdictName(verdict) != "unknown");
    if (verdict != net::Verdict::kOk) continue;
    net::ClampNegotiation(copy, static_cast<uint32_t>(bluemarble::kEnetMtu));
    // What was rewritten still passes, and rewriting again changes nothing.
    bluemarble::fuzz::Require(net::Precheck(copy, direction) == net::Verdict::kOk);
    const std::vector<std::byte> once = copy;
    net::ClampNegotiation(copy, static_cast<uint32_t>(bluemarble::kEnetMtu));
    bluemarble::fuzz::Require(copy == once);
  }
}
