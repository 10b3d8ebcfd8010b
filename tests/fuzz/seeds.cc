// Writes one valid example of every outside format into the folder given: where the fuzzers begin.
#include <enet/enet.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "app/settings.h"
#include "net/connect_token.h"
#include "net/sealed_packets.h"
#include "persistence/journal_format.h"
#include "protocol/control.h"
#include "protocol/input.h"
#include "protocol/part_codec.h"
#include "protocol/snapshot.h"
#include "services/accounts/access_token.h"

namespace bluemarble {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::byte>;

fs::path g_folder;

void Write(const std::string& target, const std::string& name, std::span<const std::byte> bytes) {
  fs::create_directories(g_folder / target);
  std::ofstream file(g_folder / target / name, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}
void Write(const std::string& target, const std::string& name, const std::string& text) {
  Write(target, name, std::as_bytes(std::span(text)));
}

void WriteControl() {
  using namespace protocol;
  Login login;
  login.token = "Ada";
  login.client_version = "seed";
  login.spawn = geo::Geodetic{6.77, 51.22, 40};
  ActionKey key{};
  key[0] = std::byte{7};
  const std::vector<std::pair<std::string, ClientControl>> client = {
      {"login", login},
      {"goodbye", ClientGoodbye{}},
      {"pick_up", Action{key, PickUp{17}}},
      {"drop", Action{key, Drop{int64_t{1} << 40}}},
      {"give", Action{key, Give{17, {1, 2, 3}, 500}}},
      {"offer", Action{key, OfferTrade{17, {1, 2}, 5, {3}, 6}}},
      {"accept", Action{key, AcceptTrade{99}}},
      {"split", Action{key, Split{1, 3}}},
      {"merge", Action{key, Merge{1, 2}}},
      {"decline", DeclineTrade{99, key}},
      {"chat", ChatSay{.text = "hello"}}};
  for (const auto& [name, message] : client) Write("client_control", name, Encode(message));
  Welcome welcome;
  welcome.shard_id = "earth";
  const std::vector<std::pair<std::string, ServerControl>> server = {
      {"welcome", welcome},
      {"refused", Refused{DisconnectReason::kZoneFull, "full", "http://x:1", 1, 1}},
      {"goodbye", ServerGoodbye{DisconnectReason::kServerStopping, "stopping"}},
      {"result", ActionResult{key, ActionOutcome::kRefused, ActionReason::kTooFar, "far", true, 3}},
      {"inventory", InventoryUpdate{true, false, {{1, 2, 3}, {4, 5, 6}}, {7, 8}, 900}},
      {"offered", TradeOffered{1, 2, {{3, 4, 5}}, 6, {7}, 8}},
      {"closed", TradeClosed{1, ActionReason::kDeclined}},
      {"heard", ChatHeard{ChatScope::kLocal, 17, 4, "Ada", "hello", 99}},
      {"unheard", ChatRefused{3, ChatReason::kTooFast, "wait", 500}}};
  for (const auto& [name, message] : server) Write("server_control", name, Encode(message));
}

void WriteInput() {
  protocol::InputMessage message;
  message.ack = 77;
  message.ack_bits = 0xff00ff;
  message.newest_tick = 123456;
  message.count = 6;
  message.commands[0] = {100, -100, 4000, 1};
  message.commands[3] = {1, 2, 3, 4};
  std::array<std::byte, protocol::kMaxInputBytes> out;
  const size_t size = *protocol::EncodeInput(message, out);
  Write("input", "six_commands", std::span(out).first(size));
}

// Two snapshots, the second a delta on the first, as snapshot_fuzz.cc reads them.
void WriteSnapshots() {
  using namespace protocol;
  Bytes stream;
  PartState first, second;
  first.occupied = 0b111;
  for (size_t i = 0; i < 3; ++i) {
    first.members[i].id = core::EntityId{static_cast<uint32_t>(i + 1)};
    first.members[i].kind = 1;
    first.members[i].state.position = {static_cast<int32_t>(i) * 100, 50, 3};
  }
  second = first;
  second.members[1].state.position[0] += 14;
  const geo::NodeKey leaf = geo::NodeKey::At({637'000'000, 1'000, 2'000}, 18);
  const auto add = [&](const PartState& state, const PartState* base, uint32_t tick) {
    std::array<std::byte, kMaxPartBytes> payload;
    const auto size = EncodePart(state, base, base == nullptr ? 0 : 0b111, base == nullptr ? 0 : 2,
                                 30, ReplicationClass::kCombat, payload);
    PrivateBlock own;
    own.sequence = static_cast<uint16_t>(tick);
    own.tick = tick;
    std::array<std::byte, 1100> message;
    SnapshotWriter writer;
    (void)writer.Begin(own, {}, message);
    writer.AddPart(
        {leaf, 0, ReplicationClass::kCombat, static_cast<uint8_t>(base == nullptr ? 0 : 2)},
        std::span(payload).first(*size));
    const size_t bytes = writer.size_bytes();
    stream.push_back(static_cast<std::byte>(bytes & 0xff));
    stream.push_back(static_cast<std::byte>(bytes >> 8));
    stream.insert(stream.end(), message.begin(), message.begin() + static_cast<ptrdiff_t>(bytes));
  };
  add(first, nullptr, 100);
  add(second, &first, 102);
  Write("snapshot", "keyframe_and_delta", stream);
}

void WriteJournal() {
  Bytes bytes;
  persistence::AppendSegmentHead(bytes, {persistence::JournalShard("earth"), 3, 1});
  std::vector<persistence::PositionSave> saves(2);
  saves[0].player_id = 1;
  saves[1].player_id = 2;
  persistence::AppendBatch(bytes, 1, saves);
  persistence::AppendBatch(bytes, 2, std::span(saves).first(1));
  Write("journal", "two_batches", bytes);
}

void WriteEnet() {
  ENetProtocolConnect connect{};
  connect.header.command =
      int{ENET_PROTOCOL_COMMAND_CONNECT} | int{ENET_PROTOCOL_COMMAND_FLAG_ACKNOWLEDGE};
  connect.header.channelID = 0xff;
  connect.mtu = htonl(1167);
  connect.windowSize = htonl(32768);
  connect.channelCount = htonl(2);
  Bytes bytes(4);
  bytes[0] = std::byte{0x8f};
  bytes[1] = std::byte{0xff};
  const auto body = std::as_bytes(std::span(&connect, 1));
  bytes.insert(bytes.end(), body.begin(), body.end());
  Write("precheck", "connect", bytes);
  ENetProtocolSendFragment fragment{};
  fragment.header.command =
      int{ENET_PROTOCOL_COMMAND_SEND_FRAGMENT} | int{ENET_PROTOCOL_COMMAND_FLAG_ACKNOWLEDGE};
  fragment.dataLength = htons(8);
  fragment.fragmentCount = htonl(2);
  fragment.totalLength = htonl(1200);
  Bytes second(4);
  second[0] = std::byte{0x80};
  const auto part = std::as_bytes(std::span(&fragment, 1));
  second.insert(second.end(), part.begin(), part.end());
  second.resize(second.size() + 8);
  Write("precheck", "fragment", second);
}

// Tokens of other keys than the fuzzers' own: good in form, and refused.
void WriteSecurity() {
  const core::SystemClock clock;
  net::TokenMint mint(clock, 0x7f000001, 60, 3);
  const std::string text = *mint.Mint(7777, 7, "Ada");
  Write("connect_token", "loopback", text);
  const net::ConnectToken token = *net::DecodeConnectToken(text);
  std::array<std::byte, net::kRequestBytes> request;
  net::WriteRequest(token, 3, {}, request);
  Bytes stream = {std::byte{net::kRequestBytes & 0xff}, std::byte{net::kRequestBytes >> 8},
                  std::byte{0}};
  stream.insert(stream.end(), request.begin(), request.end());
  const Bytes once = stream;
  Bytes data(net::kSealBytes + 8);
  data[0] = std::byte{4};
  stream.insert(stream.end(), {static_cast<std::byte>(data.size()), std::byte{0}, std::byte{1}});
  stream.insert(stream.end(), data.begin(), data.end());
  stream.insert(stream.end(), once.begin(), once.end());
  Write("sealed", "request_data_request", stream);
  const auto ring =
      *accounts::KeyRing::Parse("ed25519 1700000000 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n");
  Write("access_token", "good",
        accounts::MakeAccessToken(ring, {"seed", "game", 900}, {7, "Ada"}, 1'700'000'100));
  Write("key_ring", "one", ring.Text());
  Write("flat_json", "login",
        std::string("{\"name\": \"Ada\", \"password\": \"p\\u00e4ss\", \"n\": -7}"));
}

}  // namespace
}  // namespace bluemarble

int main(int argc, char** argv) {
  using namespace bluemarble;
  if (argc != 2) {
    fmt::print(stderr, "usage: fuzz_seeds FOLDER\n");
    return 64;
  }
  g_folder = argv[1];
  WriteControl();
  WriteInput();
  WriteSnapshots();
  WriteJournal();
  WriteEnet();
  Write("config", "default", app::DefaultSettingsFile());
  Write("config", "shards",
        std::string("[[shards]]\nid = \"west\"\nlon_min = -180.0\nlon_max = 0.0\nhttp = "
                    "\"http://127.0.0.1:1\"\n[tick]\nhz = 60\n"));
  WriteSecurity();
  Write("rest", "join", std::string("POST /v1/join?x=%20y\n{\"name\": \"Ada\"}"));
  Write("rest", "ready", std::string("GET /readyz?verbose\n"));
  return 0;
}
