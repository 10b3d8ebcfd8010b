// Writes one valid example of every outside format into the folder given: where the fuzzers begin.
#include <enet/enet.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "api/web_socket_frames.h"
#include "app/settings.h"
#include "net/connect_token.h"
#include "net/sealed_packets.h"
#include "persistence/journal_format.h"
#include "protocol/control.h"
#include "protocol/input.h"
#include "protocol/part_codec.h"
#include "protocol/snapshot.h"
#include "sealed_session_steps.h"
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

// One after the other, as snapshot_fuzz.cc reads them.
class Snapshots {
 public:
  using Class = ReplicationClass;

  void Add(const protocol::PartState* part, const protocol::PartState* base, uint32_t tick,
           uint8_t base_age, Class cls, std::span<const geo::NodeKey> drops = {},
           bool exact = false, const protocol::PartState* older = nullptr, uint8_t step = 0) {
    std::array<std::byte, protocol::kMaxPartBytes> payload;
    protocol::PrivateBlock own;
    own.sequence = static_cast<uint16_t>(tick);
    own.tick = tick;
    own.exact = own.confirmed = exact;
    std::array<std::byte, 1100> message;
    protocol::SnapshotWriter writer;
    (void)writer.Begin(own, drops, message);
    if (part != nullptr) {
      protocol::SameMembers same;
      if (base != nullptr) same.newest = part->occupied & base->occupied;
      if (older != nullptr) same.both = same.newest & older->occupied;
      const protocol::PartBases bases{base, older, base_age, step};
      const auto size = protocol::EncodePart(*part, bases, same, 30, cls, payload);
      writer.AddPart({kLeaf, 0, cls, base_age, step}, std::span(payload).first(*size));
    }
    const size_t bytes = writer.size_bytes();
    stream_.push_back(static_cast<std::byte>(bytes & 0xff));
    stream_.push_back(static_cast<std::byte>(bytes >> 8));
    stream_.insert(stream_.end(), message.begin(), message.begin() + static_cast<ptrdiff_t>(bytes));
  }
  const Bytes& stream() const { return stream_; }

  static const geo::NodeKey kLeaf;

 private:
  Bytes stream_;
};
const geo::NodeKey Snapshots::kLeaf = geo::NodeKey::At({637'000'000, 1'000, 2'000}, 18);

void WriteSnapshots() {
  using Class = ReplicationClass;
  protocol::PartState first;
  first.occupied = 0b111;
  for (size_t i = 0; i < 3; ++i) {
    first.members[i].id = core::EntityId{static_cast<uint32_t>(i + 1)};
    first.members[i].kind = 1;
    first.members[i].state.position = {static_cast<int32_t>(i) * 100, 50, 3};
  }
  protocol::PartState second = first;
  second.members[1].state.position[0] += 14;
  Snapshots plain;
  plain.Add(&first, nullptr, 100, 0, Class::kCombat);
  plain.Add(&second, &first, 102, 2, Class::kCombat);
  Write("snapshot", "keyframe_and_delta", plain.stream());
  // Behind the length: type, sequence, tick, then what is spoiled here; the first part after it.
  constexpr size_t kSequence = 3, kFlags = 9, kDrops = 12, kMode = 13;
  const auto spoil = [&](const char* name, size_t at, int value, size_t bytes = 1) {
    Bytes stream = plain.stream();
    std::fill_n(stream.begin() + static_cast<ptrdiff_t>(at), bytes, static_cast<std::byte>(value));
    Write("snapshot", name, stream);
  };
  spoil("sequence_0", kSequence, 0, 2);
  spoil("unknown_flags", kFlags, 0xff);
  spoil("drops_too_many", kDrops, 33);
  spoil("drops_no_key", kDrops, 1);
  spoil("part_of_no_class", kMode, 3);
  spoil("exact_not_finite", kFlags, 1);
  spoil("no_snapshot", 2, 0);
  Write("snapshot", "cut_short", std::span(plain.stream()).first(10));

  protocol::PartState bodies = first, later_bodies = first, last_bodies = first;
  int turn = 0;
  for (protocol::PartState* part : {&bodies, &later_bodies, &last_bodies}) {
    ++turn;
    for (protocol::Member& member : part->members) {
      member.kind = protocol::kBodyKind;
      member.state.position[1] += 20 * turn;
      member.state.rotation.parts = {static_cast<int16_t>(100 * turn), 0, -300};
    }
  }
  Snapshots two_bases;
  two_bases.Add(&bodies, nullptr, 100, 0, Class::kCombat);
  two_bases.Add(&later_bodies, &bodies, 103, 3, Class::kCombat);
  two_bases.Add(&last_bodies, &later_bodies, 107, 4, Class::kCombat, {}, false, &bodies, 3);
  Write("snapshot", "bodies_on_two_bases", two_bases.stream());

  protocol::PartState turned = second;
  turned.members[0].state.yaw = 77;
  turned.members[2].state.health = 50;
  turned.members[2].state.position = {-200'000, 1'000'000, 0};
  for (const Class cls : {Class::kCombat, Class::kVisual, Class::kExtended}) {
    protocol::PartState coarse = first, later = turned, gone = turned;
    for (protocol::PartState* part : {&coarse, &later, &gone}) {
      for (protocol::Member& member : part->members)
        member.state = protocol::ToClass(member.state, cls);
    }
    gone.occupied = 0b10;
    Snapshots all;
    all.Add(&coarse, nullptr, 100, 0, cls, {}, true);
    all.Add(&later, &coarse, 104, 4, cls);
    all.Add(&coarse, nullptr, 102, 0, cls);  // overtaken
    all.Add(&coarse, nullptr, 102, 0, cls);
    all.Add(&gone, &later, 106, 2, cls);
    all.Add(&gone, nullptr, 110, 0, cls, std::span(&Snapshots::kLeaf, 1));
    all.Add(&later, nullptr, 105, 0, cls);   // of a leaf that was dropped meanwhile
    all.Add(&later, &coarse, 111, 30, cls);  // a base that is not held
    all.Add(&later, nullptr, 112, 0, cls);
    all.Add(nullptr, nullptr, 108, 0, cls, std::span(&Snapshots::kLeaf, 1));
    all.Add(&gone, nullptr, 160, 0, cls);
    all.Add(nullptr, nullptr, 500, 0, cls, std::span(&Snapshots::kLeaf, 1));
    all.Add(nullptr, nullptr, 900, 0, cls);
    Write("snapshot", "a_life_of_class_" + std::to_string(static_cast<int>(cls)), all.stream());
  }
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
  Bytes damaged = bytes;
  damaged.back() ^= std::byte{1};
  Write("journal", "damaged_save", damaged);
  damaged = bytes;
  damaged[persistence::kSegmentHeadBytes] ^= std::byte{1};
  Write("journal", "damaged_batch", damaged);
  bytes.resize(bytes.size() + 100);
  Write("journal", "zeros_behind", bytes);
  bytes[8] = std::byte{9};
  Write("journal", "unknown_format", bytes);
  Write("journal", "name", persistence::SegmentName(17));
}

// One datagram: peer and sent time, then the commands.
Bytes EnetDatagram(uint16_t peer, std::initializer_list<std::span<const std::byte>> commands) {
  Bytes bytes = {static_cast<std::byte>(0x80 | peer >> 8), static_cast<std::byte>(peer & 0xff),
                 std::byte{0}, std::byte{0}};
  for (const auto command : commands) bytes.insert(bytes.end(), command.begin(), command.end());
  return bytes;
}

template <typename Command>
Bytes EnetCommand(int type, int flags, uint8_t channel, Command command = {}, size_t data = 0) {
  command.header.command = static_cast<enet_uint8>(type | flags);
  command.header.channelID = channel;
  const auto body = std::as_bytes(std::span(&command, 1));
  Bytes bytes(body.begin(), body.end());
  bytes.resize(bytes.size() + data);
  return bytes;
}

void WriteEnet() {
  constexpr int kAck = ENET_PROTOCOL_COMMAND_FLAG_ACKNOWLEDGE;
  constexpr int kLoose = ENET_PROTOCOL_COMMAND_FLAG_UNSEQUENCED;
  constexpr uint8_t kControl = 0xff;
  const auto write = [](const char* name, uint16_t peer, const auto&... commands) {
    Write("precheck", name, EnetDatagram(peer, {commands...}));
  };
  ENetProtocolConnect connect{};
  connect.mtu = htonl(1167);
  connect.windowSize = htonl(32768);
  connect.channelCount = htonl(2);
  write("connect", 0xfff, EnetCommand(ENET_PROTOCOL_COMMAND_CONNECT, kAck, kControl, connect));
  connect.mtu = htonl(4096);
  write("connect_large", 0xfff,
        EnetCommand(ENET_PROTOCOL_COMMAND_CONNECT, kAck, kControl, connect));
  connect.mtu = htonl(576);
  write("connect_small", 0xfff,
        EnetCommand(ENET_PROTOCOL_COMMAND_CONNECT, kAck, kControl, connect));
  ENetProtocolSendFragment fragment{};
  fragment.dataLength = htons(8);
  fragment.fragmentCount = htonl(2);
  fragment.totalLength = htonl(1200);
  write("fragment", 0, EnetCommand(ENET_PROTOCOL_COMMAND_SEND_FRAGMENT, kAck, 0, fragment, 8));
  ENetProtocolSendReliable reliable{};
  reliable.dataLength = htons(5);
  ENetProtocolSendUnsequenced loose{};
  loose.dataLength = htons(3);
  write("everything", 7,
        EnetCommand<ENetProtocolAcknowledge>(ENET_PROTOCOL_COMMAND_ACKNOWLEDGE, 0, kControl),
        EnetCommand<ENetProtocolPing>(ENET_PROTOCOL_COMMAND_PING, kAck, kControl),
        EnetCommand<ENetProtocolBandwidthLimit>(ENET_PROTOCOL_COMMAND_BANDWIDTH_LIMIT, kAck,
                                                kControl),
        EnetCommand<ENetProtocolThrottleConfigure>(ENET_PROTOCOL_COMMAND_THROTTLE_CONFIGURE, kAck,
                                                   kControl),
        EnetCommand(ENET_PROTOCOL_COMMAND_SEND_RELIABLE, kAck, 0, reliable, 5),
        EnetCommand(ENET_PROTOCOL_COMMAND_SEND_UNSEQUENCED, kLoose, 1, loose, 3),
        EnetCommand<ENetProtocolDisconnect>(ENET_PROTOCOL_COMMAND_DISCONNECT, kLoose, kControl));
  write(
      "verify", 7,
      EnetCommand<ENetProtocolVerifyConnect>(ENET_PROTOCOL_COMMAND_VERIFY_CONNECT, kAck, kControl));
  write("sequenced_unreliable", 7,
        EnetCommand<ENetProtocolSendUnreliable>(ENET_PROTOCOL_COMMAND_SEND_UNRELIABLE, 0, 1));
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

// What sealed_session_fuzz.cc reads.
class SessionScript {
 public:
  using Step = fuzz::Step;
  explicit SessionScript(uint8_t settings = 0) { Add(settings); }

  SessionScript& Do(Step step, int client = 0, int variant = 0,
                    std::initializer_list<int> more = {}) {
    Add(static_cast<int>(step) | client << 4 | variant << 6);
    for (const int byte : more) Add(byte);
    return *this;
  }
  SessionScript& Say(Step step, int client, int variant, std::span<const std::byte> text) {
    Do(step, client, variant, {static_cast<int>(text.size())});
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    return *this;
  }
  SessionScript& Deliver(fuzz::Delivery how = fuzz::Delivery::kOnce,
                         std::initializer_list<int> more = {0}) {
    return Do(Step::kDeliver, 0, static_cast<int>(how), more);
  }
  SessionScript& Ask(int client, fuzz::TokenKind kind = fuzz::TokenKind::kOwn, int ciphers = 3) {
    return Do(Step::kAsk, client, 0, {static_cast<int>(kind), ciphers});
  }
  /// Request, challenge, request, and what is answered to it.
  SessionScript& Handshake(int client) {
    for (int round = 0; round < 2; ++round) Do(Step::kPoll, client).Deliver().Deliver();
    return *this;
  }
  SessionScript& Join(int client) {
    Ask(client).Handshake(client);
    Say(Step::kClientSays, client, 0, EnetConnect(1)).Deliver();
    return Do(Step::kEnet, client, 0, {0});
  }
  static Bytes EnetConnect(int id) {
    Bytes text(52);
    text[0] = std::byte{0x8f};
    text[1] = std::byte{0xff};
    text[44] = static_cast<std::byte>(id);
    return text;
  }
  void Write(const std::string& name) const { bluemarble::Write("sealed_session", name, bytes_); }

 private:
  void Add(int byte) { bytes_.push_back(static_cast<std::byte>(byte)); }
  Bytes bytes_;
};

void WriteSessions() {
  using fuzz::Delivery;
  using fuzz::Step;
  using fuzz::TokenKind;
  const Bytes text(20, std::byte{7}), path_response(9, std::byte{2});
  const Bytes goodbye = {std::byte{3}, std::byte{1}, {}, {}, {}}, wrong = {std::byte{9}};
  for (int cipher = 0; cipher < 3; ++cipher) {
    SessionScript talk(static_cast<uint8_t>(cipher));
    talk.Join(0);
    for (int i = 0; i < 7; ++i) {
      talk.Say(Step::kClientSays, 0, 0, text).Deliver();
      talk.Say(Step::kServerSays, 0, 0, text).Deliver();
    }
    talk.Do(Step::kGoodbye, 0, 0, {1}).Deliver().Do(Step::kHost).Do(Step::kWait, 0, 0, {11});
    talk.Do(Step::kHost).Do(Step::kEnet, 0, 3, {0}).Write("talk_" + std::to_string(cipher));
  }
  SessionScript moves;
  moves.Join(0).Say(Step::kClientSays, 0, 0, text).Deliver(Delivery::kFromElsewhere);
  moves.Deliver().Do(Step::kPoll).Deliver(Delivery::kFromElsewhere);
  moves.Say(Step::kInsiderSays, 0, 1, path_response).Deliver();
  moves.Say(Step::kInsiderSays, 0, 1, path_response).Deliver().Write("moves");

  SessionScript insider;
  insider.Join(0);
  for (const Bytes& said : {wrong, Bytes(), path_response, path_response, goodbye}) {
    insider.Say(Step::kInsiderSays, 0, 1, said).Deliver();
    insider.Say(Step::kForgerSays, 0, 1, said).Deliver();
  }
  insider.Write("insider");
  SessionScript two_peers;
  two_peers.Join(0).Say(Step::kClientSays, 0, 0, SessionScript::EnetConnect(2)).Deliver();
  for (int i = 0; i < 9; ++i) two_peers.Do(Step::kEnet, 0, 2, {0});
  two_peers.Do(Step::kEnet, 0, 3, {0}).Say(Step::kServerSays, 0, 0, text).Deliver();
  two_peers.Do(Step::kHost, 0, 1).Write("malformed_and_two_peers");

  for (const auto kind :
       {TokenKind::kOtherPort, TokenKind::kOtherZone, TokenKind::kForged, TokenKind::kUnproven}) {
    SessionScript refused;
    refused.Ask(0, kind).Handshake(0).Do(Step::kWait, 0, 0, {9}).Do(Step::kPoll);
    refused.Write("token_" + std::to_string(static_cast<int>(kind)));
  }
  SessionScript used;
  used.Join(0).Ask(1, TokenKind::kSeen).Handshake(1).Ask(0, TokenKind::kSeen).Handshake(0);
  used.Do(Step::kWait, 0, 0, {15}).Do(Step::kHost).Do(Step::kWait, 0, 0, {10}).Do(Step::kHost);
  used.Ask(0, TokenKind::kSeen).Handshake(0).Write("token_used");
  SessionScript expired;
  expired.Ask(0).Do(Step::kWait, 0, 0, {16}).Handshake(0).Write("token_expired");
  SessionScript rotated;
  rotated.Ask(0);
  for (int i = 0; i < 5; ++i) rotated.Do(Step::kHost, 0, 2);
  rotated.Handshake(0).Write("token_of_a_key_forgotten");
  SessionScript ciphers(1);
  ciphers.Ask(0, TokenKind::kOwn, 2).Handshake(0).Write("no_cipher");

  SessionScript full, address(128);
  for (int client = 0; client < 4; ++client) {
    full.Ask(client).Handshake(client);
    address.Ask(client).Handshake(client);
  }
  full.Do(Step::kWait, 0, 0, {13}).Do(Step::kHost).Ask(3).Handshake(3).Write("full");
  address.Write("address_full");
  SessionScript shared;
  for (int client = 0; client < 3; ++client)
    shared.Ask(client, TokenKind::kShared).Handshake(client);
  shared.Write("account_shared");

  SessionScript repeats;
  repeats.Ask(0).Do(Step::kPoll).Deliver(Delivery::kAndStays).Deliver(Delivery::kAndStays);
  repeats.Deliver().Deliver().Deliver().Do(Step::kPoll).Deliver(Delivery::kAndStays);
  repeats.Deliver(Delivery::kAndStays).Deliver(Delivery::kFromElsewhere, {0}).Deliver();
  repeats.Say(Step::kClientSays, 0, 0, text).Deliver(Delivery::kAndStays).Deliver();
  repeats.Say(Step::kClientSays, 0, 0, text).Deliver(Delivery::kChanged, {0, 30, 1});
  repeats.Write("repeats_and_changes");
  SessionScript forgotten;
  // The goodbyes are lost, and what the client says next is answered by a reset.
  forgotten.Join(0).Do(Step::kEnet, 0, 1, {5}).Do(Step::kWait, 0, 0, {11}).Do(Step::kHost);
  forgotten.Say(Step::kClientSays, 0, 0, text).Deliver(Delivery::kAndStays, {255});
  for (int i = 0; i < 5; ++i) forgotten.Deliver(Delivery::kAndStays, {i});
  forgotten.Write("forgotten");
  SessionScript idle;
  idle.Join(0).Do(Step::kWait, 0, 0, {15}).Do(Step::kHost).Write("idle");
  SessionScript raw;
  for (const int type : {0, 1, 2, 3, 4, 5, 6, 7, 0x81, 0x84, 0x85}) {
    for (const int variant : {0, 1}) {
      const Bytes datagram(40, static_cast<std::byte>(type));
      raw.Say(Step::kRaw, 0, variant, datagram);
    }
  }
  raw.Ask(0).Say(Step::kRaw, 0, 1, text).Write("raw");
}

// A frame as a client sends it, masked by a key of no zeros.
std::string ClientFrame(api::FrameKind kind, const std::string& payload, bool final = true) {
  std::string out;
  api::AppendFrame(out, kind, std::as_bytes(std::span(payload)));
  const size_t head = out.size() - payload.size();
  if (!final) out[0] = static_cast<char>(out[0] & 0x7f);
  out[1] = static_cast<char>(out[1] | 0x80);
  constexpr char kMask[] = {0x12, 0x34, 0x56, 0x78};
  for (size_t i = 0; i < payload.size(); ++i) out[head + i] ^= kMask[i % 4];
  return out.insert(head, kMask, 4);
}

void WriteWebSockets() {
  using api::FrameKind;
  // Messages of up to 1 KiB, in pieces of 4 bytes.
  const auto write = [](const std::string& name, const std::string& stream) {
    Write("web_socket", name, std::string("\x0a\x03") + stream);
  };
  const std::string text =
      "Gr\xc3\xbc\xc3\x9f"
      "e";
  write("messages", ClientFrame(FrameKind::kBinary, std::string("\x01\x00\x02", 3)) +
                        ClientFrame(FrameKind::kText, text) + ClientFrame(FrameKind::kText, ""));
  write("pieces_and_a_ping", ClientFrame(FrameKind::kText, text.substr(0, 3), false) +
                                 ClientFrame(FrameKind::kPing, "?") +
                                 ClientFrame(FrameKind::kContinuation, text.substr(3)) +
                                 ClientFrame(FrameKind::kPong, "!"));
  write("length_of_16_bits", ClientFrame(FrameKind::kBinary, std::string(126, 'x')));
  Write("web_socket", "length_of_64_bits",
        std::string("\x11\xff") +
            ClientFrame(FrameKind::kBinary, std::string(65536, 'x')).substr(0, 400));
  write("close", ClientFrame(FrameKind::kClose, "\x0f\xa0" + text));
  write("close_of_no_code", ClientFrame(FrameKind::kClose, ""));
  write("half_a_close_code", ClientFrame(FrameKind::kClose, "\x0f"));
  write("close_code_that_none_may_give", ClientFrame(FrameKind::kClose, "\x03\xed"));
  write("close_not_utf8", ClientFrame(FrameKind::kClose, "\x0f\xa0\xff"));
  write("text_not_utf8", ClientFrame(FrameKind::kText, "\xc3\x28"));
  write("too_large", ClientFrame(FrameKind::kBinary, std::string(600, 'x'), false) +
                         ClientFrame(FrameKind::kContinuation, std::string(600, 'x')));
  std::string many = ClientFrame(FrameKind::kBinary, "x", false);
  for (int i = 0; i < 64; ++i) many += ClientFrame(FrameKind::kContinuation, "x", false);
  write("too_many_pieces", many);
  write("continued_out_of_nothing", ClientFrame(FrameKind::kContinuation, "x"));
  write("message_within_a_message",
        ClientFrame(FrameKind::kText, "a", false) + ClientFrame(FrameKind::kText, "b"));
  write("ping_in_pieces", ClientFrame(FrameKind::kPing, "x", false));
  write("unknown_kind", ClientFrame(static_cast<FrameKind>(3), "x"));
  write("unknown_control", ClientFrame(static_cast<FrameKind>(11), "x"));
  write("reserved_bits", "\xc2" + ClientFrame(FrameKind::kBinary, "x").substr(1));
  write("unmasked", std::string("\x82\x01x"));
  write("length_not_shortest", std::string("\x82\xfe\x00\x01mask!", 9));
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
  WriteSessions();
  WriteWebSockets();
  Write("rest", "join", std::string("POST /v1/join?x=%20y\n{\"name\": \"Ada\"}"));
  Write("rest", "ready", std::string("GET /readyz?verbose\n"));
  return 0;
}
