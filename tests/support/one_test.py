"""The command line of soak programs that run one test, once or in several ways, and print one line each."""

import argparse
import pathlib
import sys

from zone_under_test import Failure


def main(run, description, paths=None, **sizes):
    """The exit code. `run(options)` gives a Result, or is a tuple of such; `sizes`: (with --ci, else) each; `paths`: {option:
    its help}."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    for path, about in {"bin": "folder of zoned and zonebot", **(paths or {})}.items():
        parser.add_argument(f"--{path}", type=lambda text: pathlib.Path(text).resolve(), required=True, help=about)
    for size, (small, full) in sizes.items():
        parser.add_argument(f"--{size}", type=type(full), help=f"{full}, with --ci {small}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ci", action="store_true", help="a size for every run")
    parser.add_argument("--correctness-only", action="store_true", help="limits of time are noted, not enforced")
    options = parser.parse_args()
    for size, (small, full) in sizes.items():
        if getattr(options, size) is None:
            setattr(options, size, small if options.ci else full)
    code = 0
    for way in run if isinstance(run, tuple) else (run,):
        try:
            result = way(options)
        except (Failure, OSError) as failure:
            print(f"{pathlib.Path(sys.argv[0]).name}: {failure!r}", file=sys.stderr)
            code = 2
            continue
        print(result.line(), flush=True)
        code = max(code, int(bool(result.record["failed"])))
    return code
