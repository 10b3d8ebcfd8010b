"""Shows what scenes.py measured: a Markdown table and a picture.

    figures.py DIR                       prints the table of DIR/*.json
    figures.py DIR --svg FILE            draws each figure as a share of its limit
    figures.py DIR --update FILE.md      puts the table between the file's "figures" markers
"""

import argparse
import json
import pathlib
import sys
from xml.sax.saxutils import escape

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
ORDER = ["cities", "crowd", "trace", "trace_3", "spread", "simulated"]
ASSUMED = ("connected", "exit code of zoned")  # worth a line only when they do not hold
LABEL_WIDTH, BAR_WIDTH, VALUE_WIDTH, ROW, BAR = 250, 360, 230, 24, 14
FULL = 1.25  # the right end of the bars, as a multiple of the limit


def results(folder):
    found = {}
    for name in ORDER:
        path = folder / f"{name}.json"
        if path.exists():
            found[name] = json.loads(path.read_text())
    return {name: result for name, result in found.items() if "figures" in result}


def number(value):
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def text(value, unit):
    return f"{number(value)} {unit}".strip()


def table(found):
    lines = ["| scene | players | window | figure | measured | limit | | commit | others' CPU | steal |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    for name, result in found.items():
        window = f"{result['seconds']:g} s" if result["seconds"] else ""
        steal = result["context"].get("server/steal_pct")
        for row in result["figures"]:
            if row["name"] in ASSUMED and row["pass"]:
                continue
            relation = {"<": "<", "<=": "≤", "==": "="}[row["relation"]]
            lines.append(
                f"| {name} | {number(result['players'])} | {window} | {row['name']} | {text(row['value'], row['unit'])} | "
                f"{relation} {text(row['limit'], row['unit'])} | {'holds' if row['pass'] else '**missed**'} | "
                f"{result['commit']} | {result['others_cpu_cores']} cores | {'' if steal is None else f'{steal:.1f} %'} |")
    return "\n".join(lines)


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
           f'<text x="12" y="20" font-size="14" fill="#1a1a1a">Measured, as a share of the limit '
           f'(commit {escape(", ".join(commits))}; {escape("; ".join(cpus))})</text>']
    for i, (name, result, row) in enumerate(rows):
        y = 40 + i * ROW
        share = row["value"] / row["limit"]
        bar = min(share, FULL) / FULL * BAR_WIDTH
        label = f"{name} ({number(result['players'])}): {row['name']}"
        colour = "#2b7a78" if row["pass"] else "#c0392b"
        out += [f'<text x="{LABEL_WIDTH - 8}" y="{y + 11}" text-anchor="end" fill="#1a1a1a">{escape(label)}</text>',
                f'<rect x="{LABEL_WIDTH}" y="{y}" width="{BAR_WIDTH}" height="{BAR}" fill="#eeeeee"/>',
                f'<rect x="{LABEL_WIDTH}" y="{y}" width="{max(bar, 1):.1f}" height="{BAR}" fill="{colour}"/>',
                f'<text x="{LABEL_WIDTH + BAR_WIDTH + 8}" y="{y + 11}" fill="#1a1a1a">'
                f'{escape(text(row["value"], row["unit"]))} of {escape(text(row["limit"], row["unit"]))}</text>']
    bottom = 40 + ROW * len(rows)
    out += [f'<line x1="{limit_x:.1f}" y1="34" x2="{limit_x:.1f}" y2="{bottom}" stroke="#1a1a1a" stroke-dasharray="4 3"/>',
            f'<text x="{limit_x:.1f}" y="{bottom + 14}" text-anchor="middle" fill="#1a1a1a">limit</text>', "</svg>"]
    return "\n".join(out) + "\n"


def update(path, lines):
    page = path.read_text()
    if BEGIN not in page or END not in page:
        sys.exit(f"figures.py: {path} has no markers {BEGIN} and {END}")
    head, tail = page.split(BEGIN)[0], page.split(END)[1]
    path.write_text(f"{head}{BEGIN}\n{lines}\n{END}{tail}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--svg", type=pathlib.Path)
    parser.add_argument("--update", type=pathlib.Path)
    options = parser.parse_args()
    found = results(options.folder)
    if not found:
        sys.exit(f"figures.py: no results in {options.folder}")
    lines = table(found)
    print(lines)
    if options.svg:
        options.svg.parent.mkdir(parents=True, exist_ok=True)
        options.svg.write_text(svg(found))
    if options.update:
        update(options.update, lines)


if __name__ == "__main__":
    main()
