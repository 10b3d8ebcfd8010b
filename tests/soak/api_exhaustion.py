#!/usr/bin/env python3
"""T-40: the HTTP interface of a zone with players is held by thousands of slow connections and fed requests that never
end, in the clear and over TLS; the game, the probes and the operator's memory must not notice.

    api_exhaustion.py --bin DIR [--players N] [--slow N] [--seconds S] [--seed K] [--ci] [--correctness-only]

Prints one JSON line for each way. Exit code 0: every limit held.
"""

import http.client
import json
import multiprocessing
import os
import pathlib
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import one_test  # noqa: E402
import slow_clients  # noqa: E402
from arms import ONE_WORKER, Arms  # noqa: E402
from books import check_books_of  # noqa: E402
from result import Result  # noqa: E402
from web_socket import BINARY, CONTINUATION, PING, Refused, WebSocket, frame  # noqa: E402
from zone_under_test import ROOT, SEALED, Bots, Failure, Zone, end, total, wait_until  # noqa: E402

SETTLE_S = 1.0
# A zone whose players have just come touches its rings and tables for the first time for half a minute, 1.3 MiB a second
# with 300 players: what is left of it must not be booked on the attack.
GROWTH_MIB, GROWTH_S, GROWS_FOR_S = 1.0, 3.0, 60
# Slow connections, until there are as many as wanted, and those that come back after they were closed. Over TLS a
# handshake costs the zone a millisecond: more of them would be another attack, on its processors.
NEW_PER_S = {False: 1000, True: 200}
AGAIN_PER_S = {False: 200, True: 40}
PROBE_S = 0.05
HEALTH_MS = 100
RSS_MIB = 64
# A body that is too large is noticed at 64 KiB; what the sockets on both sides hold was sent by then.
REFUSED_WITHIN_MIB = 16
BACK_S = 15  # http.timeout_ms is 10 s
JSON_DEPTH = 10_000
HEADERS = 100_000
GIBIBYTE = 1 << 30
FRAGMENTS = 131_000
SOCKETS = 200
OPENING_S = 10  # over TLS, among 200 handshakes a second of others, not all of them get so far
SLOW_READERS = 4
PINGS_PER_S = 200  # http.websocket_messages_per_s is 300
KEEP_S = 2  # session.timeout_ms is 5 s
DECLINE = bytes([0, 0x22, 2, 0x08, 1])  # channel 0; a DeclineTrade of an offer that there is not: nothing comes of it


def post_paths():
    """The POST endpoints that docs/openapi.yaml names."""
    found, path = [], ""
    for line in (ROOT / "docs/openapi.yaml").read_text().splitlines():
        if line.startswith("components:"):
            break
        if match := re.fullmatch(r"  (/\S+):", line):
            path = match[1]
        elif line == "    post:":
            found.append(path)
    return found


def connection(url, seconds=10):
    port = int(url.rsplit(":", 1)[1])
    if url.startswith("https"):
        return http.client.HTTPSConnection("127.0.0.1", port, timeout=seconds, context=ssl.create_default_context())
    return http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)


def post(zone, path, body, bearer=None):
    """Status and body of the answer."""
    asked = connection(zone.http)
    try:
        asked.request("POST", path, json.dumps(body), {"Authorization": f"Bearer {bearer}"} if bearer else {})
        answer = asked.getresponse()
        return answer.status, answer.read()
    finally:
        asked.close()


def health(url):
    """GET /healthz over a new connection: milliseconds, and what went wrong."""
    began = time.monotonic()
    try:
        asked = connection(url)
        asked.request("GET", "/healthz")
        status = asked.getresponse().status
        asked.close()
    except (OSError, http.client.HTTPException) as error:
        status = repr(error)
    return (time.monotonic() - began) * 1000, "" if status == 200 else str(status)


def ask_for_health(url, stop, told):
    rows = []
    while not stop.wait(PROBE_S):
        rows.append(health(url))
    told.send(rows)


class Probe:
    """Asks for health again and again, in a process of its own: what else goes on in this one would hold it up."""

    def __init__(self, zone):
        ways = multiprocessing.get_context("spawn")
        self._stop, (self._heard, told) = ways.Event(), ways.Pipe(duplex=False)
        self._process = ways.Process(target=ask_for_health, daemon=True, args=(zone.http, self._stop, told))
        self.took_ms, self.failed = [], []

    def start(self):
        self._process.start()

    def stop(self):
        self._stop.set()
        if not self._heard.poll(20):
            raise Failure("the probe says nothing")
        for took_ms, failed in self._heard.recv():
            self.took_ms.append(took_ms)
            self.failed += [failed] if failed else []
        self._process.join()
        return self


class Memory(threading.Thread):
    """The most that zoned's resident memory has been, in MiB."""

    def __init__(self, zone):
        super().__init__(daemon=True)
        self.most_mib = 0.0
        self._status, self._stop_it = pathlib.Path(f"/proc/{zone.process.pid}/status"), threading.Event()

    def now_mib(self):
        found = re.search(r"VmRSS:\s+(\d+)", self._status.read_text())
        return int(found[1]) / 1024 if found else 0.0  # has ended

    def run(self):
        while not self._stop_it.wait(0.1):
            self.most_mib = max(self.most_mib, self.now_mib())

    def stop(self):
        self._stop_it.set()
        self.join()
        return max(self.most_mib, self.now_mib())


def wait_until_grown(zone):
    """Until zoned's memory stands still."""
    memory, until = Memory(zone), time.monotonic() + GROWS_FOR_S
    before, now = 0.0, memory.now_mib()
    while now - before > GROWTH_MIB and time.monotonic() < until:
        time.sleep(GROWTH_S)
        before, now = now, memory.now_mib()


def measured(zone, span, seconds):
    """Adds that much time to `span`; the most memory meanwhile and the probes."""
    memory, probe, before = Memory(zone), Probe(zone), zone.stats()
    memory.start()
    probe.start()
    time.sleep(seconds)
    span.add(before, zone.stats())
    return memory.stop(), probe.stop()


def never_ending(zone, result):
    """Each request that never ends or goes too deep, once: what came of it."""
    secret = (zone.data / "admin.secret").read_text().strip()
    port, tls = int(zone.http.rsplit(":", 1)[1]), zone.http.startswith("https")
    sent_mib = 0.0
    for name, wanted, pieces in (("chunked_body", (413,), slow_clients.endless_chunks(GIBIBYTE)),
                                 ("many_headers", (431,), slow_clients.many_headers(HEADERS)),
                                 ("endless_header", (431, 400), slow_clients.header_without_end(GIBIBYTE))):
        status, sent = slow_clients.ask(port, tls, pieces)
        sent_mib = max(sent_mib, sent / (1 << 20))
        # 0: the answer was lost to the reset that follows it, which no client can rule out.
        result.limit(f"{name}_answered_otherwise", int(status not in (*wanted, 0)), "==", 0)
        result.note(**{f"{name}_status": status})
    result.limit("refused_within_mib", sent_mib, "<=", REFUSED_WITHIN_MIB)
    deep = b'{"name":' + b"[" * JSON_DEPTH + b"]" * JSON_DEPTH + b"}"
    wrong, displaced = {}, 0
    for path in post_paths():
        bearer = secret if path.startswith("/v1/admin/") else ""
        for _ in range(5):  # on a slow machine it may be the one that makes room
            status, _ = slow_clients.ask(port, tls, slow_clients.post_json(path, deep, bearer))
            if status != 0:
                break
            displaced += 1
        if not 400 <= status < 500:
            wrong[path] = status
    result.note(deep_json_posts=len(post_paths()), deep_json_wrong=wrong, deep_json_displaced=displaced)
    result.limit("deep_json_answered_otherwise", len(wrong), "==", 0)


def opened(zone, tries=20):
    """A player's WebSocket; on a slow machine its connection may be the one that makes room."""
    for _ in range(tries):
        try:
            return WebSocket(zone.http, "/v1/play", receive_buffer=4096, timeout=5)
        except (Refused, OSError):
            time.sleep(0.05)
    raise Failure("no WebSocket can be opened")


def fragments(zone, result):
    """One message in 131,000 pieces."""
    data = frame(BINARY, b"x", final=False) + FRAGMENTS * frame(CONTINUATION, b"x", final=False)
    attacker = opened(zone)
    began = time.monotonic()
    sent = attacker.send_raw(data)
    code = attacker.close_code()
    # 1006: the close was lost to the reset that follows it.
    result.limit("fragments_closed_otherwise", int(code not in (1008, 1006)), "==", 0)
    result.note(fragments_code=code, fragments_sent_share=sent / len(data), fragments_s=time.monotonic() - began)
    attacker.close()


def many_sockets(zone, result):
    """Sockets that show no token, all at once: a quarter of the places is theirs, and for 5 s."""
    held, until = [], time.monotonic() + OPENING_S
    while len(held) < SOCKETS and time.monotonic() < until:
        try:
            held.append(WebSocket(zone.http, "/v1/play", receive_buffer=4096, timeout=5))
        except (Refused, OSError):
            pass
    until = time.monotonic() + 10
    while any(each.code is None for each in held) and time.monotonic() < until:
        for each in held:
            each.poll()
        time.sleep(0.05)
    result.note(sockets_opened=len(held))
    result.limit("sockets_left_open", sum(each.code is None for each in held), "==", 0)
    for each in held:
        each.close()


class SlowReaders(threading.Thread):
    """Players over WebSocket who say that they are there, ask for answers, and never read one."""

    def __init__(self, zone, tokens):
        super().__init__(daemon=True)
        self._zone, self._tokens, self._stop_it = zone, tokens, threading.Event()
        self.alive = 0

    def run(self):
        readers = []
        for token in self._tokens:
            reader = opened(self._zone)
            reader.send(token)
            reader.send(bytes([0, 0x0A, 2, 0x08, 2]))  # Login of protocol version 2
            readers.append(reader)
        kept, pings = time.monotonic(), frame(PING, b"?" * 125) * (PINGS_PER_S // 10)
        while not self._stop_it.wait(0.1):
            keep = time.monotonic() - kept > KEEP_S
            kept = time.monotonic() if keep else kept
            for reader in readers:
                reader.send_raw(pings + (frame(BINARY, DECLINE) if keep else b""), patience=0.05)
        for reader in readers:
            reader.close()

    def stop(self):
        self._stop_it.set()
        self.join(30)


def descriptors(zone):
    return len(os.listdir(f"/proc/{zone.process.pid}/fd"))


def certificate(folder):
    """Of 127.0.0.1, signed by itself; this process believes it from now on."""
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                           "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                           folder / "key.pem", "-out", folder / "cert.pem"], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise Failure(f"openssl made no certificate:\n{made.stderr}")
    os.environ["SSL_CERT_FILE"] = str(folder / "cert.pem")
    return (f"http.tls_certificate_file={folder / 'cert.pem'}", f"http.tls_key_file={folder / 'key.pem'}")


def log_in_and_join(zone, name):
    status, body = post(zone, "/v1/login", {"name": name, "password": "a good password"})
    if status != 200:
        return False
    status, body = post(zone, "/v1/join", {}, json.loads(body)["access_token"])
    return status == 200 and bool(json.loads(body)["token"])


def web_token(zone, name):
    """Of an account: a connect token for a WebSocket."""
    status, body = post(zone, "/v1/login", {"name": name, "password": "a good password"})
    if status == 200:
        status, body = post(zone, "/v1/join", {"transport": "websocket"}, json.loads(body)["access_token"])
    if status != 200:
        raise Failure(f"no WebSocket for {name}: {status} {body}")
    return json.loads(body)["token"].encode()


def exhaust(options, tls):
    result = Result("T-40", options, players=options.players, slow=options.slow, seconds=options.seconds, tls=tls,
                    json_depth=JSON_DEPTH, headers=HEADERS)
    result.omit("protobuf bomb", "no protobuf is read over HTTP")
    with tempfile.TemporaryDirectory() as folder:
        settings, trust = [*SEALED, ONE_WORKER], []
        if tls:
            settings += certificate(pathlib.Path(folder))
            trust = ["--ca-file", f"{folder}/cert.pem"]
        try:
            with Zone(options.bin, settings) as zone, Zone(options.bin, settings) as decoy:
                attack(zone, decoy, options, tls, trust, result)
        finally:
            os.environ.pop("SSL_CERT_FILE", None)
    return result


def besiege(target, options, tls, result, measuring):
    """What `measuring` gives while the attack is on `target`, and what slow clients there were."""
    with slow_clients.SlowClients(int(target.http.rsplit(":", 1)[1]), options.slow, NEW_PER_S[tls], AGAIN_PER_S[tls],
                                  tls) as slow:
        attacks = [threading.Thread(target=attack_with, name=attack_with.__name__, args=(target, result), daemon=True)
                   for attack_with in (never_ending, fragments, many_sockets)]
        for each in attacks:
            each.start()
        measured_meanwhile = measuring()
        until = time.monotonic() + 60
        for each in attacks:
            each.join(max(0.0, until - time.monotonic()))
        held = slow.stop()
    if unended := [each.name for each in attacks if each.is_alive()] + (["slow clients"] if held is None else []):
        raise Failure(f"the attack did not end: {', '.join(unended)}")
    return measured_meanwhile, held


def attack(zone, decoy, options, tls, trust, result):
    """`decoy`: a zone without players."""
    with Bots(options.bin, zone, "bots", "--accounts", "--scenario", "spread", "--players", options.players, "--seed",
              options.seed, "--ramp", max(50, options.players // 5), "--observers", 1, "--seconds", 0, *trust) as bots:
        wait_until("everybody plays", 60, lambda: zone.stats()["players"] == options.players, pause=0.2)
        log_in_and_join(zone, "early visitor")  # what a login needs for good is there from now on
        time.sleep(SETTLE_S)
        if not options.ci:
            wait_until_grown(zone)
        arms, half_s = Arms(), options.seconds / 2
        rss_idle, probes_idle = measured(zone, arms["idle"], half_s)
        beside = Result("T-40", options)  # of no interest
        (_, probes_decoy), _ = besiege(decoy, options, tls, beside, lambda: measured(zone, arms["decoy"], half_s))
        files, before = descriptors(zone), zone.metrics()
        readers = SlowReaders(zone, [web_token(zone, f"slow reader {i}") for i in range(SLOW_READERS)])
        readers.start()
        wait_until("slow readers are in", 20, lambda: total(zone.metrics(), "net_peers", host="websocket") == SLOW_READERS)
        whole = Memory(zone)  # what comes after the attack is over is the attack's as well
        whole.start()
        (rss, probes), held = besiege(zone, options, tls, result, lambda: measured(zone, arms["attack"], options.seconds))
        after = zone.metrics()
        readers.stop()
        health_ms, failed = health(zone.http)
        result.limit("health_failed_after", int(failed != ""), "==", 0)
        result.limit("health_ms_after", health_ms, "<", HEALTH_MS, of_time=True)
        result.limit("new_login_failed", int(not log_in_and_join(zone, "late visitor")), "==", 0)
        began = time.monotonic()
        try:
            wait_until("connections are gone", BACK_S, lambda: descriptors(zone) <= files)
        except Failure:
            pass
        result.note(back_s=time.monotonic() - began)
        rss = max(rss, whole.stop())
        result.limit("descriptors_left", descriptors(zone) - files, "<=", 0)
        besiege(decoy, options, tls, beside, lambda: measured(zone, arms["decoy"], half_s))
        rss_idle_after, probes_after = measured(zone, arms["idle"], half_s)
        playing = zone.stats()["players"]  # without the slow readers, who linger
        end(bots.process, signal.SIGINT, 20)
        report = bots.report(5)

    def counted(name, **labels):
        return int(total(after, name, **labels) - total(before, name, **labels))

    result.note(slow_connections=held, displaced=counted("http_connections_displaced_total"),
                refused=counted("http_connections_refused_total"), probes=len(probes.took_ms), rss_idle_mib=rss_idle,
                rss_after_mib=rss_idle_after, health_ms_idle_max=max(probes_idle.took_ms),
                health_ms_decoy_max=max(probes_decoy.took_ms), health_ms_p50=sorted(probes.took_ms)[len(probes.took_ms) // 2])
    # Else nothing was tested.
    result.limit("web_players_came", counted("net_connects_total", host="websocket"), "==", SLOW_READERS)
    result.limit("web_snapshots_left_out", counted("stream_late_snapshots_total"), ">=", 1)
    result.limit("slow_at_once", held["most_at_once"], ">=", options.slow // 4)
    # A probe that takes longer than the oldest connection is old makes room for others: a matter of the machine's speed.
    result.limit("probes_failed", len(probes.failed), "==", 0, of_time=True)
    result.limit("probes_failed_share", len(probes.failed) / len(probes.took_ms), "<=", 0.5)
    result.limit("probes_failed_after", len(probes_after.failed), "==", 0)
    if probes.failed:
        result.note(first_failed=probes.failed[0])
    result.limit("health_ms_max", max(probes.took_ms), "<", HEALTH_MS, of_time=True)
    result.limit("rss_more_mib", rss - rss_idle, "<=", RSS_MIB)
    arms.note(result)
    result.limit("attack_to_idle_cpu_p99", arms.ratios("attack", "idle")[0], "<=", 1.1, of_time=True)
    result.limit("players", playing, "==", options.players)
    result.limit("disconnects", report["players"]["disconnected"], "==", 0)
    code = zone.end()
    result.limit("zoned_exit_code", -1 if code is None else code, "==", 0)
    check_books_of(result, zone)


def in_the_clear(options):
    return exhaust(options, tls=False)


def over_tls(options):
    return exhaust(options, tls=True)


if __name__ == "__main__":
    sys.exit(one_test.main((in_the_clear, over_tls), __doc__, players=(100, 300), slow=(1200, 2000), seconds=(2.0, 30.0)))
