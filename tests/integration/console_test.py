"""The console's interface of a real zone with animals and bots: who may, what it answers, what it refuses; and that the
zone computes the same world with it as without (what was recorded is replayed), without allocating.

    console_test.py --bin FOLDER
"""

import argparse
import json
import pathlib
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import web_socket  # noqa: E402
from web_socket import TEXT, Refused  # noqa: E402
from zone_under_test import SEALED, Bots, Failure, Zone, total, wait_until  # noqa: E402

ANIMALS = 400
ITEMS = 5
BOTS = 20
WORLD = [-180, -90, 180, 90]
PASSWORD = "correct horse battery"
SETTINGS = (*SEALED, f"game.animals={ANIMALS}", "game.resource_nodes=0", f"game.ground_items={ITEMS}", "console.max_entities=100",
            "game.scatter_radius_m=3000",
            "console.max_consoles=4", 'game.spawn_centres=["11.5755,48.1374", "2.3522,48.8566"]')
SAMPLE = {"type", "time_ms", "tick", "tick_hz", "tick_ms", "phases_ms", "period_ms", "relief_step", "dilation_pct",
          "late_ticks", "skipped_ticks", "slow_ticks", "players", "lingering", "pending", "entities", "leaves",
          "bytes_in_per_s", "bytes_out_per_s", "datagrams_in_per_s", "datagrams_out_per_s", "age_ms", "commits_per_s",
          "commit_ms", "writes_refused_per_s", "store_away", "block_hits_pct", "blocks_per_s", "parts_deferred_per_s",
          "cache_hits_pct", "inbound_bytes", "outbound_bytes", "commit_bytes", "positions_waiting", "journal_waiting",
          "zone_cpu_pct", "cpu_pct", "rss_mb", "steal_pct", "chat_per_s", "logins_per_s", "consoles",
          "feed_leaves_per_s", "feed_dropped"}


def expect(condition, what):
    if not condition:
        raise Failure(what)


class Closed(Exception):
    """The server has ended a socket."""

    def __init__(self, code):
        super().__init__(f"closed with {code}")
        self.code = code


class WebSocket(web_socket.WebSocket):
    """One that can be waited for."""

    def __init__(self, http, headers=(), receive_buffer=None):
        super().__init__(http, "/v1/console/live", headers, receive_buffer)
        self.waiting = []

    def receive(self, seconds):
        """(opcode, bytes) of the next message."""
        until = time.monotonic() + seconds
        while not self.waiting:
            if self.code is not None:
                raise Closed(self.code)
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            select.select([self], [], [], left)
            self.waiting = self.poll()
        return self.waiting.pop(0)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(NoRedirect)


class Client:
    def __init__(self, zone, bearer=None):
        self.zone = zone
        self.bearer = bearer

    def ask(self, method, path, body=None, headers=()):
        """(status, headers, bytes)"""
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        request = urllib.request.Request(self.zone.http + path, data=data, method=method, headers=dict(headers))
        if self.bearer:
            request.add_header("Authorization", f"Bearer {self.bearer}")
        try:
            with OPENER.open(request, timeout=10) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def get(self, path, expected=200):
        return self.said("GET", path, None, expected)

    def post(self, path, body, expected=200):
        return self.said("POST", path, body, expected)

    def said(self, method, path, body, expected):
        status, _, text = self.ask(method, path, body)
        expect(status == expected, f"{method} {path}: {status}, not {expected}: {text[:300]}")
        return json.loads(text) if text else None


class Console:
    """An open live socket; the newest of each kind of message."""

    def __init__(self, zone, token=None, headers=(), receive_buffer=None):
        self.socket = WebSocket(zone.http, headers, receive_buffer)
        self.newest = {}
        self.parts = {}
        self.cells = None
        self.frames = 0
        if token:
            self.say(token=token)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.socket.close()

    def say(self, **message):
        self.socket.send(json.dumps(message).encode(), TEXT)

    def take(self, seconds=5):
        kind, payload = self.socket.receive(seconds)
        if kind == TEXT:
            message = json.loads(payload)
            self.newest[message["type"]] = message
            if message["type"] == "view":
                self.parts, self.cells = {}, None
            return message["type"]
        self.frames += 1
        what, zero, count, tick = struct.unpack_from("<BBHI", payload)
        expect(zero == 0 and what in (1, 2, 3), f"a frame of kind {what}")
        at = 8
        if what == 1:
            for _ in range(count):
                key, number, parts, cls, nothing, size = struct.unpack_from("<QBBBBH", payload, at)
                expect(number < parts and cls == 1 and nothing == 0, "a part's head")
                self.parts[key, number] = (tick, payload[at + 14:at + 14 + size])
                at += 14 + size
        elif what == 2:
            self.cells = [struct.unpack_from("<ffII", payload, 8 + 16 * i) for i in range(count)]
            at += 16 * count
        else:
            gone = struct.unpack_from(f"<{count}Q", payload, 8)
            self.parts = {place: part for place, part in self.parts.items() if place[0] not in gone}
            at += 8 * count
        expect(at == len(payload), "a frame with a rest")
        return what

    def until(self, what, condition, seconds=10):
        end = time.monotonic() + seconds
        while not condition():
            left = end - time.monotonic()
            if left <= 0:
                raise Failure(f"{what}: not within {seconds} s; there is {self.newest}")
            try:
                self.take(left)
            except TimeoutError:
                pass

    def closed(self, seconds):
        """The close code, and what was said last."""
        try:
            while True:
                self.take(seconds)
        except Closed as ended:
            return ended.code


def check_roles(zone, secret):
    nobody, admin = Client(zone), Client(zone, secret)
    made = nobody.post("/v1/login", {"name": "Operetta", "password": PASSWORD})
    expect(made["role"] == "player", f"a new account is {made['role']}")
    token = made["access_token"]
    player = Client(zone, token)
    for path in ("session", "status", "players", "entity?id=1", "interest?name=Ada", "shards", "config", "health", "actions",
                 "leaves?west=1&south=1&east=1.01&north=1.01"):
        expect(player.ask("GET", f"/v1/console/{path}")[0] == 403, f"a player reads {path}")
    for path in ("session", "players") * 6:  # more than the wrong secrets that an address has
        expect(nobody.ask("GET", f"/v1/console/{path}")[0] == 401, f"nobody reads {path}")
    for guess in range(12):
        status = Client(zone, f"a-guess-at-the-secret-{guess}").ask("GET", "/v1/console/session")[0]
        expect(status == (401 if guess < 10 else 429), f"guess {guess}: {status}")
    for path in ("kick", "teleport", "announce"):
        expect(player.ask("POST", f"/v1/console/{path}", {"name": "Ada"})[0] == 403, f"a player may {path}")
    expect(player.ask("POST", "/v1/admin/role", {"name": "Operetta", "role": "operator"})[0] == 403, "who makes himself one")
    forged = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
    status, _, text = Client(zone, forged).ask("GET", "/v1/console/session")
    expect(status == 401 and json.loads(text)["error"]["code"] == "denied", f"a forged token: {status} {text}")

    with Console(zone, token) as console:
        expect(console.closed(5) == 4403, "a player watches")
    admin.post("/v1/admin/role", {"name": "Operetta", "role": "operator"})
    admin.post("/v1/admin/role", {"name": "Operetta", "role": "emperor"}, 400)
    admin.post("/v1/admin/role", {"name": "Nobody Here", "role": "operator"}, 404)
    operator = nobody.post("/v1/login", {"name": "Operetta", "password": PASSWORD})
    expect(operator["role"] == "operator", "the role comes with the login")
    client = Client(zone, operator["access_token"])
    session = client.get("/v1/console/session")
    expect(session["name"] == "Operetta" and session["via"] == "token" and 0 < session["expires_in"] <= 900, str(session))
    expect(admin.get("/v1/console/session")["via"] == "secret", "the secret is one")
    return client


def check_answers(zone, client):
    status = client.get("/v1/console/status")
    expect(set(status["sample"]) == SAMPLE, f"members {set(status['sample']) ^ SAMPLE}")
    expect(status["ready"] in ("ready", "degraded"), str(status["ready"]))
    listed = client.get("/v1/console/players?limit=5&sort=name")
    expect(listed["total"] == BOTS and len(listed["players"]) == 5, f"{listed['total']} players")
    names = [player["name"] for player in listed["players"]]
    expect(names == sorted(names), f"unsorted: {names}")
    again = client.get(f"/v1/console/players?limit=500&offset=5&sort=-bytes")
    expect(len(again["players"]) == BOTS - 5, "the second page")
    rates = [player["bytes_per_s"] for player in again["players"]]
    expect(rates == sorted(rates, reverse=True) and rates[0] > 0, f"bytes: {rates}")
    wait_until("ENet knows how far away they are", 5, lambda: all(
        player["ping_ms"] for player in client.get("/v1/console/players")["players"]))
    nearest = client.get("/v1/console/players?sort=ping")["players"]
    expect(all(0 < player["ping_ms"] < 1000 for player in nearest), str(nearest)[:300])
    expect([player["ping_ms"] for player in nearest] == sorted(player["ping_ms"] for player in nearest), "sorted by ping")
    one = listed["players"][0]
    expect(one["address"] is None, "an address that nobody asked for")
    found = client.get(f"/v1/console/players?search={urllib.parse.quote(one['name'].upper())}&addresses=true")
    expect(one["player"] in [player["player"] for player in found["players"]], "search")
    expect(found["players"][0]["address"] == "127.0.0.1", str(found["players"][0]))
    for wrong in ("limit=0", "limit=501", "offset=-1", "sort=height", "addresses=yes", "search=" + "x" * 65):
        client.get("/v1/console/players?" + wrong, 400)

    entity = client.get(f"/v1/console/entity?id={one['entity']}")
    expect(entity["kind"] == "player" and entity["player"]["name"] == one["name"], str(entity))
    expect(client.get(f"/v1/console/entity?player={one['player']}")["entity"] == one["entity"], "by player")
    client.get("/v1/console/entity?id=4294967295", 404)
    client.get("/v1/console/entity?name=Nobody", 404)
    client.get("/v1/console/entity?id=1&name=Ada", 400)
    client.get("/v1/console/entity", 400)
    lat, lon = one["lat"], one["lon"]
    box = f"west={lon - 0.02}&south={lat - 0.02}&east={lon + 0.02}&north={lat + 0.02}"
    leaves = client.get(f"/v1/console/leaves?{box}")
    expect(entity["leaf"] in [leaf["leaf"] for leaf in leaves["leaves"]] and not leaves["truncated"], "the player's leaf")
    for leaf in leaves["leaves"]:
        west, south, east, north = leaf["bounds"]
        expect(east - west < 0.02 and 0 < north - south < 0.02, f"a leaf is {leaf['bounds']}")
    expect(client.get(f"/v1/console/leaves?{box}&limit=1")["truncated"], "one leaf of several")
    client.get("/v1/console/leaves?west=0&south=0&east=10&north=10", 400)
    client.get("/v1/console/leaves?west=nan&south=0&east=1&north=1", 400)
    interest = client.get(f"/v1/console/interest?player={one['player']}")
    expect(len(interest["leaves"]) > 0 and interest["radius_m"] == [50, 300, 1000], str(interest)[:300])
    client.get("/v1/console/interest?name=Nobody", 404)

    shards = client.get("/v1/console/shards")
    expect(shards["own"] == "earth" and shards["shards"][0]["own"], str(shards))
    settings = {row["name"]: row for row in client.get("/v1/console/config")["settings"]}
    expect(settings["console.max_entities"]["value"] == "100" and
           settings["console.max_entities"]["source"].startswith("--set"), str(settings["console.max_entities"]))
    expect(settings["admin.secret"]["secret"] and settings["admin.secret"]["value"] == '""', "a secret")
    health = client.get("/v1/console/health")
    states = {dependency["name"]: dependency["state"] for dependency in health["dependencies"]}
    expect(states["sqlite"] == "ready" and states["redis"] == "off" and states["journal"] == "ready", str(states))
    return one


def check_bodies(client):
    for path in ("kick", "teleport", "announce"):
        for body in (b"", b"[]", b"{", b"null", b'{"text": 5}', b'{"player": 17}', b'{"who": "x"}', b"\xff\xfe", b"[" * 50000):
            status, _, text = client.ask("POST", f"/v1/console/{path}", body)
            expect(status == 400, f"{path} {body[:20]}: {status} {text[:200]}")
            json.loads(text)
        expect(client.ask("POST", f"/v1/console/{path}", b'{"text": "' + b"x" * 70000 + b'"}')[0] == 413, "70 kB")
        expect(client.ask("GET", f"/v1/console/{path}")[0] == 405, "GET of an action")
    for path in ("console/kick", "console/teleport", "console/announce", "admin/ban", "admin/unban", "admin/role", "admin/keys",
                 "admin/rollback", "login", "accounts", "refresh", "logout", "join"):
        said = client.post(f"/v1/{path}", b'{"name": "\xff"}', 400)["error"]["message"]
        expect("not UTF-8" in said, f"{path}: {said}")
    for path in ("console/players?search=%ff", "console/entity?name=%c3", "admin/account?name=%ff", "admin/notes?player=%ed%a0%80",
                 "state/player?name=%ff"):
        said = client.get(f"/v1/{path}", 400)["error"]["message"]
        expect("not UTF-8" in said, f"{path}: {said}")
    client.post("/v1/console/teleport", {"name": "Nobody", "lat": 1, "lon": 1}, 404)
    client.post("/v1/console/teleport", {"name": "Nobody", "lat": 91, "lon": 1}, 400)
    client.post("/v1/console/kick", {"name": "Nobody"}, 404)
    client.post("/v1/console/announce", {"text": ""}, 400)
    client.post("/v1/console/announce", {"text": "x" * 257}, 400)
    client.post("/v1/console/announce", {"text": "a\nb"}, 400)


def check_actions(zone, client, one):
    heard = total(zone.metrics(), "chat_heard_lines_total")
    expect(client.post("/v1/console/announce", {"text": "Grüße an alle"})["players"] == BOTS, "who is in play")
    wait_until("everybody hears the operator", 5,
               lambda: total(zone.metrics(), "chat_heard_lines_total") >= heard + BOTS)
    lines = client.get("/v1/admin/notes?kind=chat&limit=10")
    expect(any("Grüße" in json.dumps(note, ensure_ascii=False) for note in lines["notes"]), str(lines)[:300])

    place = {"lat": one["lat"] + 0.05, "lon": one["lon"] + 0.05}
    client.post("/v1/console/teleport", {"player": one["player"], **place})
    wait_until("the player is there", 5, lambda: abs(
        client.get(f"/v1/console/entity?player={one['player']}")["lat"] - place["lat"]) < 0.005)
    time.sleep(1.5)
    there = client.get(f"/v1/console/entity?player={one['player']}")
    expect(abs(there["lat"] - place["lat"]) < 0.005 and abs(there["lon"] - place["lon"]) < 0.005, "it was put back")
    expect(total(zone.metrics(), "conduct_violations_total", kind="teleport") == 0, "an operator's is no cheat")

    kicked = total(zone.metrics(), "session_ended_total", reason="kicked")
    client.post("/v1/console/kick", {"name": one["name"], "reason": "see you"})
    wait_until("the player is away", 5,
               lambda: total(zone.metrics(), "session_ended_total", reason="kicked") == kicked + 1)
    actions = client.get("/v1/console/actions?limit=4")["actions"]
    expect([action["action"] for action in actions] == ["kicked", "teleported", "announced", "role_given"], str(actions))
    expect(actions[0]["by"].startswith("operator Operetta at ") and actions[0]["target"] == one["name"] and
           actions[0]["detail"] == "see you", str(actions[0]))


def check_past(zone, client):
    """What was before a page was opened, when nobody watched."""
    opened = time.time() * 1000
    running = json.loads(zone.get("/v1/stats"))["uptime_s"]
    with Console(zone, client.bearer) as console:
        parts = []
        while "sample" not in console.newest or console.newest["sample"]["time_ms"] < opened + 1000:
            if console.take() == "history":
                parts.append(console.newest["history"]["samples"])
        samples = [sample for part in reversed(parts) for sample in part]
        times = [sample["time_ms"] for sample in samples if sample["time_ms"] < opened]
        expect(all(len(part) == 60 for part in parts[:-1]) and 0 < len(parts[-1]) <= 60, f"parts of {[len(part) for part in parts]}")
        expect(all(set(sample) == SAMPLE for sample in samples), "members of a sample of before")
        expect(times == sorted(times) and all(800 < b - a < 3000 for a, b in zip(times, times[1:])), f"taken at {times}")
        expect(0.6 * running - 2 < len(times) <= 1.2 * running + 2, f"{len(times)} samples of {running:.0f} s")
        expect(opened - times[-1] < 3000, "none of the last second")
        expect(max(sample["consoles"] for sample in samples[:3]) == 0, "somebody watched from the start on")


def check_live(zone, client):
    with Console(zone, client.bearer) as console:
        console.until("a hello", lambda: "hello" in console.newest)
        hello = console.newest["hello"]
        expect(hello["name"] == "Operetta" and hello["max_entities"] == 100 and hello["class"] == "visual", str(hello))
        console.say(view=WORLD, zoom=8)
        console.until("counts of the world", lambda: console.cells is not None and
                      sum(cell[2] for cell in console.cells) == console.newest.get("sample", {}).get("entities"), 15)
        expect(console.newest["view"]["mode"] == "cells" and not console.parts, str(console.newest["view"]))
        expect(sum(cell[3] for cell in console.cells) == console.newest["sample"]["players"], "players in cells")
        for lat, lon, *_ in console.cells:
            expect(min(abs(lat - 48.1374) + abs(lon - 11.5755), abs(lat - 48.8566) + abs(lon - 2.3522)) < 1,
                   f"a cell at {lat}, {lon}")
        expect(set(console.newest["sample"]) == SAMPLE, "members of a sample")
        expect(console.newest["sample"]["consoles"] == 1, "who watches")

        # A leaf's surroundings, as blocks: what the zone says is in the leaves there.
        animal = find(client, "animal", range(1, 50))
        lat, lon = animal["lat"], animal["lon"]
        view = [lon - 0.004, lat - 0.003, lon + 0.004, lat + 0.003]
        console.say(view=view, zoom=17)
        console.until("blocks of a place", lambda: console.newest["view"]["mode"] == "blocks")
        leaf = int(animal["leaf"])
        console.until("the animal's leaf", lambda: (leaf, animal["part"]) in console.parts)
        first = console.parts[leaf, animal["part"]][0]
        console.until("the leaf a second later", lambda: console.parts.get((leaf, animal["part"]), (first,))[0] > first, 5)
        samples = []
        while len(samples) < 6:
            if console.take() == "sample":
                samples.append(console.newest["sample"])
        ticks = [b["tick"] - a["tick"] for a, b in zip(samples, samples[1:])]
        expect(20 <= statistics.median(ticks) <= 45, f"samples {ticks} ticks apart")

        def came(seconds):
            """Ticks of the part within so long."""
            ticks, end = set(), time.monotonic() + seconds
            while time.monotonic() < end:
                console.take()
                if (leaf, animal["part"]) in console.parts:
                    ticks.add(console.parts[leaf, animal["part"]][0])
            return len(ticks)

        slowly = came(3)
        console.say(focus=view)
        quickly = came(3)
        expect(slowly <= 5 and quickly >= 10, f"{slowly} times in 3 s, {quickly} in a focus")
        console.say(focus=None)
        console.say(view=None)
        console.until("no map", lambda: console.newest["view"]["mode"] == "none")


def find(client, kind, indices):
    """An entity of a new world: players get theirs after the animals and the items."""
    for index in indices:
        status, _, text = client.ask("GET", f"/v1/console/entity?id={1 << 20 | index}")
        if status == 200 and json.loads(text)["kind"] == kind:
            return json.loads(text)
    raise Failure(f"no {kind} among the entities {indices}")


def check_item(client):
    """What lies on the ground is known by its number, and has a history."""
    item = find(client, "item", range(ANIMALS - ITEMS, ANIMALS + 2 * ITEMS))["item"]
    catalogue = {known["id"]: known["title"] for known in client.get("/v1/items")["items"]}
    expect(catalogue[item["definition"]] == item["title"] and item["quantity"] > 0, f"{item} of {catalogue}")
    history = client.get(f"/v1/admin/history?aggregate=item:{item['item']}")
    expect(len(history["events"]) > 0, str(history))
    expect(find(client, "animal", range(1, 50))["item"] is None, "an animal is an item")


def check_refusals(zone, client):
    for message, code in (('{"token": "x"}', 4401), ("[]", 4401), ('{"view": null}', 4401)):
        with Console(zone) as console:
            console.socket.send(message.encode(), TEXT)
            expect(console.closed(5) == code, f"{message} as the first word")
            expect(console.newest["error"]["code"] in ("denied", "invalid"), str(console.newest))
    for message in ("[]", "{", '{"view": [1, 2, 3]}', '{"view": [0, 50, 1, 40], "zoom": 3}', '{"view": [0, 0, 1e999, 1], "zoom": 3}',
                    '{"focus": [0, 0, 10, 10]}', '{"view": [0, 0, 1, 1], "zoom": "x"}', '{"token": 5}', '{"x": 1}', "[" * 4000,
                    '{"x": "' + "y" * 5000 + '"}'):
        with Console(zone, client.bearer) as console:
            console.until("a hello", lambda: "hello" in console.newest)
            console.socket.send(message.encode(), TEXT)
            expect(console.closed(5) == 4400, f"{message[:40]} is taken")
    with Console(zone, client.bearer) as console:
        console.socket.send(b"\0\1\2")
        expect(console.closed(5) == 4400, "bytes are taken")
    with Console(zone, client.bearer) as console:
        for _ in range(60):
            console.say(view=WORLD, zoom=1)
        expect(console.closed(5) == 4400, "sixty messages at once are taken")


def check_crowd(zone, client):
    """Two hundred sockets that say nothing, one console too many, and one that does not read, while others are served."""
    began = time.monotonic()
    crowd = []
    for _ in range(200):
        try:
            crowd.append(WebSocket(zone.http))
        except Refused as refused:
            expect(refused.status == 503, f"refused with {refused.status}")
    expect(len(crowd) >= 150, f"{len(crowd)} sockets")
    watchers = [Console(zone, client.bearer) for _ in range(4)]
    for watcher in watchers:
        watcher.until("a hello", lambda: "hello" in watcher.newest)
    with Console(zone, client.bearer) as one_more:
        expect(one_more.closed(5) == 4429 and one_more.newest["error"]["code"] == "full", "a fifth console watches")
    wait_until("a probe", 1, lambda: zone.get("/healthz") == "ok\n")
    watchers[0].until("a sample in the crowd", lambda: "sample" in watchers[0].newest, 3)
    for socket in crowd:
        try:
            while True:
                socket.receive(max(0.1, began + 12 - time.monotonic()))
        except Closed as closed:
            expect(closed.code == 4408, f"a silent socket was closed with {closed.code}")
        socket.socket.close()
    expect(time.monotonic() - began < 12, "silent sockets stay")
    for watcher in watchers:
        watcher.__exit__()


def check_sites(zone, client):
    evil = {"Origin": "https://evil.example"}
    status, headers, _ = client.ask("POST", "/v1/console/announce", {"text": "x"}, evil)
    expect(status == 403 and not headers.get("Access-Control-Allow-Origin"), f"a foreign page's POST: {status}")
    expect(Client(zone).ask("POST", "/v1/console/announce", {"text": "x"}, {"Cookie": "token=" + client.bearer})[0] == 401,
           "a cookie is no login")
    try:
        WebSocket(zone.http, ["Origin: https://evil.example"])
        raise Failure("a foreign page's socket is open")
    except Refused as refused:
        expect(refused.status == 403, f"a foreign page's socket: {refused.status}")
    host = zone.http.split("//")[1]
    WebSocket(zone.http, [f"Origin: http://{host}"]).socket.close()


def check_files(zone):
    client = Client(zone)
    status, headers, _ = client.ask("GET", "/")
    expect(status == 302 and headers["Location"] == "/console/", f"/ leads to {headers.get('Location')}")
    status, headers, text = client.ask("GET", "/console/")
    expect(status == 200 and headers["Content-Type"].startswith("text/html") and b"console" in text, f"/console/ {status}")
    expect("frame-ancestors 'none'" in headers["Content-Security-Policy"] and
           headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-cache", str(headers))
    status, _, rest = client.ask("GET", "/console/", headers={"If-None-Match": headers["ETag"]})
    expect(status == 304 and not rest, f"the same again: {status}")
    status, headers, _ = client.ask("GET", "/console/assets/app.js")
    expect(headers["Content-Type"].startswith("text/javascript") and "immutable" in headers["Cache-Control"], str(headers))
    for path in ("/console/../admin.secret", "/console/..%2f..%2fetc%2fpasswd", "/console/assets", "/console/.hidden", "/console/link",
                 "/console//etc/passwd", "/plays/"):
        expect(client.ask("GET", path)[0] == 404, f"{path} is there")
    expect(client.ask("POST", "/console/", b"{}")[0] == 405, "POST to a file")
    expect(client.ask("GET", "/console")[1]["Location"] == "/console/", "/console")


def check_slow_reader(zone, client):
    """One that never reads is skipped and closed; the other's figures come on time meanwhile."""
    with Console(zone, client.bearer, receive_buffer=4096) as deaf, Console(zone, client.bearer) as other:
        deaf.say(view=WORLD, zoom=20)
        gaps, end, last = [], time.monotonic() + 3, None
        while time.monotonic() < end:
            if other.take() == "sample":
                now = time.monotonic()
                if last:
                    gaps.append(now - last)
                last = now
        expect(gaps and max(gaps) < 2, f"samples beside a slow reader: {gaps}")


def check_zonectl(bin_dir, zone):
    """The operator's command asks the same endpoints: exit codes, a table, JSON."""
    def ctl(*words, expected=0):
        done = subprocess.run([bin_dir / "zonectl", "--url", zone.http, "--data-dir", zone.data, *words], capture_output=True,
                              text=True, timeout=30)
        expect(done.returncode == expected, f"zonectl {words}: {done.returncode}, not {expected}: {done.stderr}")
        return done.stdout

    status = ctl("status")
    expect("players" in status and "replicate" in status, status)
    listed = json.loads(ctl("players", "--json"))
    expect(len(listed["players"]) == listed["total"] > 0, f"{listed['total']} players")
    name = listed["players"][0]["name"]
    expect(name in ctl("players", "--search", name, "--addresses"), "the table")
    expect(name in ctl("inspect", name), "one of them")
    ctl("inspect", "Nobody", expected=1)
    number = listed["players"][0]["player"]
    expect(name in ctl("inspect", number) and name in ctl("inspect", f"player:{number}"), "by number")
    expect(name in ctl("inspect", f"name:{name.upper()}"), "a name, in capitals")
    ctl("inspect", f"name:{number}", expected=1)
    ctl("teleport", name.upper(), "48.2", "11.6")
    ctl("announce", "good night")
    ctl("kick", name.upper(), "--reason", "enough")
    expect("enough" in ctl("actions", "--limit", "1"), "what operators did")
    ctl("kick", "Nobody", expected=1)
    ctl("kick", expected=2)


def folder_of_files(root):
    (root / "assets").mkdir()
    (root / "index.html").write_text("<!doctype html><title>console</title><script src=assets/app.js></script>")
    (root / "assets" / "app.js").write_text("1;")
    (root / ".hidden").write_text("x")
    (root / "link").symlink_to("/etc/passwd")
    return root


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of zoned, zonebot and zonectl")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="console_test_") as folder:
        files = pathlib.Path(folder) / "files"
        files.mkdir()
        recording = pathlib.Path(folder) / "recording"
        settings = (*SETTINGS, f"console.folder={folder_of_files(files)}")
        with RecordedZone(options.bin, settings, recording) as zone:
            secret = (zone.data / "admin.secret").read_text().strip()
            with Bots(options.bin, zone, "bots", "--players", BOTS, "--seconds", 0, "--warmup", 0, "--accounts",
                      "--scenario", "crowd", "--anchor", "11.5755,48.1374", "--radius", 200):
                wait_until("the bots play", 20, lambda: total(zone.metrics(), "session_players") == BOTS)
                client = check_roles(zone, secret)
                one = check_answers(zone, client)
                check_bodies(client)
                check_item(client)
                check_past(zone, client)
                check_live(zone, client)
                check_allocations(zone, client)
                check_slow_reader(zone, client)
                check_actions(zone, client, one)
                check_refusals(zone, client)
                check_crowd(zone, client)
                check_sites(zone, client)
                check_files(zone)
                check_zonectl(options.bin, zone)
        replayed = subprocess.run([options.bin / "zoned", "replay", recording], capture_output=True, text=True, timeout=120)
        expect(replayed.returncode == 0, f"the recording is not the world that was: {replayed.stdout}{replayed.stderr}")
        print(f"console_test: ok; {replayed.stdout.strip()}")


class RecordedZone(Zone):
    def __init__(self, bin_dir, settings, recording):
        self.recording = recording
        super().__init__(bin_dir, settings)

    def spawn(self, environment=None):
        self.flags = ["--record", self.recording]
        super().spawn(environment)


def check_allocations(zone, client):
    """Of the zone thread, over three seconds in which a console watches and questions are asked."""
    with Console(zone, client.bearer) as console:
        console.say(view=WORLD, zoom=3)
        console.until("a sample", lambda: "sample" in console.newest)
        before = total(zone.metrics(), "zone_allocations_total")
        end = time.monotonic() + 3
        while time.monotonic() < end:
            client.get("/v1/console/players?limit=1")
            client.get("/v1/console/leaves?west=11.57&south=48.13&east=11.58&north=48.14")
            console.take()
        after = total(zone.metrics(), "zone_allocations_total")
        expect(after == before, f"{after - before:.0f} allocations of the zone thread")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        print(f"console_test: {failure}", file=sys.stderr)
        sys.exit(1)
