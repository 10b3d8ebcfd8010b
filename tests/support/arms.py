"""The arms of a comparison: the same bots in the same run without the attack (`idle`), beside it (`attack`), and beside the
same load that is meant for somebody else (`decoy`), since attacker, bots and zone share one machine here. Decision 0019."""

import os
import socket

from zone_under_test import Spans

# Else a part of the tick moves to another thread, or back from it when somebody wants that one's core, and the zone
# thread's CPU tells who got the core.
ONE_WORKER = "tick.workers=1"


class Arms:
    """Spans by arm. Ratios are of the zone thread's CPU per tick, what DESIGN §9 compares, since waiting for a processor
    is not in it."""

    def __init__(self, *names):
        self.spans = {name: Spans() for name in names or ("idle", "decoy", "attack")}

    def __getitem__(self, name):
        return self.spans[name]

    def ratios(self, of, to):
        """(P99, mean)."""
        high, low = self.spans[of], self.spans[to]
        return (high.quantile("tick_cpu_us", 0.99) / max(1e-9, low.quantile("tick_cpu_us", 0.99)),
                high.cpu_us_per_tick() / max(1e-9, low.cpu_us_per_tick()))

    def note(self, result, prefix=""):
        cores = os.cpu_count()
        for name, span in self.spans.items():
            result.note(**{f"{prefix}{name}_cpu_us_p99": span.quantile("tick_cpu_us", 0.99),
                           f"{prefix}{name}_cpu_us_mean": span.cpu_us_per_tick(),
                           f"{prefix}{name}_tick_us_p99": span.quantile("tick_us", 0.99),
                           f"{prefix}{name}_tick_us_max": span.quantile("tick_us", 1.0),
                           f"{prefix}{name}_steal_pct": span.steal_pct(cores)})
        pairs = (("attack", "idle"), ("attack", "decoy"), ("decoy", "idle"))
        for of, to in pairs if "decoy" in self.spans else pairs[:1]:
            p99, mean = self.ratios(of, to)
            result.note(**{f"{prefix}{of}_to_{to}_cpu_p99": p99, f"{prefix}{of}_to_{to}_cpu_mean": mean})


class Decoys:
    """UDP sockets on loopback that nobody reads. Used with `with`."""

    def __init__(self, count):
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
        for each in self._sockets:
            each.bind(("127.0.0.1", 0))
        self.ports = [each.getsockname()[1] for each in self._sockets]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in self._sockets:
            each.close()
