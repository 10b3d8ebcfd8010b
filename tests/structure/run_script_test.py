"""scripts/run around stand-ins for zoned and zonebot: the codes it passes on, and that it leaves nothing running.

    run_script_test.py ROOT
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(sys.argv.pop(1)).resolve()

ZONED = f"""#!{sys.executable}
import http.server, os, signal, sys
open(os.environ["PIDS"], "a").write(f"{{os.getpid()}}\\n")
if "ZONED_START" in os.environ:
    sys.exit(int(os.environ["ZONED_START"]))
def stop(*_):
    if os.environ.get("ZONED_STOP") != "never":
        os._exit(int(os.environ.get("ZONED_STOP", "0")))
signal.signal(signal.SIGTERM, stop)
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
port = next(int(a.split("=")[1]) for a in sys.argv if a.startswith("http.port="))
http.server.HTTPServer(("127.0.0.1", port), Ready).serve_forever()
"""

ZONEBOT = f"""#!{sys.executable}
import os, signal, sys, time
open(os.environ["PIDS"], "a").write(f"{{os.getpid()}}\\n")
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
print("bots", *sys.argv[1:], flush=True)
if "--seconds" not in sys.argv:
    signal.pause()
sys.exit(int(os.environ.get("ZONEBOT_CODE", "0")))
"""


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


class RunScript(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        root = pathlib.Path(self.folder.name)
        shutil.copytree(ROOT / "scripts", root / "scripts")
        # Set-up and build are other tests' subject: everything is there already, as the scripts see it.
        common = root / "scripts/common.sh"
        common.write_text(common.read_text() + "\nensure_packages() { :; }\nensure_cities() { :; }\n"
                          "ensure_console() { :; }\nconfigure_and_build() { :; }\n")
        program(root / "build/release/bin/zoned", ZONED)
        program(root / "build/release/bin/zonebot", ZONEBOT)
        self.root = root
        self.pids = root / "pids"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def start(self, *arguments, **environment):
        return subprocess.Popen(
            [self.root / "scripts/run", "--port", str(self.port), *arguments], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "PIDS": str(self.pids), **environment})

    def run_script(self, *arguments, **environment):
        process = self.start(*arguments, **environment)
        output, _ = process.communicate(timeout=30)
        self.assert_nothing_left()
        return process.returncode, output

    def assert_nothing_left(self):
        for pid in self.pids.read_text().split() if self.pids.exists() else []:
            # The kernel ends a child some moments after its parent was killed.
            deadline = time.monotonic() + 5
            while running(pid):
                self.assertLess(time.monotonic(), deadline, f"process {pid} is still there")
                time.sleep(0.02)

    def test_succeeds_when_bots_and_daemon_end_well(self):
        code, output = self.run_script("--seconds", "1", "--players=7", "--", "--loss", "0.1")
        self.assertEqual(code, 0, output)
        self.assertIn("--players 7", output)
        self.assertIn("--require-moving-others 5", output)
        self.assertIn("--loss 0.1", output)

    def test_passes_the_bots_code_on(self):
        self.assertEqual(self.run_script("--seconds", "1", ZONEBOT_CODE="3")[0], 3)

    def test_passes_the_code_of_a_daemon_that_does_not_start(self):
        code, output = self.run_script("--seconds", "1", ZONED_START="78")
        self.assertEqual(code, 78, output)
        self.assertIn("ended at start with code 78", output)

    def test_fails_when_the_daemon_stops_with_an_error(self):
        self.assertEqual(self.run_script("--seconds", "1", ZONED_STOP="70")[0], 70)

    def test_fails_and_kills_a_daemon_that_does_not_stop(self):
        code, output = self.run_script("--seconds", "1", ZONED_STOP="never")
        self.assertEqual(code, 1, output)
        self.assertIn("killing it", output)

    def test_refuses_a_taken_port(self):
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", self.port))
            holder.listen()
            code, output = self.run_script("--seconds", "1")
        self.assertEqual(code, 77, output)
        self.assertIn(f"port {self.port} is taken", output)
        self.assertFalse(self.pids.exists())

    def test_refuses_bad_usage(self):
        for arguments in (["--nonsense"], ["--players"], ["--players", "many"]):
            self.assertEqual(self.run_script(*arguments)[0], 2)

    def test_stops_all_on_a_signal(self):
        process = self.start()
        self.wait_for_bots(process)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0, output)
        self.assert_nothing_left()

    def test_leaves_nothing_when_killed(self):
        process = self.start()
        self.wait_for_bots(process)
        process.kill()
        process.communicate(timeout=30)
        self.assert_nothing_left()

    def wait_for_bots(self, process):
        for line in process.stdout:
            if line.startswith("bots "):
                return
        self.fail("the bots were not started")


def running(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


if __name__ == "__main__":
    unittest.main()
