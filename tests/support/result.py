"""What one test of tests/soak found, as the JSON line that it prints."""

import json


class Result:
    """One test's line. `limit` decides at once; limits of time only in full runs."""

    def __init__(self, name, options, **sizes):
        self.record = {"id": name, "seed": options.seed, "sizes": sizes, "measured": {}, "limits": {}, "omitted": {},
                       "not_enforced": [], "failed": []}
        self._enforce_time = not options.correctness_only

    def note(self, **values):
        for name, value in values.items():
            self.record["measured"][name] = round(value, 3) if isinstance(value, float) else value

    def limit(self, name, value, relation, bound, of_time=False):
        self.note(**{name: value})
        self.record["limits"][name] = f"{relation} {bound}"
        if of_time and not self._enforce_time:
            self.record["not_enforced"].append(name)
        elif not {"<=": value <= bound, "<": value < bound, ">=": value >= bound, "==": value == bound}[relation]:
            self.record["failed"].append(name)

    def omit(self, part, reason):
        self.record["omitted"][part] = reason

    def line(self):
        return json.dumps({**self.record, "pass": not self.record["failed"]})
