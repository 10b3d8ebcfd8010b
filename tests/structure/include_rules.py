"""Checks every #include of src/ and include/ against the tables of docs/architecture.md, and that sources include their own
header first.

    include_rules.py ROOT     prints one line per forbidden include; exit 1 when there is one

The tables are read from the page itself, so that what the page says is what is checked.
"""

import fnmatch
import pathlib
import re
import sys

# Of the header that C programs include.
C_STANDARD = {"stddef.h", "stdint.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s*(<([^>]+)>|"([^"]+)")')


def table_rows(text, marker):
    """The cells of the table that follows <!-- marker -->, without its two head lines."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.strip() == f"<!-- {marker} -->":
            break
    else:
        raise SystemExit(f"docs/architecture.md has no <!-- {marker} -->")
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
    return rows[2:]


def folder_table(text):
    """{folder: set of folders it may include}, in the table's order."""
    rows = table_rows(text, "include-table")
    order = [row[0].strip("`/") for row in rows]
    allowed = {}
    for name, row in zip(order, rows):
        words = row[-1]
        if words == "-":
            may = set()
        elif words.startswith("all"):
            may = set(order) | {"include"}
            may -= set(words.removeprefix("all").removeprefix(" but ").replace(",", " ").split())
        else:
            may = {word.strip() for word in words.split(",")}
        unknown = may - set(order) - {"include"}
        if unknown:
            raise SystemExit(f"the row of {name}/ names unknown folders: {sorted(unknown)}")
        if not words.startswith("all"):
            below = {other for other in may if other != "include" and order.index(other) >= order.index(name)}
            if below:
                raise SystemExit(f"the row of {name}/ points down the table: {sorted(below)}")
        allowed[name] = may | {name.split("/")[0]}
    return allowed


class LibraryRule:
    def __init__(self, patterns, where):
        self.patterns = [pattern.strip().strip("`") for pattern in patterns.split(",")]
        self.text = where
        self.negative = where.startswith("all but ")
        self.places = [place.strip() for place in where.removeprefix("all but ").split(",")]

    def length(self, header):
        """Length of the longest pattern that covers the header: the most specific rule wins."""
        return max((len(p) for p in self.patterns if self.covers(p, header)), default=0)

    @staticmethod
    def covers(pattern, header):
        if pattern.startswith("."):
            return header.endswith(pattern)
        return header.startswith(pattern) if pattern.endswith("/") else header == pattern

    def allows(self, path):
        if self.places == ["everywhere"]:
            return True
        inside = any(
            path.startswith(place) if place.endswith("/") else fnmatch.fnmatch(path, place)
            for place in self.places
        )
        return inside != self.negative


def is_standard(header):
    return "/" not in header and "." not in header


def check(root):
    text = (root / "docs/architecture.md").read_text()
    folders = folder_table(text)
    libraries = [LibraryRule(row[0], row[1]) for row in table_rows(text, "library-table")]
    problems = []

    def problem(path, number, what):
        problems.append(f"{path.relative_to(root)}:{number}: {what}")

    def check_library(path, place, number, header):
        rule = max(libraries, key=lambda rule: rule.length(header), default=None)
        if rule and rule.length(header):
            if not rule.allows(place):
                problem(path, number, f"<{header}> is for {rule.text}")
        elif not is_standard(header):
            problem(path, number, f"<{header}> is in no row of the library table")

    def check_source(path):
        place = path.relative_to(root / "src").as_posix()
        folder = "/".join(place.split("/")[:2])
        if folder not in folders:  # a row for a subfolder goes before its folder's
            folder = place.split("/")[0]
        if folder not in folders:
            problem(path, 1, f"src/{folder}/ is in no row of the folder table")
            return
        for number, header, quoted in includes(path):
            if not quoted or header.endswith(".pb.h"):
                check_library(path, place, number, header)
                continue
            target = header.split("/")[0]
            if target == "bluemarble":
                if "include" not in folders[folder]:
                    problem(path, number, f"{folder}/ may not include public headers")
                if not (root / "include" / header).is_file():
                    problem(path, number, f"no such public header: {header}")
            elif target not in folders:
                problem(path, number, f'"{header}": write own includes as "folder/file.h"')
            elif target not in folders[folder]:
                problem(path, number, f"{folder}/ may not include {target}/")
            elif not (root / "src" / header).is_file():
                problem(path, number, f"no such header: {header}")

    def check_public(path):
        for number, header, quoted in includes(path):
            own = header.startswith("bluemarble/") and (root / "include" / header).is_file()
            if not (own if quoted else is_standard(header) or header in C_STANDARD):
                problem(path, number, f"public headers include only the standard library and each other, not {header}")

    def check_own_header_first(path):
        """So that each header is compiled alone by its source; the build compiles only those without one alone."""
        if path.suffix != ".cc" or not path.with_suffix(".h").is_file():
            return
        number, header, quoted = next(includes(path), (1, "nothing", False))
        if not quoted or pathlib.PurePath(header).name != path.with_suffix(".h").name:
            problem(path, number, f"a source includes its own header first, not {header}")

    for path in [*sources(root / "src"), *sources(root / "tests")]:
        check_own_header_first(path)
    for path in sources(root / "src"):
        check_source(path)
    for path in sources(root / "include"):
        check_public(path)
    return problems


def includes(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(2) or match.group(3), match.group(3) is not None


def sources(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix in (".h", ".cc") and p.is_file())


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    problems = check(root)
    print("\n".join(problems))
    print(f"{len(sources(root / 'src')) + len(sources(root / 'include'))} files, {len(problems)} forbidden includes")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
