"""Cases of a Python test program: run one after the other, told one by one, and counted by scripts/test as GoogleTest's are."""

import os
import sys
import traceback
import xml.etree.ElementTree as xml


class Skip(Exception):
    """The case cannot be carried out on this machine; the text says what is missing."""


def run(suite, cases):
    """The exit code. `cases`: functions without arguments; their names are the cases' names. Their results go where
    GTEST_OUTPUT says (xml:FILE), as those of a GoogleTest program."""
    root = xml.Element("testsuites")
    parent = xml.SubElement(root, "testsuite", name=suite)
    failed = 0
    for case in cases:
        found = xml.SubElement(parent, "testcase", name=case.__name__, classname=suite, status="run")
        try:
            case()
            print(f"ok       {case.__name__}", flush=True)
        except Skip as skip:
            print(f"skipped  {case.__name__}: {skip}", flush=True)
            xml.SubElement(found, "skipped", message=str(skip))
        except Exception:  # whatever went wrong is that case's failure, and the others are still told
            failed += 1
            print(f"FAILED   {case.__name__}\n{traceback.format_exc()}", flush=True)
            xml.SubElement(found, "failure", message=str(sys.exc_info()[1]))
    kind, _, path = os.environ.get("GTEST_OUTPUT", "").partition(":")
    if kind == "xml" and path:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        xml.ElementTree(root).write(path)
    return 1 if failed else 0
