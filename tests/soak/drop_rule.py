"""A rule of the kernel's packet filter for one test: only UDP over loopback from the zone's own ports.

A table of its own per process, removed when the test ends however it ends; what a killed run left is removed by the next.
"""

import os
import re
import shutil
import subprocess

PREFIX = "bluemarble_soak_"


def why_not():
    """None when rules can be set here, else the reason."""
    if os.geteuid() != 0:
        return "not root"
    if shutil.which("nft") is None:
        return "nft is not installed (Debian package nftables)"
    try:
        _nft(f"add table ip {PREFIX}{os.getpid()}; delete table ip {PREFIX}{os.getpid()}")
    except subprocess.CalledProcessError as error:
        return f"nft: {error.stderr.strip().splitlines()[0] if error.stderr.strip() else 'refused'}"
    return None


def _nft(*commands):
    return subprocess.run(["nft", *commands], check=True, capture_output=True, text=True, timeout=10).stdout


def remove_stale():
    for pid in re.findall(rf"table ip {PREFIX}(\d+)", _nft("list tables")):
        if not os.path.exists(f"/proc/{pid}"):
            _nft(f"delete table ip {PREFIX}{pid}")


class DropRule:
    """Drops what `match` (nft expressions) describes on its way out; the sender gets EPERM (PITFALLS E-2)."""

    def __init__(self, zone_ports, match):
        self._table = f"{PREFIX}{os.getpid()}"
        self._rule = f'oifname "lo" udp sport {{ {", ".join(map(str, zone_ports))} }} {match} counter drop'
        self._dropped = 0
        self._on = False
        remove_stale()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.off()

    def on(self):
        self._on = True
        _nft(f"add table ip {self._table}; "
             f"add chain ip {self._table} out {{ type filter hook output priority 0; policy accept; }}; "
             f"add rule ip {self._table} out {self._rule}")

    def off(self):
        if not self._on:
            return
        self._dropped += self._count()
        _nft(f"delete table ip {self._table}")
        self._on = False

    def _count(self):
        return sum(map(int, re.findall(r"counter packets (\d+)", _nft(f"list table ip {self._table}"))))

    def dropped(self):
        return self._dropped + (self._count() if self._on else 0)
