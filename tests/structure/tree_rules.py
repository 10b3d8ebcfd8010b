"""Checks names, lengths, links and stray paths of the files that git tracks or would track.

    tree_rules.py ROOT     prints one line per problem; exit 1 when there is one
"""

import pathlib
import re
import subprocess
import sys

MAX_LINES = 800
SNAKE_CASE = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*(\.[a-z0-9]+)+$")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
# Absolute paths of one developer's machine. Split, so that this file does not report itself.
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:" + "home|Users|ro" + r"ot|wo" + r"rk|farm)/[\w.]")
CODE = (".h", ".cc", ".proto", ".py", ".sql", ".ts", ".mjs")


def check_name(name, text):
    folder = name.split("/")[0]
    if folder in ("src", "include", "tests") and name.endswith((".h", ".cc", ".py", ".proto")):
        for part in pathlib.PurePath(name).parts[1:]:
            if not SNAKE_CASE.match(part if "." in part else part + ".x"):
                yield f"{name}: names are snake_case"
                return
    if name.startswith("tests/") and name.endswith("_tests.cc"):
        yield f"{name}: test files end in _test.cc"


def check_length(name, text):
    """A long file says why in its head: the word 'long' or 'lines' in the first 20 lines."""
    lines = text.splitlines()
    if name.endswith(CODE) and len(lines) > MAX_LINES:
        head = "\n".join(lines[:20])
        if not re.search(r"\b(long|lines)\b", head):
            yield f"{name}: {len(lines)} lines, above {MAX_LINES} without the reason in its head"


def check_header(name, text):
    if name.endswith(".h") and name.split("/")[0] in ("src", "include", "tests"):
        if "#pragma once" not in text:
            yield f"{name}: no #pragma once"
        if not name.startswith("tests/") and not text.startswith("//"):
            yield f"{name}: starts without the paragraph that says what it is and which thread owns it"


def check_paths(name, text):
    for number, line in enumerate(text.splitlines(), 1):
        if MACHINE_PATH.search(line):
            yield f"{name}:{number}: a path of one machine"


def check_links(root, name, text):
    if not name.endswith(".md"):
        return
    for number, line in enumerate(text.splitlines(), 1):
        for target in LINK.findall(line):
            if re.match(r"[a-z]+:|#", target):
                continue
            path = (root / name).parent / target.split("#")[0]
            if not path.exists():
                yield f"{name}:{number}: no such file: {target}"


def check(root, names):
    problems = []
    for name in names:
        path = root / name
        if not path.is_file():
            continue  # deleted, not committed yet
        data = path.read_bytes()
        if b"\0" in data[:4096]:
            continue
        text = data.decode("utf-8", errors="replace")
        for rule in (check_name, check_length, check_header, check_paths):
            problems += rule(name, text)
        problems += check_links(root, name, text)
    return problems


def tracked(root):
    out = subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True)
    if out.returncode == 0:
        return sorted(name for name in out.stdout.decode().split("\0") if name)
    # Not a checkout (an unpacked archive): take what is there.
    files = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in files if path.parts[0] not in (".git", "build", "data"))


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    names = tracked(root)
    problems = check(root, names)
    print("\n".join(problems))
    print(f"{len(names)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
