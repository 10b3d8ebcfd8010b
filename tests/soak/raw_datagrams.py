"""Datagrams that no honest client sends, and an honest client that asks for too much: ENet by hand, from proto/WIRE.md."""

import os
import pathlib
import random
import re
import select
import socket
import struct
import threading
import time

MAX_UDP_PAYLOAD = 65_507
WIRE_H = pathlib.Path(__file__).resolve().parents[2] / "include/bluemarble/wire.h"
PROTOCOL_VERSION = int(re.search(r"kProtocolVersion = (\d+)", WIRE_H.read_text())[1])
ACKNOWLEDGE, CONNECT, VERIFY_CONNECT, DISCONNECT, PING, SEND_RELIABLE = 1, 2, 3, 4, 5, 6
WANTS_ACK, UNSEQUENCED = 0x80, 0x40
BODY_BYTES = {1: 4, 2: 44, 3: 40, 4: 4, 5: 0, 6: 2, 7: 4, 8: 20, 9: 4, 10: 8, 11: 12}
SENT_TIME_FOLLOWS = 0x8000
NO_PEER = 0xFFF
RESEND_S = 0.5
INPUT_S = 0.1


def now_ms():
    return time.monotonic_ns() // 1_000_000 & 0xFFFF


def connect_datagram(mtu, connect_id, window=65_536):
    """u16 peer | u16 sent_time | u8 command, u8 channel, u16 sequence | CONNECT (proto/WIRE.md, section 2)"""
    return struct.pack(">HHBBH", NO_PEER | SENT_TIME_FOLLOWS, now_ms(), CONNECT | WANTS_ACK, 0xFF, 1) + struct.pack(
        ">HBBIIIIIIIIII", 0, 0xFF, 0xFF, mtu, window, 2, 0, 0, 5000, 2, 2, connect_id, 0)


class Sender(threading.Thread):
    """Calls `send(random)` `rate_hz` times a second for `seconds`; `sent` counts those that the kernel took."""

    def __init__(self, rate_hz, seconds, seed, send):
        super().__init__(daemon=True)
        self.sent = self.failed = 0
        self._plan = rate_hz, seconds, random.Random(seed), send

    def run(self):
        rate_hz, seconds, source, send = self._plan
        start = time.monotonic()
        for number in range(int(rate_hz * seconds)):
            time.sleep(max(0.0, start + number / rate_hz - time.monotonic()))
            try:
                send(source)
                self.sent += 1
            except OSError:
                self.failed += 1


def oversize_sender(ports, rate_hz, seconds, seed):
    """Datagrams of 4,097 to 65,507 B to each port, each from one of 16 sources."""
    sources = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(16)]
    for source in sources:
        source.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    noise = os.urandom(MAX_UDP_PAYLOAD)

    def send(chance):
        for port in ports:
            chance.choice(sources).sendto(noise[: chance.randint(4097, MAX_UDP_PAYLOAD)], ("127.0.0.1", port))

    return Sender(rate_hz, seconds, seed, send)


def port_zero_sender(ports, rate_hz, seconds, seed):
    """First messages whose answer can go nowhere: source port 0. Needs CAP_NET_RAW (PermissionError)."""
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    host = socket.inet_aton("127.0.0.1")

    def send(chance):
        body = connect_datagram(1167, chance.getrandbits(32))
        for port in ports:
            udp = struct.pack(">HHHH", 0, port, 8 + len(body), 0)  # checksum 0: none
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(body), 0, 0, 64, socket.IPPROTO_UDP, 0, host, host)
            raw.sendto(ip + udp + body, ("127.0.0.1", 0))

    return Sender(rate_hz, seconds, seed, send)


def varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, body):
    return varint(number << 3 | 2) + varint(len(body)) + body


def login_message(token, lon_deg, lat_deg):
    place = b"\x09" + struct.pack("<d", lon_deg) + b"\x11" + struct.pack("<d", lat_deg)
    return field(1, b"\x08" + varint(PROTOCOL_VERSION) + field(2, token) + field(4, place))


# Standing still; commands for tick 0 are late and dropped, but the session stays awake. Nothing is
# acknowledged, so every part comes as a keyframe and the datagrams fill up.
IDLE_INPUT = (1 | 3 << 136 | 0b111 << 181).to_bytes(23, "little")


class GreedyClient:
    """Connects with the MTU that it is told to and plays; remembers the largest datagram that came."""

    def __init__(self, port, mtu, token, place, seed):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.connect(("127.0.0.1", port))
        self.in_play = False
        self.ended = None
        self.server_mtu = 0
        self.datagrams = self.largest = 0
        self._peer = NO_PEER
        self._connect = connect_datagram(mtu, random.Random(seed).getrandbits(32))
        self._login = login_message(token.encode(), *place)
        self._login_acknowledged = False
        self._resend_at = self._input_at = 0.0
        self._group = 0

    def _send(self, commands):
        try:
            self.socket.send(struct.pack(">HH", self._peer | SENT_TIME_FOLLOWS, now_ms()) + commands)
        except OSError:
            pass  # the next repetition makes up for it

    def turn(self, now):
        self._receive()
        if now >= self._resend_at and not self._login_acknowledged:
            self._resend_at = now + RESEND_S
            if self._peer == NO_PEER:
                self.socket.send(self._connect)
            else:
                self._send(struct.pack(">BBHH", SEND_RELIABLE | WANTS_ACK, 0, 1, len(self._login)) + self._login)
        if self.in_play and now >= self._input_at:
            self._input_at = now + INPUT_S
            self._group = self._group + 1 & 0xFFFF
            self._send(struct.pack(">BBHHH", 9 | UNSEQUENCED, 1, 0, self._group, len(IDLE_INPUT)) + IDLE_INPUT)

    def _receive(self):
        while True:
            try:
                datagram = self.socket.recv(MAX_UDP_PAYLOAD)
            except OSError:
                return
            self.datagrams += 1
            self.largest = max(self.largest, len(datagram))
            self._walk(datagram)

    def _walk(self, datagram):
        (peer,) = struct.unpack_from(">H", datagram)
        at, sent_time = 2, 0
        if peer & SENT_TIME_FOLLOWS:
            (sent_time,) = struct.unpack_from(">H", datagram, 2)
            at = 4
        acknowledgements = b""
        while at + 4 <= len(datagram):
            command, channel, sequence = struct.unpack_from(">BBH", datagram, at)
            number, body = command & 0xF, at + 4
            at = body + BODY_BYTES[number]
            message = b""
            if number in (6, 7, 8, 9):
                (length,) = struct.unpack_from(">H", datagram, at - 2 if number != 8 else body + 2)
                message = datagram[at : at + length]
                at += length
            if number == VERIFY_CONNECT:
                server_peer, _, outgoing_session, self.server_mtu = struct.unpack_from(">HBBI", datagram, body)
                self._peer = server_peer | (outgoing_session & 3) << 12
                self._resend_at = 0.0
            elif number == ACKNOWLEDGE and channel == 0:
                self._login_acknowledged = True
            elif number == DISCONNECT:
                (self.ended,) = struct.unpack_from(">I", datagram, body)
            elif number == SEND_RELIABLE and message[:1] == b"\x0a":  # ServerControl.welcome
                self.in_play = True
            if command & WANTS_ACK:
                acknowledgements += struct.pack(">BBHHH", ACKNOWLEDGE, channel, sequence, sequence, sent_time)
        if acknowledgements:
            self._send(acknowledgements)


def play(clients, seconds, enough=lambda: False):
    """Lets the clients play for so long, or until it is enough."""
    until = time.monotonic() + seconds
    while (now := time.monotonic()) < until and not enough():
        for client in clients:
            client.turn(now)
        select.select([client.socket for client in clients], [], [], 0.02)
