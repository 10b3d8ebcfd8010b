#!/usr/bin/env python3
"""docs/settings.md from config/zoned.toml, which a unit test compares with the program.

    settings_page.py            compares; exit 1 when the page is old
    settings_page.py --write    writes it
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/settings.md"
HEAD = """# Settings

Every setting of `zoned` with its default, its range and unit, and its name in the environment. Written by `tests/packaging/settings_page.py --write`
from [../config/zoned.toml](../config/zoned.toml), which `zoned print-config --default` writes; tests compare all three.
[operations.md](operations.md#settings) says where settings come from and which source wins.
"""


def legal_and_help(text):
    """The comment above a setting ends with "[what it takes]"."""
    match = re.fullmatch(r"(.*?)\s*\[([^\[\]]*)\]", text)
    return (match[2], match[1]) if match else ("", text)


def cell(text):
    return text.replace("|", "\\|")


def page(toml):
    out, comment, section, began = [HEAD], [], "", False
    for line in toml.splitlines():
        # Tables that are empty by default stand there as comments: #[[shards]], #id = "".
        head = re.fullmatch(r"#?(\[+)(\w+)\]+", line)
        setting = re.fullmatch(r"#?(\w+) = (.*)", line)
        if head:
            section, many, began = head[2], len(head[1]) == 2, True
            title = f"`[[{section}]]`, any number of them" if many else f"`[{section}]`"
            about = " ".join(comment)
            out.append(f"\n## {title}\n" + (f"\n{about}\n" if about else ""))
            out.append("| setting | default | takes | environment | meaning |\n|---|---|---|---|---|")
            comment = []
        elif setting and began:
            takes, about = legal_and_help(" ".join(comment))
            default = setting[2] if len(setting[2]) <= 40 else setting[2][:37] + "..."
            variable = "-" if many else f"`BLUEMARBLE_{section.upper()}_{setting[1].upper()}`"
            out.append(f"| `{section}.{setting[1]}` | `{cell(default)}` | {cell(takes) or '-'} | {variable} | {cell(about) or '-'} |")
            comment = []
        elif line.startswith("#"):
            comment.append(line.lstrip("# "))
        else:
            comment = []
    return "\n".join(out) + "\n"


def main():
    text = page((ROOT / "config/zoned.toml").read_text())
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(text)
        return 0
    if PAGE.exists() and PAGE.read_text() == text:
        return 0
    print("docs/settings.md is not what config/zoned.toml says: run tests/packaging/settings_page.py --write")
    return 1


if __name__ == "__main__":
    sys.exit(main())
