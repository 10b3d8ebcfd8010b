/* Walks in a circle, tells who comes and goes, says hello, and comes back after an outage.
     walker URL NAME [PASSWORD] [SECONDS]      without a password: a server in plain mode */
#include <bluemarble/bluemarble.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void sleep_ms(long ms) {
  struct timespec span = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&span, NULL);
}

/* A quarter of the way round each second. */
static void walk(bm_session* session, double seconds) {
  static const double east[] = {1, 0, -1, 0}, north[] = {0, 1, 0, -1};
  bm_input input;
  memset(&input, 0, sizeof input);
  input.size = sizeof input;
  input.move_east = east[(int)seconds % 4];
  input.move_north = north[(int)seconds % 4];
  bm_set_input(session, &input);
}

static void tell(bm_session* session) {
  bm_event event;
  memset(&event, 0, sizeof event);
  event.size = sizeof event;
  while (bm_next_event(session, &event)) {
    switch (event.kind) {
      case BM_EVENT_STATE:
        printf("%s %s %s\n", bm_state_name(event.state), event.reason ? bm_reason_name(event.reason) : "", event.text);
        break;
      case BM_EVENT_ENTITY_ENTER: printf("entity %u came\n", event.entity_id); break;
      case BM_EVENT_ENTITY_LEAVE: printf("entity %u left\n", event.entity_id); break;
      case BM_EVENT_CHAT: printf("%s: %s\n", event.name, event.text); break;
      case BM_EVENT_CHAT_REFUSED: printf("nobody heard line %u: %s\n", event.number, event.text); break;
      default: break;
    }
  }
}

static void look_around(bm_session* session, int64_t now_ns) {
  static bm_entity entities[512];
  bm_own own;
  memset(&own, 0, sizeof own);
  own.size = sizeof own;
  entities[0].size = sizeof entities[0];
  if (bm_get_own(session, &own) != BM_OK) return;
  const bm_vector3 place = bm_to_geodetic(own.position);
  const size_t count = bm_get_entities(session, now_ns, entities, 512);
  printf("I am at longitude %.5f, latitude %.5f and see %zu others\n", place.x, place.y, count);
  for (size_t i = 0; i < count && i < 3; ++i) {
    const bm_vector3 there = bm_to_local(own.position, entities[i].position);
    printf("  entity %u of kind %d, %.1f m east, %.1f m north\n", entities[i].id, entities[i].kind, there.x, there.y);
  }
}

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: walker URL NAME [PASSWORD] [SECONDS]\n");
    return 2;
  }
  const double seconds = argc > 4 ? atof(argv[4]) : 10;
  bm_options options;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.server_url = argv[1];
  options.name = argv[2];
  options.password = argc > 3 && argv[3][0] ? argv[3] : NULL;
  options.register_unknown = 1;

  bm_session* session = NULL;
  const bm_result opened = bm_open(&options, &session);
  if (opened != BM_OK) {
    fprintf(stderr, "bm_open: %s\n", bm_result_name(opened));
    return 1;
  }
  const int64_t start_ns = bm_now_ns();
  double next_look_s = 0;
  int greeted = 0;
  for (double t = 0; t < seconds && bm_session_state(session) != BM_STATE_ENDED; t = (double)(bm_now_ns() - start_ns) / 1e9) {
    bm_poll(session, bm_now_ns()); /* a game calls this once per frame */
    tell(session);
    if (bm_session_state(session) == BM_STATE_PLAYING) {
      walk(session, t);
      if (!greeted) greeted = bm_say(session, BM_SCOPE_ZONE, "hello from C", NULL) == BM_OK;
      if (t >= next_look_s) {
        look_around(session, bm_now_ns());
        next_look_s = t + 1;
      }
    }
    sleep_ms(10);
  }
  const int played = bm_session_state(session) == BM_STATE_PLAYING;
  if (!played) fprintf(stderr, "not in play: %s %s\n", bm_reason_name(bm_reason(session)), bm_error(session));
  bm_leave(session);
  for (int i = 0; i < 10; ++i) { /* lets the goodbye out */
    bm_poll(session, bm_now_ns());
    sleep_ms(10);
  }
  bm_close(session);
  return played ? 0 : 1;
}
