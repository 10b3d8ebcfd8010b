#!/usr/bin/env python3
"""T-10's second half: how much of the files that parse outside bytes the fuzzers reach.

    coverage.py --build DIR [--seconds S] [--only precheck,rest] [--missing]

DIR holds a Coverage build (scripts/soak coverage makes it). Every fuzzer runs its committed corpus, and once more with S
seconds of fuzzing on top (30; 0: only the corpus). Which files it is to cover says each fuzzer itself:

    // Covers src/net/precheck.cc, src/net/sealed_pipe.cc.
    // Not parsers in src/net/sealed_pipe.cc: Forget, datagrams_in_phase.

Several may share a file; what one of them reaches is reached. Functions that are no parsers, as a second line may name
them, do not count, but do in `whole_file`; `corpus_alone` is what needs no fuzzing. Prints one JSON line; with --missing also the
lines that nothing reached. Exit code 0: every file reached the limit.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import types

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests/support"))

from result import Result  # noqa: E402

LIMIT_PERCENT = 90
COVERS = re.compile(r"^// Covers ((?:(?!\.\n).|\n// )+)\.$", re.MULTILINE)
NO_PARSERS = re.compile(r"^// Not parsers in (\S+): ((?:(?!\.\n).|\n// )+)\.$", re.MULTILINE)


class Failure(Exception):
    """Something that says nothing of coverage: a crash, a tool that is not there."""


def names(text):
    return [name.strip() for name in text.replace("\n// ", " ").split(",")]


class Fuzzer:
    def __init__(self, source, build):
        text = source.read_text()
        self.name = source.name.removesuffix("_fuzz.cc")
        self.program = build / "fuzz" / f"{self.name}_fuzz"
        self.corpus = HERE / "corpus" / self.name
        self.covers = [name for found in COVERS.findall(text) for name in names(found)]
        self.no_parsers = {file: names(found) for file, found in NO_PARSERS.findall(text)}
        if not self.covers:
            raise Failure(f"{source.name} does not say what it covers")
        absent = [name for name in self.covers if not (ROOT / name).is_file()]
        if absent:
            raise Failure(f"{source.name} covers files that are not there: {', '.join(absent)}")
        strangers = set(self.no_parsers) - set(self.covers)
        if strangers:
            raise Failure(f"{source.name} excludes functions of files that it does not cover: {', '.join(strangers)}")


def run(command, **options):
    ended = subprocess.run(list(map(str, command)), capture_output=True, text=True, errors="replace", check=False, **options)
    if ended.returncode != 0:
        raise Failure(f"{pathlib.Path(command[0]).name} ended with code {ended.returncode}: {ended.stderr[-2000:]}")
    return ended.stdout


def fuzz(fuzzer, folder, seconds):
    """Runs it; the path of the profile."""
    learned = folder / "learned" / fuzzer.name
    shutil.rmtree(learned, ignore_errors=True)  # what an earlier run has found is no merit of this one
    learned.mkdir(parents=True)
    profile = folder / f"{fuzzer.name}.{'fuzzed' if seconds else 'corpus'}.profraw"
    # Both run every file that is given once, so that what the profile has of the corpus is always in it.
    limits = [f"-max_total_time={seconds}", learned, fuzzer.corpus] if seconds else ["-runs=0", fuzzer.corpus]
    run([fuzzer.program, "-timeout=25", "-rss_limit_mb=2048", f"-artifact_prefix={folder}/finding-{fuzzer.name}-", *limits],
        env={**os.environ, "LLVM_PROFILE_FILE": str(profile)}, cwd=folder)
    return profile


def function_lines(exported):
    """{file: [(name, first line, last line)]} of llvm-cov's export."""
    found = {}
    for function in exported["functions"]:
        first = function["regions"][0]
        found.setdefault(function["filenames"][0], []).append((function["name"], first[0], first[2]))
    return found


def line_counts(text):
    """{file: {line: count}} of lcov's format."""
    counts, lines = {}, {}
    for row in text.splitlines():
        if row.startswith("SF:"):
            lines = counts.setdefault(row[3:], {})
        elif row.startswith("DA:"):
            number, count = row[3:].split(",")[:2]
            lines[int(number)] = max(lines.get(int(number), 0), int(count))
    return counts


def excluded_lines(name, functions, unwanted):
    """Lines of the functions called so; each must be there, or the list has outlived the code."""
    lines = set()
    for called in unwanted:
        spans = [range(first, last + 1) for symbol, first, last in functions
                 if re.search(rf"(?<![A-Za-z0-9_~]){re.escape(called)}(\[abi:\w+\])?\(", symbol)]
        if not spans:
            raise Failure(f"{name} has no function {called} that could be excluded")
        lines.update(*spans)
    return lines


def only(found, file):
    """What is found under a path that ends in `file`; the compiler cache may have made it relative."""
    return next((value for path, value in found.items() if path.endswith("/" + file) or path == file), None)


def measure(fuzzers, profiles, tools, folder, kind):
    """{file: (percent, percent of the whole file, lines not reached)}."""
    merged = folder / f"{kind}.profdata"
    run([tools.profdata, "merge", "-sparse", "-o", merged, *profiles])
    programs = [fuzzers[0].program, *(f"-object={fuzzer.program}" for fuzzer in fuzzers[1:])]
    cov = [tools.cov, "export", f"-instr-profile={merged}", *programs]
    counts = line_counts(run([*cov, "-format=lcov"]))
    functions = function_lines(json.loads(run([*cov, "-format=text", "-skip-expansions"]))["data"][0])
    symbols = sorted({symbol for found in functions.values() for symbol, _, _ in found})
    plain = dict(zip(symbols, run([tools.demangler], input="\n".join(s.split(":")[-1] for s in symbols)).splitlines()))
    measured = {}
    for file in sorted({file for fuzzer in fuzzers for file in fuzzer.covers}):
        lines = only(counts, file)
        if not lines:
            raise Failure(f"no fuzzer that covers {file} has it linked in")
        unwanted = [name for fuzzer in fuzzers for name in fuzzer.no_parsers.get(file, [])]
        named = [(plain[symbol], first, last) for symbol, first, last in only(functions, file) or []]
        left_out = excluded_lines(file, named, unwanted)
        wanted = {line: count for line, count in lines.items() if line not in left_out}
        measured[file] = (percent(wanted), percent(lines), sorted(line for line, count in wanted.items() if count == 0))
    return measured


def percent(lines):
    return 100 * sum(count > 0 for count in lines.values()) / len(lines)


def coverage(fuzzers, options):
    folder = options.build / "coverage"
    folder.mkdir(parents=True, exist_ok=True)
    tools = types.SimpleNamespace(cov=options.llvm_cov, profdata=options.llvm_profdata, demangler="c++filt")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        corpus = list(pool.map(lambda fuzzer: fuzz(fuzzer, folder, 0), fuzzers))
        fuzzed = list(pool.map(lambda fuzzer: fuzz(fuzzer, folder, options.seconds), fuzzers)) if options.seconds else []
    by_corpus = measure(fuzzers, corpus, tools, folder, "corpus")
    reached = measure(fuzzers, corpus + fuzzed, tools, folder, "fuzzed") if fuzzed else by_corpus
    result = Result("T-10", options, fuzzers=len(fuzzers), seconds=options.seconds)
    for file, (share, _, missing) in reached.items():
        result.limit(file, share, ">=", LIMIT_PERCENT)
        if options.missing and missing:
            print(f"{file}: {' '.join(map(str, missing))}", file=sys.stderr)
    result.note(corpus_alone={file: round(share, 1) for file, (share, _, _) in by_corpus.items()},
                whole_file={file: round(whole, 1) for file, (share, whole, _) in reached.items() if whole != share})
    result.note(corpus_kb=round(sum(path.stat().st_size for fuzzer in fuzzers for path in fuzzer.corpus.iterdir()) / 1000))
    return result


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=lambda text: pathlib.Path(text).resolve(), required=True)
    parser.add_argument("--seconds", type=int, default=30, help="of fuzzing, each (30)")
    parser.add_argument("--only", default="", help="fuzzers, with commas")
    parser.add_argument("--missing", action="store_true", help="the numbers of lines that nothing reached, on stderr")
    parser.add_argument("--llvm-cov", default="llvm-cov-19")
    parser.add_argument("--llvm-profdata", default="llvm-profdata-19")
    options = parser.parse_args(arguments)
    options.seed, options.correctness_only = 0, False
    return options


def main(arguments):
    options = parse(arguments)
    try:
        fuzzers = [Fuzzer(source, options.build) for source in sorted(HERE.glob("*_fuzz.cc"))]
        wanted = {name for name in options.only.split(",") if name}
        if unknown := wanted - {fuzzer.name for fuzzer in fuzzers}:
            raise Failure(f"no such fuzzer: {', '.join(sorted(unknown))}")
        line = coverage([fuzzer for fuzzer in fuzzers if not wanted or fuzzer.name in wanted], options).line()
    except Failure as failure:
        line = json.dumps({"id": "T-10", "error": str(failure), "pass": False})
    print(line)
    return 0 if json.loads(line)["pass"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
