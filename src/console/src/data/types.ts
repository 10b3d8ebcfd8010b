// Answers of the daemon: proto/CONSOLE.md.

export type Triple = [number | null, number | null, number | null];

export interface Sample {
  time_ms: number;
  tick: number;
  tick_hz: number;
  tick_ms: Triple;
  phases_ms: Record<string, Triple>;
  period_ms: number;
  relief_step: number;
  dilation_pct: number;
  late_ticks: number;
  skipped_ticks: number;
  slow_ticks: number;
  players: number;
  lingering: number;
  pending: number;
  entities: number;
  leaves: number;
  bytes_in_per_s: number;
  bytes_out_per_s: number;
  datagrams_in_per_s: number;
  datagrams_out_per_s: number;
  age_ms: [number | null, number | null];
  commits_per_s: number;
  commit_ms: [number | null, number | null];
  writes_refused_per_s: number;
  store_away: number;
  block_hits_pct: number | null;
  blocks_per_s: number;
  parts_deferred_per_s: number;
  cache_hits_pct: number | null;
  inbound_bytes: number;
  outbound_bytes: number;
  commit_bytes: number;
  positions_waiting: number;
  journal_waiting: number;
  zone_cpu_pct: number;
  cpu_pct: number;
  rss_mb: number;
  steal_pct: number;
  chat_per_s: number;
  logins_per_s: number;
  consoles: number;
  feed_leaves_per_s: number;
  feed_dropped: number;
}

export interface Player {
  player: string;
  name: string;
  entity: string;
  state: 'playing' | 'lingering';
  lat: number;
  lon: number;
  height: number;
  session_s: number;
  ack_age_ms: number | null;
  ping_ms: number | null;
  bytes_per_s: number;
  address: string | null;
}

export interface PlayerList {
  tick: number;
  total: number;
  matched: number;
  offset: number;
  players: Player[];
}

export interface Entity {
  tick: number;
  entity: string;
  kind: string;
  lat: number;
  lon: number;
  height: number;
  heading: number;
  speed: number;
  vertical_speed: number;
  health: number;
  animation: number;
  leaf: string;
  leaf_level: number;
  part: number;
  slot: number;
  player: Player | null;
  /** What lies on the ground. */
  item: {item: string; definition: number; title: string | null; quantity: number} | null;
}

export type InterestClass = 'combat' | 'visual' | 'extended';

export interface Interest {
  tick: number;
  player: string;
  name: string;
  entity: string;
  lat: number;
  lon: number;
  radius_m: number[];
  leaves: Array<{leaf: string; class: InterestClass; parts: number}>;
}

export interface Leaves {
  tick: number;
  truncated: boolean;
  leaves: Array<{leaf: string; level: number; members: number}>;
}

export interface Shards {
  own: string;
  shards: Array<{id: string; lon_min: number; lon_max: number; address: string; own: boolean}>;
}

export interface Hello {
  name: string;
  expires_in: number | null;
  tick_hz: number;
  tick: number;
  shard: string;
  leaf_hz: number;
  max_entities: number;
  class: InterestClass;
}

export interface Setting {
  name: string;
  value: unknown;
  default: unknown;
  source: string;
  unit: string;
  help: string;
  secret: boolean;
}

export interface Health {
  status: string;
  components: Array<{name: string; state: string; reason: string}>;
  dependencies: Array<{name: string; state: string; detail: string}>;
}

export interface Action {
  time: string;
  action: string;
  target: string;
  by: string;
  detail: string;
}

export interface SlowTicks {
  tick_hz: number;
  history_ticks: number;
  slow_ticks: number;
  slow_incidents: number;
  columns: string[];
  incidents: Array<{time: string; slow_ticks: number; worst: number[]; ticks: number[][]}>;
}
