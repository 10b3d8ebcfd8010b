/// The game client library: join a world, connect, send input, poll, and read a view of what is
/// around with interpolation of others and prediction of the own player. A Client is used by one
/// thread at a time and starts none; any number of clients may live in one process. docs/client.md
/// is the guide, proto/WIRE.md the protocol below it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bluemarble/export.h"
#include "bluemarble/wire.h"

namespace bluemarble {

struct Vector3 {
  double x = 0, y = 0, z = 0;
};

/// Degrees and metres above the WGS84 ellipsoid.
struct GeoPosition {
  double lon_deg = 0, lat_deg = 0, alt_m = 0;
};

/// Where to connect, from POST /v1/join.
struct JoinTicket {
  std::string address;  ///< IPv4, dotted.
  uint16_t port = 0;
  std::string token;
  std::string security = "plain";  ///< "sealed": `token` is a connect token, secret and good once.
};

/// What a client should do about a request that failed.
enum class RequestFailure : uint8_t {
  kNone = 0,
  kUnreachable,  ///< No answer: try again later.
  kBusy,         ///< The server says later; `retry_after_ms` when, 0: it does not say.
  kDenied,       ///< Wrong password, or logged out: a person has to log in again.
  kRefused,      ///< As asked it will never be granted.
};

struct HttpOptions {
  std::string ca_file;  ///< PEM of the certificates that https:// believes; empty: the system's.
  int timeout_ms = 5000;
};

struct JoinResult {
  bool ok = false;
  JoinTicket ticket;
  std::string error;  ///< For people, when !ok.
  RequestFailure failure = RequestFailure::kNone;
  int retry_after_ms = 0;
};
/// Asks the server's HTTP interface (`http_url` such as "http://127.0.0.1:8080") for a ticket under
/// a name, which servers in plain mode grant; else see bluemarble/account.h. Blocks.
BLUEMARBLE_API JoinResult Join(const std::string& http_url, const std::string& player_name,
                               int timeout_ms = 5000);
BLUEMARBLE_API JoinResult Join(const std::string& http_url, const std::string& player_name,
                               const HttpOptions& options);

struct ClientOptions {
  /// Where the player wants to appear; servers accept it in development only.
  std::optional<GeoPosition> spawn;
  /// False: snapshots are acknowledged but not decoded (load generators); the view stays empty.
  bool decode = true;
  /// How far in the past others are drawn, milliseconds. 0: chosen from each class's rate and the
  /// jitter seen.
  int interpolation_ms = 0;
  /// Faults injected below the transport in both directions, for tests: share lost, delay, jitter,
  /// share duplicated.
  double loss = 0, duplicate = 0;
  int latency_ms = 0, jitter_ms = 0;
  uint64_t seed = 1;
  std::string client_version = "bluemarble-cpp";
  /// An action whose outcome is unknown is asked for again, with its key, so long after the answer
  /// said so; at most four a second. 0: never, the caller does.
  int resend_unknown_ms = 1000;
  /// In play, nothing heard of the server for so long ends the connection. Too low: a hiccup costs
  /// it; too high: who plays waits for nothing.
  int silence_ms = 5000;
};

enum class ClientState : uint8_t { kIdle, kConnecting, kLoggingIn, kPlaying, kEnded };

/// What the player wants now; sent for every tick until changed.
struct PlayerInput {
  double move_east = 0;  ///< -1..1 of the maximum speed, in the local frame at the player.
  double move_north = 0;
  double yaw_turns = 0;  ///< Facing, turns clockwise from north.
  uint8_t buttons = 0;
};

/// One entity as it should be drawn at the view's moment.
struct EntityView {
  uint32_t id = 0;
  uint8_t kind = 0;  ///< proto/WIRE.md "Kinds": 1 player, 2 animal, 3 resource, 4 item.
  ReplicationClass cls = ReplicationClass::kExtended;
  Vector3 position;      ///< ECEF metres.
  double yaw_turns = 0;  ///< Combat and visual classes.
  uint8_t health = 100, animation = 0;
  /// Kind 4: what the item is (GET /v1/items); 0 until it has been in the combat class once.
  uint16_t definition = 0;
  uint64_t newest_tick = 0;  ///< Tick of the newest state received.
  double drawn_tick = 0;     ///< The server tick, with fraction, that `position` stands for.
};

/// The own player, predicted.
struct OwnView {
  uint32_t id = 0;
  Vector3 position;   ///< Drawn: predicted, with corrections blended (below 10 cm smoothed, to 1 m
                      ///< over 200 ms, beyond: snap).
  Vector3 predicted;  ///< Simulation state at `predicted_tick`, without blending.
  uint64_t predicted_tick = 0;
  uint64_t confirmed_tick =
      0;              ///< Newest tick at which the server's state is known to be this client's.
  Vector3 confirmed;  ///< The server's position at that tick.
  double yaw_turns = 0;
  uint8_t health = 100;
};

using ActionKey = std::array<uint8_t, kActionKeyBytes>;

enum class ActionKind : uint8_t {
  kPickUp = 1,   ///< `entity_id`: an item on the ground.
  kDrop,         ///< `items[0]`.
  kGive,         ///< `items` and `gold` to the player `entity_id`.
  kOfferTrade,   ///< `items` and `gold` to the player `entity_id` for `want_items` and `want_gold`.
  kAcceptTrade,  ///< `trade_id`.
  kSplit,        ///< `quantity` off `items[0]`.
  kMerge,        ///< `items[1]` into `items[0]`.
};

/// One transactional action. Keep it until it is answered ok or refused: sent again as it is, also
/// by another Client of the same player after a reconnect, it happens once and gets the same
/// answer.
struct Action {
  ActionKind kind = ActionKind::kDrop;
  ActionKey key{};  ///< All zero: Act draws a new one.
  uint32_t entity_id = 0;
  std::vector<int64_t> items;  ///< At most kMaxTradeItems.
  int64_t gold = 0;
  std::vector<int64_t> want_items;
  int64_t want_gold = 0;
  uint64_t trade_id = 0;
  uint32_t quantity = 0;
};

struct ActionAnswer {
  ActionKey key{};
  ActionOutcome outcome = ActionOutcome::kUnknown;
  ActionReason reason = ActionReason::kNone;
  std::string text;  ///< For people.
  bool repeated = false;
  int64_t item_id = 0;  ///< That the action made.
};

struct InventoryItem {
  int64_t item_id = 0;
  uint32_t definition = 0;  ///< GET /v1/items tells what it is.
  uint32_t quantity = 0;
};

/// An offer of another player that waits for Accept or Decline.
struct TradeOffer {
  uint64_t trade_id = 0;
  uint32_t entity_id = 0;  ///< Who offers.
  std::vector<InventoryItem> get;
  int64_t get_gold = 0;
  std::vector<int64_t> give_items;
  int64_t give_gold = 0;
};

/// Something said: by another player, by this one (heard as everybody hears it), or, with
/// `refused`, by this one in vain.
struct ChatLine {
  ChatReason refused = ChatReason::kNone;
  ChatScope scope = ChatScope::kZone;
  std::string name;  ///< Of the speaker.
  int64_t player_id = 0;
  uint32_t entity_id = 0;  ///< May have left already.
  uint64_t tick = 0;       ///< When it was said.
  std::string text;        ///< Refused: why, for people.
  uint32_t number = 0;     ///< Refused: what Say returned.
  uint32_t retry_ms = 0;   ///< kTooFast: not before.
};

struct ClientStats {
  uint64_t down_bytes = 0, down_packets = 0, up_bytes = 0, up_packets = 0;  ///< UDP payload.
  uint64_t snapshots = 0, entity_updates = 0, part_bytes = 0, missing_base = 0, malformed = 0;
  uint64_t corrections = 0;
  double last_correction_m = 0;
  double rtt_ms = 0;
  int input_depth = 0;     ///< Commands the server still holds ahead, in ticks.
  int dilation_pct = 100;  ///< Length of the server's tick period now, of the regular one.
  uint64_t overtaken = 0;  ///< Snapshots that came more than kAckWindow ticks behind the newest.
};

class BLUEMARBLE_API Client {
 public:
  explicit Client(ClientOptions options = {});
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  /// Starts connecting and logging in; progress by Poll. False when already used or the socket
  /// fails (`error()`).
  bool Connect(const JoinTicket& ticket);
  /// Receives and sends what is due; call at least at the server's tick rate. `now_ns`: monotonic
  /// clock. `readable` false (a poll of fd() said so) saves looking.
  void Poll(int64_t now_ns, bool readable = true);
  /// When Poll has something to do though nothing arrives; INT64_MAX: never. For programs with many
  /// clients.
  int64_t NextDueNs() const;
  void SetInput(const PlayerInput& input);
  /// Sends an action and returns its key; all zero when not playing or malformed (`error()`). The
  /// answer comes by NextAnswer. Actions whose connection ended unanswered are the caller's to send
  /// again: see unanswered().
  ActionKey Act(Action action);
  /// The next answer; false when there is none.
  bool NextAnswer(ActionAnswer& out);
  /// Actions without an ok or refused so far, in the order of Act.
  const std::vector<Action>& unanswered() const;
  /// Says no to an offer of another player.
  void DeclineTrade(uint64_t trade_id);
  /// Takes an own offer back, named by the key of its kOfferTrade, which is then answered: refused
  /// as declined, unless it was accepted just before.
  void WithdrawOffer(const ActionKey& key);
  /// Offers that stand now, oldest first.
  const std::vector<TradeOffer>& offers() const;
  /// Says a line of UTF-8 (no line breaks, at most kMaxChatBytes) to everybody in the zone or to
  /// those nearby. It comes back by NextChat, heard or refused. Returns its number; 0 when not
  /// playing, empty or too long (`error()`).
  uint32_t Say(ChatScope scope, std::string_view text);
  /// The next line, in order; false when there is none. Of lines that nobody takes the newest 1,000
  /// are kept.
  bool NextChat(ChatLine& out);
  /// The own inventory as the server told it last, ascending item_id; empty before it was told.
  const std::vector<InventoryItem>& inventory() const;
  bool inventory_known() const;
  int64_t gold() const;
  /// The player's number in the world's books, the same after every login; 0 before kPlaying.
  int64_t player_id() const;
  /// Says goodbye; Poll a few more times to get it out.
  void Disconnect();
  /// Is this the same entity as over the player's connection before? False before kPlaying.
  bool resumed() const;
  /// For tests of bad networks. Nothing leaves or arrives until then, `until_ns` as for Poll.
  void GoDark(int64_t until_ns);
  /// For tests of bad networks. Goes on from another local port, as behind a router that forgot it.
  bool Rebind();

  ClientState state() const;
  DisconnectReason end_reason() const;  ///< Why kEnded.
  const std::string& error() const;     ///< For people.
  const std::string& redirect() const;  ///< kWrongShard: HTTP address of the right shard.

  OwnView own() const;
  /// Visits every entity in view (not the own player) as drawn at `now_ns`.
  void ForEachEntity(int64_t now_ns, const std::function<void(const EntityView&)>& visit) const;
  /// False when not in view.
  bool FindEntity(uint32_t id, int64_t now_ns, EntityView& out) const;
  size_t entities_in_view() const;
  /// The own position that was simulated for `tick` (kept about 2 s), after corrections; nothing
  /// when forgotten.
  std::optional<Vector3> OwnPositionAt(uint64_t tick) const;

  /// The server's tick as seen from here, with fraction: the one whose snapshot the fastest path
  /// would be delivering now, so it lags the server by the least one-way delay. 0 before kPlaying.
  double ServerTick(int64_t now_ns) const;
  int tick_hz() const;
  double max_speed_mps() const;
  double class_radius_m(ReplicationClass cls) const;
  const ClientStats& stats() const;
  int fd() const;  ///< Socket, for epoll; -1 when closed.

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bluemarble
