"""The browser client's page in headless Chromium on a real zone with bots: it logs in, walks, sees, talks, comes back
after a restart of the server, and leaves.

    page_test.py --bin FOLDER [--screenshots FOLDER]

The page is what zoned of that build folder finds by itself: that of the target `play`.
"""

import argparse
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from chromium import BrowserFailure, Chromium, program  # noqa: E402
from zone_under_test import SEALED, Bots, Failure, Zone, total, wait_until  # noqa: E402

SKIPPED = 77
BOTS = 20
LAT, LON = 48.8566, 2.3522
WALK_M = 20
NEAR_M = 0.02
CROWD = ("--scenario", "crowd", "--anchor", f"{LON},{LAT}", "--radius", 30, "--players", BOTS, "--accounts", "--warmup", 0,
         "--reconnect")
# Where the other players are drawn now: {id: [x, y, z]}.
OTHERS = "Object.fromEntries([...bluemarble.others()].filter(e => e.kind === 1).map(e => [e.id, [e.position.x, e.position.y, e.position.z]]))"
OWN = "(({x, y, z}) => [x, y, z])(bluemarble.own.predicted)"


def expect(condition, what):
    if not condition:
        raise Failure(what)


def distance(a, b):
    return sum((p - q) ** 2 for p, q in zip(a, b)) ** 0.5


def server_position(zone, name):
    state = (zone.player_state(name) or {}).get("state") or {}
    return [state.get(f"{axis}_m", 0.0) for axis in "xyz"]


def log_in(page, name, password):
    page.wait("the form", 10, "document.querySelector('#join')?.open === true")
    for field, text in (("name", name), ("password", password)):
        page.evaluate(f"document.querySelector('#{field}').value = ''; document.querySelector('#{field}').focus()")
        page.type(text)
    page.press("Enter")


def enter(page, zone):
    log_in(page, "Ada", "a long password")
    page.wait("in the world", 20, "globalThis.bluemarble?.state === 'playing'")
    page.wait("the state shown", 2, "document.querySelector('#state').textContent === 'in the world'")
    page.wait("the place shown", 5, "document.querySelector('#near').textContent.includes('Paris')")
    wait_until("the server has the player", 5, lambda: zone.player_state("Ada"))


def walk(page, zone):
    """East by a key, until it is 20 m; then server and page agree."""
    start = page.evaluate(OWN)
    # On the loopback the prediction starts before the server has heard of it, and not a second later.
    page.key("keyDown", "d")
    page.wait(f"{WALK_M} m walked", 15, f"(([x, y, z]) => Math.hypot(x - ({start[0]}), y - ({start[1]}), z - ({start[2]})) > {WALK_M})({OWN})")
    page.key("keyUp", "d")
    wait_until("page and server agree", 5, lambda: distance(page.evaluate(OWN), server_position(zone, "Ada")) < NEAR_M)
    walked = distance(start, server_position(zone, "Ada"))
    expect(WALK_M <= walked < 3 * WALK_M, f"walked {walked:.1f} m on the server")
    own = page.evaluate("bluemarble.own")
    expect(abs(own["heading"] - 0.25) < 0.001, f"heading {own['heading']}")
    expect(abs(own["place"]["lat"] - LAT) < 1e-5 and own["place"]["lon"] > LON, f"at {own['place']}")
    return walked


def see(page):
    """Every bot, and most of them in motion."""
    page.wait("all bots in view", 20, f"[...bluemarble.others()].filter(e => e.kind === 1).length >= {BOTS}")
    before = page.evaluate(OTHERS)
    until = time.monotonic() + 10
    while time.monotonic() < until:
        after = page.evaluate(OTHERS)
        moved = sum(distance(before[each], after[each]) > 0.5 for each in before.keys() & after.keys())
        if moved >= BOTS * 3 // 4:
            return moved
        page.browser.listen(0.1)
    raise Failure(f"{moved} of {BOTS} bots moved")


def talk(page):
    page.press("Enter")
    page.wait("the line focused", 2, "document.activeElement.id === 'line'")
    page.type("grüß Gott")
    page.press("Enter")
    page.wait("heard what was said", 5, "[...document.querySelectorAll('#lines li')].some(e => e.textContent === 'Ada grüß Gott')")
    page.wait("back on the map", 2, "document.activeElement.id === 'map'")


def carry(page):
    """Drops a thing, and picks it up again by the key."""
    carried = "document.querySelectorAll('#items li').length"
    page.wait("what is carried shown", 5, f"{carried} > 0 && document.querySelector('#gold').textContent === '100 gold'")
    page.wait("the catalogue had", 5, "!document.querySelector('#items').textContent.includes('thing')")
    had = page.evaluate(carried)
    page.evaluate("document.querySelector('#items button').click()")
    page.wait("a thing less", 5, f"{carried} === {had - 1}")
    page.wait("it lies here", 5, "document.querySelector('#take').hidden === false")
    page.evaluate("document.querySelector('#map').focus()")
    page.key("keyDown", "e")
    page.key("keyUp", "e")
    page.wait("picked up again", 5, f"{carried} === {had}")


def restart(page, zone):
    """The server goes and comes back; the page does, too, where it was."""
    before = server_position(zone, "Ada")
    expect(zone.end() == 0, "zoned did not stop in time")
    page.wait("the loss noticed", 10, "bluemarble.state === 'reconnecting'")
    zone.start()
    page.wait("back in the world", 30, "bluemarble.state === 'playing'")
    page.wait("the return shown", 2, "document.querySelector('#state').textContent === 'in the world'")
    moved = distance(before, page.evaluate(OWN))
    expect(moved < 1, f"came back {moved:.2f} m from where it was")
    expect(page.evaluate("bluemarble.stats.reconnects") == 1, "more than one reconnect")


def leave(page, zone):
    page.evaluate("document.querySelector('#leave').click()")
    page.wait("left", 5, "document.querySelector('#state').textContent === 'not connected'")
    wait_until("the server has said goodbye", 5, lambda: total(zone.metrics(), "session_ended_total", reason="client_quit") == 1)
    log_in(page, "Ada", "another password")
    page.wait("the refusal shown", 10, "document.querySelector('#join-error').hidden === false")


def run(options):
    with Zone(options.bin, SEALED) as zone, Bots(options.bin, zone, "bots", *CROWD), Chromium() as browser:
        page = browser.open(f"{zone.http}/play/?lat={LAT}&lon={LON}")
        enter(page, zone)
        walked = walk(page, zone)
        moved = see(page)
        talk(page)
        carry(page)
        stats = page.evaluate("({...bluemarble.stats, ...bluemarble.world.stats})")
        expect(stats["malformed"] == 0 and stats["missingBases"] == 0, f"not all was decoded: {stats}")
        expect(stats["exactStates"] < stats["snapshots"] / 6, f"the server does not believe the digests: {stats}")
        expect(not page.problems, f"the page complains: {page.problems}")
        frames = page.evaluate("new Promise(done => { let n = 0; const end = performance.now() + 1000;"
                               " const next = now => now > end ? done(n) : (++n, requestAnimationFrame(next)); next(0); })")
        for name, dark in (("play_light", False), ("play_dark", True)):
            page.dark(dark)
            page.evaluate("new Promise(done => setTimeout(done, 300))")
            page.screenshot(options.screenshots / f"{name}.png")
        restart(page, zone)
        leave(page, zone)
        print(f"walked {walked:.1f} m, {moved} bots moved, {frames} frames/s, round trip {stats['roundTripMs']:.0f} ms, "
              f"{stats['corrections']} corrections, {stats['exactStates']} exact states, {stats['bytesDown'] / 1000:.0f} kB in {stats['snapshots']} snapshots")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of zoned and zonebot")
    parser.add_argument("--screenshots", type=pathlib.Path, default=pathlib.Path("."))
    options = parser.parse_args()
    if program() is None:
        print("skipped: there is no Chromium here")
        return SKIPPED
    try:
        run(options)
    except (Failure, BrowserFailure) as failure:
        print(f"failed: {failure}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
