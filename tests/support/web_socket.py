"""A WebSocket client (RFC 6455) that does what a test wants, the wrong things too; Python's standard library only."""

import base64
import hashlib
import os
import select
import socket
import ssl
import struct
import time
import urllib.parse

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
CONTINUATION = 0


class Refused(Exception):
    """The answer to the upgrade was not 101."""

    def __init__(self, status, text):
        super().__init__(f"{status}: {text}")
        self.status, self.text = status, text


def frame(opcode, payload=b"", final=True, mask=None):
    """One frame as a client sends it."""
    mask = os.urandom(4) if mask is None else mask
    head = bytes([(0x80 if final else 0) | opcode])
    size = len(payload)
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 1 << 16:
        head += bytes([0x80 | 126]) + struct.pack(">H", size)
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", size)
    repeated = mask * (size // 4 + 1)
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated[:size], "big")).to_bytes(size, "big")
    return head + mask + masked


class WebSocket:
    """An open socket. `poll` never blocks; pings are answered by it. `code`: of the close that came, or that the
    connection was lost (1006); None while it is open."""

    def __init__(self, http, path, headers=(), receive_buffer=None, timeout=10):
        where = urllib.parse.urlsplit(http)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect((where.hostname, where.port))
        if where.scheme == "https":
            self.socket = ssl.create_default_context().wrap_socket(self.socket, server_hostname=where.hostname)
        self.code = None
        self.reason = ""
        self.pings = 0
        self._received = bytearray()
        self._parts = []
        try:
            self._upgrade(where.netloc, path, headers)
        except BaseException:
            self.socket.close()
            raise
        self.socket.setblocking(False)

    def _upgrade(self, host, path, headers):
        key = base64.b64encode(os.urandom(16))
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: Upgrade", "Upgrade: websocket",
                 "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key.decode()}", *headers]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        while b"\r\n\r\n" not in self._received:
            data = self.socket.recv(65536)
            if not data:
                raise Refused(0, "the connection ended")
            self._received += data
        head, _, rest = bytes(self._received).partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        if status != 101:
            raise Refused(status, (head + b"\n" + rest).decode(errors="replace"))
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        if b"sec-websocket-accept: " + accept.lower() not in head.lower():
            raise Refused(status, "a wrong Sec-WebSocket-Accept")
        self._received = bytearray(rest)

    def fileno(self):
        return self.socket.fileno()

    def send_raw(self, data, patience=10):
        """Whole, or until the connection ends or `patience` is up; the bytes that went."""
        sent, until = 0, time.monotonic() + patience
        view = memoryview(data)
        while sent < len(data) and self.code is None and time.monotonic() < until:
            try:
                sent += self.socket.send(view[sent:sent + 65536])
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                select.select([], [self.socket], [], 0.05)
            except OSError:
                break
        return sent

    def send(self, data, opcode=BINARY):
        return self.send_raw(frame(opcode, data))

    def poll(self):
        """Whole messages that have come: (opcode, bytes)."""
        while self.code is None:
            try:
                data = self.socket.recv(65536)
            except (BlockingIOError, ssl.SSLWantReadError):
                break
            except OSError:
                data = b""
            if not data:
                self._ended(1006, "")
                break
            self._received += data
        messages = []
        while (whole := self._take()) is not None:
            opcode, final, payload = whole
            if opcode == CLOSE:
                code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
                self.send_raw(frame(CLOSE, payload[:2]), patience=0.2)
                self._ended(code, payload[2:].decode())
            elif opcode == PING:
                self.pings += 1
                self.send_raw(frame(PONG, payload))
            elif opcode != PONG:
                self._parts.append((opcode, payload))
                if final:
                    messages.append((self._parts[0][0], b"".join(part for _, part in self._parts)))
                    self._parts = []
        return messages

    def _take(self):
        data = self._received
        if len(data) < 2:
            return None
        size, at = data[1] & 127, 2
        if size >= 126:
            width = 2 if size == 126 else 8
            if len(data) < 2 + width:
                return None
            size, at = int.from_bytes(data[2:2 + width], "big"), 2 + width
        if len(data) < at + size:
            return None
        head, payload = data[0], bytes(data[at:at + size])
        del data[:at + size]
        return head & 15, bool(head & 128), payload

    def _ended(self, code, reason):
        if self.code in (None, 1006):
            self.code, self.reason = code, reason

    def wait(self, seconds, until=lambda: False):
        """Messages until the socket is closed, `until` is true, or time is up."""
        messages, end = [], time.monotonic() + seconds
        while self.code is None and not until() and time.monotonic() < end:
            select.select([self.socket], [], [], 0.02)
            messages += self.poll()
        return messages

    def close_code(self, seconds=5):
        """What the server closes with; None when it does not."""
        self.wait(seconds)
        return self.code

    def close(self, code=None):
        """With a code as the protocol says, without one just so."""
        if code is not None and self.code is None:
            self.send_raw(frame(CLOSE, struct.pack(">H", code)), patience=1)
            self.wait(2)
        self.socket.close()
        self._ended(1006, "")
