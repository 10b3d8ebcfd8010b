"""Clients that make the server talk and do not listen as they should (PITFALLS E-9)."""

import struct
import time

from raw_datagrams import GreedyClient, field, play, varint  # noqa: F401

MODES = ("late", "never", "pings")
LATE_S = 4.0
ACT_S = 0.15  # below the server's rate of actions
PING_S = 0.5
QUIET_S = 3.0
MTU = 1167


def action_message(number):
    """Accepts an offer that has expired: refused, by a reliable answer, and nobody's fault."""
    key = struct.pack("<QQ", number + 1, 1)
    return field(3, field(1, key) + field(6, b"\x08" + varint(1 << 40)))


class SelfishReader(GreedyClient):
    """`late`: acknowledges everything 4 s after it came. `never`: nothing once it is in play. `pings`: nothing either,
    but sends pings of its own all the time."""

    def __init__(self, port, name, place, mode, seed):
        super().__init__(port, MTU, name, place, seed)
        self._mode = mode
        self._held = []
        self._acts = 0
        self._act_at = self._ping_at = 0.0
        self._sequence = 1  # the login was number 1
        self._pings = 1
        self._heard_at = time.monotonic()

    def _send(self, commands):
        if self.in_play and commands and commands[0] & 0xF == 1:  # acknowledgements
            if self._mode == "late":
                self._held.append((time.monotonic() + LATE_S, commands))
            else:
                self._held.append((float("inf"), commands))
            return
        super()._send(commands)

    def turn(self, now):
        before = self.datagrams
        super().turn(now)
        if self.datagrams != before:
            self._heard_at = now
        if not self.in_play or self.ended is not None:
            return
        while self._held and self._held[0][0] <= now:
            super()._send(self._held.pop(0)[1])
        if now >= self._act_at:
            self._act_at = now + ACT_S
            self._sequence += 1
            message = action_message(self._acts)
            self._acts += 1
            super()._send(struct.pack(">BBHH", 6 | 0x80, 0, self._sequence & 0xFFFF, len(message)) + message)
        if self._mode == "pings" and now >= self._ping_at:
            self._ping_at = now + PING_S
            self._pings += 1
            super()._send(struct.pack(">BBH", 5 | 0x80, 0xFF, self._pings & 0xFFFF))

    def unacknowledged(self):
        return len(self._held)

    def quiet(self):
        """The server has let it go: it said so, or has said nothing for a while."""
        return self.ended is not None or time.monotonic() - self._heard_at > QUIET_S
