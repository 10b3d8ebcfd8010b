#include "app/console_side.h"

#include <fmt/format.h>

#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "api/static_files.h"
#include "app/metric_registrar.h"
#include "app/serve.h"
#include "core/log.h"
#include "net/address.h"
#include "ops/json_text.h"

namespace bluemarble::app {
namespace {

constexpr int64_t kPlayersFreshNs = 1'000'000'000;
constexpr int64_t kSentFreshNs = 60'000'000'000;

const char* KindName(world::Kind kind) {
  switch (kind) {
    case world::Kind::kPlayer: return "player";
    case world::Kind::kAnimal: return "animal";
    case world::Kind::kResource: return "resource";
    case world::Kind::kItem: return "item";
    case world::Kind::kNone: break;
  }
  return "unknown";
}

WhoIsMeant Meant(const api::ConsoleWho& who) {
  return {.player_id = who.player_id, .name = who.name, .entity = core::EntityId{who.entity}};
}

std::string AddressText(uint32_t v4) {
  const std::string text = net::ToString({v4, 0});
  return text.substr(0, text.find(':'));
}

}  // namespace

ConsoleSide::ConsoleSide(const ConsoleParts& parts)
    : parts_(parts),
      hz_(parts.settings.zone.tick.hz),
      started_ns_(parts.clock.NowNs()),
      sampler_(parts.counted, parts.watch.feed().stats(), hz_, parts.clock),
      live_(std::make_unique<api::ConsoleLive>(parts.settings.console.live, Live(), parts.guard,
                                               parts.clock)) {
  sampler_.CountLive(live_->stats());
}

ConsoleSide::~ConsoleSide() { live_->Stop(); }

api::LiveProviders ConsoleSide::Live() {
  return {
      .drain =
          [this](const std::function<void(const api::FeedPart&)>& take) {
            core::ByteRing& ring = parts_.watch.feed().ring();
            for (auto record = ring.Front(); record.data() != nullptr; record = ring.Front()) {
              replication::FeedHead head;
              std::memcpy(&head, record.data(), sizeof head);
              take({head.key, head.tick, head.number, head.parts, head.members, head.players,
                    record.subspan(sizeof head)});
              ring.Pop();
            }
          },
      .watch = [this](bool on) { parts_.watch.feed().Watch(on); },
      .focus =
          [this](std::span<const api::ConsoleBall> balls) {
            std::vector<replication::FeedFocus> focuses;
            for (const api::ConsoleBall& ball : balls)
              focuses.push_back({ball.centre, ball.radius_cm});
            parts_.watch.feed().SetFocuses(focuses);
          },
      .sample = [this] { return sampler_.Take(); },
      .past = [this](uint64_t& below) { return sampler_.Past(below); },
      .hello = [this] { return Hello(); },
  };
}

std::string ConsoleSide::Hello() const {
  std::string shard;
  ops::AppendJsonString(shard, parts_.settings.zone.shard.id);
  return fmt::format(
      "\"tick_hz\":{},\"tick\":{},\"shard\":{},\"leaf_hz\":{},\"focus_hz\":{},\"class\":\"visual\"",
      hz_, parts_.counted.zone.stats().tick.Get(), shard, parts_.settings.console.feed.leaf_hz,
      parts_.settings.console.feed.focus_hz);
}

api::ConsolePlayer ConsoleSide::PlayerOf(const PlayerSeen& seen, core::Tick now) const {
  api::ConsolePlayer player{.player_id = seen.player_id,
                            .account_id = seen.account_id,
                            .name = std::string(seen.name.view()),
                            .entity = seen.entity.bits,
                            .lingering = seen.lingering,
                            .place = geo::ToGeodetic(seen.position),
                            .session_s = static_cast<double>(now - seen.entered) / hz_,
                            .ack_age_ms = {},
                            .ping_ms = {},
                            .bytes_per_s = 0,
                            .address = AddressText(seen.address_v4)};
  if (seen.ack_age) player.ack_age_ms = static_cast<double>(*seen.ack_age) * 1000 / hz_;
  // Of the transport, which whoever lingers has lost.
  const uint32_t ping_ms = seen.lingering ? 0 : parts_.round_trip_ms(seen.peer);
  if (ping_ms > 0) player.ping_ms = ping_ms;
  if (player.session_s > 0)
    player.bytes_per_s = static_cast<double>(seen.snapshot_bytes) / player.session_s;
  return player;
}

core::Result<api::ConsolePlayers> ConsoleSide::Players() {
  const std::lock_guard lock(players_mutex_);
  const int64_t now_ns = parts_.clock.NowNs();
  if (players_ns_ != 0 && now_ns - players_ns_ < kPlayersFreshNs) return players_;
  const session::SessionSettings& session = parts_.settings.zone.session;
  PlayersQuestion question(session.max_players + session.max_pending);
  if (core::Status asked = parts_.watch.questions().Ask(question); !asked.ok()) return asked;
  api::ConsolePlayers answer{.tick = question.tick, .players = {}};
  std::unordered_map<int64_t, Sent> sent;
  for (const PlayerSeen& seen : question.players) {
    answer.players.push_back(PlayerOf(seen, question.tick));
    const auto before = sent_.find(seen.player_id);
    sent[seen.player_id] = {seen.snapshot_bytes, now_ns};
    if (before == sent_.end() || seen.snapshot_bytes < before->second.bytes ||
        now_ns - before->second.at_ns > kSentFreshNs)
      continue;
    answer.players.back().bytes_per_s =
        static_cast<double>(seen.snapshot_bytes - before->second.bytes) * 1e9 /
        static_cast<double>(now_ns - before->second.at_ns);
  }
  sent_ = std::move(sent);
  players_ = answer;
  players_ns_ = now_ns;
  return answer;
}

core::Result<api::ConsoleEntity> ConsoleSide::Entity(const api::ConsoleWho& who) {
  EntityQuestion question(Meant(who));
  if (core::Status asked = parts_.watch.questions().Ask(question); !asked.ok()) return asked;
  if (!question.entity)
    return core::Status(core::Code::kNotFound,
                        who.entity != 0 ? "no such entity" : "the player is not in play");
  const EntitySeen& seen = *question.entity;
  const geo::LocalFrame frame = geo::FrameAt(seen.body.position);
  const double east = Dot(seen.body.velocity, frame.east);
  const double north = Dot(seen.body.velocity, frame.north);
  api::ConsoleEntity entity{.tick = question.tick,
                            .id = seen.id.bits,
                            .kind = KindName(seen.kind),
                            .place = geo::ToGeodetic(seen.body.position),
                            .heading_deg = seen.body.yaw * 360.0 / 65536,
                            .speed_mps = std::sqrt(east * east + north * north),
                            .vertical_speed_mps = Dot(seen.body.velocity, frame.up),
                            .health = seen.vitals.health,
                            .animation = seen.vitals.animation,
                            .leaf = seen.leaf,
                            .slot = seen.slot,
                            .player = {},
                            .item = {}};
  if (seen.player) entity.player = PlayerOf(*seen.player, question.tick);
  if (seen.item.item_id != 0) {
    entity.item = {seen.item.item_id, seen.item.definition, {}, seen.item.quantity};
    for (const game::ItemDefinition& definition : parts_.settings.zone.items)
      if (definition.id == seen.item.definition) entity.item->title = definition.title;
  }
  return entity;
}

core::Result<api::ConsoleInterest> ConsoleSide::Interest(const api::ConsoleWho& who) {
  InterestQuestion question(Meant(who));
  if (core::Status asked = parts_.watch.questions().Ask(question); !asked.ok()) return asked;
  if (!question.player) return core::Status(core::Code::kNotFound, "the player is not in play");
  api::ConsoleInterest interest{.tick = question.tick,
                                .player = PlayerOf(*question.player, question.tick),
                                .radius_m = {},
                                .leaves = {}};
  for (const double radius_m : parts_.settings.zone.replication.radius_m)
    interest.radius_m.push_back(radius_m);
  std::map<uint64_t, api::ConsoleInterest::Leaf> leaves;
  for (const PartSeen& part : question.parts) {
    auto& leaf = leaves[part.key.bits];
    leaf.key = part.key;
    leaf.cls = static_cast<int>(part.cls);
    ++leaf.parts;
  }
  for (const auto& [key, leaf] : leaves) interest.leaves.push_back(leaf);
  return interest;
}

core::Result<api::ConsoleLeaves> ConsoleSide::Leaves(const api::ConsoleBall& ball, size_t limit) {
  LeavesQuestion question(ball.centre, ball.radius_cm, limit);
  if (core::Status asked = parts_.watch.questions().Ask(question); !asked.ok()) return asked;
  api::ConsoleLeaves answer{.tick = question.tick, .truncated = question.truncated, .leaves = {}};
  for (const LeafSeen& leaf : question.leaves) answer.leaves.push_back({leaf.key, leaf.members});
  return answer;
}

core::Status ConsoleSide::Act(const api::ConsoleAction& action) {
  using Kind = session::OperatorOrder::Kind;
  session::OperatorOrder order;
  order.kind = action.kind == api::ConsoleAction::Kind::kKick       ? Kind::kKick
               : action.kind == api::ConsoleAction::Kind::kTeleport ? Kind::kTeleport
                                                                    : Kind::kAnnounce;
  order.player_id = action.player_id;
  order.lon_deg = action.place.lon_deg;
  order.lat_deg = action.place.lat_deg;
  order.height_m = action.place.alt_m;
  order.SetText(action.text);
  if (parts_.orders.GiveOrder(order)) return {};
  return {core::Code::kFull, "too many orders wait for the zone: try again"};
}

std::vector<api::ConsoleDependency> ConsoleSide::Dependencies() const {
  const DurableSide& durable = parts_.counted.durable;
  const persistence::CommitStats& commits = durable.committer().stats();
  const bool away = commits.away.Get() != 0;
  const bool failed = durable.committer().failed() || durable.committer().lost_ownership();
  std::vector<api::ConsoleDependency> all;
  all.push_back({durable.has_postgres() ? "postgresql" : "sqlite",
                 away || failed ? "not_ready" : "ready",
                 failed ? "the store gave up, or another process took the shard over"
                 : away ? "away: what is to be kept waits"
                        : fmt::format("{} commits, {} positions wait", commits.commits.Get(),
                                      commits.positions_waiting.Get())});
  const persistence::RedisCache* cache = durable.cache();
  all.push_back({"redis",
                 cache == nullptr     ? "off"
                 : cache->available() ? "ready"
                                      : "degraded",
                 cache == nullptr     ? "redis.url is not set"
                 : cache->available() ? ""
                                      : "the circuit is open: it is not asked"});
  const bool journal = parts_.settings.zone.persistence.journal.enabled;
  all.push_back({"journal",
                 !journal                       ? "off"
                 : durable.journal().degraded() ? "degraded"
                                                : "ready",
                 journal ? fmt::format("{} players wait", durable.journal().stats().waiting.Get())
                         : "journal.enabled is false"});
  const ArchivistStats* archived =
      parts_.archivist == nullptr ? nullptr : &parts_.archivist->stats();
  all.push_back({"archivist", archived == nullptr ? "off" : "ready",
                 archived == nullptr ? "retention.keep_days is not set, or there is no PostgreSQL"
                                     : fmt::format("{} runs, {} ended early", archived->runs.Get(),
                                                   archived->failures.Get())});
  return all;
}

std::vector<api::ConsoleShard> ConsoleSide::Shards() const {
  const ZoneSettings& zone = parts_.settings.zone;
  std::vector<api::ConsoleShard> shards;
  bool listed = false;
  for (const cluster::ShardEntry& shard : zone.shards) {
    const bool own = shard.id == zone.shard.id;
    listed = listed || own;
    shards.push_back({shard.id, shard.lon_min, shard.lon_max, shard.http, own});
  }
  if (!listed) shards.push_back({zone.shard.id, zone.shard.lon_min, zone.shard.lon_max, "", true});
  return shards;
}

void ConsoleSide::AddEndpoints(api::Router& router) {
  accounts::Accounts& accounts = parts_.auth.accounts();
  api::AddConsoleEndpoints(
      router,
      {.version = [] { return std::string(Version()); },
       .shard = [this] { return parts_.settings.zone.shard.id; },
       .uptime_s = [this] { return static_cast<double>(parts_.clock.NowNs() - started_ns_) / 1e9; },
       .sample = [this] { return sampler_.Take(); },
       .health = [this] { return parts_.health.Ready(/*verbose=*/true).body; },
       .config = parts_.config,
       .dependencies = [this] { return Dependencies(); },
       .shards = [this] { return Shards(); },
       .owns =
           [this](double lon_deg) {
             return parts_.counted.zone.range().ContainsLongitude(lon_deg);
           },
       .players = [this] { return Players(); },
       .entity = [this](const api::ConsoleWho& who) { return Entity(who); },
       .interest = [this](const api::ConsoleWho& who) { return Interest(who); },
       .leaves = [this](const api::ConsoleBall& ball, size_t limit) { return Leaves(ball, limit); },
       .act = [this](const api::ConsoleAction& action) { return Act(action); },
       .note =
           [&accounts](persistence::LoginEventKind kind, int64_t account_id,
                       const std::string& name, const std::string& by, const std::string& detail) {
             return accounts.NoteAction(kind, account_id, name, by, detail);
           },
       .actions = [&accounts](size_t limit) { return accounts.Actions(limit); }},
      parts_.guard, parts_.clock);
  router.AddWebSocket("/v1/console/live", live_->Opener());
  AddFolders(router);
}

void ConsoleSide::AddFolders(api::Router& router) {
  const ConsoleOptions& console = parts_.settings.console;
  const auto add = [&](const std::string& folder, const char* name, const char* prefix) {
    const std::string path = StaticFolderOf(folder, name);
    const auto files = api::AddStaticFiles(router, path, prefix);
    if (files.ok()) {
      core::Log(core::LogLevel::kInfo, "static_files", "at={}/ folder=\"{}\" files={}", prefix,
                path, *files);
    } else if (!folder.empty() || files.status().code() != core::Code::kNotFound) {
      core::Log(core::LogLevel::kWarn, "static_files_missing", "at={}/ reason=\"{}\"", prefix,
                files.status().ToString());
    }
    return files.ok();
  };
  if (add(console.folder, "console", "/console")) api::AddRedirect(router, "/", "/console/");
  add(console.play_folder, "play", "/play");
}

core::Status ConsoleSide::RegisterMetrics(ops::MetricsRegistry& registry) const {
  Registrar add(registry);
  const api::LiveStats& live = live_->stats();
  const replication::FeedStats& feed = parts_.watch.feed().stats();
  add.Level("console_watchers", "Consoles that watch now.", live.consoles);
  add.Count("console_sent_messages_total", "Messages sent to consoles.", live.messages);
  add.Count("console_sent_bytes_total", "Bytes of them.", live.bytes);
  add.Count("console_skipped_messages_total", "Messages that slow consoles were not sent.",
            live.skipped);
  add.Count("console_refused_total", "Consoles that were closed: token, limits, malformed.",
            live.refused);
  add.Count("console_feed_leaves_total", "Leaves written for consoles.", feed.leaves);
  add.Count("console_feed_dropped_parts_total", "Parts of leaves that found the feed full.",
            feed.dropped);
  return add.status();
}

}  // namespace bluemarble::app
