"""The client of wire_client.py over a WebSocket: proto/SESSION.md "Over WebSocket"."""

import json
import pathlib
import sys
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import wire_client  # noqa: E402
from web_socket import WebSocket  # noqa: E402

ENDED = 4000


def ask(http, path, body, bearer=None, headers=()):
    """Status and answer of a POST."""
    request = urllib.request.Request(http + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    for name, value in ((("Authorization", f"Bearer {bearer}"),) if bearer else ()) + tuple(headers):
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")
        return error.code, text


def join(http, name=None, bearer=None):
    """The answer's object."""
    body = {"transport": "websocket"}
    if name is not None:
        body["name"] = name
    status, answer = ask(http, "/v1/join", body, bearer)
    if status != 200:
        raise wire_client.WireError(f"join: {status} {answer}")
    return answer


def log_in(http, name, password="a good password"):
    """An access token."""
    status, answer = ask(http, "/v1/login", {"name": name, "password": password})
    if status != 200:
        raise wire_client.WireError(f"login: {status} {answer}")
    return answer["access_token"]


class WebLink:
    """What wire_client.Link is over UDP."""

    def __init__(self, http, answer, **options):
        self.socket = WebSocket(http, answer["path"], **options)
        self.socket.send(answer["token"].encode())
        self.connected = True
        self.loss = 0.0
        self.rtt = 0.05
        self.sent_reliable = 0

    @property
    def closed(self):
        return self.socket.code is not None

    @property
    def reason(self):
        """The session's, once it has ended; None for any other end."""
        code = self.socket.code
        return code - ENDED if code is not None and ENDED <= code < ENDED + 100 else None

    def fileno(self):
        return self.socket.fileno()

    def send_reliable(self, data):
        self.sent_reliable += 1
        self.socket.send(b"\0" + data)

    def send_unsequenced(self, data):
        self.socket.send(b"\1" + data)

    def disconnect(self, reason):
        self.socket.close(ENDED + reason)

    def close(self):
        self.socket.close()

    def service(self):
        messages = []
        for _, data in self.socket.poll():
            messages.append((data[0], data[1:]))
        return messages


class WebPlayer(wire_client.WireClient):
    """In plain mode by its name, in sealed mode by an access token."""

    def __init__(self, http, name, bearer=None, spawn=None, socket_options=None, **options):
        answer = join(http, None if bearer else name, bearer)
        token = b"" if answer["security"] == "sealed" else answer["token"].encode()
        super().__init__(http, name, spawn, link=WebLink(http, answer, **(socket_options or {})), token=token,
                         **options)
