"""A client of one zone in plain Python, written from proto/WIRE.md and proto/control.proto alone.

    wire_client.py --http http://127.0.0.1:8080 --name Ada [--lon 10 --lat 50] [--seconds 10] [--loss 0.2]

It joins, walks in a square and prints once a second what it knows. It is not for use in a game: it is the proof that
the page is enough, so it shares nothing with the C++ sources. Section numbers below are those of WIRE.md. One long
file on purpose: all of the wire can be read from top to bottom.
"""

import argparse
import collections
import json
import math
import os
import random
import select
import socket
import struct
import sys
import time
import urllib.request

PROTOCOL_VERSION = 2
MASK32 = (1 << 32) - 1
MASK64 = (1 << 64) - 1
TICKS_KEPT = 900
MOST_OVERTAKEN_TICKS = 64

A = 6378137.0
B = A * (1 - 1 / 298.257223563)
IA2 = 1 / (A * A)
IB2 = 1 / (B * B)


class WireError(Exception):
    """The other side sent what the page does not allow."""


# ---- bits (sections 5 and 6) -------------------------------------------------------------------


class BitWriter:
    def __init__(self):
        self.value = 0
        self.size = 0

    def put(self, value, bits):
        self.value |= (value & ((1 << bits) - 1)) << self.size
        self.size += bits

    def data(self):
        return self.value.to_bytes((self.size + 7) // 8, "little")


# ---- control messages (section 4, control.proto) -----------------------------------------------


def varint(value):
    out = bytearray()
    value &= MASK64
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field_bytes(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def field_double(number, value):
    return varint(number << 3 | 1) + struct.pack("<d", value)


def parse_fields(data):
    """Field number -> list of values: int for varints, raw bytes for all else."""
    fields = collections.defaultdict(list)
    at = 0

    def read_varint():
        nonlocal at
        out = shift = 0
        while True:
            out |= (data[at] & 0x7F) << shift
            shift += 7
            at += 1
            if not data[at - 1] & 0x80:
                return out

    while at < len(data):
        tag = read_varint()
        kind = tag & 7
        if kind == 0:
            fields[tag >> 3].append(read_varint())
            continue
        size = {1: 8, 5: 4}.get(kind)
        if size is None:
            size = read_varint()
        fields[tag >> 3].append(data[at:at + size])
        at += size
    return fields


def encode_login(version, token, spawn):
    login = varint(1 << 3) + varint(version) + field_bytes(2, token) + field_bytes(3, b"wire_client.py")
    if spawn:
        login += field_bytes(4, b"".join(field_double(i + 1, value) for i, value in enumerate(spawn)))
    return field_bytes(1, login)


def encode_goodbye():
    return field_bytes(2, b"")


# Of an Action: field number of each kind, and its fields' numbers (section 10).
ACTIONS = {
    "pick_up": (2, {"entity_id": 1}),
    "drop": (3, {"item_id": 1}),
    "give": (4, {"entity_id": 1, "item_ids": 2, "gold": 3}),
    "offer": (5, {"entity_id": 1, "give_item_ids": 2, "give_gold": 3, "want_item_ids": 4, "want_gold": 5}),
    "accept": (6, {"trade_id": 1}),
    "split": (7, {"item_id": 1, "quantity": 2}),
    "merge": (8, {"item_id": 1, "from_item_id": 2}),
}


def encode_action(key, kind, values):
    number, fields = ACTIONS[kind]
    body = b""
    for name, value in values.items():
        if isinstance(value, (list, tuple)):
            body += field_bytes(fields[name], b"".join(varint(item) for item in value))
        else:
            body += varint(fields[name] << 3) + varint(value)
    return field_bytes(3, field_bytes(1, key) + field_bytes(number, body))


def encode_decline(trade_id=0, key=b""):
    return field_bytes(4, field_bytes(2, key) if key else varint(1 << 3) + varint(trade_id))


class Message:
    """Fields by name, with proto3's defaults."""

    def __init__(self, data, layout):
        fields = parse_fields(data)
        for number, (name, kind) in layout.items():
            values = fields.get(number, [])
            if kind == "double":
                value = struct.unpack("<d", values[-1])[0] if values else 0.0
            elif kind == "text":
                value = values[-1].decode() if values else ""
            elif kind == "doubles":
                value = [x for chunk in values for (x,) in struct.iter_unpack("<d", chunk)]
            elif kind in ("ints", "i64s"):
                value = [x for chunk in values for x in ([chunk] if isinstance(chunk, int) else unpack_varints(chunk))]
                value = [signed64(x) for x in value] if kind == "i64s" else value
            elif kind == "i64":
                value = signed64(values[-1]) if values else 0
            elif kind == "bytes":
                value = values[-1] if values else b""
            elif kind == "items":
                value = [Message(chunk, ITEM) for chunk in values]
            else:
                value = values[-1] if values else 0
            setattr(self, name, value)


def signed64(value):
    return value - (1 << 64) if value >> 63 else value


def unpack_varints(data):
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            yield value
            value = shift = 0


WELCOME = {
    1: ("protocol_version", "int"), 2: ("entity_id", "int"), 3: ("tick", "int"), 4: ("tick_hz", "int"),
    5: ("x", "double"), 6: ("y", "double"), 7: ("z", "double"), 8: ("ground_height_m", "double"),
    9: ("max_speed_mps", "double"), 10: ("acceleration_mps2", "double"), 11: ("class_radius_m", "doubles"),
    12: ("class_period_ticks", "ints"), 13: ("shard_id", "text"), 14: ("player_id", "int"), 15: ("yaw", "int"),
    16: ("lon_min_deg", "double"), 17: ("lon_max_deg", "double"),
}
REFUSED = {1: ("reason", "int"), 2: ("text", "text"), 3: ("redirect", "text"),
           4: ("version_min", "int"), 5: ("version_max", "int")}
SERVER_GOODBYE = {1: ("reason", "int"), 2: ("text", "text")}
ACTION_RESULT = {1: ("key", "bytes"), 2: ("outcome", "int"), 3: ("reason", "int"), 4: ("text", "text"),
                 5: ("repeated", "int"), 6: ("item_id", "i64")}
ITEM = {1: ("item_id", "i64"), 2: ("definition", "int"), 3: ("quantity", "int")}
INVENTORY_UPDATE = {1: ("whole", "int"), 2: ("complete", "int"), 3: ("items", "items"), 4: ("gone", "i64s"),
                    5: ("gold", "i64")}
TRADE_OFFERED = {1: ("trade_id", "int"), 2: ("entity_id", "int"), 3: ("get", "items"), 4: ("get_gold", "i64"),
                 5: ("give_item_ids", "i64s"), 6: ("give_gold", "i64")}
TRADE_CLOSED = {1: ("trade_id", "int"), 2: ("reason", "int")}


class Belongings:
    """What the server told of the own things, and of others' offers (section 10)."""

    def __init__(self):
        self.items = None      # item id -> (definition, quantity); None before it was told
        self.gold = 0
        self.coming = None     # items, while a message that is not complete has come
        self.offers = {}       # trade id -> TradeOffered
        self.closed = {}       # trade id -> reason
        self.heard = []        # what came, in its order: ("inventory", items) and ("result", key)
        self.results = collections.defaultdict(list)    # key -> ActionResults

    def update(self, told):
        if told.whole:
            self.coming = {}
        elif self.coming is None:
            if self.items is None:
                return
            self.coming = dict(self.items)
        for item in told.gone:
            self.coming.pop(item, None)
        for item in told.items:
            self.coming[item.item_id] = (item.definition, item.quantity)
        if told.complete:
            self.items, self.coming, self.gold = self.coming, None, told.gold
            self.heard.append(("inventory", dict(self.items)))

    def answer(self, result):
        self.results[result.key].append(result)
        self.heard.append(("result", result.key))

    def offered(self, offer):
        self.offers[offer.trade_id] = offer

    def close(self, closed):
        self.offers.pop(closed.trade_id, None)
        self.closed[closed.trade_id] = closed.reason


# ---- movement (section 8) ----------------------------------------------------------------------


def dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a, b):
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def add(a, b):
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


def sub(a, b):
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


def mul(a, k):
    return (a[0] * k, a[1] * k, a[2] * k)


def gradient(p):
    return (p[0] * IA2, p[1] * IA2, p[2] * IB2)


def local_axes(p):
    """East, north, up."""
    g = gradient(p)
    up = mul(g, 1 / math.sqrt(dot(g, g)))
    r2 = p[0] * p[0] + p[1] * p[1]
    if r2 < 1e-12:
        up, east = (0.0, 0.0, math.copysign(1.0, p[2])), (0.0, 1.0, 0.0)
    else:
        i = 1 / math.sqrt(r2)
        east = (-p[1] * i, p[0] * i, 0.0)
    return east, cross(up, east), up


Command = collections.namedtuple("Command", "east north yaw buttons")
Body = collections.namedtuple("Body", "position velocity ground yaw")
STILL = (0.0, 0.0, 0.0)


def step(body, command, max_speed, acceleration, dt):
    p, v, g, e, n = body.position, body.velocity, body.ground, command.east, command.north
    if e == 0 and n == 0 and v == STILL:
        return body._replace(yaw=command.yaw)
    east, north, up = local_axes(p)
    l2 = e * e + n * n
    s = max_speed / math.sqrt(l2) if l2 > 127 * 127 else max_speed / 127
    wanted = add(mul(east, e * s), mul(north, n * s))
    cur = sub(v, mul(up, dot(v, up)))
    change = sub(wanted, cur)
    limit = acceleration * dt
    c2 = dot(change, change)
    v = add(cur, mul(change, limit / math.sqrt(c2))) if c2 > limit * limit else wanted
    if v != STILL:
        p = add(p, mul(v, dt))
        for _ in range(4):
            h = gradient(p)
            length = math.sqrt(dot(h, h))
            t = math.sqrt(dot(p, h))
            error = g - t * (t - 1) / length
            p = add(p, mul(h, error / length))
            if abs(error) < 1:
                break
    return Body(p, v, g, command.yaw)


def mix(v):
    v = (v + 0x9E3779B97F4A7C15) & MASK64
    v = (v ^ v >> 30) * 0xBF58476D1CE4E5B9 & MASK64
    v = (v ^ v >> 27) * 0x94D049BB133111EB & MASK64
    return v ^ v >> 31


def digest(position):
    x, y, z = (round(axis * 100) & MASK32 for axis in position)
    return mix(mix(x ^ mix(y)) ^ mix(z)) & 0xFFFF


# ---- input (section 5) -------------------------------------------------------------------------


def encode_input(ack, ack_bits, newest_tick, own_digest, commands):
    out = BitWriter()
    out.put(1, 8)
    out.put(ack, 16)
    out.put(ack_bits, 64)
    out.put(newest_tick, 32)
    out.put(own_digest, 16)
    out.put(len(commands) - 1, 5)
    before = None
    for command in commands:
        if before is not None:
            out.put(command == before, 1)
        if command != before:
            for value, bits in zip(command, (8, 8, 16, 8)):
                out.put(value, bits)
        before = command
    return out.data()


# ---- snapshots (section 6) ---------------------------------------------------------------------

COMBAT, VISUAL, EXTENDED = range(3)
ITEM_KIND = 4
UNIT_M = (0.01, 0.1, 0.5)
YAW_BITS = (10, 8, 0)
UNIT_CM = (1, 10, 50)
BODY_KIND = 5
LIMIT = 1 << 21

Member = collections.namedtuple("Member", "id kind position yaw health animation rotation")
Part = collections.namedtuple("Part", "leaf number sort age step payload")
Snapshot = collections.namedtuple("Snapshot", "sequence tick exact confirmed depth health drops parts")
Held = collections.namedtuple("Held", "tick part sort member")


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def get(self, layout):
        size = struct.calcsize(layout)
        if self.at + size > len(self.data):
            raise WireError("snapshot ends early")
        out = struct.unpack_from(layout, self.data, self.at)
        self.at += size
        return out if len(out) > 1 else out[0]

    def bytes(self, size):
        return self.get(f"<{size}s")

    def varint(self):
        value = 0
        for shift in range(0, 49, 7):
            byte = self.get("<B")
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise WireError("a varint without an end")


def parse_snapshot(data):
    read = Reader(data)
    kind, sequence, tick, flags, depth, health = read.get("<BHIBbB")
    if kind != 2 or sequence == 0 or flags & ~7:
        raise WireError("not a snapshot")
    exact = confirmed = None
    if flags & 1:
        values = read.get("<7dH")
        exact = Body(values[0:3], values[3:6], values[6], values[7])
    if flags & 2:
        confirmed = read.get("<B")
    if flags & 4:
        read.get("<B")  # by how much time is slowed down: the estimate of the server's tick follows by itself
    drops = [read.get("<Q") for _ in range(read.get("<B"))]
    parts = []
    leaf = number = ages = None
    while read.at < len(data):
        mode = read.get("<B")
        if mode & 3 > EXTENDED or (mode & 8 and not mode & 4) or (mode & 16 and mode & 0xC0):
            raise WireError("unknown part")
        if mode & 16:
            if leaf is None:
                raise WireError("the next part of no leaf")
            number += 1
        else:
            leaf = read.get("<Q") if mode & 128 else relative_key(leaf, read.varint())
            number = read.get("<B") if mode & 64 else 0
        if mode & 8:
            ages = read.varint()
        age = step = 0
        if mode & 4:
            if ages is None:
                raise WireError("ages as before, of no part")
            age, step = ages & 31, ages >> 5
            if age == 0 or age + step > 31:
                raise WireError("no such base")
        length = read.get("<H" if mode & 32 else "<B")
        parts.append(Part(leaf, number, mode & 3, age, step, read.bytes(length)))
    return Snapshot(sequence, tick, exact, confirmed, depth, health, drops, parts)


def relative_key(before, relative):
    if before is None:
        raise WireError("relative to no key")
    level = 12 + (relative & 15)
    deeper = 3 * level - (before.bit_length() - 1)
    near = before << deeper if deeper >= 0 else before >> -deeper
    zigzag = relative >> 4
    return near + (zigzag >> 1 ^ -(zigzag & 1)) & MASK64


class RangeReader:
    """The range decoder of section 6, and the symbols that are made of it."""

    def __init__(self, data):
        self.data = data
        self.taken = 0
        self.code = int.from_bytes(data[:4].ljust(4, b"\0"), "big")
        self.range = MASK32

    def peek(self, bits):
        self.step = self.range >> bits
        return min(self.code // self.step, (1 << bits) - 1)

    def take(self, start, freq):
        self.code = self.code - start * self.step & MASK32
        self.range = freq * self.step
        while self.range < 1 << 24:
            at = 4 + self.taken
            self.code = (self.code << 8 | (self.data[at] if at < len(self.data) else 0)) & MASK32
            self.range <<= 8
            self.taken += 1

    def bits(self, count):
        if count > 16:
            low = self.bits(16)
            return low | self.bits(count - 16) << 16
        if count == 0:
            return 0
        value = self.peek(count)
        self.take(value, 1)
        return value

    def flag(self, likely):
        value = self.peek(12) < likely
        self.take(*((0, likely) if value else (likely, 4096 - likely)))
        return value

    def symbol(self, frequencies):
        at, start = self.peek(12), 0
        for symbol, freq in enumerate(frequencies):
            if at < start + freq:
                self.take(start, freq)
                return symbol
            start += freq
        raise WireError("a table that does not add up")

    def residual(self, table, scale, near):
        """(value, level)"""
        row = scale.mean + 32 >> 6
        shift = 0 if row < 10 else (row - 8) // 2
        row -= 2 * shift
        column = 9 if near < 0 else min(8, 3 * max(near - 8 * shift, 0) + 8 >> 4)
        token = self.symbol(RESIDUALS[table, row, column])
        value = 0
        if token or shift:
            free = shift + (0 if token < 4 else token // 2 - 1 if token < 24 else self.bits(4) + 12)
            if free > 22:
                raise WireError("a number of too many bits")
            top = token if token < 4 else 2 + token % 2 if token < 24 else 1
            value = min(top << free | self.bits(free), (1 << 23) - 1)
            if self.bits(1):
                value = -value
        got = level(abs(value))
        scale.add(got)
        return value, got

    def width(self, usual, width_bits, most):
        width = usual.bit_length() if self.flag(2048) else min(self.bits(width_bits), most)
        return 1 << width - 1 | self.bits(width - 1) if width else 0

    def finish(self):
        if self.taken + 1 != len(self.data):
            raise WireError("part has another length than its content")


def level(magnitude):
    if magnitude < 4:
        return 4 * magnitude + 4 if magnitude else 0
    width = magnitude.bit_length()
    return 4 * (2 * width - 2 + (magnitude >> width - 2 & 1)) + 4


class Scale:
    def __init__(self, guess=0):
        self.mean = 16 * level(guess)
        self.seen = 0

    def add(self, got):
        rate = 1 if self.seen < 2 else 2 if self.seen < 6 else 3 if self.seen < 14 else 4
        self.mean += min(16 * got, self.mean + 256) - self.mean >> rate
        self.seen += 1


class Scales:
    """Flat, up and turn of one sort of members."""

    def __init__(self, flat=0, up=0, turn=0):
        self.flat, self.up, self.turn = Scale(flat), Scale(up), Scale(turn)


def read_residuals():
    name = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "proto", "residuals.csv")
    table = {}
    with open(name, encoding="ascii") as lines:
        next(lines)
        for line in lines:
            numbers = [int(field) for field in line.split(",")]
            table[tuple(numbers[:3])] = numbers[3:]
    return table


RESIDUALS = read_residuals()
USES = ((3700, 280, 36, 80), (160, 3816, 40, 80), (240, 2160, 1500, 196), (400, 1800, 200, 1696))
EMPTY, KEPT, KEPT_SHORT, FULL = range(4)


def root(square):
    return math.isqrt(square) if square > 0 else 0


def wide(rotation):
    largest, parts = rotation
    axes = [part * 16777 + 512 >> 10 for part in parts]
    axes.insert(largest, root((1 << 28) - sum(axis * axis for axis in axes)))
    return axes


def product(a, b):
    return [sum(terms) >> 14 for terms in (
        (a[3] * b[0], a[0] * b[3], a[1] * b[2], -a[2] * b[1]),
        (a[3] * b[1], -a[0] * b[2], a[1] * b[3], a[2] * b[0]),
        (a[3] * b[2], a[0] * b[1], -a[1] * b[0], a[2] * b[3]),
        (a[3] * b[3], -a[0] * b[0], -a[1] * b[1], -a[2] * b[2]))]


def clamp(value, low, high):
    return max(low, min(high, value))


def extrapolate(newest, older, age, step):
    to, from_ = wide(newest), wide(older)
    turn = product(to, [-axis for axis in from_[:3]] + from_[3:])
    if turn[3] < 0:
        turn = [-axis for axis in turn]
    s = (age << 16) // step
    s2 = s * s >> 16
    u = sum(axis * axis for axis in turn[:3]) >> 12
    f = 1 << 16
    for odd, divisor in ((25, 42), (9, 20), (1, 6)):
        numerator = (odd << 16) - s2
        t = abs(numerator) // divisor * (1 if numerator >= 0 else -1)
        f = clamp((1 << 16) + ((t * u >> 16) * f >> 16), -(1 << 22), 1 << 22)
    f = s * f >> 16
    axes = [clamp(axis * f >> 16, -(1 << 14), 1 << 14) for axis in turn[:3]]
    return product(axes + [root((1 << 28) - sum(axis * axis for axis in axes))], to)


def decode_rotation(bits, predicted, scale, near):
    expected = max((3, 0, 1, 2), key=lambda axis: abs(predicted[axis]))
    largest = expected if bits.flag(3900) else bits.bits(2)
    sign = -1 if predicted[largest] < 0 else 1
    parts, levels = [], near
    for axis in (axis for axis in range(4) if axis != largest):
        residual, got = bits.residual(1, scale, levels // (len(parts) + 1))
        parts.append((sign * predicted[axis] * 1000 + 8192 >> 14) + residual)
        levels += got
    return checked_rotation(largest, tuple(parts))


def checked_rotation(largest, parts):
    if any(abs(part) > 708 for part in parts):
        raise WireError("no such orientation")
    return largest, parts


def decode_position(bits, table, predicted, flat, up):
    position, levels = [], 0
    for axis in range(3):
        near = levels // axis if axis else -1
        residual, got = bits.residual(table, up if axis == 2 else flat, near)
        position.append(predicted[axis] + residual)
        levels += got
    return tuple(position), levels // 3


def decode_kept(bits, part, base, older, scales, calm):
    predicted = base.position
    if older:
        predicted = tuple(clamp(n + (2 * (n - o) * part.age + part.step) // (2 * part.step), -LIMIT, LIMIT - 1)
                          for n, o in zip(base.position, older.position))
    table = 1 if base.kind == BODY_KIND else 0
    position, near = decode_position(bits, table, predicted, scales.flat, scales.up)
    member = base._replace(position=position)
    if part.sort == EXTENDED:
        return member
    if base.kind == BODY_KIND:
        turned = wide(base.rotation)
        if older:
            turned = extrapolate(base.rotation, older.rotation, part.age, part.step)
        return member._replace(rotation=decode_rotation(bits, turned, scales.turn, near))
    if not calm:
        turn, _ = bits.residual(0, scales.turn, near)
        member = member._replace(yaw=(base.yaw + turn) % (1 << YAW_BITS[part.sort]))
    if part.sort == COMBAT and bits.flag(48):
        vitals = bits.bits(12)
        member = member._replace(health=vitals & 255, animation=vitals >> 8)
    return member


def decode_full(bits, sort, usual, before, scales):
    index = bits.width(usual.id & 0xFFFFF, 5, 20)
    generation = usual.id >> 20
    if not bits.flag(2800):
        generation = bits.width(generation, 4, 12)
    kind = usual.kind if bits.flag(3700) else bits.bits(4)
    if before is None:
        position = tuple((bits.bits(22) ^ LIMIT) - LIMIT for _ in range(3))
    else:
        table = 1 if kind == BODY_KIND else 0
        position, _ = decode_position(bits, table, before.position, scales.flat, scales.up)
    member = Member(generation << 20 | index, kind, position, 0, 0, 0, (3, (0, 0, 0)))
    if sort == EXTENDED:
        return member
    if kind == BODY_KIND:
        largest = bits.bits(2)
        parts = tuple(bits.bits(11) - 1000 for _ in range(3))
        return member._replace(rotation=checked_rotation(largest, parts))
    member = member._replace(yaw=usual.yaw if bits.flag(1024) else bits.bits(YAW_BITS[sort]))
    if sort != COMBAT:
        return member
    if bits.flag(3300):
        return member._replace(health=usual.health, animation=usual.animation)
    vitals = bits.bits(12)
    return member._replace(health=vitals & 255, animation=vitals >> 8)


def decode_part(part, base, older, hz):
    """Slot -> member. `base` and `older` are such maps too, or None."""
    bits = RangeReader(part.payload)
    uses = []
    for slot in range(32):
        if base is None:
            uses.append(FULL if bits.flag(3900 if not uses or uses[-1] == FULL else 400) else EMPTY)
        else:
            uses.append(bits.symbol(USES[uses[-1] if uses else KEPT]))
    unit = UNIT_CM[part.sort]
    moving = Scales(flat=20 * part.age * (part.age + part.step) // (hz * hz * unit), turn=1)
    still, once = Scales(), Scales(flat=200 * part.age // (hz * unit))
    full = Scales(flat=500 // unit, up=500 // unit)
    calm = base is not None and part.sort != EXTENDED and bits.flag(2048)
    usual = Member(1 << 20 | 255, 1, (0, 0, 0), 0, 100, 0, (3, (0, 0, 0)))
    before, slots = None, {}
    for slot, use in enumerate(uses):
        if use == EMPTY:
            continue
        if use == FULL:
            before = usual = decode_full(bits, part.sort, usual, before, full)
        else:
            newest = base.get(slot)
            then = older.get(slot) if older is not None and use == KEPT else None
            if newest is None or (older is not None and use == KEPT and (then is None or then.id != newest.id)):
                raise WireError("delta of a slot that a base has not")
            scales = once if then is None else still if then.position == newest.position else moving
            before = decode_kept(bits, part, newest, then, scales, calm)
        if not before.id or any(not -LIMIT <= axis < LIMIT for axis in before.position):
            raise WireError("no such member")
        slots[slot] = before
    bits.finish()
    return slots


class Frame:
    """The coordinates of a leaf's payloads: those of its sector."""

    def __init__(self, leaf):
        level = (leaf.bit_length() - 1) // 3
        if not 12 <= level <= 21 or leaf.bit_length() != 3 * level + 1:
            raise WireError("not a leaf key")
        sector = leaf >> 3 * (level - 12)
        corner = [-(1 << 30)] * 3
        width = 1 << 31
        for depth in range(11, -1, -1):
            width >>= 1
            octant = sector >> 3 * depth & 7
            for axis in range(3):
                corner[axis] += width * (octant >> axis & 1)
        self.origin = tuple((c + width // 2) / 100 for c in corner)
        self.east, self.north, self.up = local_axes(self.origin)

    def place(self, position, unit):
        east, north, up = (axis * unit for axis in position)
        return add(self.origin, add(mul(self.east, east), add(mul(self.north, north), mul(self.up, up))))


class View:
    """What the client holds of the world: "Applying a snapshot"."""

    def __init__(self, hz):
        self.hz = hz
        self.states = {}    # (leaf, number) -> {tick: (class, slots)}
        self.newest = {}    # (leaf, number) -> (tick, slots)
        self.held = {}      # entity -> Held
        self.left = {}      # entity -> tick at which it left
        self.dropped = {}   # leaf -> tick
        self.frames = {}
        self.missing_bases = 0
        self.deltas = 0
        self.keyframes = 0

    def apply(self, snapshot, tick):
        """True when every part was decoded: only then it may be acknowledged."""
        complete = True
        for part in snapshot.parts:
            if self.dropped.get(part.leaf, -1) >= tick:
                continue
            slots = self._decode(part, tick)
            if slots is None:
                complete = False
            else:
                self._put((part.leaf, part.number), part.sort, slots, tick)
        for leaf in snapshot.drops:
            self._drop(leaf, tick)
        return complete

    def position(self, entity):
        held = self.held[entity]
        leaf = held.part[0]
        frame = self.frames.get(leaf) or self.frames.setdefault(leaf, Frame(leaf))
        return frame.place(held.member.position, UNIT_M[held.sort])

    def _decode(self, part, tick):
        bases = [None, None]
        for i, ago in enumerate((part.age, part.step and part.age + part.step)):
            if not ago:
                continue
            sort, bases[i] = self.states.get((part.leaf, part.number), {}).get(tick - ago, (None, None))
            if bases[i] is None or sort != part.sort:
                self.missing_bases += 1
                return None
        if part.age:
            self.deltas += 1
        else:
            self.keyframes += 1
        return decode_part(part, bases[0], bases[1], self.hz)

    def _put(self, key, sort, slots, tick):
        states = self.states.setdefault(key, {})
        states[tick] = (sort, slots)
        for old in [t for t in states if t < tick - 47]:
            del states[old]
        newest, before = self.newest.get(key, (-1, {}))
        if newest > tick:
            return
        self.newest[key] = (tick, slots)
        for member in slots.values():
            held = self.held.get(member.id)
            if held.tick < tick if held else self.left.get(member.id, -1) <= tick:
                self.held[member.id] = Held(tick, key, sort, member)
        for member in before.values():
            held = self.held.get(member.id)
            if held and held.part == key and held.tick < tick:
                del self.held[member.id]
                self.left[member.id] = tick

    def _drop(self, leaf, tick):
        for key in [k for k, (newest, _) in self.newest.items() if k[0] == leaf and newest <= tick]:
            del self.newest[key], self.states[key]
            for entity in [e for e, held in self.held.items() if held.part == key]:
                del self.held[entity]
                self.left[entity] = tick
        self.dropped[leaf] = max(tick, self.dropped.get(leaf, -1))


# ---- ENet (section 2) --------------------------------------------------------------------------

ACKNOWLEDGE, CONNECT, VERIFY_CONNECT, DISCONNECT, PING, SEND_RELIABLE = range(1, 7)
SEND_FRAGMENT, SEND_UNSEQUENCED, BANDWIDTH_LIMIT, THROTTLE_CONFIGURE = 8, 9, 10, 11
BODIES = {ACKNOWLEDGE: ">HH", CONNECT: ">HBB10I", VERIFY_CONNECT: ">HBB9I", DISCONNECT: ">I", PING: ">",
          SEND_RELIABLE: ">H", SEND_UNSEQUENCED: ">HH", BANDWIDTH_LIMIT: ">II", THROTTLE_CONFIGURE: ">III"}
WANTS_ACK, UNSEQUENCED = 0x80, 0x40
NO_PEER = 4095
CONTROL_CHANNEL = 255
MTU = 1167

Unacknowledged = collections.namedtuple("Unacknowledged", "data resend_at delay")


class Link:
    """One ENet connection. `service` sends, receives and returns what arrived."""

    def __init__(self, address, loss=0.0, seed=0):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.connect(address)
        self.loss = loss
        self.random = random.Random(seed)
        self.connect_id = self.random.getrandbits(32)
        self.peer, self.session = NO_PEER, 0
        self.connected = self.closed = False
        self.reason = None
        self.sequences = collections.Counter()
        self.unacknowledged = {}
        self.expected = 1
        self.early = {}
        self.groups = collections.OrderedDict()
        self.group = 0
        self.rtt, self.deviation = 0.5, 0.0
        self.heard_at = self.pinged_at = self.started = time.monotonic()
        self.thrown_away = 0
        self._reliable(CONNECT, CONTROL_CHANNEL, struct.pack(
            BODIES[CONNECT], 0, 255, 255, MTU, 65536, 2, 0, 0, 5000, 2, 2, self.connect_id, 0))

    def fileno(self):
        return self.socket.fileno()

    def send_reliable(self, data):
        self._reliable(SEND_RELIABLE, 0, struct.pack(">H", len(data)) + data)

    def send_unsequenced(self, data):
        self.group = self.group + 1 & 0xFFFF
        self._send(struct.pack(">BBHHH", SEND_UNSEQUENCED | UNSEQUENCED, 1, 0, self.group, len(data)) + data)

    def disconnect(self, reason):
        self._reliable(DISCONNECT, CONTROL_CHANNEL, struct.pack(">I", reason))

    def close(self):
        self.closed = True
        self.socket.close()

    def service(self):
        """Messages that arrived: (channel, data)."""
        messages = []
        while not self.closed:
            try:
                data = self.socket.recv(2048)
            except BlockingIOError:
                break
            except ConnectionRefusedError:
                continue
            if self._lost():
                continue
            self._receive(data, messages)
        now = time.monotonic()
        if not self.closed:
            for key, waiting in list(self.unacknowledged.items()):
                if now >= waiting.resend_at:
                    self.unacknowledged[key] = Unacknowledged(waiting.data, now + waiting.delay, 2 * waiting.delay)
                    self._send(waiting.data)
            if self.connected and now - self.pinged_at > 0.5:
                self.pinged_at = now
                self._reliable(PING, CONTROL_CHANNEL, b"")
            if now - self.heard_at > 5:
                self.close()
        return messages

    def _lost(self):
        lost = self.random.random() < self.loss
        self.thrown_away += lost
        return lost

    def _reliable(self, command, channel, body):
        self.sequences[channel] += 1
        sequence = self.sequences[channel] & 0xFFFF
        data = struct.pack(">BBH", command | WANTS_ACK, channel, sequence) + body
        delay = self.rtt + 4 * self.deviation
        self.unacknowledged[channel, sequence] = Unacknowledged(data, time.monotonic() + delay, 2 * delay)
        self._send(data)

    def _send(self, commands):
        if self._lost():
            return
        header = struct.pack(">HH", 0x8000 | self.session << 12 | self.peer, self._clock())
        try:
            self.socket.send(header + commands)
        except ConnectionRefusedError:
            pass

    @staticmethod
    def _clock():
        return int(time.monotonic() * 1000) & 0xFFFF

    def _receive(self, data, messages):
        """A datagram: all of its commands, or none."""
        (head,) = struct.unpack_from(">H", data)
        if head & 0x4000 or head & 0xFFF != 0:
            raise WireError("compressed, or for another peer")
        at, sent_time = 2, None
        if head & 0x8000:
            (sent_time,) = struct.unpack_from(">H", data, 2)
            at = 4
        self.heard_at = time.monotonic()
        acknowledgements = b""
        while at < len(data):
            command, channel, sequence = struct.unpack_from(">BBH", data, at)
            number = command & 15
            if number not in BODIES:
                raise WireError(f"ENet command {number}")
            body = struct.unpack_from(BODIES[number], data, at + 4)
            at += 4 + struct.calcsize(BODIES[number])
            payload = b""
            if number in (SEND_RELIABLE, SEND_UNSEQUENCED):
                payload = data[at:at + body[-1]]
                if len(payload) != body[-1]:
                    raise WireError("ENet command ends early")
                at += body[-1]
            if command & WANTS_ACK:
                if sent_time is None:
                    raise WireError("wants an acknowledgement without a sent time")
                acknowledgements += struct.pack(">BBHHH", ACKNOWLEDGE, channel, sequence, sequence, sent_time)
            self._command(number, channel, sequence, body, payload, messages)
        if acknowledgements:
            self._send(acknowledgements)
        if self.reason is not None:
            self.close()

    def _command(self, number, channel, sequence, body, payload, messages):
        if number == ACKNOWLEDGE:
            if self.unacknowledged.pop((channel, body[0]), None):
                sample = (self._clock() - body[1] & 0xFFFF) / 1000
                self.deviation += (abs(sample - self.rtt) - self.deviation) / 4
                self.rtt += (sample - self.rtt) / 8
        elif number == VERIFY_CONNECT and not self.connected:
            if body[11] != self.connect_id:
                raise WireError("another connect id")
            self.peer, self.session, self.connected = body[0], body[2], True
            self.unacknowledged.pop((CONTROL_CHANNEL, 1), None)
            self.rtt = time.monotonic() - self.started
        elif number == DISCONNECT:
            self.reason = body[0]
        elif number == SEND_RELIABLE:
            if (sequence - self.expected & 0xFFFF) < 0x8000:
                self.early[sequence] = payload
            while self.expected in self.early:
                messages.append((channel, self.early.pop(self.expected)))
                self.expected = self.expected + 1 & 0xFFFF
        elif number == SEND_UNSEQUENCED and body[0] not in self.groups:
            self.groups[body[0]] = True
            if len(self.groups) > 1024:
                self.groups.popitem(last=False)
            messages.append((channel, payload))


# ---- the client --------------------------------------------------------------------------------


def join(http, name):
    """Section 1: address, port, token."""
    request = urllib.request.Request(http + "/v1/join", json.dumps({"name": name}).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        got = json.load(answer)
    return got["address"], got["port"], got["token"].encode()


def next_sequence(sequence):
    return sequence % 65535 + 1


def steps_between(older, newer):
    """Steps of a snapshot sequence, -32767..32767."""
    steps = (newer - older) % 65535
    return steps if steps <= 32767 else steps - 65535


class WireClient:
    """Joins, predicts its own body and holds the world around it. Call `pump` often; never blocks.

    `loss` is the share of datagrams thrown away, both ways, once welcome. `depths` is what the server shall report
    as input_depth. Without `predicts` it sends wrong digests."""

    def __init__(self, http, name, spawn=None, version=PROTOCOL_VERSION, loss=0.0, seed=0, depths=(1, 3), predicts=True,
                 link=None, token=b""):
        if link is None:
            address, port, token = join(http, name)
            link = Link((address, port), seed=seed)
        self.link = link
        self.loss = loss
        self.depths = depths
        self.predicts = predicts
        self.login = encode_login(version, token, spawn)
        self.welcome = self.refused = self.goodbye = None
        self.move = (0, 0)
        self.yaw = 0
        self.view = None
        self.own = Belongings()
        self.path = {}        # tick -> Body: own, predicted or exact
        self.commands = {}    # tick -> Command
        self.tick = 0         # newest predicted
        self.newest_tick = 0  # of the snapshots that came
        self.lead = 0.0
        self.depth = None
        self.health = None
        self.acknowledged = set()
        self.ack = 0
        self.arrivals = collections.deque(maxlen=TICKS_KEPT)        # (Snapshot, whether all was decoded)
        self.corrections = collections.deque(maxlen=TICKS_KEPT)     # (tick, predicted Body, exact Body)
        self.sightings = collections.deque(maxlen=20 * TICKS_KEPT)  # (tick, entity, position)

    @property
    def entity(self):
        return self.welcome.entity_id

    @property
    def ended(self):
        return self.link.closed

    def say_goodbye(self):
        self.link.send_reliable(encode_goodbye())

    def act(self, kind, key=None, **values):
        """Sends an action, a new one or one that has a key already; answers come into `own.results[key]`."""
        key = key or os.urandom(16)
        self.link.send_reliable(encode_action(key, kind, values))
        return key

    def decline(self, trade_id=0, key=b""):
        self.link.send_reliable(encode_decline(trade_id, key))

    def lying_items(self):
        """Entities that are items on the ground: id -> definition, 0 when too far to tell."""
        found = {}
        for entity, held in self.view.held.items():
            if held.member.kind == ITEM_KIND:
                member = held.member
                found[entity] = member.health + 256 * member.animation if held.sort == COMBAT else 0
        return found

    def close(self):
        self.link.close()

    def pump(self):
        for channel, data in self.link.service():
            self._control(data) if channel == 0 else self._snapshot(data)
        if self.link.connected and self.login:
            self.link.send_reliable(self.login)
            self.login = None
        if self.welcome and not self.ended and not self.goodbye:
            self._predict()

    def _control(self, data):
        for number, values in parse_fields(data).items():
            if number == 1:
                self._welcome(Message(values[-1], WELCOME))
            elif number == 2:
                self.refused = Message(values[-1], REFUSED)
            elif number == 3:
                self.goodbye = Message(values[-1], SERVER_GOODBYE)
            elif number == 4:
                self.own.answer(Message(values[-1], ACTION_RESULT))
            elif number == 5:
                self.own.update(Message(values[-1], INVENTORY_UPDATE))
            elif number == 6:
                self.own.offered(Message(values[-1], TRADE_OFFERED))
            elif number == 7:
                self.own.close(Message(values[-1], TRADE_CLOSED))

    def _welcome(self, welcome):
        self.welcome = welcome
        self.link.loss = self.loss
        self.view = View(welcome.tick_hz)
        self.tick = self.newest_tick = welcome.tick
        self.yaw = welcome.yaw
        self.path[self.tick] = Body((welcome.x, welcome.y, welcome.z), STILL, welcome.ground_height_m, welcome.yaw)
        self.started = time.monotonic() - self.tick / welcome.tick_hz   # when tick 0 was, as seen from here
        self.lead = 1 + self.depths[0] + self.link.rtt * welcome.tick_hz
        self.steered_at = time.monotonic()

    def _snapshot(self, data):
        snapshot = parse_snapshot(data)
        if self.welcome is None:
            return
        tick = self.tick + ((snapshot.tick - self.tick + (1 << 31) & MASK32) - (1 << 31))
        if snapshot.sequence in self.acknowledged or tick < self.newest_tick - MOST_OVERTAKEN_TICKS:
            return
        self.newest_tick = max(self.newest_tick, tick)
        now = time.monotonic()
        applied = self.view.apply(snapshot, tick)
        if applied:
            self._acknowledge(snapshot.sequence)
        self.arrivals.append((snapshot, applied))
        self.health = snapshot.health
        self._steer(now, tick, snapshot.depth)
        if snapshot.exact:
            self._correct(tick, snapshot.exact)
        for entity, held in self.view.held.items():
            if held.tick == tick:
                self.sightings.append((tick, entity, self.view.position(entity)))

    def _acknowledge(self, sequence):
        if self.ack == 0 or steps_between(self.ack, sequence) > 0:
            self.ack = sequence
        self.acknowledged = {s for s in self.acknowledged if steps_between(s, self.ack) <= 64} | {sequence}

    def _ack_bits(self):
        return sum(1 << steps_between(s, self.ack) - 1 for s in self.acknowledged if 1 <= steps_between(s, self.ack) <= 64)

    def _steer(self, now, tick, depth):
        """The earliest arrivals tell the server's clock; the depth it reports, how far ahead of it to be."""
        start = now - tick / self.welcome.tick_hz
        self.started += (start - self.started) * (1.0 if start < self.started else 0.01)
        self.depth = depth
        if now - self.steered_at > 0.5 and not self.depths[0] <= depth <= self.depths[1]:
            self.lead += 1 if depth < self.depths[0] else -1
            self.steered_at = now

    def _correct(self, tick, exact):
        if tick in self.path:
            self.corrections.append((tick, self.path[tick], exact))
        self.tick = max(self.tick, tick)
        self.path[tick] = exact
        for later in range(tick + 1, self.tick + 1):
            self._step(later)

    def _step(self, tick):
        before = self.path.get(tick - 1)
        if before:
            w = self.welcome
            self.path[tick] = step(before, self.commands.get(tick, Command(0, 0, w.yaw, 0)), w.max_speed_mps,
                                   w.acceleration_mps2, 1 / w.tick_hz)

    def _predict(self):
        target = int((time.monotonic() - self.started) * self.welcome.tick_hz + self.lead)
        while self.tick < target:
            self.tick += 1
            self.commands[self.tick] = Command(*self.move, self.yaw, 0)
            self._step(self.tick)
            self._send_input()
            self.path.pop(self.tick - TICKS_KEPT, None)
            self.commands.pop(self.tick - TICKS_KEPT, None)

    def _send_input(self):
        still = Command(0, 0, self.welcome.yaw, 0)
        commands = [self.commands.get(self.tick - i, still) for i in range(8)]
        own_digest = digest(self.path[self.tick].position) ^ (not self.predicts)
        self.link.send_unsequenced(encode_input(self.ack, self._ack_bits(), self.tick, own_digest, commands))


def wait(clients, seconds, until=lambda: False):
    """Pumps the clients; true as soon as `until` is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        open_links = [client.link for client in clients if not client.ended]
        select.select(open_links, [], [], 0.005)
        for client in clients:
            client.pump()
        if until():
            return True
    return until()


def main():
    parser = argparse.ArgumentParser(description="A bluemarble client from the wire page alone.")
    parser.add_argument("--http", default="http://127.0.0.1:8080")
    parser.add_argument("--name", default="Ada")
    parser.add_argument("--lon", type=float)
    parser.add_argument("--lat", type=float)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--loss", type=float, default=0.0, help="share of datagrams thrown away, both ways")
    options = parser.parse_args()
    spawn = (options.lon, options.lat, 0.0) if options.lon is not None and options.lat is not None else None
    client = WireClient(options.http, options.name, spawn, loss=options.loss)
    if not wait([client], 5, lambda: client.welcome or client.refused or client.ended) or not client.welcome:
        print("refused:", vars(client.refused) if client.refused else client.link.reason)
        return 1
    print("welcome:", vars(client.welcome))
    for second in range(options.seconds):
        client.move = ((127, 0), (0, 127), (-127, 0), (0, -127))[second % 4]
        before = len(client.arrivals)
        wait([client], 1, lambda: client.ended)
        last = list(client.arrivals)[before:]
        print(f"{len(client.own.items or ())} things, {client.own.gold} gold; tick {client.tick} depth {client.depth} rtt {1000 * client.link.rtt:.0f} ms, {len(last)} snapshots: "
              f"{sum(s.exact is not None for s, _ in last)} exact, "
              f"{sum(s.confirmed is not None for s, _ in last)} confirmed; "
              f"{len(client.view.held)} entities, {client.view.missing_bases} missing bases")
        if client.ended:
            break
    if not client.ended:
        client.say_goodbye()
        wait([client], 3, lambda: client.ended)
    print("ended:", client.link.reason)
    return 0


if __name__ == "__main__":
    sys.exit(main())
