// What the C interface does without a server; examples/c plays on one (tests/packaging).
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>

#include "bluemarble/bluemarble.h"

namespace {

bm_options Options() {
  bm_options options;
  std::memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.server_url = "http://127.0.0.1:1";  // nobody is there
  options.name = "ada";
  return options;
}

/// Polls until the state is there, at most ten seconds.
bool Becomes(bm_session* session, bm_state state) {
  const int64_t end_ns = bm_now_ns() + 10'000'000'000;
  while (bm_session_state(session) != state) {
    if (bm_now_ns() > end_ns || bm_poll(session, bm_now_ns()) != BM_OK) return false;
  }
  return true;
}

TEST(CInterface, RefusesWhatIsNotAHandleOrNoStructOfThisVersion) {
  bm_session* session = nullptr;
  bm_options options = Options();
  EXPECT_EQ(bm_open(nullptr, &session), BM_ERR_ARGUMENT);
  EXPECT_EQ(bm_open(&options, nullptr), BM_ERR_ARGUMENT);
  options.size = 8;
  EXPECT_EQ(bm_open(&options, &session), BM_ERR_ARGUMENT);
  options = Options();
  options.name = nullptr;
  EXPECT_EQ(bm_open(&options, &session), BM_ERR_ARGUMENT);
  EXPECT_EQ(session, nullptr);

  bm_input input{};
  bm_own own{};
  bm_event event{};
  bm_entity entity{};
  EXPECT_EQ(bm_poll(nullptr, 0), BM_ERR_ARGUMENT);
  EXPECT_EQ(bm_set_input(nullptr, &input), BM_ERR_ARGUMENT);
  EXPECT_EQ(bm_get_own(nullptr, &own), BM_ERR_ARGUMENT);
  EXPECT_EQ(bm_next_event(nullptr, &event), 0);
  EXPECT_EQ(bm_get_entities(nullptr, 0, &entity, 1), 0u);
  EXPECT_EQ(bm_session_state(nullptr), BM_STATE_ENDED);
  EXPECT_STREQ(bm_error(nullptr), "no session");
  EXPECT_STREQ(bm_refresh_token(nullptr), "");
  bm_close(nullptr);
}

TEST(CInterface, AServerThatIsAwayIsTriedAgainUnlessOneTryIsWanted) {
  bm_options options = Options();
  for (const bool again : {true, false}) {
    options.no_reconnect = again ? 0 : 1;
    bm_session* session = nullptr;
    ASSERT_EQ(bm_open(&options, &session), BM_OK);
    EXPECT_EQ(bm_session_state(session), BM_STATE_JOINING);
    // Told already: the try may have failed before the first poll, and that is to be told too.
    bm_event event{};
    event.size = sizeof event;
    ASSERT_EQ(bm_next_event(session, &event), 1);
    EXPECT_EQ(event.state, BM_STATE_JOINING);
    ASSERT_TRUE(Becomes(session, again ? BM_STATE_WAITING : BM_STATE_ENDED));
    ASSERT_EQ(bm_poll(session, bm_now_ns()), BM_OK);
    std::string told;
    while (bm_next_event(session, &event) != 0)
      if (event.kind == BM_EVENT_STATE) told = std::string(bm_state_name(event.state)) + event.text;
    EXPECT_EQ(told.find(again ? "waiting" : "ended"), 0u) << told;
    EXPECT_NE(std::string(bm_error(session)).find("127.0.0.1"), std::string::npos);
    bm_close(session);
  }
}

TEST(CInterface, OutOfPlayNothingIsDoneAndTheReasonIsTold) {
  const bm_options options = Options();
  bm_session* session = nullptr;
  ASSERT_EQ(bm_open(&options, &session), BM_OK);
  bm_own own{};
  own.size = sizeof own;
  EXPECT_EQ(bm_get_own(session, &own), BM_ERR_STATE);
  EXPECT_STREQ(bm_error(session), "not in play");
  EXPECT_EQ(bm_say(session, BM_SCOPE_ZONE, "hello", nullptr), BM_ERR_STATE);
  EXPECT_EQ(bm_say(session, 7, "hello", nullptr), BM_ERR_ARGUMENT);
  bm_action action{};
  action.size = sizeof action;
  EXPECT_EQ(bm_act(session, &action), BM_ERR_ARGUMENT) << "no kind";
  action.kind = BM_ACTION_DROP;
  EXPECT_EQ(bm_act(session, &action), BM_ERR_STATE);
  EXPECT_EQ(bm_server_tick(session, 0), 0);
  EXPECT_EQ(bm_leave(session), BM_OK);
  EXPECT_EQ(bm_session_state(session), BM_STATE_ENDED);
  EXPECT_STREQ(bm_reason_name(bm_reason(session)), "client_quit");
  bm_close(session);
}

TEST(CInterface, CodesHaveNamesAndStrangeOnesAreUnknown) {
  EXPECT_STREQ(bm_result_name(BM_ERR_LIMIT), "limit");
  EXPECT_STREQ(bm_state_name(BM_STATE_PLAYING), "playing");
  EXPECT_STREQ(bm_reason_name(14), "replaced");
  EXPECT_STREQ(bm_chat_reason_name(1), "too_fast");
  EXPECT_STREQ(bm_action_reason_name(9), "too_far");
  for (const int strange : {-1, 99, 1 << 20}) {
    EXPECT_STREQ(bm_result_name(strange), "unknown");
    EXPECT_STREQ(bm_state_name(strange), "unknown");
    EXPECT_STREQ(bm_reason_name(strange), "unknown");
    EXPECT_STREQ(bm_chat_reason_name(strange), "unknown");
    EXPECT_STREQ(bm_action_reason_name(strange), "unknown");
  }
}

TEST(CInterface, PlacesAreMetresEastNorthAndUp) {
  // On the equator at longitude 0: east is +y, north +z, up +x.
  const bm_vector3 origin{6378137, 0, 0};
  const bm_vector3 local = bm_to_local(origin, {6378140, 10, 20});
  EXPECT_NEAR(local.x, 10, 1e-9);
  EXPECT_NEAR(local.y, 20, 1e-9);
  EXPECT_NEAR(local.z, 3, 1e-9);
  const bm_vector3 place = bm_to_geodetic({0, 6378137 + 100, 0});
  EXPECT_NEAR(place.x, 90, 1e-9);
  EXPECT_NEAR(place.y, 0, 1e-9);
  EXPECT_NEAR(place.z, 100, 1e-6);
}

}  // namespace
