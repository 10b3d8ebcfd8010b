"""Chromium without a screen, driven by its own protocol over a pipe; Python's standard library only.

    with Chromium() as browser:
        page = browser.open("http://127.0.0.1:8080/play/")
        page.wait("the title", 5, "document.title !== ''")
        page.screenshot("page.png")
"""

import base64
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
ANSWER_SECONDS = 30
# What a test machine has: no screen, no graphics card, often no user namespaces.
FLAGS = ("--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run", "--mute-audio",
         "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
         "--disable-extensions", "--hide-scrollbars", "--force-color-profile=srgb", "--disable-sync",
         "--disable-features=Translate,MediaRouter,OptimizationHints", "--password-store=basic")
KEYS = {"Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Tab": 9}


class BrowserFailure(Exception):
    """The page or the browser did not do what it was asked."""


def program():
    """Chromium's path; None where there is none."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class Chromium:
    def __init__(self, *flags):
        self.folder = tempfile.mkdtemp(prefix="chromium_under_test_")
        self.log = pathlib.Path(self.folder) / "log"
        to_read, self.to = os.pipe()
        self.come, come_write = os.pipe()
        # Chromium reads commands from descriptor 3 and writes answers to 4.
        command = ["bash", "-c", f'exec "$@" 3<&{to_read} 4>&{come_write}', "chromium",
                   "setpriv", "--pdeathsig", "KILL", program(), *FLAGS, *flags, f"--user-data-dir={self.folder}/profile"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            pass_fds=(to_read, come_write))
        os.close(to_read)
        os.close(come_write)
        self.buffer = b""
        self.last = 0
        self.answers = {}
        self.pages = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.process.kill()
        self.process.wait()
        for descriptor in (self.to, self.come):
            os.close(descriptor)
        shutil.rmtree(self.folder, ignore_errors=True)

    def open(self, url, width=1280, height=800, dark=False):
        target = self.ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = Page(self, session)
        self.pages[session] = page
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.ask(f"{domain}.enable")
        page.ask("Emulation.setDeviceMetricsOverride",
                 {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})
        page.dark(dark)
        page.ask("Page.navigate", {"url": url})
        return page

    def ask(self, method, parameters=None, session=None):
        """The result of a command; BrowserFailure when it is refused or not answered."""
        self.last += 1
        number = self.last
        message = {"id": number, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + ANSWER_SECONDS
        while number not in self.answers:
            if time.monotonic() > until:
                raise BrowserFailure(f"{method}: no answer of Chromium:\n{self.log.read_text(errors='replace')[-2000:]}")
            self.listen(0.1)
        answer = self.answers.pop(number)
        if "error" in answer:
            raise BrowserFailure(f"{method}: {answer['error'].get('message')}")
        return answer["result"]

    def listen(self, seconds):
        """Takes what Chromium says by itself, for at most so long."""
        if not select.select([self.come], [], [], seconds)[0]:
            return
        data = os.read(self.come, 1 << 20)
        if not data:
            raise BrowserFailure(f"Chromium has ended:\n{self.log.read_text(errors='replace')[-2000:]}")
        self.buffer += data
        *messages, self.buffer = self.buffer.split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self.answers[message["id"]] = message
            elif message.get("sessionId") in self.pages:
                self.pages[message["sessionId"]].hear(message["method"], message["params"])


class Page:
    def __init__(self, browser, session):
        self.browser = browser
        self.session = session
        self.problems = []      # exceptions, errors told to the console, resources that did not load

    def ask(self, method, parameters=None):
        return self.browser.ask(method, parameters, self.session)

    def hear(self, method, parameters):
        if method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            entry = parameters["entry"]
            self.problems.append(f"{entry['text']} {entry.get('url', '')}".strip())
        elif method == "Runtime.consoleAPICalled" and parameters["type"] == "error":
            self.problems.append(" ".join(str(each.get("value", each.get("description"))) for each in parameters["args"]))

    def evaluate(self, expression):
        """The value of an expression in the page, awaited when it is a promise."""
        answer = self.ask("Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": True})
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise BrowserFailure(f"{expression}: {details.get('exception', {}).get('description') or details['text']}")
        return answer["result"].get("value")

    def wait(self, what, seconds, expression):
        """Until the expression is true, and its value."""
        until = time.monotonic() + seconds
        while not (value := self.evaluate(expression)):
            if time.monotonic() > until:
                raise BrowserFailure(f"{what}: not within {seconds:g} s; {self.problems}")
            self.browser.listen(0.05)
        return value

    def key(self, kind, key, code=None):
        """`kind`: keyDown or keyUp. `key` as KeyboardEvent.key has it."""
        event = {"type": kind, "key": key, "code": code or (f"Key{key.upper()}" if len(key) == 1 else key),
                 "windowsVirtualKeyCode": KEYS.get(key) or ord(key.upper())}
        if kind == "keyDown" and (len(key) == 1 or key == "Enter"):
            event["text"] = "\r" if key == "Enter" else key
        self.ask("Input.dispatchKeyEvent", event)

    def press(self, key):
        self.key("keyDown", key)
        self.key("keyUp", key)

    def type(self, text):
        self.ask("Input.insertText", {"text": text})

    def dark(self, on):
        self.ask("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark" if on else "light"}]})

    def resize(self, width, height, touch=False):
        self.ask("Emulation.setDeviceMetricsOverride",
                 {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": touch})

    def screenshot(self, path):
        answer = self.ask("Page.captureScreenshot", {"format": "png"})
        pathlib.Path(path).write_bytes(base64.b64decode(answer["data"]))
