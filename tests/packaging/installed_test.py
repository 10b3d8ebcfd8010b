#!/usr/bin/env python3
"""`cmake --install` into a folder: what is there, and that programs in C and C++ are built against it and play on the
installed zoned. Commands are those of examples/README.md and docs/client.md.

    installed_test.py --build DIR
"""

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import case_report  # noqa: E402
import documentation_test  # noqa: E402
from zone_under_test import ROOT, SEALED, Zone, wait_until  # noqa: E402

PARTS = ("server", "client", "client-dev")
PASSWORD = "correct horse battery"
C_FLAGS = ("-std=c11", "-D_POSIX_C_SOURCE=199309L", "-Wall", "-Wextra", "-Wpedantic", "-Werror")


def run(*command, **options):
    ran = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=180, check=False, **options)
    assert ran.returncode == 0, f"{command}: {ran.returncode}\n{ran.stdout}{ran.stderr}"
    return ran.stdout


class Installed:
    def __init__(self, build, folder):
        self.build = build
        self.root = folder / "prefix"
        for part in PARTS:
            run("cmake", "--install", build, "--prefix", self.root, "--component", part)
        self.lib = next(self.root.rglob("libbluemarble-client.so")).parent
        self.environment = {**os.environ, "PKG_CONFIG_PATH": str(self.lib / "pkgconfig"), "LD_LIBRARY_PATH": str(self.lib)}
        self.work = folder / "work"
        self.work.mkdir()


TREE = None


def the_tree_is_the_usual_one():
    lib = TREE.lib.relative_to(TREE.root)
    for path in ("bin/zoned", "bin/zonectl", "bin/zonebot", "etc/bluemarble/zoned.toml",
                 "lib/systemd/system/bluemarble-zoned.service", "share/bluemarble/alerts.rules.yml",
                 "share/bluemarble/grafana/zone.json", "share/bluemarble/migrations/postgres",
                 "share/doc/bluemarble-server/docs/operations.md", "include/bluemarble/client.h",
                 "include/bluemarble/bluemarble.h", lib / "cmake/bluemarble/bluemarbleConfig.cmake",
                 lib / "pkgconfig/bluemarble-client.pc", "share/doc/libbluemarble-client-dev/examples/c/walker.c"):
        assert (TREE.root / path).exists(), f"{path} is missing"
    strange = sorted(str(path.relative_to(TREE.root)) for path in TREE.root.glob("*/*")
                     if path.relative_to(TREE.root).parts[0] not in ("bin", "etc", "include", "lib", "share"))
    assert not strange, strange


def links_of_the_installed_pages_lead_somewhere():
    pages, wrong, count = sorted((TREE.root / "share/doc").rglob("*.md")), [], 0
    for page in pages:
        for target in documentation_test.LINK.findall(documentation_test.without_code(page.read_text())):
            if not re.match(r"[a-z]+:", target):
                count += 1
                file, _, anchor = target.partition("#")
                to = (page.parent / file).resolve() if file else page
                if not to.is_relative_to(TREE.root.resolve()) or not to.exists():
                    wrong.append(f"{page.relative_to(TREE.root)}: no such file: {target}")
                elif anchor and to.suffix == ".md" and anchor not in documentation_test.anchors(to):
                    wrong.append(f"{page.relative_to(TREE.root)}: no such heading: {target}")
    assert len(pages) > 40 and count > 100 and not wrong, (len(pages), count, wrong)


def the_installed_settings_are_fine_and_say_where_the_world_lies():
    settings = TREE.root / "etc/bluemarble/zoned.toml"
    run(TREE.root / "bin/zoned", "check", "-c", settings)
    delivered = (ROOT / "config/zoned.toml").read_text().splitlines()
    differ = [line for line in settings.read_text().splitlines() if line not in delivered]
    assert differ == ['data_dir = "/var/lib/bluemarble"'], differ


def the_library_shows_its_interface_and_nothing_else():
    library = TREE.lib / "libbluemarble-client.so"
    shown = [line.split(" ", 2)[2] for line in run("nm", "-DC", "--defined-only", library).splitlines()]
    header = (ROOT / "include/bluemarble/bluemarble.h").read_text()
    declared = set(re.findall(r"\b(bm_\w+)\(", header))
    assert declared == {name for name in shown if name.startswith("bm_")}, declared ^ set(shown)
    ours = re.compile(r"bm_\w+|enet_(socket_(send|receive|bind)|time_[gs]et)|"
                      r"bluemarble::(Account|Client|Connection|RequestPool)::.*|"
                      r"bluemarble::(Join|\w+Name)\(.*|bluemarble::Join\[abi.*")
    strange = [name for name in shown if not ours.fullmatch(name)]
    assert not strange, strange[:10]
    assert re.search(r"SONAME.*\[libbluemarble-client\.so\.\d+\]", run("readelf", "-d", library))


def every_public_header_compiles_alone():
    for header in sorted((TREE.root / "include/bluemarble").glob("*.h")):
        run("c++", "-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-missing-field-initializers", "-fsyntax-only", "-x",
            "c++", f"-I{TREE.root}/include", "-include", f"bluemarble/{header.name}", "/dev/null")
    run("cc", *C_FLAGS, "-fsyntax-only", "-x", "c", f"-I{TREE.root}/include", "-include", "bluemarble/bluemarble.h", "/dev/null")


def said_by(unit, name):
    """The one value of `name` in a unit's text."""
    (value,) = re.findall(rf"^{name}=(.*)$", unit, re.M)
    return value


def unit_settings_and_rules_agree_under_any_prefix():
    for prefix, settings in (("/usr", "/etc/bluemarble/zoned.toml"), ("/usr/local", "/usr/local/etc/bluemarble/zoned.toml"),
                             ("/opt/bluemarble", "/opt/bluemarble/etc/bluemarble/zoned.toml")):
        staged = TREE.work / prefix.replace("/", "_")
        run("cmake", "--install", TREE.build, "--prefix", prefix, "--component", "server", env={**os.environ, "DESTDIR": str(staged)})

        def there(path):
            assert path.startswith("/"), path
            return pathlib.Path(f"{staged}{path}")

        unit = there(f"{prefix}/lib/systemd/system/bluemarble-zoned.service").read_text()
        program, serve, option, named = said_by(unit, "ExecStart").split()
        assert (program, serve, option, named) == (f"{prefix}/bin/zoned", "serve", "-c", settings), unit
        assert there(program).is_file() and there(settings).is_file(), f"{prefix}: the unit names what is not there"
        # Beside the pages lies the file as delivered.
        files = [path.relative_to(staged) for path in staged.rglob("zoned.toml") if "doc" not in path.parts]
        assert len(files) == 1, f"{prefix}: {files}"
        # systemd makes StateDirectory= below /var/lib for User=, and all else is read-only.
        state = "/var/lib/" + said_by(unit, "StateDirectory")
        assert said_by(unit, "WorkingDirectory") == state, unit
        printed = run(there(program), "print-config", "-c", there(settings), cwd=TREE.work)
        assert f'data_dir = "{state}"' in printed, printed
        assert said_by(unit, "EnvironmentFile") == "-/etc/default/bluemarble-zoned", unit
        assert there(said_by(unit, "Documentation").removeprefix("file:")).is_file(), unit
        assert "@" not in re.sub(r"SystemCallFilter=.*", "", unit), unit
        rules = there(f"{prefix}/share/bluemarble/alerts.rules.yml").read_text()
        runbooks = {line.removeprefix("file://").split("#")[0] for line in re.findall(r"runbook_url: (\S+)", rules)}
        assert len(runbooks) == 1 and there(runbooks.pop()).is_file(), f"{prefix}: the rules name another runbook"
        shutil.rmtree(staged)


def the_unit_is_one_that_systemd_understands():
    if shutil.which("systemd-analyze") is None:
        raise case_report.Skip("not installed: systemd-analyze")
    unit = TREE.work / "bluemarble-zoned.service"
    text = (TREE.root / "lib/systemd/system/bluemarble-zoned.service").read_text()
    assert said_by(text, "ExecStart") == f"{TREE.root}/bin/zoned serve -c {TREE.root}/etc/bluemarble/zoned.toml", text
    unit.write_text(text)
    ran = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, timeout=60, check=False)
    about_us = [line for line in ran.stderr.splitlines() if "bluemarble" in line]
    assert not about_us, about_us
    ran = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--threshold=20", unit], capture_output=True, text=True,
                         timeout=60, check=False)
    assert ran.returncode == 0, f"exposure above 2.0:\n{ran.stdout}"


class Supervisor:
    """The supervisor's end of the notification socket."""

    def __init__(self, name):
        self.name = name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self._socket.settimeout(10)
        self.heard = []

    def wait_for(self, word):
        while True:
            text = self._socket.recv(4096).decode()
            self.heard.append(text)
            if word in text.splitlines():
                return text

    def close(self):
        self._socket.close()


def systemd_is_told_of_readiness_life_reload_and_stop():
    for name in (str(TREE.work / "notify"), f"@bluemarble-{os.getpid()}"):
        supervisor = Supervisor(name)
        with contextlib.closing(supervisor):
            environment = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "800000"}
            with Zone(TREE.root / "bin", environment=environment) as zone:
                assert "STATUS=serving shard earth" in supervisor.wait_for("READY=1")
                assert not any("WATCHDOG" in text for text in supervisor.heard), supervisor.heard
                began = time.monotonic()
                for _ in range(3):
                    supervisor.wait_for("WATCHDOG=1")
                assert time.monotonic() - began < 2.5, "fed less often than once per period"
                zone.process.send_signal(signal.SIGHUP)
                supervisor.wait_for("RELOADING=1")
                supervisor.wait_for("READY=1")
                zone.process.send_signal(signal.SIGTERM)
                supervisor.wait_for("STOPPING=1")
                assert zone.process.wait(6) == 0


ADDRESS = "http://127.0.0.1:8080"  # as documents have it


def commands_in(document):
    """The lines of its sh blocks, and which of them start a player."""
    blocks = re.findall(r"```sh\n(.*?)```", document.read_text(), re.S)
    lines = [line.split(" # ")[0].rstrip(" &") for block in blocks for line in block.splitlines()]
    return [line for line in lines if ADDRESS not in line], [line for line in lines if ADDRESS in line]


def players(lines, zone, folder, environment=None):
    """Started all at once, in that folder; they say each line when it comes."""
    return [subprocess.Popen("exec stdbuf -oL " + line.replace(ADDRESS, zone.http), shell=True, cwd=folder, env=environment,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for line in lines]


def build_examples():
    """As their README says. Returns the lines that start them."""
    folder = TREE.work / "examples"
    shutil.copytree(TREE.root / "share/doc/libbluemarble-client-dev/examples", folder)
    builds, starts = commands_in(folder / "README.md")
    assert len(builds) == len(starts) == 2, (builds, starts)
    environment = {**TREE.environment, "CMAKE_PREFIX_PATH": str(TREE.root), "CXXFLAGS": "-Wall -Wextra -Werror"}
    for command in builds:
        run("bash", "-ec", command, cwd=folder, env=environment)
    run("cc", *C_FLAGS, "-fsyntax-only", f"-I{TREE.root}/include", folder / "c/walker.c")
    return folder, starts


def both_examples_build_against_the_installation_and_meet_in_the_world():
    folder, starts = build_examples()
    with Zone(TREE.root / "bin", (*SEALED, "game.player_scatter_m=5.0")) as zone:
        started = players([line + " 6" for line in starts], zone, folder, TREE.environment)
        walks = dict(zip(("cpp", "c"), started))
        wait_until("both play", 10, lambda: zone.stats()["players"] == 2)
        said = {name: walk.communicate(timeout=30)[0] for name, walk in walks.items()}
        for name, walk in walks.items():
            assert walk.returncode == 0, said[name]
        # What is said before the other is there is not heard: at least the later one is heard by the earlier.
        assert "ben: hello from C\n" in said["c"] and "ada: hello from C++" in said["cpp"], said
        assert "ben: hello from C\n" in said["cpp"] or "ada: hello from C++" in said["c"], said
        assert re.search(r"entity \d+ came", said["c"]) and re.search(r"of kind \d+, -?[\d.]+ m east", said["c"]), said["c"]
        assert re.search(r"saw [1-9]\d* others", said["cpp"]), said["cpp"]
        wait_until("their goodbyes were heard", 5, lambda: zone.stats()["players"] == 0)
        ended = zone.metrics()[("session_ended_total", (("reason", "client_quit"),))]
        assert ended == 2, ended


def the_c_example_is_told_why_it_is_not_let_in():
    program = TREE.work / "examples/walker"
    with Zone(TREE.root / "bin", SEALED) as zone:
        for password, expected in ((PASSWORD, 0), ("wrong password", 1)):
            ran = subprocess.run([program, zone.http, "ada", password, "2"], env=TREE.environment, capture_output=True, text=True,
                                 timeout=30, check=False)
            assert ran.returncode == expected, ran.stdout + ran.stderr
        assert "ended" in ran.stdout and "password" in ran.stderr, ran.stdout + ran.stderr


def traded(player):
    """Waits until that player of the guide's second program has more or less gold than at first."""
    said = []
    for line in player.stdout:
        said.append(line)
        done = re.fullmatch(r"done: \d+ things, (\d+) gold\n", line)
        if done and done[1] != "100":
            return
    raise AssertionError("".join(said))


def the_client_guides_commands_work_on_a_world_with_accounts():
    builds, starts = commands_in(ROOT / "docs/client.md")
    assert len(builds) == 2 and len(starts) == 3, (builds, starts)
    for command in builds:
        run("bash", "-ec", command.replace("build/release", str(TREE.build)), cwd=ROOT)
    world = ("net.security=sealed", "game.ground_items=20", "game.scatter_radius_m=1", "game.player_scatter_m=0")
    with Zone(TREE.root / "bin", world) as zone:
        walker, *traders = started = players([line.replace("build/release", str(TREE.build)) for line in starts], zone, ROOT)
        try:
            said = walker.communicate(timeout=30)[0]
            assert walker.returncode == 0 and "ended: client_quit" in said, said
            assert re.search(r"and see [1-9]\d* others\n  entity \d+ of kind", said), said
            for trader in traders:
                traded(trader)
        finally:
            for player in started:
                player.kill()
                player.communicate()


CASES = (the_tree_is_the_usual_one, links_of_the_installed_pages_lead_somewhere,
         the_installed_settings_are_fine_and_say_where_the_world_lies,
         the_library_shows_its_interface_and_nothing_else, every_public_header_compiles_alone,
         unit_settings_and_rules_agree_under_any_prefix, the_unit_is_one_that_systemd_understands,
         systemd_is_told_of_readiness_life_reload_and_stop,
         both_examples_build_against_the_installation_and_meet_in_the_world, the_c_example_is_told_why_it_is_not_let_in,
         the_client_guides_commands_work_on_a_world_with_accounts)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=lambda text: pathlib.Path(text).resolve(), required=True, help="a built build folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="installed_under_test_") as name:
        TREE = Installed(options.build, pathlib.Path(name))
        sys.exit(case_report.run("installed_test", CASES))
