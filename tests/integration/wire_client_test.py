"""Two clients written from the wire page alone play on a real zoned: what proto/WIRE.md says is what happens.

    wire_client_test.py ROOT      needs zoned in $BLUEMARBLE_BIN_DIR
"""

import math
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

from wire_client import COMBAT, UNIT_M, WireClient, wait

ROOT = pathlib.Path(sys.argv.pop(1)).resolve()
SEED = int(os.environ.get("BLUEMARBLE_SEED", time.time_ns() & 0xFFFF))
CLIENT_QUIT, WRONG_VERSION = 1, 3
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


class WirePage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"seed {SEED} (BLUEMARBLE_SEED)")
        cls.random = random.Random(SEED)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        port = free_port()
        cls.http = f"http://127.0.0.1:{port}"
        settings = (f"http.port={port}", "net.port=0", "net.hosts=1", "session.max_players=100",
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
        self.assertEqual(welcome.protocol_version, 1)
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
        self.assertEqual((ada.refused.version_min, ada.refused.version_max), (1, 1))
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


if __name__ == "__main__":
    unittest.main()
