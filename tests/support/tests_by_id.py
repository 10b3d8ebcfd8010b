"""What soak programs of several tests share: a choice of tests by id, and a line for each."""

import json

from zone_under_test import Failure


def check_only(parser, options, tests):
    """Ends the program when `--only` names a test that is not there."""
    unknown = [name for name in options.only.split(",") if name not in tests]
    if unknown:
        parser.error(f"no such test: {', '.join(unknown)}; there are {', '.join(tests)}")


def run(tests, options):
    """The exit code. `tests`: {id: function of the options that gives a Result}."""
    failed = 0
    for name in options.only.split(","):
        try:
            line = tests[name](options).line()
        except Failure as failure:
            line = json.dumps({"id": name, "seed": options.seed, "error": str(failure), "pass": False})
        print(line, flush=True)
        failed += not json.loads(line)["pass"]
    return 1 if failed else 0
