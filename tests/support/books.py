"""The books of a zone that has ended, as `zonectl` reads them from its database: the same after every test."""

import contextlib
import json
import os
import pathlib
import subprocess

CHECK_SECONDS = 120


def zonectl(bin_dir, where, *arguments, environment=None):
    """Its exit code, answer and errors. `where`: what names the database."""
    ended = subprocess.run(list(map(str, [pathlib.Path(bin_dir) / "zonectl", *where, *arguments])), capture_output=True,
                           text=True, timeout=CHECK_SECONDS, check=False, env={**os.environ, **(environment or {})})
    return ended.returncode, ended.stdout, ended.stderr


def check_books(result, bin_dir, where, environment=None):
    """Adds up gold, items and versions, and rebuilds what the rows say from the events."""
    for name in ("audit", "verify"):
        code, out, errors = zonectl(bin_dir, where, name, "--json", environment=environment)
        if code != 0:
            result.record.setdefault("findings", {})[name] = (out + errors)[-2000:]
        result.limit(f"{name}_code", code, "==", 0)
        if name == "audit":
            with contextlib.suppress(ValueError):
                lines = json.loads(out)["lines"]
                result.note(audit_lines=len(lines))
                result.limit("audit_findings", sum(line["must_be_zero"] and line["value"] != 0 for line in lines), "==", 0)


def check_books_of(result, zone, bin_dir=None):
    """Of a zone on SQLite that has ended by itself or by `Zone.end`. `bin_dir`: of zonectl, if not beside zoned."""
    check_books(result, bin_dir or zone.bin, ("--data-dir", zone.data))
