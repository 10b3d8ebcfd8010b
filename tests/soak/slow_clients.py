"""HTTP clients as no honest one is: slow with the head, with the body, or with reading the answer; and requests that never
end. Raw sockets in a process of their own, so that what measures meanwhile is not held up by them."""

import collections
import contextlib
import multiprocessing
import select
import socket
import ssl
import time

DRIP_S = 1.0  # a byte of each connection that often: always before the server's patience with one read is over
SLOW_HEAD, SLOW_BODY, SLOW_READER = range(3)
KINDS = ("slow head", "slow body", "slow reader")
OPENINGS = {
    SLOW_HEAD: b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    SLOW_BODY: b"POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n",
    # What an operator's proxy lets everybody ask for; the kernel takes the answers on.
    SLOW_READER: b"GET /v1/items HTTP/1.1\r\nHost: x\r\n\r\n" * 200,
}
# The first few ask for as much as the kernel of the other side does not take on for them: 2.5 MB on loopback. All of them
# would be a flood of requests, and not of slow clients.
GREEDY_READERS = 4
GREEDY = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 60
SMALLEST_WINDOW = 2048


class SlowClient:
    def __init__(self, port, kind, opening, context):
        self.kind, self.opening, self.next_drip = kind, opening, time.monotonic() + DRIP_S
        self.greeted = False
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        if kind == SLOW_READER:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALLEST_WINDOW)
        self.socket.connect_ex(("127.0.0.1", port))
        self.shaking = context is not None
        if self.shaking:
            self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1", do_handshake_on_connect=False)

    def go_on(self, now):
        """False: the server has ended it."""
        try:
            if self.shaking:
                self.socket.do_handshake()
                self.shaking = False
            if not self.greeted:
                self.socket.send(self.opening)
                self.greeted = True
            elif self.kind != SLOW_READER:
                if now >= self.next_drip:
                    self.next_drip = now + DRIP_S
                    self.socket.send(b"x")
                return self.socket.recv(4096) != b""
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            return False
        return True


def hold_slow_clients(port, count, first_per_s, again_per_s, tls, stop, told):
    """Keeps `count` slow connections open, or as many as the server lets live: so many new ones a second, and fewer when
    they are not the first."""
    context = ssl._create_unverified_context() if tls else None  # noqa: S323 an attacker does not care who it is
    poller, clients = select.epoll(), {}
    opened = collections.Counter()
    ended = collections.Counter()
    most, allowance, last, number = 0, 0.0, time.monotonic(), 0
    waiting = collections.deque()  # for their next byte

    def end(client):
        ended[KINDS[client.kind]] += 1
        clients.pop(client.socket.fileno(), None)
        client.socket.close()

    while not stop.is_set():
        now = time.monotonic()
        per_s = first_per_s if number < count else again_per_s
        allowance = min(per_s / 10, allowance + per_s * (now - last))
        last = now
        while len(clients) < count and allowance >= 1:
            allowance -= 1
            kind = number % 3
            greedy = kind == SLOW_READER and number < 3 * GREEDY_READERS
            client = SlowClient(port, kind, GREEDY if greedy else OPENINGS[kind], context)
            number += 1
            opened[KINDS[client.kind]] += 1
            clients[client.socket.fileno()] = client
            poller.register(client.socket, select.EPOLLOUT | select.EPOLLIN | select.EPOLLET | select.EPOLLRDHUP)
            waiting.append(client)
        most = max(most, len(clients))
        for number_of_file, events in poller.poll(0.02, 512):
            client = clients.get(number_of_file)
            if client is None:
                continue
            gone = events & (select.EPOLLHUP | select.EPOLLERR | select.EPOLLRDHUP)
            if gone or not client.go_on(now):
                end(client)
        while waiting and waiting[0].next_drip <= now:
            client = waiting.popleft()
            if clients.get(client.socket.fileno()) is not client:
                continue
            if client.go_on(now):
                client.next_drip = now + DRIP_S
                waiting.append(client)
            else:
                end(client)
    for client in list(clients.values()):
        client.socket.close()
    told.send({"opened": dict(opened), "ended_by_server": dict(ended), "most_at_once": most})


class SlowClients:
    """`hold_slow_clients` as a process; `stop` gives what it counted."""

    def __init__(self, port, count, first_per_s, again_per_s, tls):
        ways = multiprocessing.get_context("spawn")
        self._stop, (self._heard, told) = ways.Event(), ways.Pipe(duplex=False)
        self._process = ways.Process(target=hold_slow_clients, daemon=True,
                                     args=(port, count, first_per_s, again_per_s, tls, self._stop, told))

    def __enter__(self):
        self._process.start()
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.join()

    def stop(self, seconds=10):
        self._stop.set()
        return self._heard.recv() if self._heard.poll(seconds) else None


def heard(speaker, seconds):
    """What has come by now; None: nothing yet. Over TLS what a socket has to read may be a session ticket, not an answer."""
    speaker.settimeout(0)
    try:
        return speaker.recv(4096)
    except (BlockingIOError, ssl.SSLWantReadError):
        return None
    finally:
        speaker.settimeout(seconds)


def ask(port, tls, pieces, seconds=20):
    """Sends the pieces until the server answers or closes; the status (0: closed without one) and the bytes sent."""
    sent, answer = 0, b""
    speaker = socket.create_connection(("127.0.0.1", port), timeout=seconds)
    try:
        if tls:
            speaker = ssl._create_unverified_context().wrap_socket(speaker, server_hostname="127.0.0.1")  # noqa: S323
        for piece in pieces:
            if (more := heard(speaker, seconds)) is not None:
                answer += more
                break
            speaker.sendall(piece)
            sent += len(piece)
        while b"\r\n" not in answer and (more := speaker.recv(4096)):
            answer += more
    except OSError:
        # A server that has said its last word resets who goes on; what it said is there to be read.
        with contextlib.suppress(OSError):
            answer += speaker.recv(4096)
    finally:
        speaker.close()
    words = answer.split(b" ", 2)
    return (int(words[1]) if len(words) > 1 and words[0].startswith(b"HTTP/") else 0), sent


def endless_chunks(total_bytes):
    yield b"POST /v1/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    for _ in range(total_bytes // 0x10000):
        yield chunk


def many_headers(count):
    yield b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
    for _ in range(count // 1000):
        yield b"a: b\r\n" * 1000
    yield b"\r\n"


def header_without_end(total_bytes):
    yield b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Endless: "
    for _ in range(total_bytes // 0x10000):
        yield b"x" * 0x10000


def post_json(path, body, bearer=""):
    """A request that is complete."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    if bearer:
        head += f"Authorization: Bearer {bearer}\r\n"
    yield (head + "\r\n").encode() + body
