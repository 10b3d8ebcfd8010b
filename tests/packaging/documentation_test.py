#!/usr/bin/env python3
"""Links, commands and settings in the pages exist; the page of settings is what the program says; compose files fit the program.

    documentation_test.py --bin DIR
"""

import argparse
import functools
import json
import os
import pathlib
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import case_report  # noqa: E402
import command_lines  # noqa: E402
import settings_page  # noqa: E402

try:
    import yaml
except ImportError:
    yaml = None

ROOT = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COMPOSE_KEYS = {"image", "build", "command", "environment", "ports", "volumes", "depends_on", "healthcheck", "restart", "read_only",
                "cap_drop", "security_opt", "ulimits", "stop_grace_period", "network_mode"}
SECRETS = {"BLUEMARBLE_DB_PASSWORD": "of-the-test", "BLUEMARBLE_REDIS_PASSWORD": "of-the-test",
           "BLUEMARBLE_GRAFANA_PASSWORD": "of-the-test", "BLUEMARBLE_PUBLIC_ADDRESS": "203.0.113.7"}


@functools.cache
def pages():
    names = subprocess.run(["git", "-c", "safe.directory=*", "-C", ROOT, "ls-files", "*.md", "**/*.md"], capture_output=True,
                           text=True, check=False).stdout.split()
    found = [ROOT / name for name in names] or list(ROOT.glob("*.md")) + list(ROOT.glob("docs/*.md"))
    return {path: path.read_text() for path in sorted(set(found)) if path.exists()}


def without_code(text):
    return re.sub(r"`[^`]*`", "", FENCE.sub("", text))


@functools.cache
def anchors(path):
    """As GitHub makes them of headings."""
    found, seen = set(), {}
    for heading in re.findall(r"^#+ +(.*)$", FENCE.sub("", path.read_text()), re.M):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        number = seen.get(slug, 0)
        seen[slug] = number + 1
        found.add(slug if number == 0 else f"{slug}-{number}")
    return found


def every_link_leads_somewhere():
    wrong, count = [], 0
    for path, text in pages().items():
        for target in LINK.findall(without_code(text)):
            if re.match(r"[a-z]+:", target):
                continue
            count += 1
            file, _, anchor = target.partition("#")
            to = (path.parent / file).resolve() if file else path
            if not to.exists():
                wrong.append(f"{path.relative_to(ROOT)}: no such file: {target}")
            elif anchor and to.suffix == ".md" and anchor not in anchors(to):
                wrong.append(f"{path.relative_to(ROOT)}: no such heading: {target}")
    assert count > 50 and not wrong, wrong


def commands():
    """(page, line) of each line of a shell example, and of each command in a sentence."""
    for path, text in pages().items():
        # The peers' own examples and records of what was done once are no promises.
        if {"decisions", "browser", "console"} & set(path.relative_to(ROOT).parts):
            continue
        for language, body in FENCE.findall(text):
            if language in ("sh", ""):
                for line in body.replace("\\\n", " ").splitlines():
                    yield path, line.split("  ")[0] if language == "" else re.sub(r"(^|\s)#.*", "", line)
        for line in re.findall(r"`([^`\n]+)`", FENCE.sub("", text)):
            yield path, line


def complaints(check, kind, least):
    """Of every command line of the pages; and at least so many were looked at, or the check has lost sight of them."""
    wrong = [f"{path.relative_to(ROOT)}: {what}" for path, line in commands() for what in check(path, line)]
    assert not wrong, wrong
    assert command_lines.CHECKED[kind] >= least, (kind, command_lines.CHECKED[kind])


def every_command_and_option_of_our_programs_exists():
    complaints(lambda _, line: command_lines.check_programs(OPTIONS.bin, line), "programs", 60)


def every_option_of_scripts_exists():
    complaints(lambda _, line: command_lines.check_scripts(OPTIONS.bin, line), "scripts", 20)


def every_target_option_and_file_of_a_build_exists():
    complaints(command_lines.check_build, "build", 8)
    complaints(command_lines.check_compiler, "compiler", 1)


def a_wrong_word_in_a_command_line_is_found():
    page = ROOT / "examples/README.md"
    checks = {"programs": lambda line: command_lines.check_programs(OPTIONS.bin, line),
              "scripts": lambda line: command_lines.check_scripts(OPTIONS.bin, line),
              "build": lambda line: command_lines.check_build(page, line),
              "compiler": lambda line: command_lines.check_compiler(page, line)}
    for kind, right, wrong in (
            ("programs", "zonectl --json players --sort age", "zonectl --json players --sort size"),
            ("programs", "zonectl players --limit 3", "zonectl players --limits 3"),
            ("programs", "zoned check -c FILE", "zoned check --json"),
            ("programs", "zonebot --scenario crowd", "zonebot --scenario crowds"),
            ("scripts", "scripts/soak api", "scripts/soak apis"),
            ("scripts", "scripts/bench --only crowd,metrics", "scripts/bench --only crowd,metric"),
            ("scripts", "scripts/run --seconds 20 -- --radius 25", "scripts/run --seconds 20 -- --radii 25"),
            ("scripts", "tests/packaging/settings_page.py --write", "tests/packaging/settings_page.py --writes"),
            ("build", "cmake -S cpp -B build -DCMAKE_BUILD_TYPE=Release", "cmake -S cpp -B build -DCMAKE_BUILD_TYPE=Fast"),
            ("build", "cmake --build build --target zoned", "cmake --build build --target zone"),
            ("build", "cmake --install build --component client-dev", "cmake --install build --component devel"),
            ("build", "ninja -C build/mine geo_test", "ninja -C build/mine geo_tests"),
            ("compiler", "cc -std=c11 -o walker c/walker.c", "cc -std=c11 -o walker c/runner.c")):
        assert not list(checks[kind](right)), (right, list(checks[kind](right)))
        assert list(checks[kind](wrong)), wrong


def every_script_and_test_program_exists():
    wrong, count = [], 0
    for path, line in commands():
        for name in re.findall(r"(?:^|[\s(])((?:scripts|tests|config|docker|proto|src|migrations|examples|packaging)/[\w./-]+\w)", line):
            if "build/" in line or "*" in line or "<" in name:
                continue
            count += 1
            near = ROOT / name
            exists = near.exists() or (path.parent / name).exists() or list(near.parent.glob(f"{near.name}.*"))
            # A program of the build's own tests/.
            if not exists and near.name not in targets():
                wrong.append(f"{path.relative_to(ROOT)}: {name}")
    assert count > 50 and not wrong, wrong


def every_source_that_the_architecture_names_exists():
    """`net/net_thread` and the like, in drawings and sentences: a file or folder of src/."""
    text = (ROOT / "docs/architecture.md").read_text()
    text = text[:text.index("## Folders and what they may include")]
    folders = [path.name for path in (ROOT / "src").iterdir() if path.is_dir()]
    names = set(re.findall(rf"(?<![\w/])(?:{'|'.join(folders)})/\w+(?:/\w+)*", text))
    wrong = [name for name in sorted(names) if not list((ROOT / "src").glob(f"{name}*"))]
    assert len(names) >= 40 and not wrong, (len(names), wrong)


@functools.cache
def settings():
    text = subprocess.run([OPTIONS.bin / "zoned", "print-config", "--default"], capture_output=True, text=True, timeout=20,
                          check=True).stdout
    known, section = set(), ""
    for line in text.splitlines():
        if match := re.match(r"#?\[+(\w+)\]+", line):
            section = match[1]
        elif match := re.match(r"#?(\w+) = ", line):
            known.add(f"{section}.{match[1]}")
    return known


def every_setting_that_is_named_exists():
    sections = {name.split(".")[0] for name in settings()}
    wrong, count = [], 0
    for path, text in pages().items():
        if "decisions" in path.parts or "browser" in path.parts or "console" in path.parts:
            continue
        for name in re.findall(r"`([a-z]+\.[a-z_0-9]+)(?:\s*=[^`]*)?`", FENCE.sub("", text)):
            # admin.secret and auth.keys are files, x.json and x.toml, too.
            if name.split(".")[0] not in sections or re.search(r"\.(keys|secret|key|py|cc|h|md|toml|json|lock|sh|csv|yml)$", name):
                continue
            count += 1
            if name not in settings():
                wrong.append(f"{path.relative_to(ROOT)}: {name}")
        for name in re.findall(r"--set ([a-z]+\.[a-z_0-9]+)=", text):
            if name not in settings() and not name.startswith("section."):
                wrong.append(f"{path.relative_to(ROOT)}: --set {name}")
    assert count > 60 and not wrong, wrong


def the_page_of_settings_is_what_the_program_says():
    assert settings_page.main() == 0, "run tests/packaging/settings_page.py --write"
    page = (ROOT / "docs/settings.md").read_text()
    shown = set(re.findall(r"^\| `([a-z]+\.\w+)`", page, re.M))
    assert shown == settings(), shown ^ settings()


def filled_in(text):
    """What compose makes of ${NAME:?}."""
    return re.sub(r"\$\{(\w+)(?::\?[^}]*)?\}", lambda match: SECRETS[match[1]], text)


IMAGE_COMMAND = ["serve", "-c", "/etc/bluemarble/zoned.toml"]


def compose_files_fit_themselves_and_the_program():
    """And the image's own command, which a service without one gets, is the Dockerfile's."""
    if yaml is None:
        raise case_report.Skip("not installed: python3-yaml")
    dockerfile = (ROOT / "docker/Dockerfile").read_text()
    assert f"CMD {json.dumps(IMAGE_COMMAND)}" in dockerfile
    user = re.search(r"^USER (\d+):\d+$", dockerfile, re.M)
    assert user and int(user[1]) >= 1000 and "\nHEALTHCHECK " in dockerfile
    for path in sorted((ROOT / "docker").glob("compose*.yaml")):
        compose = yaml.safe_load(filled_in(path.read_text()))
        services, volumes = compose["services"], set(compose["volumes"])
        for name, service in services.items():
            where = f"{path.name}: {name}"
            assert not set(service) - COMPOSE_KEYS, (where, set(service) - COMPOSE_KEYS)
            assert "image" in service or "build" in service, where
            if "build" in service:
                folder = (path.parent / service["build"]["context"]).resolve()
                assert (folder / service["build"]["dockerfile"]).exists(), where
            assert set(service.get("depends_on", ())) <= set(services), where
            for dependency, condition in service.get("depends_on", {}).items():
                if condition["condition"] == "service_healthy":
                    assert "healthcheck" in services[dependency], (where, dependency)
            for volume in service.get("volumes", ()):
                source = volume.split(":")[0]
                known = (path.parent / source).resolve().exists() if source.startswith(".") else source in volumes
                assert known, (where, volume)
            for port in service.get("ports", ()):
                # Only the game's own ports are open to the world.
                assert port.startswith("127.0.0.1:") or port.endswith("/udp"), (where, port)
            command = service.get("command", IMAGE_COMMAND)
            if service.get("build") and command[0] == "serve":
                check_daemon(where, command, service.get("environment", {}))
                assert service["read_only"] is True and service["stop_grace_period"], where


def check_daemon(where, command, environment):
    """`zoned check` with the environment and files of the service; of its image only the paths are different."""
    arguments = [word.replace("/etc/bluemarble", str(ROOT / "config")) for word in command[1:]]
    own = {name: value for name, value in os.environ.items() if not name.startswith("BLUEMARBLE_")}
    ran = subprocess.run([OPTIONS.bin / "zoned", "check", *arguments], env={**own, **environment},
                         capture_output=True, text=True, timeout=20, check=False)
    assert ran.returncode == 0, (where, ran.stderr)


CASES = (every_link_leads_somewhere, every_command_and_option_of_our_programs_exists, every_option_of_scripts_exists,
         every_target_option_and_file_of_a_build_exists, a_wrong_word_in_a_command_line_is_found,
         every_script_and_test_program_exists, every_source_that_the_architecture_names_exists,
         every_setting_that_is_named_exists, the_page_of_settings_is_what_the_program_says,
         compose_files_fit_themselves_and_the_program)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=lambda text: pathlib.Path(text).resolve(), required=True, help="of zoned and zonectl")
    OPTIONS = parser.parse_args()
    sys.exit(case_report.run("documentation_test", CASES))
