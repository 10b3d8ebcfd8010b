"""Shows what scenes.py measured: Markdown tables and pictures of the scenes, the durable world, the spatial index, the codec, a
tick, the web console and /metrics, other servers beside a zone, zones of several sizes, and what is seen for how many bytes.

    figures.py DIR                       prints the tables of DIR/*.json
    figures.py DIR --pictures FOLDER     draws each figure as a share of its limit (scenes.svg, durable.svg and so on), and
                                     sweep.svg and view_error.svg
    figures.py DIR --update FILE.md      puts the tables between the file's markers
"""

import argparse
import json
import pathlib
import sys
from xml.sax.saxutils import escape

import charts
from charts import number

SCENES = ["cities", "crowd", "crowd_1000", "crowd_5000", "trace", "trace_3", "spread", "spread_3000", "spread_5000", "memory",
          "sealed", "simulated"]
DURABLE = ["durable", "reads", "zone_persistence", "restart"]
SPATIAL = ["spatial"]
CODEC = ["wire_crowd", "wire_crowd_facing", "wire_bodies_3", "wire_bodies_1"]
TICK = ["tick_spread", "tick_crowd", "tick_crowd_2", "tick_memory"]
PHASED = ["tick_spread", "tick_crowd", "tick_memory"]
PHASES = ["receive", "simulate", "index", "interest", "replicate", "commit"]
BIG_CROWD = ["crowd_5000"]
SWEEP = ["sweep"]
VIEW_ERROR = ["view_error"]
PEERS = ["peers"]
OPERATORS = ["console", "console_feed", "metrics", "slow_ticks"]
PEER_NAMES = {"bluemarble": "zone, sealed", "colyseus": "Colyseus", "naive_enet": "naive ENet"}
ASSUMED = ("connected", "exit code of zoned", "exit code")  # worth a line only when they do not hold
SIGN = {"<": "<", "<=": "≤", "==": "=", ">=": "≥", ">": ">"}
LETTER, BAR_WIDTH, VALUE_WIDTH, ROW, BAR = 6.2, 360, 170, 24, 14
FULL = 1.25  # the right end of the bars, as a multiple of the limit


def results(folder, names):
    found = {}
    for name in names:
        path = folder / f"{name}.json"
        if path.exists():
            found[name] = json.loads(path.read_text())
    return {name: result for name, result in found.items() if "figures" in result}


def text(value, unit):
    return f"{number(value)} {unit}".strip()


def rows_of(found):
    return [(name, result, row) for name, result in found.items() for row in result["figures"]
            if not (row["name"] in ASSUMED and row["pass"])]


def limit_text(row):
    return "" if row["limit"] is None else f"{SIGN[row['relation']]} {text(row['limit'], row['unit'])}"


def verdict(row):
    return "" if row["limit"] is None else "holds" if row["pass"] else "**missed**"


def percent(value):
    return "" if value is None else f"{value:.1f} %"


def measured_by(result):
    """Machine, commit and command, for below a table and above a picture."""
    steal = result["context"].get("server/steal_pct", result.get("steal_pct"))
    taken = "" if steal is None else f", steal at most {percent(steal)}"
    return (f"{result['date'][:10]}, commit {result['commit']}, {result['machine']['cores']} cores, {result['machine']['cpu']}, "
            f"{result['command']}; others' CPU {result['others_cpu_cores']} cores{taken}")


def with_notes(lines, found):
    """A table, and below it how each of its rows was measured."""
    return "\n".join([*lines, "", *(f"- `{name}`: {measured_by(result)}." for name, result in found.items())])


def scene_table(found):
    lines = ["| scene | players | window | figure | measured | limit | |", "|---|---|---|---|---|---|---|"]
    for name, result, row in rows_of(found):
        window = f"{result['seconds']:g} s" if result["seconds"] else ""
        lines.append(f"| {name} | {number(result['players'])} | {window} | {row['name']} | {text(row['value'], row['unit'])} | "
                     f"{limit_text(row)} | {verdict(row)} |")
    return with_notes(lines, found)


def program_table(found):
    lines = ["| | figure | measured | limit | |", "|---|---|---|---|---|"]
    for name, _, row in rows_of(found):
        lines.append(f"| {name} | {row['name']} | {text(row['value'], row['unit'])} | {limit_text(row)} | {verdict(row)} |")
    return with_notes(lines, found)


def crowd_table(found):
    result = found[BIG_CROWD[0]]
    each = result["context"]
    age, relief = each["view/age_ms/combat"], each["relief"]
    told = next((percent(row["value"]) for row in result["figures"] if row["name"].startswith("told")), "time was not slowed")
    lines = ["| players | tick rate | tick P99 | to wire P50 | P99 | missed | relief | tick's length | told so, of snapshots | down per "
             "player | datagrams | bytes per update | age P50 | P99 | most |", "|---" * 15 + "|"]
    lines.append(f"| {number(result['players'])} | {each['server/tick_hz']:.1f} Hz | {number(each['server/tick_ms']['p99'])} ms | "
                 f"{number(each['server/tick_to_wire_ms']['p50'])} ms | {number(each['server/tick_to_wire_ms']['p99'])} ms | "
                 f"{each['missed_pct']:.2g} % | {relief['step_most']} | {relief['dilation_pct_most']} % | {told} | "
                 f"{text(each['down/bytes_per_player_s'], 'B/s')} | {each['down/packets_per_player_s']:.3g} /s | "
                 f"{each['bytes_per_entity_update']:.3g} | {number(age['p50'])} ms | {number(age['p99'])} ms | "
                 f"{number(age['max'])} ms |")
    return "\n".join([*lines, "", f"Window of {result['seconds']:g} s. {measured_by(result)}."])


def peer_table(found):
    """What each server held, and what the same number of players costs of each: the largest that all of them held."""
    result = found[PEERS[0]]
    report = result["context"]
    lines = ["| scene | server | players held | at | CPU per player and tick | down per player | P99 between updates |",
             "|---|---|---|---|---|---|---|"]
    for scene, held in report["held"].items():
        common = report["common"][scene]
        for name, players in held.items():
            row = common[name]
            sign = "" if report["ended_by"][scene][name] == "server" else "≥ "
            lines.append(f"| {scene} | {PEER_NAMES[name]} | {sign}{number(players)} | {number(common['players'])} | "
                         f"{row['cpu_us_per_player_tick']} us | {text(row['down_bytes_per_player_s'], 'B/s')} | "
                         f"{row['gap_ms']['p99']:.3g} ms |")
    return with_notes(lines, found)


def phase_table(found):
    lines = [f"| | players | others | CPU ns per player and tick | {' | '.join(PHASES)} | tick's CPU P50 | P99 | snapshots per "
             "player | datagrams | replicate per datagram | of it assembling |", "|---" * (10 + len(PHASES)) + "|"]
    for name, result in found.items():
        sizes, measured = result["context"]["sizes"], result["context"]["measured"]
        cpu, tick, assembly = measured["cpu_ns_per_player_tick"], measured["tick_cpu_ms"], measured["assembly"]
        cells = [name, number(sizes["players"]), number(sizes["entities"]), number(cpu["all"]),
                 *(number(cpu[phase]) for phase in PHASES), f"{tick['p50']:.3g} ms", f"{tick['p99']:.3g} ms",
                 text(measured["snapshot_bytes_per_player_s"], "B/s"), f"{measured['datagrams_per_player_s']:.3g} /s",
                 f"{number(measured['replicate_ns_per_datagram'])} ns",
                 f"{number(assembly['ns_per_datagram'])} ns, {assembly['parts_per_datagram']:.3g} parts"]
        lines.append(f"| {' | '.join(cells)} |")
    return with_notes(lines, found)


def age(cell, tier):
    """Of a tier in which nobody was seen there is none."""
    p99 = cell["age_ms"][tier]["p99"]
    return f"{number(p99)} ms" if p99 else ""


def sweep_table(found):
    result = found[SWEEP[0]]
    lines = ["| density | players | tick P99 | to wire P99 | missed | tick rate | relief | CPU per player and tick | down per player | age "
             "P99: combat | visual | extended |", "|---" * 12 + "|"]
    for cell in result["context"]["cells"]:
        lines.append(f"| {cell['density']} | {number(cell['players'])} | {number(cell['tick_ms']['p99'])} ms | "
                     f"{number(cell['tick_to_wire_ms']['p99'])} ms | {cell['missed_pct']:.2g} % | {cell['tick_hz']:.1f} Hz | "
                     f"{cell['relief_step_most']:g} | {cell['cpu_us_per_player_tick']:.2f} us | "
                     f"{text(cell['down_bytes_per_player_s'], 'B/s')} | {age(cell, 'combat')} | {age(cell, 'visual')} | "
                     f"{age(cell, 'extended')} |")
    return "\n".join([*lines, "", f"Windows of {result['seconds']} s. {measured_by(result)}."])


def sweep_svg(found):
    result = found[SWEEP[0]]
    cells = result["context"]["cells"]

    def lines(value):
        return {density: [(cell["players"], value(cell)) for cell in cells if cell["density"] == density]
                for density in dict.fromkeys(cell["density"] for cell in cells)}

    return charts.svg(measured_by(result), [
        charts.Chart("tick P99, ms", "players", lines(lambda cell: cell["tick_ms"]["p99"])),
        charts.Chart("server's CPU per player and tick, us", "players", lines(lambda cell: cell["cpu_us_per_player_tick"])),
        charts.Chart("down per player, kB/s", "players", lines(lambda cell: cell["down_bytes_per_player_s"] / 1000)),
        charts.Chart("age P99 within 50 m, ms", "players", lines(lambda cell: cell["age_ms"]["combat"]["p99"]))])


def view_error_table(found):
    result = found[VIEW_ERROR[0]]
    lines = ["| budget | down per player | datagrams | bytes per update | error of the view P50 | P99 | age P50 | P99 | most |",
             "|---" * 9 + "|"]
    for each in result["context"]["budgets"].values():
        error, its_age = each["error_m"]["combat"], each["age_ms"]["combat"]
        lines.append(f"| {each['budget_bytes_per_s'] / 1000:g} kB/s | {text(each['down_bytes_per_player_s'], 'B/s')} | "
                     f"{each['down_packets_per_player_s']:.3g} /s | {each['bytes_per_entity_update']:.3g} | "
                     f"{1000 * error['p50']:.3g} mm | {1000 * error['p99']:.3g} mm | {number(its_age['p50'])} ms | "
                     f"{number(its_age['p99'])} ms | {number(its_age['max'])} ms |")
    walking = [each["targets"] for each in result["context"]["budgets"].values()]
    return "\n".join([*lines, "", f"{number(result['players'])} players, of whom {min(each['min'] for each in walking)} to "
                      f"{max(each['max'] for each in walking)} walk at once and are scored; windows of {result['seconds']} s. "
                      f"{measured_by(result)}."])


def view_error_svg(found):
    result = found[VIEW_ERROR[0]]
    budgets = result["context"]["budgets"].values()

    def lines(tier, scale):
        return {which: [(each["down_bytes_per_player_s"] / 1000, scale * each[tier]["combat"][which.lower()]) for each in budgets]
                for which in ("P50", "P99")}

    return charts.svg(measured_by(result), [
        charts.Chart("error of the view, mm", "kB/s per player", lines("error_m", 1000)),
        charts.Chart("age of what is seen, ms", "kB/s per player", lines("age_ms", 1))])


def share_of(row):
    """How much of the limit is used up; above 1: missed."""
    if row["relation"] in (">", ">="):
        return row["limit"] / row["value"] if row["value"] else FULL
    return row["value"] / row["limit"]


def svg(found):
    """Figures with a limit other than zero and "all of them"; the bar's end at the line is the limit."""
    rows = [(name, result, row) for name, result in found.items() for row in result["figures"]
            if row["limit"] and row["relation"] != "=="]
    labels = [f"{name} ({number(result['players'])}): {row['name']}" if "players" in result else row["name"]
              for name, result, row in rows]
    label_width = 20 + round(LETTER * max(map(len, labels), default=0))
    width, height = label_width + BAR_WIDTH + VALUE_WIDTH, 64 + ROW * len(rows)
    limit_x = label_width + BAR_WIDTH / FULL
    commits = sorted({result["commit"] for result in found.values()})
    cpus = sorted({f"{result['machine']['cores']} cores, {result['machine']['cpu']}" for result in found.values()})
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
           'font-family="sans-serif" font-size="12">', f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
           f'<text x="12" y="20" font-size="14" fill="#1a1a1a">How much of each limit is used '
           f'(commit {escape(", ".join(commits))}; {escape("; ".join(cpus))})</text>']
    for i, (label, (_, _, row)) in enumerate(zip(labels, rows)):
        y = 40 + i * ROW
        bar = min(share_of(row), FULL) / FULL * BAR_WIDTH
        colour = "#2b7a78" if row["pass"] else "#c0392b"
        out += [f'<text x="{label_width - 8}" y="{y + 11}" text-anchor="end" fill="#1a1a1a">{escape(label)}</text>',
                f'<rect x="{label_width}" y="{y}" width="{BAR_WIDTH}" height="{BAR}" fill="#eeeeee"/>',
                f'<rect x="{label_width}" y="{y}" width="{max(bar, 1):.1f}" height="{BAR}" fill="{colour}"/>',
                f'<text x="{label_width + BAR_WIDTH + 8}" y="{y + 11}" fill="#1a1a1a">'
                f'{escape(text(row["value"], row["unit"]))} ({escape(limit_text(row))})</text>']
    bottom = 40 + ROW * len(rows)
    out += [f'<line x1="{limit_x:.1f}" y1="34" x2="{limit_x:.1f}" y2="{bottom}" stroke="#1a1a1a" stroke-dasharray="4 3"/>',
            f'<text x="{limit_x:.1f}" y="{bottom + 14}" text-anchor="middle" fill="#1a1a1a">limit</text>', "</svg>"]
    return "\n".join(out) + "\n"


USED = "How much of each limit is used"
# (marker on the page, results, table, picture, what it shows, who draws it); tables without one have none of their own
KINDS = [("figures", SCENES, scene_table, "scenes.svg", USED, svg),
         ("crowd figures", BIG_CROWD, crowd_table, None, None, None),
         ("sweep figures", SWEEP, sweep_table, "sweep.svg", "Tick, CPU, bytes and age by players and density", sweep_svg),
         ("view error figures", VIEW_ERROR, view_error_table, "view_error.svg", "What is seen for how many bytes", view_error_svg),
         ("tick figures", TICK, program_table, "tick.svg", USED, svg),
         ("tick phases", PHASED, phase_table, None, None, None),
         ("codec figures", CODEC, program_table, "codec.svg", USED, svg),
         ("durable figures", DURABLE, program_table, "durable.svg", USED, svg),
         ("spatial figures", SPATIAL, program_table, "spatial.svg", USED, svg),
         ("operator figures", OPERATORS, program_table, "operators.svg", USED, svg),
         ("peer figures", PEERS, peer_table, "peers.svg", USED, svg)]


def with_rows_before(path, marker, names, found, lines):
    """Rows that the page has of what was not measured this time stay, with their notes, in the order of `names`."""
    def of(line):
        return next((name for name in names if line.startswith((f"| {name} |", f"- `{name}`:"))), None)

    section = path.read_text().partition(f"<!-- {marker}: begin -->")[2].partition(f"<!-- {marker}: end -->")[0]
    head, new = lines.splitlines()[:2], lines.splitlines()[2:]
    known = [line for line in section.splitlines() if of(line) not in (None, *found)] + [line for line in new if of(line)]
    known.sort(key=lambda line: (not line.startswith("|"), names.index(of(line))))
    rows, notes = [[line for line in known if line.startswith(start)] for start in ("|", "-")]
    return "\n".join(head + rows + [line for line in new if not of(line)] + notes)


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
    for marker, names, table, picture, shows, drawn in KINDS:
        found = results(options.folder, names)
        if not found:
            continue
        nothing = False
        lines = table(found)
        print(lines)
        if options.pictures and picture:
            options.pictures.mkdir(parents=True, exist_ok=True)
            (options.pictures / picture).write_text(drawn(found))
        if options.update:
            lines = with_rows_before(options.update, marker, names, found, lines)
            update(options.update, marker, f"{lines}\n\n![{shows}](pictures/{picture})" if picture else lines)
    if nothing:
        sys.exit(f"figures.py: no results in {options.folder}")


if __name__ == "__main__":
    main()
