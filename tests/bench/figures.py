"""Shows what scenes.py measured: a Markdown table and a picture of the scenes, and the same of the durable world, of the
spatial index and of other servers beside a zone.

    figures.py DIR                       prints the tables of DIR/*.json
    figures.py DIR --pictures FOLDER     draws each figure as a share of its limit: scenes.svg, durable.svg,
                                     spatial.svg, peers.svg
    figures.py DIR --update FILE.md      puts the tables between the file's markers
"""

import argparse
import json
import pathlib
import sys
from xml.sax.saxutils import escape

SCENES = ["cities", "crowd", "crowd_1000", "crowd_5000", "trace", "trace_3", "spread", "spread_3000", "spread_5000", "sealed",
          "simulated"]
DURABLE = ["durable", "reads", "zone_persistence", "restart"]
SPATIAL = ["spatial"]
PEERS = ["peers"]
PEER_NAMES = {"bluemarble": "zone, sealed", "colyseus": "Colyseus", "naive_enet": "naive ENet"}
ASSUMED = ("connected", "exit code of zoned", "exit code")  # worth a line only when they do not hold
SIGN = {"<": "<", "<=": "≤", "==": "=", ">=": "≥", ">": ">"}
LABEL_WIDTH, BAR_WIDTH, VALUE_WIDTH, ROW, BAR = 310, 360, 170, 24, 14
FULL = 1.25  # the right end of the bars, as a multiple of the limit


def results(folder, names):
    found = {}
    for name in names:
        path = folder / f"{name}.json"
        if path.exists():
            found[name] = json.loads(path.read_text())
    return {name: result for name, result in found.items() if "figures" in result}


def number(value):
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def text(value, unit):
    return f"{number(value)} {unit}".strip()


def rows_of(found):
    return [(name, result, row) for name, result in found.items() for row in result["figures"]
            if not (row["name"] in ASSUMED and row["pass"])]


def limit_text(row):
    return f"{SIGN[row['relation']]} {text(row['limit'], row['unit'])}"


def verdict(row):
    return "holds" if row["pass"] else "**missed**"


def percent(value):
    return "" if value is None else f"{value:.1f} %"


def scene_table(found):
    lines = ["| scene | players | window | figure | measured | limit | | commit | others' CPU | steal |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    for name, result, row in rows_of(found):
        window = f"{result['seconds']:g} s" if result["seconds"] else ""
        lines.append(
            f"| {name} | {number(result['players'])} | {window} | {row['name']} | {text(row['value'], row['unit'])} | "
            f"{limit_text(row)} | {verdict(row)} | {result['commit']} | {result['others_cpu_cores']} cores | "
            f"{percent(result['context'].get('server/steal_pct'))} |")
    return "\n".join(lines)


def program_table(found):
    lines = ["| figure | measured | limit | | command | commit | others' CPU | steal |",
             "|---|---|---|---|---|---|---|---|"]
    for _, result, row in rows_of(found):
        lines.append(f"| {row['name']} | {text(row['value'], row['unit'])} | {limit_text(row)} | {verdict(row)} | "
                     f"`{result['command']}` | {result['commit']} | {result['others_cpu_cores']} cores | "
                     f"{percent(result['steal_pct'])} |")
    return "\n".join(lines)


def peer_table(found):
    """What each server held, and what the same number of players costs of each: the largest that all of them held."""
    result = found[PEERS[0]]
    report = result["context"]
    lines = ["| scene | server | players held | at | CPU per player and tick | down per player | P99 between updates | commit | "
             "others' CPU | steal |", "|---|---|---|---|---|---|---|---|---|---|"]
    for scene, held in report["held"].items():
        common = report["common"][scene]
        for name, players in held.items():
            row = common[name]
            sign = "" if report["ended_by"][scene][name] == "server" else "≥ "
            lines.append(f"| {scene} | {PEER_NAMES[name]} | {sign}{number(players)} | {number(common['players'])} | "
                         f"{row['cpu_us_per_player_tick']} us | {text(row['down_bytes_per_player_s'], 'B/s')} | "
                         f"{row['gap_ms']['p99']:.3g} ms | {result['commit']} | {result['others_cpu_cores']} cores | "
                         f"{percent(result['steal_pct'])} |")
    return "\n".join(lines)


def share_of(row):
    """How much of the limit is used up; above 1: missed."""
    if row["relation"] in (">", ">="):
        return row["limit"] / row["value"] if row["value"] else FULL
    return row["value"] / row["limit"]


def svg(found):
    """Figures with a limit other than zero and "all of them"; the bar's end at the line is the limit."""
    rows = [(name, result, row) for name, result in found.items() for row in result["figures"]
            if row["limit"] and row["relation"] != "=="]
    width, height = LABEL_WIDTH + BAR_WIDTH + VALUE_WIDTH, 64 + ROW * len(rows)
    limit_x = LABEL_WIDTH + BAR_WIDTH / FULL
    commits = sorted({result["commit"] for result in found.values()})
    cpus = sorted({f"{result['machine']['cores']} cores, {result['machine']['cpu']}" for result in found.values()})
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
           'font-family="sans-serif" font-size="12">', f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
           f'<text x="12" y="20" font-size="14" fill="#1a1a1a">How much of each limit is used '
           f'(commit {escape(", ".join(commits))}; {escape("; ".join(cpus))})</text>']
    for i, (name, result, row) in enumerate(rows):
        y = 40 + i * ROW
        bar = min(share_of(row), FULL) / FULL * BAR_WIDTH
        label = f"{name} ({number(result['players'])}): {row['name']}" if "players" in result else row["name"]
        colour = "#2b7a78" if row["pass"] else "#c0392b"
        out += [f'<text x="{LABEL_WIDTH - 8}" y="{y + 11}" text-anchor="end" fill="#1a1a1a">{escape(label)}</text>',
                f'<rect x="{LABEL_WIDTH}" y="{y}" width="{BAR_WIDTH}" height="{BAR}" fill="#eeeeee"/>',
                f'<rect x="{LABEL_WIDTH}" y="{y}" width="{max(bar, 1):.1f}" height="{BAR}" fill="{colour}"/>',
                f'<text x="{LABEL_WIDTH + BAR_WIDTH + 8}" y="{y + 11}" fill="#1a1a1a">'
                f'{escape(text(row["value"], row["unit"]))} ({escape(limit_text(row))})</text>']
    bottom = 40 + ROW * len(rows)
    out += [f'<line x1="{limit_x:.1f}" y1="34" x2="{limit_x:.1f}" y2="{bottom}" stroke="#1a1a1a" stroke-dasharray="4 3"/>',
            f'<text x="{limit_x:.1f}" y="{bottom + 14}" text-anchor="middle" fill="#1a1a1a">limit</text>', "</svg>"]
    return "\n".join(out) + "\n"


KINDS = [("figures", SCENES, scene_table, "scenes.svg"), ("durable figures", DURABLE, program_table, "durable.svg"),
         ("spatial figures", SPATIAL, program_table, "spatial.svg"), ("peer figures", PEERS, peer_table, "peers.svg")]


def with_rows_before(path, marker, names, found, lines):
    """Rows that the page has of what was not measured this time stay, in the order of `names`."""
    def of(line):
        return next((name for name in names if line.startswith(f"| {name} |") or f"--only {name}`" in line), None)

    section = path.read_text().partition(f"<!-- {marker}: begin -->")[2].partition(f"<!-- {marker}: end -->")[0]
    kept = [line for line in section.splitlines() if of(line) is not None and of(line) not in found]
    head, rows = lines.splitlines()[:2], lines.splitlines()[2:]
    order = {line: names.index(of(line)) if of(line) else len(names) for line in kept + rows}
    return "\n".join(head + sorted(kept + rows, key=order.get))


def update(path, marker, lines):
    page = path.read_text()
    begin, end = f"<!-- {marker}: begin -->", f"<!-- {marker}: end -->"
    if begin not in page or end not in page:
        sys.exit(f"figures.py: {path} has no markers {begin} and {end}")
    head, tail = page.split(begin)[0], page.split(end)[1]
    path.write_text(f"{head}{begin}\n{lines}\n{end}{tail}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--pictures", type=pathlib.Path)
    parser.add_argument("--update", type=pathlib.Path)
    options = parser.parse_args()
    nothing = True
    for marker, names, table, picture in KINDS:
        found = results(options.folder, names)
        if not found:
            continue
        nothing = False
        lines = table(found)
        print(lines)
        if options.pictures:
            options.pictures.mkdir(parents=True, exist_ok=True)
            (options.pictures / picture).write_text(svg(found))
        if options.update:
            lines = with_rows_before(options.update, marker, names, found, lines)
            update(options.update, marker, f"{lines}\n\n![How much of each limit is used](pictures/{picture})")
    if nothing:
        sys.exit(f"figures.py: no results in {options.folder}")


if __name__ == "__main__":
    main()
