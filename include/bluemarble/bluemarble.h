/// The game client library for C, and for engines that call C: Unity, Unreal, Godot, Rust, Go. One
/// handle is one player: it joins, connects, comes back after outages, and is polled once per
/// frame. What it does is what bluemarble/connection.h and client.h do for C++; docs/client.md is
/// the guide.
///
/// A handle is used by one thread at a time, any number of them at once. No function blocks but
/// bm_close. No exception leaves a function, no callback enters the program, and nothing that is
/// returned has to be freed: texts live until the next call with the same handle. Structs carry
/// their size, by which a newer library will know an older program; zero all of it before filling
/// it in.
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define BM_API __attribute__((visibility("default")))
#else
#define BM_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Raised with every incompatible change of this header. */
#define BM_API_VERSION 1

/* What a call became of. The handle's bm_error says more. */
typedef enum bm_result {
  BM_OK = 0,
  BM_ERR_ARGUMENT = 1, /* a null pointer, a wrong size, a value out of its range */
  BM_ERR_STATE = 2,    /* not now: not in play, or over already */
  BM_ERR_LIMIT = 3,    /* too many at once: 64 actions without an answer */
  BM_ERR_MEMORY = 4,
  BM_ERR_INTERNAL = 5 /* our own mistake */
} bm_result;

typedef enum bm_state {
  BM_STATE_WAITING = 1,    /* until the next try; bm_reason says why */
  BM_STATE_JOINING = 2,    /* the server's HTTP interface is asked where to connect */
  BM_STATE_CONNECTING = 3, /* datagrams go out */
  BM_STATE_PLAYING = 4,    /* there is a body and a view */
  BM_STATE_ENDED = 5       /* for good; bm_reason and bm_error say why */
} bm_state;

typedef enum bm_scope { BM_SCOPE_ZONE = 1, BM_SCOPE_LOCAL = 2 } bm_scope;

/* Metres from the Earth's centre (ECEF): subtract in double before drawing in float. */
typedef struct bm_vector3 {
  double x, y, z;
} bm_vector3;

typedef struct bm_options {
  size_t size;               /* sizeof(bm_options) */
  const char* server_url;    /* "https://play.example:8080" */
  const char* name;          /* of the player, UTF-8 */
  const char* password;      /* NULL: refresh_token, or a server in plain mode that takes a name */
  const char* refresh_token; /* of an earlier session (bm_refresh_token), in place of a password */
  int register_unknown;      /* 1: make the account when name and password are not known */
  const char* ca_file;       /* PEM that https:// believes; NULL: the system's */
  int no_reconnect;          /* 1: one try, and one stay */
  int interpolation_ms;      /* how far in the past others are drawn; 0: chosen by what arrives */
  int has_spawn;             /* 1: appear at spawn_*; servers take it in development only */
  double spawn_lon_deg, spawn_lat_deg;
} bm_options;

/* What the player wants from now on, until it is set again. */
typedef struct bm_input {
  size_t size;      /* sizeof(bm_input) */
  double move_east; /* -1 to 1 of the maximum speed, in the local frame at the player */
  double move_north;
  double yaw_turns; /* facing, turns clockwise from north */
  uint8_t buttons;
} bm_input;

/* An entity as it should be drawn at the moment asked for. */
typedef struct bm_entity {
  size_t size; /* sizeof(bm_entity); set it in the first element of an array */
  uint32_t id;
  uint8_t kind;   /* 1 player, 2 animal, 3 resource, 4 item */
  uint8_t detail; /* 0: within 50 m, all is known; 1: to 300 m; 2: position only */
  uint8_t health; /* percent; 100 where it is not known */
  uint8_t animation;
  uint16_t definition; /* kind 4: which item (GET /v1/items); 0: not known yet */
  bm_vector3 position;
  double yaw_turns;
  double drawn_tick; /* the server's tick that `position` stands for, for hit tests */
} bm_entity;

/* The own player, predicted. */
typedef struct bm_own {
  size_t size; /* sizeof(bm_own) */
  uint32_t id;
  uint8_t health;
  bm_vector3 position;  /* to be drawn: predicted, corrections blended */
  bm_vector3 confirmed; /* the server's, at confirmed_tick */
  double yaw_turns;
  uint64_t predicted_tick, confirmed_tick;
  int64_t player_id; /* in the world's books, the same after every login */
  int64_t gold;
} bm_own;

typedef struct bm_item {
  int64_t item_id;
  uint32_t definition;
  uint32_t quantity;
} bm_item;

/* Of one handle since it was opened; the traffic of the connection of now. */
typedef struct bm_stats {
  size_t size; /* sizeof(bm_stats) */
  uint64_t down_bytes, up_bytes;
  double rtt_ms;
  uint64_t corrections; /* predictions that the server set right */
  uint64_t times_lost;  /* out of play by anybody's doing but our own */
} bm_stats;

#define BM_KEY_BYTES 16
#define BM_MAX_TRADE_ITEMS 8

typedef enum bm_action_kind {
  BM_ACTION_PICK_UP = 1,      /* entity_id: an item on the ground */
  BM_ACTION_DROP = 2,         /* items[0] */
  BM_ACTION_GIVE = 3,         /* items and gold to the player entity_id */
  BM_ACTION_OFFER_TRADE = 4,  /* items and gold to entity_id for want_items and want_gold */
  BM_ACTION_ACCEPT_TRADE = 5, /* trade_id */
  BM_ACTION_SPLIT = 6,        /* quantity off items[0] */
  BM_ACTION_MERGE = 7         /* items[1] into items[0] */
} bm_action_kind;

/* Done once however often it is sent with one key; docs/client.md, "Things and gold". */
typedef struct bm_action {
  size_t size; /* sizeof(bm_action) */
  int kind;    /* bm_action_kind */
  uint32_t entity_id;
  int64_t items[BM_MAX_TRADE_ITEMS]; /* 0 after the last */
  int64_t want_items[BM_MAX_TRADE_ITEMS];
  int64_t gold, want_gold;
  uint64_t trade_id;
  uint32_t quantity;
  uint8_t key[BM_KEY_BYTES]; /* all zero: bm_act draws one and writes it here */
} bm_action;

typedef enum bm_event_kind {
  BM_EVENT_STATE = 1,        /* state: the new one; reason and text why */
  BM_EVENT_ENTITY_ENTER = 2, /* entity_id came into view */
  BM_EVENT_ENTITY_LEAVE = 3, /* entity_id went out of view */
  BM_EVENT_CHAT = 4,         /* name said text; entity_id may have left */
  BM_EVENT_CHAT_REFUSED = 5, /* line `number` (bm_say) was heard by nobody: reason, text */
  BM_EVENT_ANSWER = 6        /* of the action `key`: outcome, reason, text */
} bm_event_kind;

typedef struct bm_event {
  size_t size; /* sizeof(bm_event) */
  int kind;    /* bm_event_kind */
  int state;   /* bm_state */
  int reason;  /* bm_reason_name, bm_chat_reason_name or bm_action_reason_name */
  int outcome; /* 0 done and on disk, 1 refused, 2 not known yet: it is asked again by itself */
  int scope;   /* bm_scope */
  uint32_t entity_id;
  uint32_t number;
  uint32_t retry_ms; /* refused as too fast: not before */
  uint64_t tick;
  int64_t player_id;
  int64_t item_id; /* that the action made */
  uint8_t key[BM_KEY_BYTES];
  const char* name; /* never NULL */
  const char* text; /* for people; never NULL */
} bm_event;

typedef struct bm_session bm_session;

/* BM_API_VERSION of the library that runs, which may be newer than this header. */
BM_API int bm_api_version(void);
/* A monotonic clock in nanoseconds, for programs that have none. */
BM_API int64_t bm_now_ns(void);
/* English words for codes; "unknown" for numbers that are none. Static. */
BM_API const char* bm_result_name(int result);
BM_API const char* bm_state_name(int state);
BM_API const char* bm_reason_name(int reason);
BM_API const char* bm_chat_reason_name(int reason);
BM_API const char* bm_action_reason_name(int reason);

/* Begins to join; progress by bm_poll. */
BM_API bm_result bm_open(const bm_options* options, bm_session** out);
/* Says goodbye: the state is BM_STATE_ENDED from now on. Poll for a few frames more, which gets it
   out, then close. */
BM_API bm_result bm_leave(bm_session* session);
/* Frees the handle, and waits for a request of it that is under way (at most 5 s). Without
   bm_leave before, the player stays in the world for session.linger_s. NULL is fine. */
BM_API void bm_close(bm_session* session);

/* Receives, simulates, sends. Once per frame, at least at the server's tick rate. `now_ns`: any
   monotonic clock, the same for all calls on one handle. */
BM_API bm_result bm_poll(bm_session* session, int64_t now_ns);
BM_API bm_state bm_session_state(const bm_session* session);
/* Why the player was out of the world last; 0: never, or the join failed (bm_error). */
BM_API int bm_reason(const bm_session* session);
/* For people; of the last failed call, or why the session ended. Never NULL. */
BM_API const char* bm_error(bm_session* session);
/* 1: taken and `out` filled; 0: there is none. Of events that nobody takes the newest 4,096 are
   kept. */
BM_API int bm_next_event(bm_session* session, bm_event* out);

BM_API bm_result bm_set_input(bm_session* session, const bm_input* input);
BM_API bm_result bm_get_own(bm_session* session, bm_own* out);
/* All that is in view, as it should be drawn at `now_ns`. Returns how many there are, also when
   `capacity` is less; `out` may be NULL when it is 0. */
BM_API size_t bm_get_entities(bm_session* session, int64_t now_ns, bm_entity* out, size_t capacity);
/* BM_ERR_ARGUMENT: not in view. */
BM_API bm_result bm_get_entity(bm_session* session, uint32_t id, int64_t now_ns, bm_entity* out);
/* The server's tick as seen from here, with fraction; 0 before BM_STATE_PLAYING. */
BM_API double bm_server_tick(bm_session* session, int64_t now_ns);
BM_API bm_result bm_get_stats(bm_session* session, bm_stats* out);

/* One line of UTF-8 to a bm_scope. `number` (may be NULL): what a refusal will name. */
BM_API bm_result bm_say(bm_session* session, int scope, const char* text, uint32_t* number);
/* The own things as the server told them last; returns how many, as bm_get_entities does. */
BM_API size_t bm_get_inventory(bm_session* session, bm_item* out, size_t capacity);
/* The answer comes as BM_EVENT_ANSWER, also over a reconnect. */
BM_API bm_result bm_act(bm_session* session, bm_action* action);

/* The newest refresh token, to be kept as secretly as a password; "" before the login. */
BM_API const char* bm_refresh_token(bm_session* session);

/* `point` as metres east, north and up of `origin`: where engines draw it. */
BM_API bm_vector3 bm_to_local(bm_vector3 origin, bm_vector3 point);
/* Degrees and metres above WGS84: x longitude, y latitude, z height. */
BM_API bm_vector3 bm_to_geodetic(bm_vector3 ecef);

#ifdef __cplusplus
}
#endif
