"""Players over WebSocket on a real zoned, from proto/SESSION.md "Over WebSocket" alone: they play with those who come
over UDP, under the same rules, and whoever asks in a wrong way is told so.

    web_play_test.py --bin FOLDER
"""

import argparse
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from web_player import WebPlayer, ask, join, log_in  # noqa: E402
from web_socket import TEXT, Refused, WebSocket, frame  # noqa: E402
from wire_client import WireClient, encode_goodbye, wait  # noqa: E402
from zone_under_test import SEALED, Failure, Zone, total, wait_until  # noqa: E402

PARIS = (2.3522, 48.8566, 0.0)
DEPTHS = (4, 6)
TOKEN_LIFE_S = 4
STOPPING, REPLACED = 4002, 4014
BAD_TOKEN, EXPIRED, USED = 4101, 4102, 4103


def expect(condition, what):
    if not condition:
        raise Failure(what)


def welcomed(clients, *others):
    expect(wait([*clients, *others], 10, lambda: all(client.welcome for client in clients)),
           f"no welcome: {[vars(client.refused) if client.refused else client.link.reason for client in clients]}")


def refusal(zone, path="/v1/play", headers=()):
    """The status that an upgrade is refused with."""
    try:
        WebSocket(zone.http, path, headers).close()
    except Refused as refused:
        return refused.status, refused.text
    return 101, ""


def plays_with_others(zone):
    erin = WireClient(zone.http, "erin", PARIS, depths=DEPTHS)
    wendy = WebPlayer(zone.http, "wendy", spawn=PARIS, depths=DEPTHS)
    wren = WebPlayer(zone.http, "wren", spawn=PARIS, depths=DEPTHS)
    players = [erin, wendy, wren]
    welcomed(players)
    expect(wait(players, 10, lambda: all(other.entity in client.view.held for client in players for other in players
                                         if other is not client)), "somebody is not seen")
    began = wendy.path[wendy.tick].position
    wendy.move = wren.move = (127, 0)
    corrections = len(wendy.corrections)
    wait(players, 2)
    moved = sum((a - b) ** 2 for a, b in zip(wendy.path[wendy.tick].position, began)) ** 0.5
    expect(moved > 3, f"wendy walked {moved:.2f} m in 2 s")
    seen = erin.view.position(wendy.entity)
    away = sum((a - b) ** 2 for a, b in zip(wendy.path[wendy.tick].position, seen)) ** 0.5
    expect(away < 4, f"erin sees wendy {away:.1f} m from where she is")
    expect(wendy.view.missing_bases == 0 and wendy.view.deltas > 20,
           f"{wendy.view.missing_bases} missing bases, {wendy.view.deltas} deltas")
    wrong = list(wendy.corrections)[corrections:]
    expect(len(wrong) < 10, f"{len(wrong)} corrections in 2 s")
    wendy.move = wren.move = (0, 0)
    return erin, wendy, wren


def pings_are_told(zone, players):
    """Of who comes over UDP and over WebSocket, to the operator; the second is measured every three seconds."""
    secret = (zone.data / "admin.secret").read_text().strip()
    asked = urllib.request.Request(f"{zone.http}/v1/console/players", headers={"Authorization": f"Bearer {secret}"})
    pings = {}
    for _ in range(20):
        wait(players, 0.5)
        with urllib.request.urlopen(asked, timeout=10) as answer:
            pings = {row["name"]: row["ping_ms"] for row in json.loads(answer.read())["players"]}
        if all(pings.values()):
            break
    expect(len(pings) == len(players) and all(ms and 0 < ms < 1000 for ms in pings.values()), f"round trips: {pings}")


def reliable_messages_keep_their_order(wendy, others):
    keys = []
    for item in range(30):  # below session.action_burst
        keys.append(wendy.act("drop", item_id=1_000_000 + item))
    expect(wait([wendy, *others], 10, lambda: all(wendy.own.results[key] for key in keys)), "actions without an answer")
    expect(list(wendy.own.results)[-30:] == keys, "answers in another order")


def a_second_login_takes_over(zone, erin, wendy):
    again = WireClient(zone.http, "wendy", depths=DEPTHS)
    welcomed([again], erin)
    expect(again.entity == wendy.entity, "not the same body")
    expect(wendy.link.socket.close_code() == REPLACED, f"the first login ends with {wendy.link.socket.code}")
    back = WebPlayer(zone.http, "wendy", depths=DEPTHS)
    welcomed([back], erin)
    expect(wait([again], 5, lambda: again.ended) and again.link.reason == 14, "and the other way round")
    return back


def a_lost_connection_lingers(zone, erin, wendy):
    body = wendy.entity
    wendy.link.socket.socket.shutdown(socket.SHUT_RDWR)
    wait([erin], 0.5)
    expect(body in erin.view.held, "who lost his connection is gone at once")
    back = WebPlayer(zone.http, "wendy", depths=DEPTHS)
    welcomed([back], erin)
    expect(back.entity == body, "who comes back is somebody else")
    back.say_goodbye()
    expect(wait([back, erin], 5, lambda: back.ended), "a goodbye without an answer")
    expect(back.link.socket.code == 4001, f"a goodbye ends with {back.link.socket.code}")
    expect(wait([erin], 5, lambda: body not in erin.view.held), "who said goodbye is still there")


def wrong_requests_are_told(zone):
    status, text = refusal(zone, headers=("Origin: https://evil.example",))
    expect(status == 403 and "http.origins" in text, f"a foreign page: {status} {text}")
    status, _ = refusal(zone, headers=(f"Origin: {zone.http}",))
    expect(status == 101, f"the own page: {status}")
    status, text = ask(zone.http, "/v1/join", {"name": "eve"}, headers=(("Origin", "https://evil.example"),))
    expect(status == 403, f"a join by a foreign page: {status} {text}")
    expect(ask(zone.http, "/v1/play", {})[0] == 405, "a POST to the socket's path")
    expect(ask(zone.http, "/v1/join", {"name": "eve", "transport": "pigeon"})[0] == 400, "an unknown transport")
    for message, code in ((frame(TEXT, b"hello"), 1003), (b"\x82\x01x", 1002), (frame(2, b"x" * 70_000), 1009)):
        bad = WebSocket(zone.http, "/v1/play")
        bad.send_raw(message)
        expect(bad.close_code() == code, f"{message[:8]} is closed with {bad.code} {bad.reason}, not {code}")
    malformed = WebPlayer(zone.http, "mallory", depths=DEPTHS)
    welcomed([malformed])
    malformed.link.send_reliable(b"\xff\xff\xff")
    wait([malformed], 5, lambda: malformed.ended)
    expect(malformed.link.reason == 9, f"an unknown message ends with {malformed.link.socket.code}")


def a_stop_is_told(zone, players):
    zone.process.send_signal(signal.SIGTERM)
    for player in players:
        wait([player], 5, lambda player=player: player.ended)
        code = player.link.socket.code
        expect(code == STOPPING, f"a stop is told as {code} {player.link.socket.reason}")
    expect(zone.process.wait(10) == 0, "zoned ends with an error")


def tokens(zone):
    """Those of sealed mode."""
    bearer = log_in(zone.http, "ada")
    answer = join(zone.http, bearer=bearer)
    expect(answer["transport"] == "websocket" and answer["security"] == "sealed" and "port" not in answer, str(answer))

    def shown(token):
        opened = WebSocket(zone.http, answer["path"])
        opened.send(token)
        return opened

    first = shown(answer["token"].encode())
    wait_until("ada is a peer", 5, lambda: total(zone.metrics(), "net_peers", host="websocket") == 1)
    expect(shown(answer["token"].encode()).close_code() == USED, "a token is good twice")
    first.close()
    status, udp = ask(zone.http, "/v1/join", {}, log_in(zone.http, "bob"))
    expect(status == 200 and udp["port"] > 0, f"a join over UDP: {status} {udp}")
    expect(shown(udp["token"].encode()).close_code() == BAD_TOKEN, "a token for UDP opens a WebSocket")
    expect(shown(b"x" * 357).close_code() == BAD_TOKEN, "any token opens a WebSocket")
    late = join(zone.http, bearer=log_in(zone.http, "carol"))["token"]
    expired = time.monotonic() + TOKEN_LIFE_S
    silent = WebSocket(zone.http, answer["path"])
    expect(silent.close_code() == 4013, f"a socket without token ends with {silent.code}")
    time.sleep(max(0.0, expired - time.monotonic()))
    wait_until("the token has expired", 10, lambda: shown(late.encode()).close_code(1) == EXPIRED)
    metrics = zone.metrics()
    for reason in ("used_token", "bad_token", "expired_token", "no_token"):
        expect(total(metrics, "stream_refused_total", reason=reason) > 0, f"{reason} is not counted")


def plays_over_tls(zone):
    dora = WebPlayer(zone.http, "dora", bearer=log_in(zone.http, "dora"), spawn=None, depths=DEPTHS)
    welcomed([dora])
    expect(wait([dora], 10, lambda: len(dora.arrivals) > 20), "no snapshots over TLS")
    pings_are_told(zone, [dora])
    dora.link.send_reliable(encode_goodbye())
    expect(wait([dora], 5, lambda: dora.ended) and dora.link.reason == 1, "a goodbye over TLS")


def zonectl_believes_whom_it_is_told_to(zone, certificate):
    """Its operator's command as well; the system knows nothing of this certificate."""
    for trust, code in ((("--ca-file", certificate), 0), ((), 69)):
        ran = subprocess.run([str(word) for word in (zone.bin / "zonectl", "--url", zone.http, "--data-dir", zone.data, *trust,
                                                     "players")], capture_output=True, text=True, timeout=30, check=False)
        expect(ran.returncode == code, f"zonectl {trust}: {ran.returncode} {ran.stdout}{ran.stderr}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=lambda text: pathlib.Path(text).resolve(), required=True)
    options = parser.parse_args()
    with Zone(options.bin, ("game.animals=50", "game.resource_nodes=10")) as zone:
        erin, wendy, wren = plays_with_others(zone)
        pings_are_told(zone, [erin, wendy, wren])
        reliable_messages_keep_their_order(wendy, [erin, wren])
        wendy = a_second_login_takes_over(zone, erin, wendy)
        a_lost_connection_lingers(zone, erin, wendy)
        wrong_requests_are_told(zone)
        last = [WebPlayer(zone.http, f"last {i}", depths=DEPTHS) for i in range(3)]
        welcomed(last, erin)
        a_stop_is_told(zone, last)
    with tempfile.TemporaryDirectory() as folder:
        certificate = pathlib.Path(folder) / "cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                        "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                        f"{folder}/key.pem", "-out", certificate], capture_output=True, check=True)
        os.environ["SSL_CERT_FILE"] = str(certificate)
        with Zone(options.bin, (*SEALED, f"net.token_life_s={TOKEN_LIFE_S}", "net.half_open_ms=1000", "game.animals=50",
                                f"http.tls_certificate_file={certificate}", f"http.tls_key_file={folder}/key.pem")) as zone:
            tokens(zone)
            plays_over_tls(zone)
            zonectl_believes_whom_it_is_told_to(zone, certificate)
    return 0


if __name__ == "__main__":
    sys.exit(main())
