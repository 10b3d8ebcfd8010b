"""Two clients written from the wire page alone play on a real zoned: what proto/WIRE.md says is what happens.

    wire_client_test.py ROOT      needs zoned in $BLUEMARBLE_BIN_DIR
"""

import math
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

from wire_client import COMBAT, UNIT_M, Member, Part, Snapshot, View, WireClient, WireError, decode_part, wait

ROOT = pathlib.Path(sys.argv.pop(1)).resolve()
SEED = int(os.environ.get("BLUEMARBLE_SEED", time.time_ns() & 0xFFFF))
CLIENT_QUIT, WRONG_VERSION, MALFORMED, RATE_LIMITED = 1, 3, 7, 12
OK, REFUSED = 0, 1
KEY_REUSED, NOT_HOLDER, INSUFFICIENT, TOO_FAR, DECLINED, BAD_AMOUNT, NO_SUCH_ITEM = 4, 7, 8, 9, 13, 14, 15
LAT = 50.0
DEGREE_M = 71700    # of longitude at that latitude
# A process that shares its cores with others is late now and then: stay further ahead of the server than a game would.
DEPTHS = (4, 6)


def free_port():
    for port in random.sample(range(18100, 19000), 900):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")


def ready(http):
    try:
        with urllib.request.urlopen(http + "/readyz", timeout=1) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


class PageExamples(unittest.TestCase):
    """The payloads that the page itself has."""

    @classmethod
    def setUpClass(cls):
        page = (ROOT / "proto/WIRE.md").read_text(encoding="utf-8")
        examples = re.findall("`([0-9a-f]{12,})`", page[page.index("Example, combat"):])
        cls.keyframe, cls.delta, cls.widest, cls.too_wide = map(bytes.fromhex, examples)

    def decode(self, payload, base=None, older=None, age=0, step=0):
        return decode_part(Part(1, 0, COMBAT, age, step, payload), base, older, 30)

    def walker(self, position, yaw):
        return Member(1 << 20 | 7, 1, position, yaw, 100, 0, (3, (0, 0, 0)))

    def body(self, position, *parts):
        return Member(2 << 20 | 9, 5, position, 0, 0, 0, (3, parts))

    def test_the_keyframe_and_the_delta_say_the_same(self):
        now = {0: self.walker((1013, -1996, 30), 110), 2: self.body((1521, -1500, 409), 111, -209, 290)}
        newest = {0: self.walker((1000, -2000, 30), 100), 2: self.body((1500, -1500, 400), 100, -200, 300)}
        older = {0: self.walker((988, -2003, 30), 100), 2: self.body((1480, -1500, 390), 90, -190, 310)}
        self.assertEqual(self.decode(self.keyframe), now)
        self.assertEqual(self.decode(self.delta, newest, older, 3, 3), now)

    def test_a_number_of_more_free_bits_than_one_may_have_is_refused(self):
        base = {0: self.walker((1000, -2000, 30), 100)}
        self.assertEqual(self.decode(self.widest, base, age=3), {0: self.walker((1000, -2000, 30), 99)})
        with self.assertRaises(WireError):
            self.decode(self.too_wide, base, age=3)


    def test_what_has_left_does_not_come_back_by_what_was_sent_before_in_whatever_leaf(self):
        view = View(30)

        def apply(tick, *leaves, drops=()):
            parts = [Part(leaf, 0, COMBAT, 0, 0, self.keyframe) for leaf in leaves]
            view.apply(Snapshot(1, tick, None, None, 0, 100, list(drops), parts), tick)
            return len(view.held)

        self.assertEqual(apply(100, 1 << 48), 2)
        self.assertEqual(apply(105, drops=[1 << 48]), 0)
        self.assertEqual(apply(104, (1 << 48) + 1), 0)
        self.assertEqual(apply(105, (1 << 48) + 2), 2)


class WirePage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"seed {SEED} (BLUEMARBLE_SEED)")
        cls.random = random.Random(SEED)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        port = free_port()
        cls.http = f"http://127.0.0.1:{port}"
        settings = (f"http.port={port}", "net.security=plain", "net.port=0", "net.hosts=1", "session.max_players=100",
                    f"persistence.data_dir={folder.name}/data", "dev.allow_spawn_position=true")
        log = open(f"{folder.name}/log", "w+")
        cls.addClassCleanup(log.close)
        cls.zoned = subprocess.Popen(
            [pathlib.Path(os.environ["BLUEMARBLE_BIN_DIR"]) / "zoned", "serve", "-c", ROOT / "config/zoned.toml",
             *(word for setting in settings for word in ("--set", setting))], stdout=log, stderr=log)
        cls.addClassCleanup(cls.stop)
        end = time.monotonic() + 30
        while not ready(cls.http):
            if cls.zoned.poll() is not None or time.monotonic() > end:
                log.seek(0)
                raise RuntimeError(f"zoned does not get ready: {log.read()}")
            time.sleep(0.05)
        cls.places = iter(range(1000))

    @classmethod
    def stop(cls):
        cls.zoned.send_signal(signal.SIGTERM)
        try:
            cls.zoned.wait(15)
        except subprocess.TimeoutExpired:
            cls.zoned.kill()
            cls.zoned.wait()

    def setUp(self):
        # Each test has a place of its own, 7 km from the next and far from all animals.
        self.place = 10 + 0.1 * next(self.places)

    def connect(self, name, east_m=0.0, welcome=True, **options):
        spawn = (self.place + east_m / DEGREE_M, LAT, 0.0)
        client = WireClient(self.http, f"{name} {self.place:.1f}", spawn, seed=self.random.random(), depths=DEPTHS, **options)
        self.addCleanup(client.close)
        if welcome:
            self.assertTrue(wait([client], 5, lambda: client.welcome), "no welcome")
        return client

    def again(self, name, **options):
        """A new connection of a player who was here before."""
        client = WireClient(self.http, f"{name} {self.place:.1f}", seed=self.random.random(), depths=DEPTHS, **options)
        self.addCleanup(client.close)
        self.assertTrue(wait([client], 5, lambda: client.welcome), "no welcome")
        return client

    def owner(self, name, east_m=0.0):
        """A player whose inventory has been told."""
        client = self.connect(name, east_m)
        self.assertTrue(wait([client], 5, lambda: client.own.items is not None), "no inventory")
        return client

    def answer(self, client, key, others=(), number=1):
        """The `number`th answer to the action; none may come beyond it."""
        results = client.own.results[key]
        self.assertTrue(wait([client, *others], 5, lambda: len(results) >= number), "no answer")
        self.assertEqual(len(results), number)
        return results[-1]

    def refusal(self, client, kind, others=(), **values):
        result = self.answer(client, client.act(kind, **values), others)
        self.assertEqual(result.outcome, REFUSED, kind)
        self.assertNotEqual(result.text, "")
        return result.reason

    def walk(self, clients, seconds):
        """Changing commands, and the snapshots that came meanwhile, per client."""
        before = [len(client.arrivals) for client in clients]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for client in clients:
                client.move = (self.random.randint(-127, 127), self.random.randint(-127, 127))
                client.yaw = self.random.getrandbits(16)
            wait(clients, self.random.uniform(0.05, 0.6))
        return [list(client.arrivals)[n:] for client, n in zip(clients, before)]

    def calm_walk(self, clients):
        """The snapshots of a walk for which no command came too late; others prove nothing of predictions. Digests
        sent before a late command was noticed are wrong too, so half a second before counts as well."""
        for _ in range(6):
            got = self.walk(clients, 3)
            if all(snapshot.depth >= 1 for client, new in zip(clients, got)
                   for snapshot, _ in list(client.arrivals)[-len(new) - 15:]):
                return [[snapshot for snapshot, _ in new] for new in got]
        self.fail("this machine is too slow to send input in time")

    def meet(self, *clients):
        def all_seen():
            return all(b.entity in a.view.held for a in clients for b in clients if a is not b)
        self.assertTrue(wait(clients, 2, all_seen), "not seen within 2 s")

    def errors(self, viewer, other):
        """Distances between where `viewer` held `other` and where that was at the same tick."""
        return [math.dist(position, other.path[tick].position) for tick, entity, position in viewer.sightings
                if entity == other.entity and tick in other.path]

    def test_a_login_is_welcomed_where_it_asked_to_appear(self):
        welcome = self.connect("Ada").welcome
        self.assertEqual(welcome.protocol_version, 2)
        self.assertEqual(len(welcome.class_radius_m), 3)
        self.assertEqual(len(welcome.class_period_ticks), 3)
        self.assertEqual((welcome.lon_min_deg, welcome.lon_max_deg), (-180, 180))
        self.assertAlmostEqual(math.degrees(math.atan2(welcome.y, welcome.x)), self.place, places=6)

    def test_two_walkers_hold_each_other_where_they_are(self):
        ada, bob = self.connect("Ada"), self.connect("Bob", 20)
        self.meet(ada, bob)
        self.walk([ada, bob], 5)
        for viewer, other in (ada, bob), (bob, ada):
            errors = self.errors(viewer, other)
            self.assertGreater(len(errors), 60)
            self.assertLess(max(errors), 0.05)
            self.assertEqual(viewer.view.held[other.entity].sort, COMBAT)
            self.assertEqual(viewer.view.missing_bases, 0)
            start = other.path[min(other.path)].position
            self.assertGreater(max(math.dist(start, body.position) for body in other.path.values()), 0.5)

    def test_a_right_digest_is_confirmed_and_no_exact_state_comes(self):
        ada, bob = self.connect("Ada"), self.connect("Bob", 20)
        self.walk([ada, bob], 1)
        for got in self.calm_walk([ada, bob]):
            self.assertGreater(len(got), 30)
            self.assertEqual([snapshot.tick for snapshot in got if snapshot.exact], [])
            self.assertEqual([snapshot.tick for snapshot in got if snapshot.confirmed is None], [])
            self.assertLess(max(snapshot.confirmed for snapshot in got), 31)

    def test_a_wrong_digest_brings_the_exact_state_which_is_the_predicted_one(self):
        ada = self.connect("Ada", predicts=False)
        self.walk([ada], 1)
        (got,) = self.calm_walk([ada])
        self.assertGreater(len(got), 60)
        self.assertTrue(all(snapshot.exact and snapshot.confirmed is None for snapshot in got))
        for tick, predicted, exact in list(ada.corrections)[-len(got):]:
            self.assertEqual(predicted, exact, f"tick {tick}")

    def test_a_lone_player_is_sent_a_heartbeat_every_100_ms(self):
        ada = self.connect("Ada")
        wait([ada], 1)
        before = len(ada.arrivals)
        self.assertTrue(wait([ada], 5, lambda: len(ada.arrivals) >= before + 20), "no heartbeat")
        got = [snapshot for snapshot, _ in list(ada.arrivals)[before:]]
        steps = [b.tick - a.tick for a, b in zip(got, got[1:])]
        self.assertLessEqual(max(steps), ada.welcome.tick_hz // 10)
        self.assertTrue(all(snapshot.confirmed is not None and not snapshot.exact for snapshot in got))

    def test_a_goodbye_ends_the_session_and_the_other_disappears(self):
        ada, bob = self.connect("Ada"), self.connect("Bob", 20)
        self.meet(ada, bob)
        bob.say_goodbye()
        self.assertTrue(wait([ada, bob], 2, lambda: bob.entity not in ada.view.held), "still there")
        self.assertTrue(wait([ada, bob], 3, lambda: bob.ended), "not disconnected")
        self.assertEqual(bob.link.reason, CLIENT_QUIT)
        self.assertFalse(ada.ended)
        # A leaf with nobody but oneself is dropped.
        self.assertTrue(wait([ada], 3, lambda: not ada.view.held), "the leaf is still held")

    def test_a_wrong_version_is_refused_with_the_range_that_the_server_speaks(self):
        ada = self.connect("Ada", welcome=False, version=99)
        self.assertTrue(wait([ada], 5, lambda: ada.ended), "not disconnected")
        self.assertIsNone(ada.welcome)
        self.assertEqual(ada.refused.reason, WRONG_VERSION)
        self.assertEqual((ada.refused.version_min, ada.refused.version_max), (2, 2))
        self.assertEqual(ada.link.reason, WRONG_VERSION)

    def test_snapshots_decode_when_a_fifth_of_all_datagrams_is_lost(self):
        ada, bob = self.connect("Ada", loss=0.2), self.connect("Bob", 20, loss=0.2)
        self.meet(ada, bob)
        walked = self.walk([ada, bob], 6)
        for viewer, other, got in (ada, bob, walked[0]), (bob, ada, walked[1]):
            self.assertFalse(viewer.ended)
            self.assertGreater(viewer.link.thrown_away, 20)
            self.assertEqual(viewer.view.missing_bases, 0)
            self.assertTrue(all(applied for _, applied in got))
            self.assertGreater(viewer.view.deltas, 60)
            self.assertIn(other.entity, viewer.view.held)

    def test_far_players_are_held_as_exactly_as_their_class_allows(self):
        ada = self.connect("Ada")
        others = [self.connect(f"Bob{east_m}", east_m) for east_m in (450, 900)]
        self.assertTrue(wait([ada, *others], 5, lambda: all(bob.entity in ada.view.held for bob in others)), "not seen")
        self.walk([ada, *others], 3)
        for bob in others:
            sort = ada.view.held[bob.entity].sort
            self.assertNotEqual(sort, COMBAT)
            errors = self.errors(ada, bob)
            self.assertGreater(len(errors), 3)
            self.assertLess(max(errors), UNIT_M[sort])

    # ---- section 10

    def test_a_new_player_is_told_its_things_and_gold(self):
        ada = self.owner("Ada")
        self.assertEqual(ada.own.gold, 100)
        self.assertTrue(ada.own.items)
        for item, (definition, quantity) in ada.own.items.items():
            self.assertGreater(item, 0)
            self.assertIn(definition, range(1, 4096))
            self.assertGreater(quantity, 0)

    def test_a_dropped_item_lies_there_is_seen_and_can_be_picked_up_by_another(self):
        ada, bob = self.owner("Ada"), self.owner("Bob", 1)
        self.meet(ada, bob)
        item, (definition, quantity) = next(iter(ada.own.items.items()))
        had = dict(bob.own.items)
        key = ada.act("drop", item_id=item)
        self.assertEqual(self.answer(ada, key, [bob]).outcome, OK)
        self.assertNotIn(item, ada.own.items)
        # The change comes before the answer.
        self.assertEqual([what for what, _ in ada.own.heard[-2:]], ["inventory", "result"])
        self.assertTrue(wait([ada, bob], 3, lambda: definition in bob.lying_items().values()), "it does not lie there")
        (entity,) = (entity for entity, seen in bob.lying_items().items() if seen == definition)
        self.assertLess(math.dist(bob.view.position(entity), ada.path[ada.tick].position), 0.05)
        result = self.answer(bob, bob.act("pick_up", entity_id=entity), [ada])
        self.assertEqual((result.outcome, result.repeated), (OK, 0))
        self.assertEqual(bob.own.items, {**had, item: (definition, quantity)})
        self.assertTrue(wait([ada, bob], 3, lambda: not ada.lying_items()), "it still lies there")
        self.assertEqual(self.refusal(ada, "pick_up", [bob], entity_id=entity), NO_SUCH_ITEM)

    def test_the_same_key_happens_once_on_this_connection_and_on_the_next(self):
        ada, bob = self.owner("Ada"), self.owner("Bob", 1)
        self.meet(ada, bob)
        key = ada.act("give", entity_id=bob.entity, item_ids=[], gold=30)
        self.assertEqual(self.answer(ada, key, [bob]).repeated, 0)
        ada.act("give", key, entity_id=bob.entity, item_ids=[], gold=30)
        again = self.answer(ada, key, [bob], number=2)
        self.assertEqual((again.outcome, again.repeated), (OK, 1))
        self.assertEqual(ada.own.gold, 70)
        ada.say_goodbye()
        self.assertTrue(wait([ada, bob], 3, lambda: ada.ended), "not disconnected")
        ada = self.again("Ada")
        ada.act("give", key, entity_id=bob.entity, item_ids=[], gold=30)
        again = self.answer(ada, key, [bob])
        self.assertEqual((again.outcome, again.repeated), (OK, 1))
        self.assertEqual((ada.own.gold, bob.own.gold), (70, 130))
        ada.act("give", key, entity_id=bob.entity, item_ids=[], gold=31)
        again = self.answer(ada, key, [bob], number=2)
        self.assertEqual((again.outcome, again.reason), (REFUSED, KEY_REUSED))
        self.assertEqual((ada.own.gold, bob.own.gold), (70, 130))

    def test_what_makes_no_sense_is_refused_with_its_reason_and_changes_nothing(self):
        ada, bob = self.owner("Ada"), self.owner("Bob", 40)
        self.meet(ada, bob)
        before = dict(ada.own.items)
        stack = next(item for item, (_, quantity) in before.items() if quantity > 1)
        others = next(iter(bob.own.items))
        for reason, kind, values in (
                (NO_SUCH_ITEM, "pick_up", {"entity_id": 0xFFFFFFFF}),
                (NOT_HOLDER, "drop", {"item_id": others}),
                (NOT_HOLDER, "drop", {"item_id": -1}),
                (NOT_HOLDER, "drop", {"item_id": (1 << 63) - 1}),
                (TOO_FAR, "give", {"entity_id": bob.entity, "item_ids": [stack]}),
                (BAD_AMOUNT, "give", {"entity_id": bob.entity, "gold": -1}),
                (BAD_AMOUNT, "give", {"entity_id": bob.entity, "gold": (1 << 63) - 1}),
                (BAD_AMOUNT, "give", {"entity_id": bob.entity, "gold": 0}),
                (BAD_AMOUNT, "split", {"item_id": stack, "quantity": 0}),
                (BAD_AMOUNT, "split", {"item_id": stack, "quantity": 1 << 31}),
                (NO_SUCH_ITEM, "accept", {"trade_id": 12345})):
            self.assertEqual(self.refusal(ada, kind, [bob], **values), reason, f"{kind} {values}")
        self.assertEqual((ada.own.items, ada.own.gold), (before, 100))

    def test_a_stack_is_split_and_merged_again(self):
        ada = self.owner("Ada")
        before = dict(ada.own.items)
        stack, (definition, quantity) = next((i, of) for i, of in before.items() if of[1] > 1)
        result = self.answer(ada, ada.act("split", item_id=stack, quantity=1))
        self.assertEqual(result.outcome, OK)
        self.assertEqual(ada.own.items, {**before, stack: (definition, quantity - 1), result.item_id: (definition, 1)})
        result = self.answer(ada, ada.act("merge", item_id=stack, from_item_id=result.item_id))
        self.assertEqual(result.outcome, OK)
        self.assertEqual(ada.own.items, before)

    def test_an_accepted_trade_changes_hands_on_both_sides(self):
        ada, bob = self.owner("Ada"), self.owner("Bob", 1)
        self.meet(ada, bob)
        mine, of_mine = next(iter(ada.own.items.items()))
        his, of_his = next(iter(bob.own.items.items()))
        offer = ada.act("offer", entity_id=bob.entity, give_item_ids=[mine], give_gold=5, want_item_ids=[his],
                        want_gold=7)
        self.assertTrue(wait([ada, bob], 5, lambda: bob.own.offers), "no offer")
        (told,) = bob.own.offers.values()
        self.assertEqual((told.entity_id, told.get_gold, told.give_item_ids, told.give_gold), (ada.entity, 5, [his], 7))
        self.assertEqual([(item.item_id, (item.definition, item.quantity)) for item in told.get], [(mine, of_mine)])
        self.assertFalse(ada.own.results[offer])
        accept = bob.act("accept", trade_id=told.trade_id)
        self.assertEqual(self.answer(bob, accept, [ada]).outcome, OK)
        self.assertEqual(self.answer(ada, offer, [bob]).outcome, OK)
        self.assertTrue(wait([ada, bob], 3, lambda: bob.own.closed.get(told.trade_id) == 0), "not closed")
        self.assertEqual((ada.own.gold, bob.own.gold), (102, 98))
        self.assertEqual((ada.own.items.get(his), bob.own.items.get(mine)), (of_his, of_mine))
        self.assertNotIn(mine, ada.own.items)
        self.assertNotIn(his, bob.own.items)

    def test_an_offer_is_declined_by_one_and_taken_back_by_the_other(self):
        ada, bob = self.owner("Ada"), self.owner("Bob", 1)
        self.meet(ada, bob)
        for takes_back in False, True:
            offer = ada.act("offer", entity_id=bob.entity, give_gold=5)
            self.assertTrue(wait([ada, bob], 5, lambda: bob.own.offers), "no offer")
            (trade,) = bob.own.offers
            ada.decline(key=offer) if takes_back else bob.decline(trade)
            result = self.answer(ada, offer, [bob])
            self.assertEqual((result.outcome, result.reason), (REFUSED, DECLINED))
            self.assertTrue(wait([ada, bob], 3, lambda: bob.own.closed.get(trade) == DECLINED), "not closed")
        bob.decline(trade)    # it has been over for long: ignored
        self.assertEqual(self.refusal(bob, "accept", [ada], trade_id=trade), NO_SUCH_ITEM)
        self.assertEqual((ada.own.gold, bob.own.gold), (100, 100))

    def test_an_action_out_of_form_ends_the_session(self):
        for key, kind, values in ((b"short", "drop", {"item_id": 1}), (bytes(16), "drop", {"item_id": 1}),
                                  (b"k" * 16, "give", {"entity_id": 1, "item_ids": list(range(1, 10))})):
            ada = self.owner(f"Ada {kind} {len(key)} {key[0]}")
            ada.act(kind, key, **values)
            self.assertTrue(wait([ada], 3, lambda: ada.ended), "still there")
            self.assertEqual(ada.link.reason, MALFORMED)

    def test_too_many_actions_at_once_end_the_session(self):
        ada = self.owner("Ada")
        keys = [ada.act("drop", item_id=1) for _ in range(35)]
        self.assertTrue(wait([ada], 5, lambda: all(ada.own.results[key] for key in keys)), "not all answered")
        self.assertFalse(ada.ended)
        for _ in range(100):
            ada.act("drop", item_id=1)
        self.assertTrue(wait([ada], 5, lambda: ada.ended), "still there")
        self.assertEqual(ada.link.reason, RATE_LIMITED)


if __name__ == "__main__":
    unittest.main()
