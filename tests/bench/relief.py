"""The relief of a zone in the course of a run, by its log, beside what zonebot's players were told of it with their snapshots."""

import datetime
import json
import re

REGULAR = (0, 100)  # step, length of a tick in percent
# A snapshot of an overloaded zone may be so old when a bot, which shares its cores, reads it.
LATE_S = 1.0
STEP_S = 0.1


def history(log):
    """[(unix time, step, dilation_pct)], ascending: from when on it was so. `log`: a zone's, as JSON lines."""
    found = [(0.0, *REGULAR)]
    for line in log.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if record.get("event") != "relief":
            continue
        step, dilation = re.fullmatch(r"step=(\d+) dilation_pct=(\d+)", record["fields"]).groups()
        found.append((datetime.datetime.fromisoformat(record["timestamp"]).timestamp(), int(step), int(dilation)))
    return found


def in_force(changes, begin, end):
    """[(step, dilation_pct)] of any time in between."""
    at_begin = [change for change in changes if change[0] <= begin][-1]
    return [change[1:] for change in (at_begin, *(change for change in changes if begin < change[0] <= end))]


def told_right_pct(changes, spans):
    """Of the snapshots that came while the zone, or any of them, said that time is slow: how many said what the zone said, at
    that moment or up to LATE_S before. None when time was never slow."""
    right = slow = 0.0
    for span in spans:
        steps = max(1, round((span["to_unix_s"] - span["from_unix_s"]) / STEP_S))
        for i in range(steps):
            now = span["from_unix_s"] + (i + 1) * STEP_S
            said = {dilation for _, dilation in in_force(changes, now - LATE_S - STEP_S, now)}
            if said == {100} and span["dilation_pct"] == 100:
                continue
            slow += span["snapshots"] / steps
            right += span["snapshots"] / steps if span["dilation_pct"] in said else 0
    return round(100 * right / slow, 3) if slow else None


def of(log, told):
    """What scenes.py adds to a report. `told`: that of zonebot's report."""
    changes, spans = history(log), told["spans"]
    if not spans:
        return {"step_most": None, "dilation_pct_most": None, "told_right_pct": None}
    window = in_force(changes, spans[0]["from_unix_s"], spans[-1]["to_unix_s"])
    return {"step_most": max(step for step, _ in window), "dilation_pct_most": max(dilation for _, dilation in window),
            "told_right_pct": told_right_pct(changes, spans)}
