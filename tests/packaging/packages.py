#!/usr/bin/env python3
"""The Debian packages: installed for real, run, upgraded, removed, purged. As root, on a machine without the packages.

    packages.py --debs DIR      where scripts/package has left them (build/package)

Not part of scripts/test: it changes the machine that it runs on, and puts it back.
"""

import argparse
import contextlib
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import case_report  # noqa: E402
from zone_under_test import spawn  # noqa: E402

SETTINGS = pathlib.Path("/etc/bluemarble/zoned.toml")
WORLD = pathlib.Path("/var/lib/bluemarble")
UNIT = pathlib.Path("/usr/lib/systemd/system/bluemarble-zoned.service")
PACKAGES = ("bluemarble-server", "libbluemarble-client0", "libbluemarble-client-dev")
CHANGE = "\n# the operator's own line\n"


def run(*command, expect=0, **options):
    ran = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, check=False,
                         env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, **options)
    assert ran.returncode == expect, f"{command}: {ran.returncode}\n{ran.stdout}{ran.stderr}"
    return ran.stdout + ran.stderr


def status(package):
    ran = subprocess.run(["dpkg-query", "-W", "-f=${db:Status-Status}", package], capture_output=True, text=True, check=False)
    return ran.stdout or "not-installed"


def account():
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("bluemarble")
    return None


def debs():
    return [next(OPTIONS.debs.glob(f"{name}_*.deb")) for name in PACKAGES]


@contextlib.contextmanager
def served(*sets):
    """zoned as the unit starts it: its user, its settings, its environment; there is no systemd in a container."""
    user = account()
    name = f"@bluemarble-packages-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor, tempfile.TemporaryDirectory() as logs:
        supervisor.bind("\0" + name[1:])
        supervisor.settimeout(20)
        # As User= and CapabilityBoundingSet= of the unit.
        process = spawn(["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--bounding-set=-all",
                         "--no-new-privs", "/usr/bin/zoned", "serve", "-c", SETTINGS, *sets], f"{logs}/log",
                        {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "20000000"})
        try:
            while "READY=1" not in supervisor.recv(4096).decode():
                pass
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(10)
            assert code == 0, pathlib.Path(logs, "log").read_text()


SETS = ("--set", "http.port=18180", "--set", "net.port=18777")


def they_install_with_user_settings_and_world():
    run("dpkg", "-i", *debs())
    assert all(status(name) == "installed" for name in PACKAGES)
    user = account()
    assert user is not None and user.pw_uid < 1000 and user.pw_shell.endswith("nologin"), user
    settings = SETTINGS.stat()
    assert (settings.st_uid, settings.st_gid, settings.st_mode & 0o777) == (0, user.pw_gid, 0o640), settings
    world = WORLD.stat()
    assert (world.st_uid, world.st_gid, world.st_mode & 0o777) == (user.pw_uid, user.pw_gid, 0o750), world
    assert str(SETTINGS) in run("dpkg-query", "-W", "-f=${Conffiles}", "bluemarble-server")


def the_unit_is_verified_with_the_installed_program():
    if shutil.which("systemd-analyze") is None:
        raise case_report.Skip("not installed: systemd-analyze")
    ran = subprocess.run(["systemd-analyze", "verify", "--man=no", UNIT], capture_output=True, text=True, timeout=60, check=False)
    assert not [line for line in ran.stderr.splitlines() if "bluemarble" in line], ran.stderr
    assert pathlib.Path("/etc/systemd/system/multi-user.target.wants/bluemarble-zoned.service").is_symlink(), "not enabled"


def the_installed_daemon_serves_as_its_user():
    with served(*SETS) as process:
        assert "ready" in run("/usr/bin/zoned", "healthcheck", "--url", "http://127.0.0.1:18180")
        assert pathlib.Path(f"/proc/{process.pid}").stat().st_uid == account().pw_uid
    assert (WORLD / "admin.secret").stat().st_mode & 0o077 == 0


def the_installed_pages_are_served():
    """The console's and the player's page, with all that they name."""
    with served(*SETS):
        for page in ("console", "play"):
            base = f"http://127.0.0.1:18180/{page}/"
            with urllib.request.urlopen(base, timeout=10) as answer:
                text = answer.read().decode()
            named = re.findall(r'(?:src|href)="\./([^"]+)"', text)
            assert any(name.endswith(".js") for name in named) and any(name.endswith(".css") for name in named), text
            for name in named:
                with urllib.request.urlopen(base + name, timeout=10) as answer:
                    assert answer.status == 200 and answer.read(), name


def a_program_is_compiled_against_the_installed_library():
    with tempfile.TemporaryDirectory() as folder:
        flags = run("pkg-config", "--cflags", "--libs", "bluemarble-client").split()
        source = "/usr/share/doc/libbluemarble-client-dev/examples/c/walker.c"
        run("cc", "-std=c11", "-D_POSIX_C_SOURCE=199309L", "-o", f"{folder}/walker", source, *flags)
        run(f"{folder}/walker", expect=2)
        run("cmake", "-S", "/usr/share/doc/libbluemarble-client-dev/examples/cpp", "-B", folder)


def an_upgrade_keeps_the_operators_settings_and_the_world():
    SETTINGS.write_text(SETTINGS.read_text() + CHANGE)
    before = sorted(path.name for path in WORLD.iterdir())
    run("dpkg", "--force-confold", "-i", debs()[0])
    assert SETTINGS.read_text().endswith(CHANGE) and sorted(path.name for path in WORLD.iterdir()) == before
    with served(*SETS):
        pass


def a_removal_keeps_settings_and_world():
    run("dpkg", "-r", *reversed(PACKAGES))
    assert status("bluemarble-server") == "config-files"
    assert not pathlib.Path("/usr/bin/zoned").exists() and not UNIT.exists()
    assert SETTINGS.exists() and (WORLD / "admin.secret").exists() and account() is not None


def a_purge_leaves_nothing():
    run("dpkg", "-P", *PACKAGES)
    assert all(status(name) == "not-installed" for name in PACKAGES) and account() is None
    left = [path for path in ("/etc/bluemarble", WORLD, "/usr/share/bluemarble", "/usr/include/bluemarble",
                              "/usr/share/doc/bluemarble-server", "/etc/systemd/system/bluemarble-zoned.service",
                              "/etc/systemd/system/multi-user.target.wants/bluemarble-zoned.service")
            if os.path.lexists(path)]
    assert not left, left


CASES = (they_install_with_user_settings_and_world, the_unit_is_verified_with_the_installed_program,
         the_installed_daemon_serves_as_its_user, the_installed_pages_are_served,
         a_program_is_compiled_against_the_installed_library, an_upgrade_keeps_the_operators_settings_and_the_world,
         a_removal_keeps_settings_and_world, a_purge_leaves_nothing)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--debs", type=lambda text: pathlib.Path(text).resolve(), required=True)
    OPTIONS = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("packages.py: wants root")
    if any(status(name) != "not-installed" for name in PACKAGES) or account() is not None or WORLD.exists():
        sys.exit("packages.py: the packages, or what they leave, are on this machine already; they would be purged")
    try:
        sys.exit(case_report.run("packages", CASES))
    finally:
        subprocess.run(["dpkg", "-P", *PACKAGES], capture_output=True, check=False)
