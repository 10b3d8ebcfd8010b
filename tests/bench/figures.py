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
import re
import sys
from xml.sax.saxutils import escape

import charts
from charts import number

SCENES = ["cities", "crowd", "crowd_1000", "crowd_5000", "crowd_slow", "trace", "trace_3", "spread", "spread_3000", "spread_5000", "memory",
          "sealed", "simulated"]
DURABLE = ["durable", "reads", "zone_persistence", "restart"]
SPATIAL = ["spatial"]
CODEC = ["wire_crowd", "wire_crowd_facing", "wire_bodies_3", "wire_bodies_1"]
TICK = ["tick_spread", "tick_crowd", "tick_crowd_2", "tick_memory"]
PHASED = ["tick_spread", "tick_crowd", "tick_memory"]
PHASES = ["receive", "simulate", "index", "interest", "replicate", "commit"]
BIG_CROWD = ["crowd_5000", "crowd_slow"]
SWEEP = ["sweep"]
VIEW_ERROR = ["view_error"]
PEERS = ["peers"]
OPERATORS = ["console", "console_feed", "metrics", "slow_ticks"]
PEER_NAMES = {"bluemarble": "zone, sealed", "colyseus": "Colyseus", "naive_enet": "naive ENet"}
ASSUMED = ("connected", "exit code of zoned", "exit code")  # worth a line only when they do not hold
SIGN = {"<": "<", "<=": "≤", "==": "=", ">=": "≥", ">": ">"}
LETTER, BAR_WIDTH, VALUE_WIDTH, ROW, BAR = 6.2, 360, 170, 24, 14
HELD, MISSED = "#2b7a78", "#c0392b"
FULL = 1.25  # the right end of the bars, as a multiple of the limit


def results(folder, names):
    found = {}
    for name in names:
        path = folder / f"{name}.json"
        if path.exists():
            found[name] = json.loads(path.read_text())
    return {name: result for name, result in found.items() if "figures" in result}


def text(value, unit):
    return "nothing" if value is None else f"{number(value)} {unit}".strip()


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
    lines = ["| scene | players | window | tick rate | tick P99 | to wire P50 | P99 | missed | relief | tick's length | told so, of "
             "snapshots | down per player | datagrams | bytes per update | age P50 | P99 | most |", "|---" * 17 + "|"]
    for name, result in found.items():
        each = result["context"]
        age, relief = each["view/age_ms/combat"], each["relief"]
        told = "time was not slowed" if relief["told_right_pct"] is None else percent(relief["told_right_pct"])
        cells = [name, number(result["players"]), f"{result['seconds']:g} s", f"{each['server/tick_hz']:.1f} Hz",
                 f"{number(each['server/tick_ms']['p99'])} ms", f"{number(each['server/tick_to_wire_ms']['p50'])} ms",
                 f"{number(each['server/tick_to_wire_ms']['p99'])} ms", f"{each['missed_pct']:.2g} %", relief["step_most"],
                 f"{relief['dilation_pct_most']} %", told, text(each["down/bytes_per_player_s"], "B/s"),
                 f"{each['down/packets_per_player_s']:.3g} /s", f"{each['bytes_per_entity_update']:.3g}",
                 *(f"{number(age[which])} ms" for which in ("p50", "p99", "max"))]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return with_notes(lines, found)


def peer_table(found):
    """What each server held and what a player cost it then; and the same at the largest number that all of them held."""
    result = found[PEERS[0]]
    report = result["context"]
    lines = ["| scene | server | players held | CPU per player and tick | relief | age P99 within 50 m | all of them at | CPU per player "
             "and tick | down per player | P99 between updates |", "|---" * 10 + "|"]
    for scene, held in report["held"].items():
        common = report["common"][scene]
        for name, players in held.items():
            full, row = report["at_held"][scene][name], common[name]
            sign = "" if report["ended_by"][scene][name] == "server" else "≥ "
            # The others have no relief, and every update is of all in sight.
            of_zone = [full["relief_step_most"], f"{number(full['age_ms']['p99'])} ms"] if "age_ms" in full else ["none", ""]
            cells = [scene, PEER_NAMES[name], f"{sign}{number(players)}", f"{full['cpu_us_per_player_tick']} us", *of_zone,
                     number(common["players"]), f"{row['cpu_us_per_player_tick']} us", text(row["down_bytes_per_player_s"], "B/s"),
                     f"{row['gap_ms']['p99']:.3g} ms"]
            lines.append(f"| {' | '.join(map(str, cells))} |")
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


def sweep_svg(found, _):
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


def view_error_svg(found, _):
    result = found[VIEW_ERROR[0]]
    budgets = result["context"]["budgets"].values()

    def lines(tier, scale):
        return {which: [(each["down_bytes_per_player_s"] / 1000, scale * each[tier]["combat"][which.lower()]) for each in budgets]
                for which in ("P50", "P99")}

    return charts.svg(measured_by(result), [
        charts.Chart("error of the view, mm", "kB/s per player", lines("error_m", 1000)),
        charts.Chart("age of what is seen, ms", "kB/s per player", lines("age_ms", 1))])


def amount(cell):
    """The number that a cell begins with; None when it does not."""
    match = re.match(r"-?[\d,.]+(e-?\d+)?", cell)
    return float(match[0].replace(",", "")) if match else None


def share_of(measured, limit):
    """How much of the limit is used up; above 1: missed. By the cells of a table; None where no part of a limit can be used."""
    if not limit or limit.startswith("="):
        return None
    value, most = amount(measured), amount(limit[1:].strip())
    if value is None:
        return FULL
    if limit[0] in ">≥":
        return most / value if value else FULL
    return value / most if most else None


def svg(table):
    """All rows of a table of figures, which may be the page's: the bar's end at the line is the limit. No bar: nothing to use up."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("|")]
    rows = [dict(zip(lines[0][:-1] + ["verdict"], line)) for line in lines[2:]]
    for row in rows:
        name = row.get("scene", "")
        row["label"] = f"{name} ({row['players']}): {row['figure']}" if name else row["figure"]
    label_width = 20 + round(LETTER * max((len(row["label"]) for row in rows), default=0))
    width, height = label_width + BAR_WIDTH + VALUE_WIDTH, 64 + ROW * len(rows)
    limit_x = label_width + BAR_WIDTH / FULL
    commits = sorted(set(re.findall(r"\bcommit (\S+),", table)))
    cpus = sorted(set(re.findall(r"(\d+ cores, .*?), \S+/", table)))
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
           'font-family="sans-serif" font-size="12">', f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
           f'<text x="12" y="20" font-size="14" fill="#1a1a1a">How much of each limit is used '
           f'(commit {escape(", ".join(commits))}; {escape("; ".join(cpus))})</text>']
    for i, row in enumerate(rows):
        y = 40 + i * ROW
        missed, share = "missed" in row["verdict"], share_of(row["measured"], row["limit"])
        said = f"{row['measured']} ({row['limit']})" if row["limit"] else row["measured"]
        out += [f'<text x="{label_width - 8}" y="{y + 11}" text-anchor="end" fill="#1a1a1a">{escape(row["label"])}</text>',
                f'<text x="{label_width + BAR_WIDTH + 8}" y="{y + 11}" fill="{MISSED if missed else "#1a1a1a"}">{escape(said)}</text>']
        if share is not None:
            bar = min(share, FULL) / FULL * BAR_WIDTH
            out += [f'<rect x="{label_width}" y="{y}" width="{BAR_WIDTH}" height="{BAR}" fill="#eeeeee"/>',
                    f'<rect x="{label_width}" y="{y}" width="{max(bar, 1):.1f}" height="{BAR}" fill="{MISSED if missed else HELD}"/>']
    bottom = 40 + ROW * len(rows)
    out += [f'<line x1="{limit_x:.1f}" y1="34" x2="{limit_x:.1f}" y2="{bottom}" stroke="#1a1a1a" stroke-dasharray="4 3"/>',
            f'<text x="{limit_x:.1f}" y="{bottom + 14}" text-anchor="middle" fill="#1a1a1a">limit</text>', "</svg>"]
    return "\n".join(out) + "\n"


def table_svg(_, lines):
    return svg(lines)


USED = "How much of each limit is used"
# (marker on the page, results, table, picture, what it shows, who draws it from the results and from the table's lines on the page);
# tables without a picture have none of their own
KINDS = [("figures", SCENES, scene_table, "scenes.svg", USED, table_svg),
         ("crowd figures", BIG_CROWD, crowd_table, None, None, None),
         ("sweep figures", SWEEP, sweep_table, "sweep.svg", "Tick, CPU, bytes and age by players and density", sweep_svg),
         ("view error figures", VIEW_ERROR, view_error_table, "view_error.svg", "What is seen for how many bytes", view_error_svg),
         ("tick figures", TICK, program_table, "tick.svg", USED, table_svg),
         ("tick phases", PHASED, phase_table, None, None, None),
         ("codec figures", CODEC, program_table, "codec.svg", USED, table_svg),
         ("durable figures", DURABLE, program_table, "durable.svg", USED, table_svg),
         ("spatial figures", SPATIAL, program_table, "spatial.svg", USED, table_svg),
         ("operator figures", OPERATORS, program_table, "operators.svg", USED, table_svg),
         ("peer figures", PEERS, peer_table, "peers.svg", USED, lambda found, _: svg(program_table(found)))]


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
        if options.update:
            lines = with_rows_before(options.update, marker, names, found, lines)
            update(options.update, marker, f"{lines}\n\n![{shows}](pictures/{picture})" if picture else lines)
        if options.pictures and picture:
            options.pictures.mkdir(parents=True, exist_ok=True)
            (options.pictures / picture).write_text(drawn(found, lines))
    if nothing:
        sys.exit(f"figures.py: no results in {options.folder}")


if __name__ == "__main__":
    main()
