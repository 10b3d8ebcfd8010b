#include "app/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "api/admin_secret.h"
#include "app/catalogue_file.h"
#include "app/settings_auth.h"
#include "app/settings_conduct.h"
#include "app/settings_http.h"
#include "app/settings_net.h"
#include "app/settings_persistence.h"
#include "core/cores.h"
#include "net/address.h"

namespace bluemarble::app {
namespace {

using ops::ConfigSchema;
using ops::ConfigSection;

void BindShard(ConfigSchema& schema, ZoneSettings& zone) {
  ConfigSection& shard = schema.Section("shard", "The part of the Earth that this process owns.");
  shard.Add("id", &zone.shard.id,
            {.min = 1, .max = 64, .help = "Name of this shard, told to players and logs."});
  shard.Add(
      "lon_min", &zone.shard.lon_min,
      {.min = -180,
       .max = 180,
       .unit = "degrees",
       .help =
           "West border, inclusive. Larger than lon_max: the range wraps over the antimeridian."});
  shard.Add("lon_max", &zone.shard.lon_max,
            {.min = -180,
             .max = 180,
             .unit = "degrees",
             .help = "East border, exclusive. -180 and 180 together are the whole Earth."});
  schema.AddTableArray<cluster::ShardEntry>(
      "shards",
      "All shards, this one included. A login outside the own range is refused with the address "
      "found here.",
      &zone.shards, [](ConfigSection& row, cluster::ShardEntry& entry) {
        row.Add("id", &entry.id, {.help = "Name, unique."});
        row.Add("lon_min", &entry.lon_min, {.min = -180, .max = 180, .unit = "degrees"});
        row.Add("lon_max", &entry.lon_max, {.min = -180, .max = 180, .unit = "degrees"});
        row.Add("http", &entry.http, {.help = "Its HTTP interface: \"http://address:port\"."});
      });
}

void BindTick(ConfigSchema& schema, ZoneSettings& zone) {
  ConfigSection& tick = schema.Section("tick", "The simulation step.");
  tick.Add("hz", &zone.tick.hz,
           {.min = 10,
            .max = 60,
            .unit = "per second",
            .help = "Too low: sluggish; too high: CPU and bytes grow in proportion."});
  tick.Add("workers", &zone.tick.workers,
           {.min = 0,
            .max = 64,
            .help = "Threads of a tick, the zone's own included; 0: one less than cores, at most "
                    "4. The world is the same for any number."});
  tick.Add("nice", &zone.tick.nice,
           {.min = -20,
            .max = 0,
            .help = "Nice value of the zone's, its workers' and the net threads, where the system "
                    "allows it (root, CAP_SYS_NICE, LimitNICE=). 0: as all others; ticks then wait "
                    "for whatever else wants the processor."});
  tick.Add(
      "realtime", &zone.tick.realtime,
      {.help = "The zone's thread and its workers go before every ordinary thread of the "
               "machine (SCHED_FIFO), where the system allows it (root, CAP_SYS_NICE, "
               "LimitRTPRIO=) and there are more cores than workers. false: only by tick.nice; "
               "ticks then wait some milliseconds where others want the cores."});
  tick.Add("relief", &zone.tick.relief.enabled,
           {.help = "When ticks do not fit their period, far players are updated less often, then "
                    "all; then time slows down. false: the tick falls behind instead."});
  tick.Add("max_dilation_pct", &zone.tick.relief.max_dilation_pct,
           {.min = 100,
            .max = 355,
            .unit = "percent of a tick's period",
            .help = "How far time may slow down; 200 is half speed, 100 never. Too high: the game "
                    "crawls; too low: ticks are given up in a crowd that no relief makes light."});
  tick.Add("slow_history_s", &zone.tick.slow.history_s,
           {.min = 0,
            .max = 60,
            .unit = "s",
            .help = "Figures of each tick of the last seconds are kept when one overruns, for "
                    "zonectl slow. 0: none are."});
  tick.Add("slow_ms", &zone.tick.slow.slow_ms,
           {.min = 0,
            .max = 10000,
            .unit = "ms",
            .help = "A tick overruns that ends so long after its scheduled start; 0: the tick's "
                    "period."});
  static_assert(sizeof(TickRecord) == 216, "the help says so");
  tick.Add(
      "slow_incidents", &zone.tick.slow.incidents,
      {.min = 1, .max = 100, .help = "The last so many are kept, each with 216 bytes a tick."});
}

void BindAdmin(ConfigSchema& schema, Settings& settings) {
  schema.Section("admin", "The operator's HTTP interface and zonectl.")
      .Add("secret", &settings.admin_secret,
           {.max = 256,
            .help = "Whoever sends it may do everything. Empty: the one in "
                    "<data_dir>/admin.secret, made at the first start.",
            .secret = true});
}

void BindSession(ConfigSchema& schema, session::SessionSettings& session) {
  ConfigSection& s = schema.Section("session", "Players and the zone's patience with them.");
  s.Add("max_players", &session.max_players,
        {.min = 1, .max = 60000, .help = "One more is refused as zone_full. About 45 kB each."});
  s.Add(
      "max_pending", &session.max_pending,
      {.min = 16,
       .max = 60000,
       .help =
           "Peers connected but not in play. Too low: a storm of logins is refused as zone_full."});
  s.Add("timeout_ms", &session.timeout_ms,
        {.min = 500,
         .max = 120000,
         .unit = "ms",
         .help = "Silence that ends a session; three times that before a player's first word. Too "
                 "low: a short outage costs it; too high: ghosts stand around."});
  s.Add("linger_s", &session.linger_s,
        {.min = 0,
         .max = 600,
         .unit = "s",
         .help = "A player whose connection was lost stays in play for so long and can come back "
                 "to it; 0: taken out at once. Counts against max_players, yet gives way when the "
                 "zone is full. Too low: a tunnel costs the session; too high: the helpless stand "
                 "around."});
  s.Add("login_timeout_ms", &session.login_timeout_ms,
        {.min = 500,
         .max = 120000,
         .unit = "ms",
         .help = "From connecting to a finished login. Too low: a slow store refuses players."});
  s.Add(
      "enters_per_tick", &session.enters_per_tick,
      {.min = 1,
       .max = 1000,
       .help = "Logins that enter the world per tick. Too low: a storm of logins waits; too high: "
               "it stalls the tick."});
  s.Add("inputs_per_tick", &session.inputs_per_tick,
        {.min = 1,
         .max = 100,
         .help = "Inputs of one player that are taken per tick in the long run. Too low: players "
                 "whose datagrams come doubled or in bursts are ended as rate_limited; too high: a "
                 "flood costs CPU before it is ended."});
  s.Add("input_burst_s", &session.input_burst_s,
        {.min = 1,
         .max = 600,
         .unit = "s",
         .help = "Inputs at once on top, as seconds of one input a tick. Too low: who returns from "
                 "an outage with all that waited is ended; too high: a flood lasts longer."});
  s.Add("controls_per_s", &session.controls_per_s,
        {.min = 1,
         .max = 1000,
         .unit = "per second",
         .help = "Control messages of one peer in the long run. Too low: one that logs in and out "
                 "is ended as rate_limited; too high: a flood costs decoding."});
  s.Add("control_burst", &session.control_burst,
        {.min = 2,
         .max = 1000,
         .help = "Control messages at once on top. Too low: a login with its goodbye right behind "
                 "is ended as rate_limited; too high: a flood lasts longer."});
  s.Add("actions_per_s", &session.actions_per_s,
        {.min = 1,
         .max = 1000,
         .unit = "per second",
         .help = "Actions of one player in the long run. Too low: who sorts an inventory, or asks "
                 "again after an outage, is ended as rate_limited; too high: a flood costs the "
                 "store a look-up each."});
  s.Add("action_burst", &session.action_burst,
        {.min = 1, .max = 10000, .help = "Actions at once on top. Likewise."});
  s.Add("chats_per_s", &session.chats_per_s,
        {.min = 1,
         .max = 1000,
         .unit = "per second",
         .help = "Lines of chat of one player in the long run; more are refused as too_fast, and "
                 "who sends four times as many is ended as rate_limited. Too low: a lively talk is "
                 "refused; too high: nobody can read what a few write."});
  s.Add("chat_burst", &session.chat_burst,
        {.min = 1, .max = 1000, .help = "Lines of chat at once. Likewise."});
  s.Add("chat_max_bytes", &session.chat_max_bytes,
        {.min = 1,
         .max = kMaxChatBytes,
         .unit = "bytes",
         .help = "Longest line of chat, in UTF-8. Too low: sentences are refused, the sooner the "
                 "more bytes a script takes; too high: screens full of one player."});
  s.Add("address_players", &session.address_players,
        {.min = 1,
         .max = 60000,
         .help = "All sessions of one remote address together may say as much as so many. Too low: "
                 "players behind one NAT lose inputs; too high: who owns many accounts floods from "
                 "one address. Addresses of this machine are not limited."});
  s.Add("action_timeout_ms", &session.action_timeout_ms,
        {.min = 100,
         .max = 60000,
         .unit = "ms",
         .help = "After this long without the store's answer a player is told: unknown, ask again. "
                 "Too low: a busy disk makes players ask twice; too high: they wait."});
}

void BindChat(ConfigSchema& schema, chat::ChatSettings& chat) {
  ConfigSection& s = schema.Section("chat", "What players say to each other.");
  s.Add("local_radius_m", &chat.local_radius_m,
        {.min = 1,
         .max = 5000,
         .unit = "m",
         .help = "Local chat is heard this far. Too low: neighbours on the screen do not hear each "
                 "other; too high: a crowd hears everybody."});
  s.Add("queue", &chat.queue,
        {.min = 1,
         .max = 100000,
         .help = "Lines of each scope that may wait to be passed on; one more is refused as busy. "
                 "Too low: lively moments are refused; too high: lines come late."});
  s.Add("deliveries_per_tick", &chat.deliveries_per_tick,
        {.min = 1,
         .max = 1000000,
         .help = "Lines handed to players in one tick: a line to 5,000 players takes five ticks at "
                 "1000. Too low: lines come late; too high: they hold up the tick."});
  s.Add("muted", &chat.muted,
        {.max = 10000, .help = "Numbers of players who may not speak, such as \"1649267441665\"."});
}

void BindThings(ConfigSection& s, game::GameSettings& game) {
  s.Add("ground_items", &game.ground_items,
        {.max = 100000, .help = "Things that lie around when a world begins, once for ever."});
  s.Add("max_items", &game.max_items,
        {.min = 1,
         .max = 1000,
         .help = "Items (stacks) that a player can carry. Too low: nobody can take a gift; too "
                 "high: about 32 bytes each per player, and a long list after login."});
  s.Add("reach_m", &game.reach_m,
        {.min = 0.1,
         .max = 100,
         .unit = "m",
         .help = "To an item on the ground. Too low: latency makes honest players miss; too high: "
                 "things vanish from afar."});
  s.Add("trade_reach_m", &game.trade_reach_m,
        {.min = 0.1,
         .max = 1000,
         .unit = "m",
         .help = "To another player who gets something. Likewise."});
  s.Add("trade_offer_s", &game.trade_offer_s,
        {.min = 1,
         .max = 3600,
         .unit = "s",
         .help = "How long an offer stands. Too low: nobody can read it; too high: forgotten ones "
                 "block new ones."});
  s.Add(
      "max_offers", &game.max_offers,
      {.min = 1,
       .max = 64,
       .help =
           "Offers of one player that stand at once. Too low: merchants wait; too high: memory."});
  s.Add("starting_gold", &game.starting_gold,
        {.min = 0, .max = 2147483647, .help = "Gold of a new player."});
}

void BindWorld(ConfigSchema& schema, Settings& settings) {
  ZoneSettings& zone = settings.zone;
  ConfigSection& world = schema.Section("world");
  world.Add("max_entities", &zone.world.max_entities,
            {.min = 64,
             .max = 1000000,
             .help = "Entities of all kinds at once. Too low: logins are refused; too high: about "
                     "1.5 kB each."});
  world.Add("seed", &zone.seed,
            {.min = 0, .help = "Of a new world; an existing data folder keeps its own."});

  ConfigSection& game = schema.Section("game", "The rules.");
  game.Add("catalogue", &settings.catalogue,
           {.help = "Path of the item catalogue. Empty: the built-in one, config/items.toml of the "
                    "sources."});
  game.Add("max_speed_mps", &zone.game.player_limits.max_speed_mps,
           {.min = 0.1, .max = 100, .unit = "m/s"});
  game.Add("acceleration_mps2", &zone.game.player_limits.acceleration_mps2,
           {.min = 0.1, .max = 1000, .unit = "m/s2"});
  game.Add("animals", &zone.game.animals,
           {.max = 100000, .help = "Wandering animals, shared out over spawn_centres."});
  game.Add("resource_nodes", &zone.game.resource_nodes,
           {.max = 100000, .help = "Static nodes, shared out likewise."});
  game.Add("scatter_radius_m", &zone.game.scatter_radius_m,
           {.min = 1,
            .max = 10000,
            .unit = "m",
            .help = "Animals and nodes lie this close to their centre."});
  game.Add("wander_radius_m", &zone.game.wander_radius_m, {.min = 1, .max = 10000, .unit = "m"});
  game.Add("animal_speed_mps", &zone.game.animal_speed_mps, {.min = 0.1, .max = 50, .unit = "m/s"});
  game.Add("player_scatter_m", &zone.game.player_scatter_m,
           {.min = 0,
            .max = 10000,
            .unit = "m",
            .help = "New players appear this close to the first centre."});
  game.Add("spawn_centres", &zone.game.spawn_centres,
           {.max = 1000,
            .help = "\"longitude,latitude\" in degrees; those in the shard's range are used."});
  BindThings(game, zone.game);
}

void BindReplication(ConfigSchema& schema, replication::ReplicationSettings& replication) {
  ConfigSection& s =
      schema.Section("replication", "What players are sent of each other, by distance class.");
  const std::array<const char*, kReplicationClasses> names = {"combat", "visual", "extended"};
  for (size_t i = 0; i < names.size(); ++i) {
    s.Add(fmt::format("{}_radius_m", names[i]), &replication.radius_m[i],
          {.min = 1, .max = 5000, .unit = "m"});
    s.Add(fmt::format("{}_rate_hz", names[i]), &replication.rate_hz[i],
          {.max = 60, .unit = "per second", .help = "0: every tick."});
  }
  s.Add("budget_bytes_per_s", &replication.budget_bytes_per_s,
        {.min = 2000,
         .max = 1000000,
         .unit = "bytes/s",
         .help = "Per player; also bounded by one datagram a tick."});
  s.Add("max_silence_ms", &replication.max_silence_ms,
        {.min = 20, .max = 2000, .unit = "ms", .help = "Longest silence towards a client."});
  s.Add("interest_ticks", &replication.interest_ticks,
        {.min = 1,
         .max = 60,
         .unit = "ticks",
         .help = "Everybody's surroundings are looked up once in this time."});
  s.Add("max_viewers", &replication.max_viewers,
        {.min = 1, .max = 65000, .help = "About 40 kB each."});
  s.Add("max_leaves_per_viewer", &replication.max_leaves_per_viewer, {.min = 16, .max = 4096});
}

void BindLog(ConfigSchema& schema, ops::LogSettings& log) {
  ConfigSection& s = schema.Section("log", "To standard error.");
  s.Add("level", &log.level, {.choices = {"debug", "info", "warn", "error"}});
  s.Add(
      "format", &log.format,
      {.help = "auto: text on a terminal, else JSON lines.", .choices = {"auto", "text", "json"}});
  s.Add("service", &log.service, {.help = "The \"service\" of every JSON line."});
  s.Add("queue_lines", &log.queue_lines,
        {.min = 16, .max = 1 << 20, .help = "Lines that may wait for a slow reader."});
}

bool LoopbackBind(const net::NetSettings& net) {
  const auto v4 = net::ParseV4(net.bind);
  return v4.ok() && net::IsLoopback(*v4);
}

}  // namespace

void BindSettings(ConfigSchema& schema, Settings& settings) {
  BindShard(schema, settings.zone);
  BindTick(schema, settings.zone);
  BindNet(schema, settings.net);
  BindHttp(schema, settings.http);
  BindAdmin(schema, settings);
  BindAuth(schema, settings);
  BindSession(schema, settings.zone.session);
  BindChat(schema, settings.zone.chat);
  BindConduct(schema, settings.zone.session.conduct);
  BindConsole(schema, settings.console);
  BindWorld(schema, settings);
  BindReplication(schema, settings.zone.replication);
  BindPersistence(schema, settings.zone.persistence);
  BindLog(schema, settings.log);
  schema.Section("record", "The flight recorder of --record.")
      .Add("queue_bytes", &settings.record.queue_bytes,
           {.min = 1 << 20,
            .max = 1 << 30,
            .unit = "bytes",
            .help = "From the zone to the recorder's writer. Too low: a disk that pauses ends the "
                    "recording; too high: only memory."});
  schema.Section("dev", "For development on one machine.")
      .Add("allow_spawn_position", &settings.zone.dev.allow_spawn_position,
           {.help = "Loopback clients may choose where they appear. Needs a loopback net.bind."});
}

std::string DefaultSettingsFile() {
  Settings settings;
  ConfigSchema schema;
  BindSettings(schema, settings);
  return schema.DefaultFile(
      "Settings of zoned at their defaults. Every one may be set here, by the environment\n"
      "(BLUEMARBLE_<SECTION>_<KEY>) or by --set section.key=value; the later of these wins.\n"
      "Written by `zoned print-config --default`; a test compares.");
}

std::vector<std::string> LoadSettings(ConfigSchema& schema, Settings& settings,
                                      const ops::ConfigSources& sources) {
  std::vector<std::string> problems = schema.Load(sources);
  const ZoneSettings& zone = settings.zone;
  cluster::ShardMap::Validate(zone.shard, zone.shards, problems);
  settings.net.Validate(problems);
  zone.game.Validate(problems);
  zone.replication.Validate(problems);
  zone.chat.Validate(problems);
  zone.persistence.Validate(problems);
  ValidateAuth(settings, problems);
  for (std::string& problem : LoadCatalogue(settings.catalogue, settings.zone.items))
    problems.push_back(std::move(problem));
  if (!settings.admin_secret.empty()) {
    if (const core::Status secret = api::ValidateAdminSecret(settings.admin_secret); !secret.ok())
      problems.push_back("admin.secret: " + secret.ToString());
  }
  ValidateHttp(settings.http, problems);
  settings.zone.session.identity_required = settings.net.sealed();
  if (!LoopbackBind(settings.net)) {
    if (!settings.net.sealed()) {
      problems.push_back("net.bind: only a loopback address while net.security is \"plain\"");
    }
    if (zone.dev.allow_spawn_position) {
      problems.push_back("dev.allow_spawn_position: refused unless net.bind is a loopback address");
    }
  }
  if (zone.replication.max_viewers < zone.session.max_players) {
    problems.push_back("replication.max_viewers: must be at least session.max_players");
  }
  if (uint64_t{zone.game.animals} + zone.game.resource_nodes + zone.session.max_players >
      zone.world.max_entities) {
    problems.push_back(
        "world.max_entities: too few for game.animals, game.resource_nodes and "
        "session.max_players");
  }
  const auto slots = static_cast<int64_t>(settings.net.hosts) * settings.net.max_peers_per_host;
  if (slots < zone.session.max_players) {
    problems.push_back(
        fmt::format("net.hosts: {} hosts of {} peers cannot hold session.max_players",
                    settings.net.hosts, settings.net.max_peers_per_host));
  }
  return problems;
}

int WorkersOf(const TickSettings& tick) {
  if (tick.workers != 0) return tick.workers;
  constexpr int kMostUseful = 4;  // beyond, the join costs more than the chunks save
  // One is for the net threads: a worker whose core they take makes the tick wait for its chunk.
  return std::clamp(core::UsableCores() - 1, 1, kMostUseful);
}

}  // namespace bluemarble::app
