"""Counts what a ctest run tested: GoogleTest programs case by case, everything else as one test each.

    test_summary.py BUILD_DIR [BUILD_DIR ...]

Reads <dir>/results/ctest.xml (ctest --output-junit) and the <dir>/results/<program>.xml that each program
wrote. A program that died before it could write counts as one failure. Skipped cases are neither
passed nor failed; they are named. Prints "<passed> <failed> <skipped>" as its last line.
"""

import pathlib
import sys
import xml.etree.ElementTree as xml


def cases(path):
    """(passed, failed, [skipped names], [failed names]) of one GoogleTest report; None when unreadable."""
    try:
        root = xml.parse(path).getroot()
    except (OSError, xml.ParseError):
        return None
    passed, failed, skipped = 0, [], []
    for case in root.iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        if case.find("failure") is not None:
            failed.append(name)
        elif case.find("skipped") is not None or case.get("result") == "skipped":
            skipped.append(name)
        elif case.get("status") == "run":
            passed += 1
    return passed, failed, skipped


def count(build):
    results = pathlib.Path(build, "results")
    passed, failed, skipped = 0, [], []
    for test in xml.parse(results / "ctest.xml").getroot().iter("testcase"):
        name = test.get("name")
        good = test.get("status") == "run"
        report = cases(results / f"{name}.xml")
        if report is None:
            if good:
                passed += 1
            else:
                failed.append(name)
            continue
        passed += report[0]
        failed += [f"{name}: {case}" for case in report[1]]
        skipped += [f"{name}: {case}" for case in report[2]]
        if not good and not report[1]:
            failed.append(f"{name}: {test.get('status')} outside its cases")
    return passed, failed, skipped


def main():
    total = [0, 0, 0]
    for build in sys.argv[1:]:
        passed, failed, skipped = count(build)
        for name in failed:
            print(f"failed: {pathlib.Path(build).name}: {name}")
        for name in skipped:
            print(f"skipped: {pathlib.Path(build).name}: {name}")
        for i, n in enumerate((passed, len(failed), len(skipped))):
            total[i] += n
    print(*total)


if __name__ == "__main__":
    main()
