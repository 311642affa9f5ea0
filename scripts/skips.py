"""The tests that may be skipped: the table "Skipped tests" of doc/testing.md, one row a pattern.

A row holds the pattern of the names (as in a shell; alternatives are separated by commas), why they are skipped, and
what runs them instead.
"""

import fnmatch
import os
import re

DOCUMENT = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "doc", "testing.md")
ROW = re.compile(r"^\| (`[^|]*`) \| ([^|]+) \| ([^|]+) \|$")


def patterns():
    """The patterns of the table; a document without one is an error."""
    with open(DOCUMENT, encoding="utf-8") as file:
        text = file.read()
    found = [pattern for line in text.partition("## Skipped tests")[2].splitlines() if (row := ROW.match(line))
             for pattern in re.findall(r"`([^`]+)`", row[1])]
    if not found:
        raise ValueError(f"{DOCUMENT} has no table below '## Skipped tests'")
    return found


def is_listed(name, why=""):
    """Whether a test of this name may be skipped. A known fault has its reason in test/known_faults."""
    return why.startswith("known fault") or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns())
