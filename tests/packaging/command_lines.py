"""What our programs, scripts, build and compiler know of options, and what is wrong with a command line that a page shows.

Every check returns complaints; CHECKED counts the command lines that each has looked at.
"""

import collections
import functools
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ("zoned", "zonectl", "zonebot")
CHECKED = collections.Counter()

# The arguments end where another command begins.
REST = r"((?:(?!&&|[|;)]).)*)"
PROGRAM = re.compile(rf"(?:^|[\s/;&|(])({'|'.join(PROGRAMS)})\s+{REST}")
SCRIPT = re.compile(rf"(?:^|[\s(])((?:scripts|tests)/[\w./-]*\w)(?=\s)\s+{REST}")
BUILD = re.compile(rf"(?:^|[\s;&(])(cmake|ninja)\s+{REST}")
COMPILER = re.compile(r"(?:^|[\s;&(])(cc|c\+\+)\s+(-.*)")
OPTION = re.compile(r"--?[A-Za-z][\w-]*")


def output_of(*command):
    ran = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, check=False)
    return ran.stdout + ran.stderr


def options_in(text):
    return set(re.findall(r"(?<![\w-])(--?[A-Za-z][\w-]*)", text))


# --- our programs ---------------------------------------------------------------------------------


@functools.cache
def described(bin_dir, *command):
    """(subcommands, {option: (whether a value follows, the values that it may have or None)}) by its --help."""
    text = output_of(bin_dir / command[0], *command[1:], "--help")
    options = {}
    for names, after in re.findall(r"^  (-[\w-]+(?:,-[\w-]+)*)(.*)$", text, re.M):
        values = re.match(r" TEXT:\{([^}]*)\}", after)
        for name in names.split(","):
            options[name] = (bool(re.match(r" [A-Z]", after)), values and values[1].split(","))
    return set(re.findall(r"^  ([a-z][\w-]*)", text.partition("\nSubcommands:\n")[2], re.M)), options


def wrong_of_program(bin_dir, program, words):
    """Words that are no command and no option, as far as the line can be read: a placeholder ends it."""
    command, wrong, value_of = [program], [], None
    below, options = described(bin_dir, program)
    options = dict(options)
    for word in words:
        if value_of is not None:
            allowed = options[value_of][1]
            if allowed and re.fullmatch(r"[a-z]\w*", word) and word not in allowed:
                wrong.append(f"{value_of} {word}")
            value_of = None
        elif match := re.fullmatch(rf"({OPTION.pattern})(=.*)?", word):
            if match[1] not in options:
                wrong.append(word)
            elif options[match[1]][0] and not match[2]:
                value_of = match[1]
        elif below:
            if not re.fullmatch(r"[a-z][\w-]+", word):
                return wrong
            if word not in below:
                return [*wrong, word]
            command.append(word)
            below, more = described(bin_dir, *command)
            options |= more
    return wrong


def check_programs(bin_dir, line):
    # A container may have the program's name.
    for program, rest in PROGRAM.findall(re.sub(r"\bexec (?:-\S+ )*\w+ ", "exec ", line)):
        CHECKED["programs"] += 1
        yield from (f"{program} {rest.strip()}: no {word}" for word in wrong_of_program(bin_dir, program, rest.split()))


# --- scripts and programs of the tests ------------------------------------------------------------


@functools.cache
def help_of(script):
    """Of those that have none, what stands in them."""
    text = script.read_text()
    if script.suffix == ".py" and "parse_args" in text:
        return output_of(sys.executable, script, "--help")
    return output_of(script, "--help") if "--help" in text else text


def check_scripts(bin_dir, line):
    for name, rest in SCRIPT.findall(line):
        script = ROOT / name
        if not script.is_file() or not (os.access(script, os.X_OK) or script.suffix == ".py"):
            continue
        own, _, of_bots = f" {rest} ".partition(" -- ")
        words, text = own.split(), help_of(script)
        CHECKED["scripts"] += 1
        known = options_in(text)
        for word in words:
            if OPTION.fullmatch(word.split("=")[0]) and word.split("=")[0] not in known:
                yield f"{name}: no {word}"
        alternatives = re.search(r"usage: \S+ \[?((?:[a-z]+\|)+[a-z]+)", text)
        if alternatives and words and re.fullmatch(r"[a-z]+", words[0]) and words[0] not in alternatives[1].split("|"):
            yield f"{name}: no {words[0]}"
        if name == "scripts/bench" and "--only" in words[:-1]:
            only = words[words.index("--only") + 1].split(",")
            yield from (f"{name} --only {each}" for each in only if each not in re.findall(r"\w+", text))
        if of_bots:
            yield from (f"{name} --: zonebot has no {word}" for word in wrong_of_program(bin_dir, "zonebot", of_bots.split()))


# --- build and compiler ---------------------------------------------------------------------------


@functools.cache
def build_text():
    files = [ROOT / "CMakeLists.txt", *(ROOT / "cmake").glob("*.cmake")]
    for folder in ("src", "tests", "proto"):
        files += (ROOT / folder).rglob("CMakeLists.txt")
    return "\n".join(path.read_text() for path in files)


@functools.cache
def targets():
    return set(re.findall(r"^\s*(?:bluemarble_\w+|add_\w+)\((\w+)", build_text(), re.M)) | {"all", "install", "test"}


@functools.cache
def cmake_options():
    return options_in(output_of("cmake", "--help") + output_of("cmake", "--build") + output_of("cmake", "--install")) | {"-C"}


@functools.cache
def cmake_variables():
    return set(output_of("cmake", "--help-variable-list").split())


def check_build(page, line):
    for program, rest in BUILD.findall(line):
        words = rest.split()
        if not words or not words[0].startswith("-"):
            continue
        CHECKED["build"] += 1
        for word, after in zip(words, [*words[1:], ""]):
            if match := re.match(r"-D(\w+)=(.*)", word):
                ours = match[1].startswith("BLUEMARBLE_") and match[1] in build_text()
                if not ours and match[1] not in cmake_variables():
                    yield f"{program}: no variable {match[1]}"
                if match[1] == "CMAKE_BUILD_TYPE" and not re.search(rf"\b{match[2]}\b", build_text()):
                    yield f"{program}: no build type {match[2]}"
            elif OPTION.fullmatch(word):
                if word not in cmake_options():
                    yield f"{program}: no {word}"
                if word == "--target" and after not in targets():
                    yield f"{program}: no target {after}"
                if word == "--component" and f"COMPONENT {after.strip(',')}" not in build_text():
                    yield f"{program}: no component {after}"
                if word == "-S" and not (page.parent / after).is_dir():
                    yield f"{program}: no folder {after}"
        if program == "ninja":
            yield from (f"ninja: no target {word}" for word, before in zip(words[1:], words)
                        if not word.startswith("-") and before != "-C" and re.fullmatch(r"\w+", word) and word not in targets())


def check_compiler(page, line):
    for program, rest in COMPILER.findall(line):
        CHECKED["compiler"] += 1
        words = re.sub(r"\$\([^)]*\)", "", rest).split()
        sources = [word for word in words if word.endswith((".c", ".cc", ".cpp"))]
        yield from (f"{program}: no file {word}" for word in sources if not (page.parent / word).exists())
        flags = [word for word in words if word.startswith("-") and word != "-o"]
        if shutil.which(program):
            ran = subprocess.run([program, *flags, "-E", "-x", "c" if program == "cc" else "c++", "/dev/null"], capture_output=True,
                                 text=True, timeout=60, check=False)
            if ran.returncode != 0:
                yield f"{program}: {ran.stderr.strip()}"
        packages = re.findall(r"\$\(pkg-config ([^)]*)\)", rest)
        yield from (f"pkg-config: no {name}" for words in packages for name in words.split()
                    if not name.startswith("-") and not (ROOT / f"cmake/{name}.pc.in").exists())
