"""Line charts as SVG: several lines each, side by side, two in a row. Standard library only."""

import math
from xml.sax.saxutils import escape

COLOURS = ("#2b7a78", "#c0392b", "#2c5aa0", "#b7791f", "#6b4c9a")
WIDTH, HEIGHT = 430, 260  # of one chart
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 34, 44
HEAD, LEGEND = 34, 22


class Chart:
    """`lines`: {label: [(x, y), ...]}"""

    def __init__(self, title, x_label, lines):
        self.title, self.x_label, self.lines = title, x_label, lines


def number(value):
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def ticks(most, wanted=5):
    """Round numbers from 0 to at least `most`."""
    step = 10 ** math.floor(math.log10(most / wanted))
    step *= next(factor for factor in (1, 2, 5, 10) if step * factor * wanted >= most)
    return [step * i for i in range(math.ceil(most / step - 1e-9) + 1)]


def draw(chart, left, top, colours):
    points = [point for line in chart.lines.values() for point in line]
    across = ticks(max(x for x, _ in points))
    up = ticks(max(y for _, y in points) or 1)
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(x, y):
        return left + LEFT + x / across[-1] * width, top + TOP + (1 - y / up[-1]) * height

    right, bottom = left + LEFT + width, top + TOP + height
    out = [f'<text x="{left + LEFT}" y="{top + 20}" font-size="13" fill="#1a1a1a">{escape(chart.title)}</text>',
           f'<text x="{left + LEFT + width / 2}" y="{bottom + 34}" text-anchor="middle" fill="#1a1a1a">{escape(chart.x_label)}</text>']
    for y in up:
        at = place(0, y)[1]
        out += [f'<line x1="{left + LEFT}" y1="{at:.1f}" x2="{right}" y2="{at:.1f}" stroke="#dddddd"/>',
                f'<text x="{left + LEFT - 6}" y="{at + 4:.1f}" text-anchor="end" fill="#1a1a1a">{number(y)}</text>']
    for x in across:
        at = place(x, 0)[0]
        out.append(f'<text x="{at:.1f}" y="{bottom + 16}" text-anchor="middle" fill="#1a1a1a">{number(x)}</text>')
    for label, line in chart.lines.items():
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in sorted(line)))
        out.append(f'<polyline points="{path}" fill="none" stroke="{colours[label]}" stroke-width="2"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colours[label]}"/>' for x, y in (place(*point) for point in line)]
    return out


def svg(title, charts):
    labels = list(dict.fromkeys(label for chart in charts for label in chart.lines))
    colours = dict(zip(labels, COLOURS * len(labels)))
    columns = min(2, len(charts))
    width, height = WIDTH * columns, HEAD + LEGEND + HEIGHT * math.ceil(len(charts) / columns)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
           'font-family="sans-serif" font-size="12">', f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
           f'<text x="12" y="20" font-size="12" fill="#1a1a1a">{escape(title)}</text>']
    x = 12
    for label in labels:
        out += [f'<rect x="{x}" y="{HEAD}" width="14" height="10" fill="{colours[label]}"/>',
                f'<text x="{x + 20}" y="{HEAD + 10}" fill="#1a1a1a">{escape(label)}</text>']
        x += 40 + 7 * len(label)
    for i, chart in enumerate(charts):
        out += draw(chart, i % columns * WIDTH, HEAD + LEGEND + i // columns * HEIGHT, colours)
    return "\n".join([*out, "</svg>"]) + "\n"
